from __future__ import annotations

import os
from pathlib import Path

import pytest

from neve.contract.rootfs import materialise
from neve.errors import HostileInputError, ToolError
from neve.model import Origin, Reason
from neve.tree import FileEntry, Inline, Kind, Tree

WHY = Reason(Origin.PACKAGE, "p", "unpacked")
ROOT = os.geteuid() == 0


def entry(path: str, kind: Kind, **fields: object) -> FileEntry:
    values: dict[str, object] = {"mode": 0o755, "reason": WHY} | fields
    return FileEntry(path=path, kind=kind, **values)  # type: ignore[arg-type]


def file(path: str, data: bytes = b"data", **fields: object) -> FileEntry:
    return entry(path, Kind.FILE, **({"mode": 0o644, "content": Inline(data)} | fields))


def read(of: FileEntry) -> bytes:
    assert isinstance(of.content, Inline)
    return of.content.data


def made(tmp_path: Path, *entries: FileEntry, only: frozenset[str] | None = None) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    materialise(Tree(entries), read, root, only=only)
    return root


def test_kinds_modes_times_and_contents_are_kept(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        root = made(
            tmp_path,
            entry("/", Kind.DIRECTORY, mtime=5),
            entry("/a", Kind.DIRECTORY, mode=0o1777, mtime=6),
            file("/a/f", b"x" * 100_000, mode=0o4755, mtime=1_000_000_000),
            file("/a/empty", b"", mode=0o400),
            entry("/a/l", Kind.SYMLINK, mode=0o777, target="/nowhere/../x"),
            entry("/a/h", Kind.HARDLINK, target="/a/f"),
        )
    finally:
        os.umask(old)
    assert (root / "a/f").read_bytes() == b"x" * 100_000
    assert (root / "a/f").stat().st_mode & 0o7777 == 0o4755
    assert (root / "a/f").stat().st_mtime == 1_000_000_000
    assert (root / "a").stat().st_mode & 0o7777 == 0o1777
    assert (root / "a").stat().st_mtime == 6
    assert (root / "a/l").readlink() == Path("/nowhere/../x")
    assert (root / "a/h").samefile(root / "a/f")


@pytest.mark.skipif(not ROOT, reason="owners need real root")
def test_as_root_owners_are_exact(tmp_path: Path) -> None:
    root = made(
        tmp_path,
        entry("/d", Kind.DIRECTORY, uid=7, gid=8),
        file("/d/f", uid=65532, gid=1, mode=0o4711),
        entry("/d/l", Kind.SYMLINK, uid=3, gid=4, target="f"),
    )
    for path, owner in (("d", (7, 8)), ("d/f", (65532, 1)), ("d/l", (3, 4))):
        found = (root / path).lstat()
        assert (found.st_uid, found.st_gid) == owner
    assert (root / "d/f").stat().st_mode & 0o7777 == 0o4711


def test_a_directory_that_nobody_may_enter_can_still_be_filled(tmp_path: Path) -> None:
    root = made(tmp_path, entry("/d", Kind.DIRECTORY, mode=0o000), file("/d/f"))
    assert (root / "d").stat().st_mode & 0o7777 == 0
    (root / "d").chmod(0o700)
    assert (root / "d/f").read_bytes() == b"data"


def test_missing_parents_are_made(tmp_path: Path) -> None:
    root = made(tmp_path, file("/a/b/c"))
    assert (root / "a/b/c").read_bytes() == b"data"


def test_only_some_paths_with_their_parents_and_linked_content(tmp_path: Path) -> None:
    root = made(
        tmp_path,
        entry("/a", Kind.DIRECTORY, mode=0o750),
        file("/a/f"),
        file("/a/g"),
        entry("/a/h", Kind.HARDLINK, target="/a/f"),
        file("/z"),
        only=frozenset({"/a/g", "/a/h"}),
    )
    assert sorted(p.name for p in root.rglob("*")) == ["a", "g", "h"]
    assert (root / "a/h").read_bytes() == b"data"
    assert (root / "a").stat().st_mode & 0o7777 == 0o750


def test_nothing_is_written_through_a_link_out_of_the_root(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    with pytest.raises(HostileInputError, match="no directory"):
        made(
            tmp_path,
            entry("/a", Kind.SYMLINK, mode=0o777, target=str(outside)),
            file("/a/passwd"),
        )
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    "path", ["/../escape", "relative", "/a/../../escape", "//x", "/a/./b", "/nul\0"]
)
def test_a_path_that_is_not_normal_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(HostileInputError, match="not a normal absolute path"):
        made(tmp_path, file(path))
    assert not (tmp_path / "escape").exists()


def test_a_file_below_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HostileInputError, match="no directory"):
        made(tmp_path, file("/a"), file("/a/b"))


@pytest.mark.parametrize("target", ["/missing", "/d", "/loop", "/l"])
def test_a_hard_link_to_no_file_is_refused(tmp_path: Path, target: str) -> None:
    with pytest.raises(HostileInputError, match="hard link"):
        made(
            tmp_path,
            entry("/d", Kind.DIRECTORY),
            entry("/l", Kind.SYMLINK, target="/etc/passwd"),
            entry("/loop", Kind.HARDLINK, target="/loop"),
            entry("/h", Kind.HARDLINK, target=target),
        )


def test_what_is_already_there_is_never_opened(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    victim = tmp_path / "victim"
    victim.write_text("safe")
    (root / "f").symlink_to(victim)
    with pytest.raises(ToolError, match="could not write"):
        materialise(Tree([file("/f")]), read, root)
    assert victim.read_text() == "safe"


def test_a_name_too_long_for_the_host_is_a_tool_failure(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="could not write"):
        made(tmp_path, file("/" + "x" * 300))
