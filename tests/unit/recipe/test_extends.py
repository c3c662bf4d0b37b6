"""``extends``: what a recipe keeps, adds and takes away of the one below it."""

from __future__ import annotations

from pathlib import Path

import pytest

from neve.errors import SourceError, UsageError
from neve.recipe.read import place_of, read_recipe
from neve.recipe.types import ReadRecipe, Recipe

BASE = """\
distribution: debian
release: "13"
title: Base
packages: [libc6, "perl=5.*", curl]
exclude: [dash]
keep: [/usr/share/doc/a]
accounts: {users: {app: {uid: 10001, groups: [a1]}}}
run: {user: app, entrypoint: [a, b], environment: {A: a, B: b}, ports: [80]}
files: {/etc/a: {content: a, mode: "0600"}, /etc/b: {content: b}}
loosened: [{rule: no-shell, reason: old}, {rule: other, reason: o}]
variants: {debug: {packages: [strace]}}
platforms: [linux/amd64, linux/arm64]
"""


def over(tmp_path: Path, child: str) -> ReadRecipe:
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "child").mkdir(exist_ok=True)
    path = tmp_path / "child" / "neve.yaml"
    path.write_text("extends: ../base.yaml\n" + child)
    return read_recipe(path)


def packages(recipe: Recipe) -> list[tuple[str, str | None]]:
    return [(package.name, package.version) for package in recipe.packages]


def test_nothing_added_is_the_base_under_its_own_name(tmp_path: Path) -> None:
    recipe = over(tmp_path, "").recipe
    assert (recipe.name, recipe.title) == ("child", "")
    assert packages(recipe) == [("libc6", None), ("perl", "5.*"), ("curl", None)]


def test_lists_append_and_the_same_package_is_replaced(tmp_path: Path) -> None:
    recipe = over(tmp_path, "packages: [perl, {name: zlib1g}]\nkeep: [/b]\n").recipe
    assert packages(recipe) == [("libc6", None), ("curl", None), ("perl", None), ("zlib1g", None)]
    assert recipe.keep == ("/usr/share/doc/a", "/b")


def test_exclude_takes_away_and_a_request_brings_back(tmp_path: Path) -> None:
    recipe = over(tmp_path, "exclude: [perl]\npackages: [dash]\n").recipe
    assert packages(recipe) == [("libc6", None), ("curl", None), ("dash", None)]
    assert recipe.exclude == ("perl",)


def test_maps_merge_and_single_values_replace(tmp_path: Path) -> None:
    child = (
        "release: trixie\nrun: {user: 7, environment: {B: c, C: d}, ports: [443]}\n"
        "accounts: {users: {app: {home: /app, groups: [b1]}, other: }}\n"
    )
    recipe = over(tmp_path, child).recipe
    assert recipe.base.release == "trixie"
    assert recipe.run.user == "7"
    assert recipe.run.environment == (("A", "a"), ("B", "c"), ("C", "d"))
    assert recipe.run.ports == ("80/tcp", "443/tcp")
    app, other = recipe.accounts.users
    assert (app.uid, app.home, app.groups, other.name) == (10001, "/app", ("a1", "b1"), "other")


def test_what_is_replaced_whole(tmp_path: Path) -> None:
    child = (
        "run: {entrypoint: [c]}\nfiles: {/etc/a: {link: b}}\nplatforms: [linux/arm64]\n"
        "loosened: [{rule: no-shell, reason: new}]\nvariants: {debug: {keep: [/x]}}\n"
    )
    recipe = over(tmp_path, child).recipe
    assert recipe.run.entrypoint == ("c",)
    assert [(f.path, f.content, f.link, f.mode) for f in recipe.files] == [
        ("/etc/a", None, "b", None),
        ("/etc/b", "b", None, 0o644),
    ]
    assert [str(platform) for platform in recipe.platforms] == ["linux/arm64"]
    assert [(item.rule, item.reason) for item in recipe.loosened] == [
        ("other", "o"),
        ("no-shell", "new"),
    ]
    assert [p.name for p in recipe.variants[0].packages] == ["strace"]
    assert recipe.variants[0].keep == ("/x",)


def test_places_name_the_file_a_value_came_from(tmp_path: Path) -> None:
    read = over(tmp_path, "packages: [zlib1g]\n")
    assert read.places["packages[0]"].file == str(tmp_path / "base.yaml")
    assert read.places["packages[3]"].file.endswith("neve.yaml")
    assert read.places["packages[3]"].line == 2
    assert [source.path for source in read.sources] == ["neve.yaml", "../base.yaml"]
    assert place_of(read, "packages[3].version") == read.places["packages[3]"]
    assert place_of(read, "files[/etc/a].owner") == read.places["files./etc/a"]
    assert place_of(read, "nowhere") is None


