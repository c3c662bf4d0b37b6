"""The tree: edits, hard links, and resolving that never leaves the root."""

from __future__ import annotations

import pytest

from neve.errors import HostileInputError
from neve.model import Origin, Reason
from neve.tree import Change, FileEntry, Inline, Kind, Put, Remove, Tree

WHY = Reason(Origin.RECIPE, "test")


def file(path: str, data: bytes = b"x", mode: int = 0o644) -> FileEntry:
    return FileEntry(path=path, kind=Kind.FILE, mode=mode, content=Inline(data), reason=WHY)


def directory(path: str) -> FileEntry:
    return FileEntry(path=path, kind=Kind.DIRECTORY, mode=0o755, reason=WHY)


def symlink(path: str, target: str) -> FileEntry:
    return FileEntry(path=path, kind=Kind.SYMLINK, mode=0o777, target=target, reason=WHY)


def hardlink(path: str, target: str) -> FileEntry:
    return FileEntry(path=path, kind=Kind.HARDLINK, mode=0o644, target=target, reason=WHY)


def paths(tree: Tree) -> list[str]:
    return [entry.path for entry in tree]


def test_put_creates_missing_parents_and_order_is_directories_first() -> None:
    tree = Tree()
    tree.apply(Put(file("/usr/bin/env")))
    tree.apply(Put(file("/usr/bin-extra")))
    assert paths(tree) == ["/usr", "/usr/bin", "/usr/bin/env", "/usr/bin-extra"]


def test_remove_takes_what_is_below_and_remembers_why() -> None:
    tree = Tree([directory("/doc"), file("/doc/a"), file("/docs")])
    tree.apply(Remove("/doc", WHY))
    assert paths(tree) == ["/docs"]
    assert tree.removed["/doc/a"] == WHY


def test_a_hard_link_takes_over_the_content_of_its_removed_target() -> None:
    tree = Tree([file("/a", b"perl"), hardlink("/b", "/a"), hardlink("/c", "/a")])
    tree.apply(Remove("/a", WHY))
    assert tree["/b"].content == Inline(b"perl")
    assert tree["/c"].target == "/b"
    assert tree.content_entry(tree["/c"]).path == "/b"


def test_overwriting_a_hard_links_target_keeps_the_other_name() -> None:
    tree = Tree([file("/a", b"old"), hardlink("/b", "/a")])
    tree.apply(Put(file("/a", b"new")))
    assert tree["/b"].content == Inline(b"old")


def test_changing_a_hard_link_changes_the_inode() -> None:
    tree = Tree([file("/a"), hardlink("/b", "/a")])
    tree.apply(Change(path="/b", reason=WHY, mode=0o600))
    assert tree["/a"].mode == 0o600


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/bin/sh", "/usr/bin/dash"),
        ("/up/etc/passwd", "/etc/passwd"),
        ("/../../etc", "/etc"),
        ("/abs/x", "/usr/x"),
        ("/nowhere/at/all", "/nowhere/at/all"),
    ],
)
def test_resolving_follows_links_inside_the_root(path: str, expected: str) -> None:
    tree = Tree(
        [
            symlink("/bin", "usr/bin"),
            directory("/usr"),
            directory("/usr/bin"),
            symlink("/usr/bin/sh", "dash"),
            symlink("/up", "../../../.."),
            symlink("/abs", "/usr"),
        ]
    )
    assert tree.resolve(path) == expected


def test_the_last_link_stays_when_asked() -> None:
    tree = Tree([symlink("/a", "b"), file("/b")])
    assert tree.resolve("/a", follow_last=False) == "/a"


def test_a_link_cycle_is_refused() -> None:
    tree = Tree([symlink("/a", "b"), symlink("/b", "a")])
    with pytest.raises(HostileInputError, match="more than 40 symbolic links"):
        tree.resolve("/a/x")


def test_a_name_that_was_a_hard_link_keeps_its_new_content() -> None:
    tree = Tree([file("/a", b"good"), hardlink("/b", "/a")])
    tree.apply(Put(file("/b", b"other")))
    tree.apply(Remove("/a", WHY))
    assert tree["/b"].content == Inline(b"other")


def test_a_hard_link_that_was_linked_anew_follows_its_new_target_alone() -> None:
    tree = Tree([file("/a", b"1"), file("/c", b"2"), hardlink("/b", "/a")])
    tree.apply(Put(hardlink("/b", "/c")))
    tree.apply(Remove("/a", WHY))
    assert tree.content_entry(tree["/b"]).content == Inline(b"2")


def test_a_ring_of_hard_links_is_refused() -> None:
    tree = Tree([hardlink("/a", "/b"), hardlink("/b", "/a")])
    with pytest.raises(HostileInputError, match="hard links"):
        tree.content_entry(tree["/a"])
