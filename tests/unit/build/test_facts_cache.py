"""Facts of packages: noted once, read again where the note or the data is gone or damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.archive import make_deb

from neve.build.facts import gather_facts, read_facts, read_step, recall_facts
from neve.build.steps import Step, StepKind
from neve.errors import NeveError, StoreError
from neve.model import Digest, sha256_of
from neve.store import Store


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "store"


def put(directory: Path, *names: str) -> list[Digest]:
    with Store.open(directory) as store:
        return [
            store.put(make_deb(name, files={f"usr/share/{name}/x": name.encode()}).data)
            for name in names
        ]


def drop(directory: Path, digest: Digest) -> None:
    with Store.open(directory) as store:
        store.path(digest).unlink()


def test_facts_are_noted_and_recalled_without_the_package(directory: Path) -> None:
    (package,) = put(directory, "one")
    with Store.open(directory) as store:
        assert recall_facts(store, package) is None
        facts = read_facts(store, package)
    drop(directory, package)
    with Store.open(directory) as store:
        assert recall_facts(store, package) == facts


def test_a_damaged_note_is_no_note(directory: Path) -> None:
    (package,) = put(directory, "one")
    with Store.open(directory) as store:
        facts = read_facts(store, package)
        store.remember(read_step(package).id, b"not facts")
        assert recall_facts(store, package) is None
        assert gather_facts(store, [package]) == {package: facts}
        assert recall_facts(store, package) == facts


def test_data_that_was_collected_is_inflated_again(directory: Path) -> None:
    (package,) = put(directory, "one")
    with Store.open(directory) as store:
        facts = read_facts(store, package)
    drop(directory, facts.data)
    with Store.open(directory) as store:
        assert gather_facts(store, [package])[package] == facts
        assert store.sound(facts.data)


@pytest.mark.parametrize("workers", [1, 4, None])
def test_the_number_of_threads_changes_nothing(directory: Path, workers: int | None) -> None:
    packages = put(directory, *(f"package-{number}" for number in range(7)))
    with Store.open(directory) as store:
        found = gather_facts(store, packages, workers=workers)
        assert {digest: facts.digest for digest, facts in found.items()} == dict(
            zip(packages, packages, strict=True)
        )
        assert gather_facts(store, [*packages, packages[0]], workers=workers) == found


def test_a_package_that_rotted_is_told_and_removed(directory: Path) -> None:
    (package,) = put(directory, "one")
    with Store.open(directory) as store:
        path = store.path(package)
    path.write_bytes(path.read_bytes()[:-1])
    with Store.open(directory) as store:
        with pytest.raises(StoreError, match="damaged"):
            gather_facts(store, [package])
        assert not store.has(package)


def test_what_is_no_package_is_refused(directory: Path) -> None:
    with Store.open(directory) as store, pytest.raises(NeveError, match="not a sound"):
        gather_facts(store, [store.put(b"<html>")])


def test_a_package_that_is_not_there_is_told(directory: Path) -> None:
    with Store.open(directory) as store, pytest.raises(StoreError, match="does not hold"):
        gather_facts(store, [sha256_of(b"never fetched")])


# Steps


def test_a_steps_id_is_its_kind_and_inputs() -> None:
    step = Step(kind=StepKind.FETCH, inputs=("a", "b"), reason="why not")
    assert step.id == Step(kind=StepKind.FETCH, inputs=("a", "b"), reason="another").id
    others = [
        Step(kind=StepKind.READ_PACKAGE, inputs=("a", "b")),
        Step(kind=StepKind.FETCH, inputs=("b", "a")),
        Step(kind=StepKind.FETCH, inputs=("ab",)),
        Step(kind=StepKind.FETCH, inputs=("a", "b", "")),
        Step(kind=StepKind.FETCH, inputs=('a", "b',)),
    ]
    assert len({step.id, *(other.id for other in others)}) == 6


def test_a_steps_id_is_the_same_everywhere() -> None:
    """Stores are shared between machines and runs: a change here forgets every result."""
    step = Step(kind=StepKind.FETCH, inputs=("sha256:00",))
    assert str(step.id) == (
        "sha256:3a7b1feeb71978b95f0507a4aa767ffbac35b52ec1699f965a74f040c3ecd0c6"
    )
