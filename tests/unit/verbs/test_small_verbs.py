"""Platforms, quantities, writing files, names of images, schemas, first recipes and edits."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from neve.errors import StoreError, UsageError
from neve.model import Platform
from neve.recipe.edits import AddPackage, SetEnvironment
from neve.verbs.atomic import write_atomically
from neve.verbs.build import BuildRequest, build_image
from neve.verbs.context import Workspace
from neve.verbs.places import RecipePlace, find_recipe
from neve.verbs.platforms import host_platform, parse_platforms
from neve.verbs.progress import Progress, Silent
from neve.verbs.recipes import edit_recipe, write_first_recipe
from neve.verbs.schemas import schema_text
from neve.verbs.settings import Settings
from neve.verbs.upkeep import collect_garbage, verify_store


def test_platforms_keep_their_order_and_come_once() -> None:
    found = parse_platforms(["linux/arm64,linux/amd64", "linux/arm64", " linux/arm/v7"])
    assert [str(one) for one in found] == ["linux/arm64", "linux/amd64", "linux/arm/v7"]
    assert parse_platforms([]) == ()


@pytest.mark.parametrize("text", ["linux", "", "linux/", "/amd64", "a/b/c/d", "linux/amd64,"])
def test_what_is_no_platform_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_platforms([text])
    assert "linux/amd64" in caught.value.resolution


@pytest.mark.parametrize(
    ("machine", "architecture"),
    [("x86_64", "amd64"), ("AMD64", "amd64"), ("aarch64", "arm64"), ("arm64", "arm64")],
)
def test_every_system_builds_for_linux_on_its_own_architecture(
    monkeypatch: pytest.MonkeyPatch, machine: str, architecture: str
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert host_platform() == Platform("linux", architecture)


def test_an_unknown_architecture_has_to_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    with pytest.raises(UsageError, match="vax") as caught:
        host_platform()
    assert "--platform" in caught.value.resolution


@pytest.mark.parametrize("age", ["30d", "12h", "5m", "1w", "0s", "7 d"])
@pytest.mark.parametrize("size", ["5GB", "100MB", "1kB", "0", "3 TB"])
def test_ages_and_sizes_have_units(tmp_path: Path, age: str, size: str) -> None:
    settings = Settings(store=tmp_path / "store")
    assert collect_garbage(settings, max_age=age, max_size=size).removed == 0


@pytest.mark.parametrize("text", ["soon", "5", "-1d", "1.5d", "5GB", "d", "", "9" * 13 + "d"])
def test_an_age_of_another_form_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="--max-age") as caught:
        collect_garbage(Settings(store=tmp_path / "store"), max_age=text)
    assert "30d" in caught.value.resolution


@pytest.mark.parametrize("text", ["5gb", "5G", "five", "-1", "1e9", "5 d"])
def test_a_size_of_another_form_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="--max-size"):
        collect_garbage(Settings(store=tmp_path / "store"), max_size=text)


def test_an_empty_store_is_sound(tmp_path: Path) -> None:
    assert verify_store(Settings(store=tmp_path / "store")).sound


# Writing files


def test_a_file_is_replaced_whole_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "neve.lock"
    write_atomically(path, b"first")
    assert path.stat().st_mode & 0o777 == 0o644
    path.chmod(0o600)
    write_atomically(path, b"second")
    assert path.read_bytes() == b"second"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["neve.lock"]


def test_directories_are_made_for_a_file(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "b" / "c", b"x")
    assert (tmp_path / "a" / "b" / "c").read_bytes() == b"x"


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_text("old")
    (tmp_path / "link").symlink_to("real/file")
    write_atomically(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "file").read_text() == "new"


def test_a_refusal_names_the_file_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "inside").write_text("kept")
    with pytest.raises(StoreError, match="taken") as caught:
        write_atomically(tmp_path / "taken", b"x")
    assert caught.value.resolution
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]
    assert (tmp_path / "taken" / "inside").read_text() == "kept"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_without_permission_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="Permission denied"):
        write_atomically(tmp_path / "x", b"x")


# Names of images


def place(directory: Path) -> RecipePlace:
    (directory / "neve.yaml").write_text("name: x\n")
    return find_recipe(str(directory))


@pytest.mark.parametrize(
    "tag",
    [
        "",
        "App:1",
        "app:",
        "a b:1",
        "app:1/2:",
        ":1",
        "app:" + "x" * 129,
        "-app:1",
        "app:.1",
        "a:b:c",
    ],
)
def test_a_name_that_no_registry_takes_is_refused_before_anything_is_built(
    tmp_path: Path, tag: str
) -> None:
    workspace = Workspace(Settings(store=tmp_path / "store", offline=True), Silent())
    with pytest.raises(UsageError, match="--tag"):
        build_image(BuildRequest(place=place(tmp_path), tag=tag or "/"), workspace)


@pytest.mark.parametrize(
    "tag",
    ["app", "1.0", "app:1.0", "team/app", "registry.example:5000/team/app:v1_2", "localhost/app:1"],
)
def test_a_name_that_a_registry_takes_is_taken(tmp_path: Path, tag: str) -> None:
    workspace = Workspace(Settings(store=tmp_path / "store", offline=True), Silent())
    with pytest.raises(UsageError) as caught:  # of the recipe, which is read after
        build_image(BuildRequest(place=place(tmp_path), tag=tag), workspace)
    assert "--tag" not in caught.value.brief


@pytest.mark.parametrize("load", [False, True])
def test_what_holds_one_platform_refuses_two(tmp_path: Path, load: bool) -> None:
    request = BuildRequest(
        place=place(tmp_path),
        image_format="oci" if load else "docker-archive",
        load=load,
        platforms=parse_platforms(["linux/amd64,linux/arm64"]),
    )
    workspace = Workspace(Settings(store=tmp_path / "store", offline=True), Silent())
    with pytest.raises(UsageError, match="one platform"):
        build_image(request, workspace)


# Recipes and schemas


def test_a_first_recipe_is_never_written_over_another(tmp_path: Path) -> None:
    result = write_first_recipe(tmp_path / "new", kind="base")
    assert result.recipe.is_file()
    assert result.schema.name in result.recipe.read_text()
    with pytest.raises(UsageError, match="exists already"):
        write_first_recipe(tmp_path / "new", kind="base")


def test_an_edit_shows_its_difference_and_writes_only_if_wanted(tmp_path: Path) -> None:
    path = tmp_path / "neve.yaml"
    path.write_text(
        'name: app\ndistribution: debian\nrelease: "13"\npackages:\n  - curl # why it is there\n'
    )
    before = path.read_text()
    shown = edit_recipe(path, AddPackage(request="libpq5"), dry_run=True)
    assert shown.changed
    assert "+  - libpq5" in shown.difference
    assert path.read_text() == before
    edit_recipe(path, AddPackage(request="libpq5"))
    edit_recipe(path, SetEnvironment(name="LEVEL", value="info"))
    assert "# why it is there" in path.read_text()
    assert "libpq5" in path.read_text()
    again = edit_recipe(path, AddPackage(request="libpq5"))
    assert not again.changed


def test_editing_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not readable as a recipe"):
        edit_recipe(tmp_path / "neve.yaml", AddPackage(request="curl"))


@pytest.mark.parametrize("document", ["recipe", "lock", "contract"])
def test_schemas_are_shipped(document: str) -> None:
    assert '"$schema"' in schema_text(document)


def test_another_schema_is_refused() -> None:
    with pytest.raises(UsageError, match="no such schema"):
        schema_text("../../../pyproject.toml")


def test_nobody_need_listen_to_progress() -> None:
    silent: Progress = Silent()
    silent.stage("fetching", 100)
    silent.advance(10, "item")
    silent.note("a word")