def test_a_base_finds_its_files_beside_itself(tmp_path: Path) -> None:
    (tmp_path / "motd").write_text("hi")
    (tmp_path / "base.yaml").write_text(
        "distribution: debian\nrelease: 13\nfiles: {/etc/motd: {source: motd}}\n"
    )
    (tmp_path / "child").mkdir()
    (tmp_path / "child" / "a.yaml").write_text("extends: ../base.yaml\n")
    read = read_recipe(tmp_path / "child" / "a.yaml")
    assert read.recipe.files[0].source == "../motd"
    assert [s.path for s in read.sources] == ["a.yaml", "../base.yaml", "../motd"]


def test_a_tree_wins_over_inherited_entries_and_an_own_entry_over_the_tree(tmp_path: Path) -> None:
    (tmp_path / "site" / "deep").mkdir(parents=True)
    for name in ("index.html", "own.html", "deep/x"):
        (tmp_path / "site" / name).write_text(f"tree's {name}")
    (tmp_path / "base.yaml").write_text(
        'distribution: debian\nrelease: "13"\n'
        "files:\n"
        "  /srv/index.html: {content: inherited}\n"
        "  /srv/other.html: {content: inherited}\n"
        "  /srv/deep: {directory: true}\n"
    )
    (tmp_path / "a.yaml").write_text(
        "extends: base.yaml\nfiles:\n  /srv: {source: site}\n  /srv/own.html: {content: own}\n"
    )
    read = read_recipe(tmp_path / "a.yaml")
    found = {
        file.path: read.contents[file.digest].decode() if file.digest else file.content
        for file in read.recipe.files
        if file.digest or file.content
    }
    assert found == {
        "/srv/deep/x": "tree's deep/x",
        "/srv/index.html": "tree's index.html",
        "/srv/other.html": "inherited",
        "/srv/own.html": "own",
    }


def test_a_catalogue_recipe(tmp_path: Path) -> None:
    shelf = tmp_path / "shelf" / "debian-13"
    shelf.mkdir(parents=True)
    (shelf / "motd").write_text("hi")
    (shelf / "root.yaml").write_text("distribution: debian\nrelease: 13\n")
    (shelf / "base.yaml").write_text("extends: root.yaml\nfiles: {/m: {source: motd}}\n")
    (tmp_path / "a.yaml").write_text("extends: catalogue:debian-13/base\n")
    read = read_recipe(
        tmp_path / "a.yaml", catalogue=lambda name: tmp_path / "shelf" / f"{name}.yaml"
    )
    assert [source.path for source in read.sources] == [
        "a.yaml",
        "catalogue:debian-13/base",
        "catalogue:debian-13/base//root.yaml",
        "catalogue:debian-13/base//motd",
    ]
    assert str(tmp_path) not in repr(read.recipe)


def test_a_name_the_catalogue_has_not(tmp_path: Path) -> None:
    def catalogue(name: str) -> Path:
        raise UsageError(f"no catalogue recipe {name}", resolution="Did you mean base?")

    (tmp_path / "a.yaml").write_text("extends: catalogue:bse\n")
    with pytest.raises(SourceError, match="no catalogue recipe bse") as caught:
        read_recipe(tmp_path / "a.yaml", catalogue=catalogue)
    assert caught.value.resolution == "Did you mean base?"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a.yaml", "extends this recipe itself"),
        ("./b.yaml", "extends this recipe itself"),
        ("none.yaml", "does not exist"),
        ("/etc/x.yaml", "not a recipe to extend"),
        ("catalogue:x/y", "no catalogue"),
        ("catalogue:../x", "no catalogue"),
        ("folder", "not a regular file"),
        ('"a\\0b"', "not a recipe to extend"),
    ],
)
def test_bases_that_cannot_be(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "b.yaml").write_text("extends: a.yaml\n")
    (tmp_path / "a.yaml").write_text(f"extends: {text}\n")
    with pytest.raises(SourceError) as caught:
        read_recipe(tmp_path / "a.yaml")
    assert says in caught.value.brief


def test_a_chain_too_long(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"{number}.yaml").write_text(f"extends: {number + 1}.yaml\n")
    with pytest.raises(SourceError, match="deeper than 8"):
        read_recipe(tmp_path / "0.yaml")


def test_problems_of_every_file_are_told(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("distribution: debian\nrelease: 13\nbad: 1\n")
    (tmp_path / "a.yaml").write_text("extends: b.yaml\nworse: 1\n")
    with pytest.raises(SourceError) as caught:
        read_recipe(tmp_path / "a.yaml")
    told = "\n".join([caught.value.brief, *caught.value.details])
    assert "a.yaml:2:1" in told
    assert "b.yaml:3:1" in told


@pytest.mark.parametrize("name", ["../secret", "a/../../secret", "/etc/passwd", "a//b", ""])
def test_a_catalogue_name_is_no_path_out(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.yaml").write_text(f"extends: catalogue:{name}\n")
    with pytest.raises(SourceError):
        read_recipe(tmp_path / "a.yaml", catalogue=lambda name: tmp_path / "shelf" / name)
