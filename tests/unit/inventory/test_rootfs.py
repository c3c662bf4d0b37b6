"""A foreign root file system is looked at and never followed."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neve.errors import HostileInputError, NeveError, ToolError
from neve.inventory.rootfs import RootFs, open_tar, read_directory
from neve.model import sha256_of
from neve.tree import Kind


def plant(root: Path) -> None:
    (root / "usr" / "bin").mkdir(parents=True)
    (root / "usr" / "bin" / "tool").write_bytes(b"tool")
    (root / "usr" / "bin" / "tool").chmod(0o4755)
    os.link(root / "usr" / "bin" / "tool", root / "usr" / "bin" / "zz")
    (root / "bin").symlink_to("usr/bin")
    (root / "out").symlink_to("/etc/passwd")
    (root / "up").symlink_to("../../../etc/shadow")
    (root / "usr" / "bin").chmod(0o755)
    (root / "usr").chmod(0o755)


def shape(found: RootFs) -> list[tuple[str, Kind, int, str | None]]:
    return [(entry.path, entry.kind, entry.mode, entry.target) for entry in found.tree]


WANTED = [
    ("/bin", Kind.SYMLINK, 0o777, "usr/bin"),
    ("/out", Kind.SYMLINK, 0o777, "/etc/passwd"),
    ("/up", Kind.SYMLINK, 0o777, "../../../etc/shadow"),
    ("/usr", Kind.DIRECTORY, 0o755, None),
    ("/usr/bin", Kind.DIRECTORY, 0o755, None),
    ("/usr/bin/tool", Kind.FILE, 0o4755, None),
    ("/usr/bin/zz", Kind.HARDLINK, 0o4755, "/usr/bin/tool"),
]


def test_a_directory(tmp_path: Path) -> None:
    plant(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    found = read_directory(tmp_path)
    assert found.tree["/pipe"].kind is Kind.FIFO
    assert [row for row in shape(found) if row[0] != "/pipe"] == WANTED
    assert found.left_out == ()
    entry = found.tree["/usr/bin/tool"]
    assert entry.content is not None
    assert entry.content.digest == sha256_of(b"tool")
    assert found.read(entry) == b"tool"


def test_a_link_put_in_the_way_later_is_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    plant(root)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "tool").write_bytes(b"host")
    found = read_directory(root)
    (root / "usr" / "bin").rename(root / "usr" / "old")
    (root / "usr" / "bin").symlink_to(tmp_path / "secret")
    with pytest.raises((NeveError, OSError)):
        found.read(found.tree["/usr/bin/tool"])


def test_a_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(ToolError):
        read_directory(tmp_path / "none")


def packed(tmp_path: Path) -> bytes:
    root = tmp_path / "root"
    root.mkdir()
    plant(root)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(root, arcname=".", filter=lambda member: member)
        device = tarfile.TarInfo("./dev/null")
        device.type, device.devmajor, device.devminor = tarfile.CHRTYPE, 1, 3
        archive.addfile(device)
    return buffer.getvalue()


@pytest.mark.parametrize("compress", [bytes, gzip.compress, lzma.compress])
def test_a_tar_gives_the_same_tree(tmp_path: Path, compress: type[bytes]) -> None:
    path = tmp_path / "rootfs.tar"
    path.write_bytes(compress(packed(tmp_path)))
    with open_tar(path) as found:
        assert [row for row in shape(found) if row[0] != "/dev/null"] == WANTED
        assert found.read(found.tree["/usr/bin/tool"]) == b"tool"
        device = found.tree["/dev/null"]
        assert (device.kind, device.device) == (Kind.CHARACTER, (1, 3))
        assert found.left_out == ()


def tar_of(*members: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for member in members:
            archive.addfile(member)
    return buffer.getvalue()


def named(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


@pytest.mark.parametrize(
    "data",
    [
        b"no tar at all",
        gzip.compress(b"x" * 5000, mtime=0),
        gzip.compress(b"x" * 5000, mtime=0)[:-9],
        tar_of(named("../x")),
        tar_of(named("a/../../x")),
        tar_of(named("a", tarfile.LNKTYPE, "../x")),
    ],
)
def test_a_hostile_tar_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(data)
    with pytest.raises(HostileInputError), open_tar(path):
        pass


def test_hard_links_that_lead_nowhere_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    members = (
        named("a", tarfile.LNKTYPE, "b"),
        named("b", tarfile.LNKTYPE, "a"),
        named("c", tarfile.LNKTYPE, "d"),
        named("f"),
        named("g", tarfile.LNKTYPE, "f"),
        named("h", tarfile.LNKTYPE, "g"),
    )
    path.write_bytes(tar_of(*members))
    with open_tar(path) as found:
        assert [(entry.path, entry.target) for entry in found.tree] == [
            ("/f", None),
            ("/g", "/f"),
            ("/h", "/f"),
        ]
        assert [item.path for item in found.left_out] == ["/a", "/b", "/c"]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_damaged_tar_is_refused_or_read(data: st.DataObject) -> None:
    import tempfile

    whole = bytearray(tar_of(named("f"), named("d", tarfile.DIRTYPE), named("l", tarfile.SYMTYPE)))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, 2047))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "x.tar"
        path.write_bytes(whole[: data.draw(st.integers(1, len(whole)))])
        try:
            with open_tar(path) as found:
                assert all(entry.path.startswith("/") for entry in found.tree)
        except HostileInputError:
            pass
