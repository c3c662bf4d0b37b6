"""Layering: who shares what, what a change moves, and that nothing is lost or doubled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neve.model import Origin, Reason
from neve.oci.codec import Compression
from neve.oci.layering import OWN_LAYER_SIZE, LayerPlan, layer_key, partition
from neve.oci.pack import pack_layers
from neve.store import Store
from neve.tree import FileEntry, Inline, Kind, Tree


def directory(path: str, *owners: str, mtime: int = 0) -> FileEntry:
    origin = Origin.PACKAGE if owners else Origin.RULE
    return FileEntry(
        path=path,
        kind=Kind.DIRECTORY,
        mode=0o755,
        mtime=mtime,
        owners=owners,
        reason=Reason(origin, owners[0] if owners else "rule"),
    )


def file(path: str, *owners: str, size: int = 10, fill: bytes = b"x") -> FileEntry:
    origin = Origin.PACKAGE if owners else Origin.EFFECT
    return FileEntry(
        path=path,
        kind=Kind.FILE,
        mode=0o644,
        owners=owners,
        content=Inline(fill * size),
        reason=Reason(origin, owners[0] if owners else "effect"),
    )


def link(path: str, target: str, *owners: str) -> FileEntry:
    why = Reason(Origin.PACKAGE, owners[0])
    return FileEntry(
        path=path, kind=Kind.HARDLINK, mode=0o644, target=target, owners=owners, reason=why
    )


def system(*packages: str, size: int = OWN_LAYER_SIZE) -> list[FileEntry]:
    """A tree of ``packages`` that each ship /usr, a directory of their own and one file."""
    entries = {"/usr": directory("/usr", *sorted(packages), mtime=len(packages))}
    for name in packages:
        entries[f"/usr/{name}"] = directory(f"/usr/{name}", name, mtime=7)
        entries[f"/usr/{name}/data"] = file(f"/usr/{name}/data", name, size=size)
    return list(entries.values())


def keys(plans: Iterable[LayerPlan]) -> dict[str, str]:
    return {plan.name: str(layer_key(plan, Compression.GZIP)) for plan in plans}


def names(plan: LayerPlan) -> list[str]:
    return [entry.path for entry in plan.entries]


def test_large_packages_stand_alone_small_ones_together_the_rest_last() -> None:
    entries = [
        *system("big", "large"),
        file("/usr/small", "small"),
        file("/usr/tiny", "tiny"),
        file("/etc/ld.so.cache"),
        directory("/etc"),
    ]
    plans = partition(entries)
    assert [plan.name for plan in plans] == ["big", "large", "small packages", "image"]
    assert [plan.packages for plan in plans] == [("big",), ("large",), ("small", "tiny"), ()]
    assert names(plans[0]) == ["/usr", "/usr/big", "/usr/big/data"]
    assert names(plans[2]) == ["/usr", "/usr/small", "/usr/tiny"]
    assert names(plans[3]) == ["/etc", "/etc/ld.so.cache"]


def test_the_threshold_counts_kept_bytes() -> None:
    at, below = OWN_LAYER_SIZE, OWN_LAYER_SIZE - 1
    assert [p.name for p in partition([file("/a", "a", size=at)])] == ["a"]
    assert [p.name for p in partition([file("/a", "a", size=below)])] == ["small packages"]


def test_the_order_asked_for_is_kept_then_names() -> None:
    plans = partition(system("a", "b", "c", "libc6"), order=["libc6", "c"])
    assert [plan.name for plan in plans] == ["libc6", "c", "a", "b"]


def test_a_changed_package_changes_its_own_layer_only() -> None:
    before = system("a", "b", "c")
    after = [
        file("/usr/b/data", "b", size=OWN_LAYER_SIZE, fill=b"y") if e.path == "/usr/b/data" else e
        for e in before
    ]
    old, new = keys(partition(before)), keys(partition(after))
    assert {name for name in old if old[name] != new[name]} == {"b"}


def test_a_package_has_one_layer_whatever_else_is_in_the_image() -> None:
    alone = keys(partition(system("libc6")))
    with_others = keys(partition([*system("libc6", "a", "z"), file("/etc/x"), directory("/etc")]))
    assert alone["libc6"] == with_others["libc6"]


def test_a_shared_directory_is_in_the_layer_of_every_owner() -> None:
    entries = [
        directory("/var", "a", "b"),
        directory("/var/empty", "a", "b"),
        file("/a", "a", size=OWN_LAYER_SIZE),
        file("/b", "b", size=OWN_LAYER_SIZE),
    ]
    assert [names(plan) for plan in partition(entries)] == [
        ["/var", "/var/empty", "/a"],
        ["/var", "/var/empty", "/b"],
    ]


def test_directory_times_do_not_reach_a_layer_but_modes_do() -> None:
    plain = partition([directory("/d", "a"), file("/d/f", "a")])
    timed = partition([directory("/d", "a", mtime=99), file("/d/f", "a")])
    moded = partition([replace(directory("/d", "a"), mode=0o700), file("/d/f", "a")])
    assert keys(plain) == keys(timed)
    assert keys(plain) != keys(moded)


def test_at_most_64_layers_and_the_smallest_are_merged_first() -> None:
    entries = [file(f"/p{n:03}", f"p{n:03}", size=OWN_LAYER_SIZE + n) for n in range(100)] + [
        file("/etc")
    ]
    plans = partition(entries)
    assert len(plans) == 64
    assert plans[-2].packages == tuple(f"p{n:03}" for n in range(38))


def test_a_file_of_several_owners_is_in_one_layer() -> None:
    both = file("/doc", "b", "a", size=OWN_LAYER_SIZE)
    plans = partition([both, file("/b", "b", size=OWN_LAYER_SIZE)])
    assert [(plan.name, names(plan)) for plan in plans] == [("a", ["/doc"]), ("b", ["/b"])]


def test_hard_links_across_layers_become_files_of_their_own() -> None:
    entries = [
        file("/a", "a", size=OWN_LAYER_SIZE),
        link("/b", "/a", "b"),
        link("/c", "/b", "b"),
        link("/0", "/a", "a"),
    ]
    first, second = partition(entries)
    assert [(e.path, e.kind, e.target) for e in first.entries] == [
        ("/0", Kind.FILE, None),
        ("/a", Kind.HARDLINK, "/0"),
    ]
    assert [(e.path, e.kind, e.target) for e in second.entries] == [
        ("/b", Kind.FILE, None),
        ("/c", Kind.HARDLINK, "/b"),
    ]
    assert second.entries[0].content == entries[0].content


def test_a_hard_link_to_nothing_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="no file of the tree"):
        partition([link("/a", "/b", "a"), link("/b", "/a", "a")])


def test_an_empty_tree_still_has_a_layer() -> None:
    (plan,) = partition([])
    assert plan.entries == ()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["/a", "/d/b", "/d/c", "/d/e/f", "/g"]),
            st.sampled_from([(), ("p",), ("q",), ("p", "q"), ("r",)]),
            st.integers(0, 40),
        ),
        unique_by=lambda row: row[0],
    ),
    st.randoms(use_true_random=False),
)
def test_every_entry_lands_once_with_its_parents_in_any_order(
    rows: list[tuple[str, tuple[str, ...], int]], random: object
) -> None:
    files = [file(path, *owners, size=size) for path, owners, size in rows]
    entries = list(Tree([directory("/d", "p"), directory("/d/e"), *files]))
    plans = partition(entries, own_layer_size=20, max_layers=3)
    assert len(plans) <= 3
    packed = [e.path for plan in plans for e in plan.entries if e.kind is not Kind.DIRECTORY]
    assert sorted(packed) == sorted(path for path, _, _ in rows)
    for plan in plans:
        held = set(names(plan))
        assert len(held) == len(plan.entries)
        for path in held:
            assert not path.startswith("/d/") or "/d" in held
            assert not path.startswith("/d/e/") or "/d/e" in held
    random.shuffle(entries)  # type: ignore[attr-defined]
    assert keys(partition(entries, own_layer_size=20, max_layers=3)) == keys(plans)


@pytest.mark.parametrize(
    "change",
    [
        {"mode": 0o600},
        {"uid": 5},
        {"gid": 5},
        {"mtime": 5},
        {"content": Inline(b"other")},
        {"xattrs": (("user.a", b"1"),)},
        {"path": "/other"},
    ],
)
def test_the_key_covers_everything_that_reaches_the_tar(change: dict[str, object]) -> None:
    entry = file("/a", "a")
    changed = replace(entry, **change)  # type: ignore[arg-type]
    assert keys(partition([entry])) != keys(partition([changed]))
    other_reason = replace(entry, reason=Reason(Origin.PACKAGE, "a", "told differently"))
    assert keys(partition([entry])) == keys(partition([other_reason]))


def test_a_known_layer_is_not_written_again_but_a_lost_one_is(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store")
    plans = partition(system("a", "b"))
    first = pack_layers(plans, store)
    blob = store.path(first[0].digest)
    stamp = blob.stat().st_ino
    assert pack_layers(plans, store) == first
    assert blob.stat().st_ino == stamp
    blob.unlink()
    assert pack_layers(plans, store) == first
    assert store.has(first[0].digest)


def test_a_damaged_memory_of_a_layer_is_no_layer(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store")
    plans = partition(system("a"))
    first = pack_layers(plans, store)
    for junk in (b"{}", b"[]", b"null", b'{"digest":"x"}'):
        store.remember(layer_key(plans[0], Compression.GZIP), junk)
        assert pack_layers(plans, store) == first
