"""The lock's bytes: the same again, strict on the way in, and free of addresses."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from neve.errors import UsageError
from neve.model import Digest, Platform, sha256_of
from neve.recipe.lock import (
    DroppedPackage,
    Lock,
    LockedArchive,
    LockedEffect,
    LockedIndex,
    LockedPackage,
    LockedTarget,
)
from neve.recipe.lockdiff import diff_locks
from neve.recipe.lockfile import dump_lock, load_lock, recipe_matches
from neve.recipe.read import read_recipe
from neve.recipe.types import Distribution, PackageRequest, Recipe, RecipeSource, Repository

INDEX = sha256_of(b"index")


def package(name: str, version: str = "1.0-1", data: bytes = b"") -> LockedPackage:
    return LockedPackage(
        name=name,
        version=version,
        architecture="amd64",
        digest=sha256_of(data or f"{name}{version}".encode()),
        size=1000,
        installed_size=4096,
        path=f"pool/main/{name[0]}/{name}/{name}_{version}_amd64.deb",
        source=name,
        source_version=version,
        archive="debian:trixie",
        index=INDEX,
        section="libs",
        because=(f"packages[0]: {name}",),
    )


def lock(*packages: LockedPackage, date: int = 1_700_000_000, effect: str = "e") -> Lock:
    index = LockedIndex(
        component="main", architecture="amd64", path="main/binary-amd64/P.xz", digest=INDEX, size=9
    )
    archive = LockedArchive(
        id="debian:trixie",
        alias="debian",
        suite="trixie",
        codename="trixie",
        date=date,
        valid_until=date + 5,
        release=sha256_of(b"release"),
        signers=("A" * 40,),
        snapshot=None,
        indexes=(index,),
    )
    target = LockedTarget(
        platform=Platform("linux", "amd64"),
        variant="runtime",
        packages=tuple(range(len(packages))),
        dropped=(DroppedPackage(name="d", version="1", rule="r", evidence="“none”"),),
        effects=tuple(
            LockedEffect(package=p.name, effect=sha256_of(effect.encode()), provenance="traced")
            for p in packages
        ),
    )
    return Lock(
        recipe=Recipe(
            name="app",
            base=Distribution(name="debian", release="13"),
            packages=(PackageRequest(name="python3"),),
            repositories=(Repository(name="corp", suite="stable", keyring=INDEX),),
        ),
        sources=(RecipeSource(path="app.yaml", digest=sha256_of(b"x"), size=1),),
        rules=(("plant", "1"),),
        time=date,
        archives=(archive,),
        packages=packages,
        targets=(target,),
    )


def test_what_is_dumped_loads_as_the_same() -> None:
    original = lock(package("libc6"), package("python3"))
    data = dump_lock(original)
    assert load_lock(data) == original
    assert dump_lock(load_lock(data)) == data


def test_one_package_a_line_for_review() -> None:
    old = dump_lock(lock(package("libc6"), package("python3"))).decode().splitlines()
    new = dump_lock(lock(package("libc6"), package("python3", "1.0-2"))).decode().splitlines()
    assert len(old) == len(new)
    assert sum(a != b for a, b in zip(old, new, strict=True)) == 1


def test_no_address_and_no_credentials() -> None:
    original = lock(package("libc6"))
    corp = replace(original.recipe.repositories[0], url="https://user:secret@mirror.example/deb")
    with_url = replace(original, recipe=replace(original.recipe, repositories=(corp,)))
    data = dump_lock(with_url)
    assert b"secret" not in data
    assert b"mirror.example" not in data
    assert load_lock(data) == original


def changed(path: list[Any], value: object) -> bytes:
    data = json.loads(dump_lock(lock(package("libc6"), package("python3"))))
    where = data
    for key in path[:-1]:
        where = where[key]
    where[path[-1]] = value
    return json.dumps(data).encode()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not a lock"),
        (b"\xff", "not a lock"),
        (b"[]", "schema_version is missing"),
        (b"[" * 100_000, "not a lock"),
        (b'{"schema_version": 1, "schema_version": 1}', "stands twice"),
        (b'{"schema_version": 2}', "schema version 2"),
        (b'{"schema_version": true}', "schema version"),
        (b'{"schema_version": NaN}', "NaN"),
        (b'{"schema_version": 1}', "is missing"),
        (changed(["surprise"], 1), "unknown key 'surprise'"),
        (changed(["time"], "5"), "lock.time: expected a whole number"),
        (changed(["time"], 1 << 70), "lock.time"),
        (changed(["packages", 1, "digest"], "sha256:zz"), "lock.packages[1].digest"),
        (changed(["packages", 1, "path"], "../../etc/passwd"), "leaves its archive"),
        (changed(["packages", 1, "path"], "/etc/passwd"), "leaves its archive"),
        (changed(["packages", 1, "size"], -1), "negative"),
        (changed(["packages", 1, "archive"], "evil:x"), "unknown archive"),
        (changed(["packages", 1, "index"], str(sha256_of(b"other"))), "its index"),
        (changed(["packages", 1, "name"], "\ud800"), "half a character"),
        (changed(["targets", 0, "packages"], [0, 9]), "no such package"),
        (changed(["targets", 0, "packages"], [-1]), "no such package"),
        (changed(["targets", 0, "packages"], [0, 0]), "stands twice"),
        (changed(["targets", 0, "platform"], "linux"), "expected a platform"),
        (changed(["sources", 0, "path"], "/etc/passwd"), "not relative"),
        (changed(["recipe", "repositories", 0, "url"], "http://x"), "an address in a lock"),
    ],
)
def test_a_damaged_or_hostile_lock_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_lock(data, "neve.lock")
    assert says in caught.value.brief
    assert caught.value.brief.startswith("neve.lock: ")
    assert "neve lock" in caught.value.resolution


def test_matching_reads_neither_yaml_nor_validators() -> None:
    code = (
        "import sys; from neve.recipe.lockfile import load_lock, recipe_matches;"
        "print([m for m in sys.modules if m.split('.')[0] in ('ruamel', 'pydantic')"
        " or m.startswith('neve.recipe.grammar')])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def locked_from(path: Path) -> Lock:
    read = read_recipe(path)
    return replace(lock(package("libc6")), recipe=read.recipe, sources=read.sources)


def test_a_recipe_that_changed_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "app" / "data").mkdir(parents=True)
    base, recipe = tmp_path / "base" / "b.yaml", tmp_path / "app" / "neve.yaml"
    (tmp_path / "base" / "motd").write_text("hi")
    base.write_text("distribution: debian\nrelease: 13\nfiles: {/etc/motd: {source: motd}}\n")
    (tmp_path / "app" / "data" / "f").write_text("1")
    (tmp_path / "app" / "tool").write_text("1")
    recipe.write_text("extends: ../base/b.yaml\nfiles: {/d: {source: data}, /t: {source: tool}}\n")
    held = load_lock(dump_lock(locked_from(recipe)))
    assert recipe_matches(held, recipe) == ()
    (tmp_path / "app" / "data" / "g").write_text("2")
    assert recipe_matches(held, recipe) == ("data/: changed",)
    (tmp_path / "app" / "tool").chmod(0o755)
    (tmp_path / "base" / "motd").unlink()
    base.write_text(base.read_text() + "# more\n")
    assert recipe_matches(held, recipe) == (
        "../base/b.yaml: changed",
        "../base/motd: motd does not exist",
        "data/: changed",
        "tool: its execute bit changed",
    )


def test_the_diff_of_two_locks() -> None:
    old = lock(package("libc6"), package("perl"), package("zlib1g"))
    new = lock(
        package("libc6", "1.0-2"),
        package("curl"),
        package("zlib1g", data=b"other"),
        date=1_700_000_009,
    )
    diff = diff_locks(old, new)
    assert [change.name for change in diff.added] == ["curl"]
    assert [change.name for change in diff.removed] == ["perl"]
    assert [(c.name, c.old, c.new, c.repacked) for c in diff.changed] == [
        ("libc6", "1.0-1", "1.0-2", False),
        ("zlib1g", "1.0-1", "1.0-1", True),
    ]
    assert [(a.id, a.old, a.new) for a in diff.archives] == [
        ("debian:trixie", 1_700_000_000, 1_700_000_009)
    ]
    assert [effect.package for effect in diff.effects] == ["curl", "perl"]
    assert diff_locks(old, old).empty
    assert len(diff_locks(None, old).added) == 3


def test_digest_type_survives() -> None:
    assert isinstance(load_lock(dump_lock(lock(package("libc6")))).packages[0].digest, Digest)
