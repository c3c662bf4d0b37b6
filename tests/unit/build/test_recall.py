"""An image is recalled whole and sound, or made again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from neve.build.image import make_image
from neve.build.made import LockedBuild, MadeImage, recall_image
from neve.build.rules import changed_rules, rule_versions
from neve.build.tree import Assembly
from neve.effects.harden import Hardened
from neve.effects.recipe import RunAs
from neve.model import (
    Check,
    Digest,
    Fail,
    Origin,
    Pass,
    Platform,
    Reason,
    Waived,
    Waiver,
    sha256_of,
)
from neve.oci.codec import Compression
from neve.oci.pack import store_reader
from neve.recipe.lock import Lock, LockedTarget
from neve.recipe.types import Distribution, Recipe, RecipeSource
from neve.store import Store
from neve.tree import FileEntry, Inline, Kind, Tree

AMD64 = Platform("linux", "amd64")
WAIVER = Waiver(rule="no-shell", subject="x", reason="r", owner="o", expires=date(2030, 1, 1))
CHECKS = (
    Check(rule="non-root", subject="image", verdict=Pass("65532")),
    Check(rule="no-shell", subject="x", verdict=Waived(WAIVER, Fail("a shell"))),
)


def locked(**changes: object) -> LockedBuild:
    lock = Lock(
        recipe=Recipe(name="demo", base=Distribution(name="debian", release="13")),
        sources=(RecipeSource(path="neve.yaml", digest=sha256_of(b"recipe"), size=6),),
        rules=rule_versions(),
        time=1_700_000_000,
        archives=(),
        packages=(),
        targets=(),
    )
    build = LockedBuild(
        lock=lock,
        lock_data=b"{}",
        lock_digest=sha256_of(b"{}"),
        target=LockedTarget(platform=AMD64, variant="runtime", packages=()),
    )
    return replace(build, **changes)  # type: ignore[arg-type]


def assembly() -> Assembly:
    reason = Reason(Origin.RECIPE, "files", "asked for")
    tree = Tree(
        [
            FileEntry(path="/", kind=Kind.DIRECTORY, mode=0o755, reason=reason),
            FileEntry(path="/etc", kind=Kind.DIRECTORY, mode=0o755, reason=reason),
            FileEntry(
                path="/etc/app", kind=Kind.FILE, mode=0o644, content=Inline(b"app"), reason=reason
            ),
        ]
    )
    return Assembly(
        tree=tree,
        run_as=RunAs(uid=65532, gid=65532, home="/home/nonroot"),
        hardened=Hardened(edits=(), checks=CHECKS, refusals=()),
        planted=3,
    )


def make(directory: Path, build: LockedBuild, *, workers: int | None = None) -> MadeImage:
    with Store.open(directory) as store:
        read = store_reader(store)
        return make_image(build, assembly(), store=store, read=read, workers=workers)


def blobs_of(made: MadeImage) -> list[Digest]:
    layers = [layer.digest for layer in made.image.layers]
    return [*layers, *(sha256_of(artifact.data) for artifact in made.artifacts)]


def test_what_was_made_is_recalled_the_same(tmp_path: Path) -> None:
    made = make(tmp_path / "store", locked())
    with Store.open(tmp_path / "store") as store:
        assert recall_image(locked(), store) == made
    assert [check.rule for check in made.notable] == ["no-shell"]


def test_nothing_is_recalled_from_an_empty_store(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store") as store:
        assert recall_image(locked(), store) is None


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("fate", ["gone", "rotten", "short"])
def test_an_image_of_which_a_blob_is_gone_or_damaged_is_made_again(
    tmp_path: Path, number: int, fate: str
) -> None:
    made = make(tmp_path / "store", locked())
    digest = blobs_of(made)[number]
    with Store.open(tmp_path / "store") as store:
        path = store.path(digest)
    data = path.read_bytes()
    path.unlink()
    if fate != "gone":
        path.write_bytes(data[:-1] + (b"" if fate == "short" else bytes([data[-1] ^ 1])))
    with Store.open(tmp_path / "store") as store:
        assert recall_image(locked(), store) is None
    assert make(tmp_path / "store", locked()) == made
    with Store.open(tmp_path / "store") as store:
        assert recall_image(locked(), store) == made


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"not json",
        b"[]",
        b"{}",
        b'{"facts": {}, "labels": {}, "layers": [], "artifacts": [], "waived": []}',
        b'{"facts": {"user": 1}, "labels": [], "layers": [{"packages": 3}], "artifacts": []}',
    ],
)
def test_a_note_of_another_form_is_none(tmp_path: Path, note: bytes) -> None:
    with Store.open(tmp_path / "store") as store:
        store.remember(locked().step.id, note)
        assert recall_image(locked(), store) is None


def test_whatever_shapes_an_image_is_in_its_step() -> None:
    others = [
        locked(lock_digest=sha256_of(b"another lock")),
        locked(target=LockedTarget(platform=AMD64, variant="debug", packages=())),
        locked(
            target=LockedTarget(platform=Platform("linux", "arm64"), variant="runtime", packages=())
        ),
        locked(compression=Compression.ZSTD),
    ]
    assert len({locked().step.id, *(other.step.id for other in others)}) == 5


def test_threads_and_stores_change_no_byte(tmp_path: Path) -> None:
    alone = make(tmp_path / "one", locked(), workers=1)
    assert make(tmp_path / "two", locked(), workers=8) == alone
    config = json.loads(alone.image.config_data)
    assert config["config"]["User"] == "65532:65532"
    assert config["created"] == "2023-11-14T22:13:20Z"


def test_rules_that_differ_from_the_locks_are_named_both_ways() -> None:
    own = dict(rule_versions())
    assert changed_rules(rule_versions()) == ()
    assert changed_rules(tuple({**own, "layering": "old"}.items())) == (
        ("layering", "old", own["layering"]),
    )
    assert changed_rules((*rule_versions(), ("gone", "1"))) == (("gone", "1", None),)
    fewer = tuple(row for row in rule_versions() if row[0] != "tree")
    assert changed_rules(fewer) == (("tree", None, own["tree"]),)
