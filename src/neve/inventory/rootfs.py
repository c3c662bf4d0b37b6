"""A root file system that lies on the host, as a tree: an unpacked directory or a tar file.

Only looked at: nothing is unpacked, no link is followed, no device or pipe is opened, and what no
tree can hold is left out and named. Sources: symlink(7), inode(7), tar(5).
"""

from __future__ import annotations

import gzip
import hashlib
import lzma
import os
import posixpath
import stat
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from neve.errors import HostileInputError, ToolError
from neve.inventory.types import ContentReader, Unjudged
from neve.model import Digest, Origin, Reason
from neve.tree import Blob, FileEntry, Kind, Tree

MAX_ENTRIES = 2_000_000
MAX_INFLATED = 64 * 1024**3
_CHUNK = 1 << 20
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_READ_ONLY = os.O_RDONLY | getattr(os, "O_BINARY", 0) | _NO_FOLLOW
_SPECIAL = {
    stat.S_IFCHR: Kind.CHARACTER,
    stat.S_IFBLK: Kind.BLOCK,
    stat.S_IFIFO: Kind.FIFO,
    stat.S_IFSOCK: Kind.SOCKET,
}
_SPECIAL_MEMBERS = {
    tarfile.CHRTYPE: Kind.CHARACTER,
    tarfile.BLKTYPE: Kind.BLOCK,
    tarfile.FIFOTYPE: Kind.FIFO,
}
_REASON = Reason(Origin.RULE, "found", "in the root file system")


@dataclass(frozen=True, slots=True, kw_only=True)
class RootFs:
    """The tree, what reads its files, and the paths that no tree can hold."""

    tree: Tree
    read: ContentReader
    left_out: tuple[Unjudged, ...]


def read_directory(root: Path) -> RootFs:
    """The tree of the unpacked root file system at ``root``.

    The files stay where they are and are read again when asked for. Raises ``ToolError`` where
    the directory can't be read (as another user's files can't without root).
    """
    scan = _Scan(root)
    try:
        tree = Tree(scan.entries())
    except OSError as error:
        raise ToolError(
            f"{error.filename or root}: {error.strerror or error}",
            resolution="Read it as the user who unpacked it, or as root.",
        ) from error
    return RootFs(tree=tree, read=scan.read, left_out=tuple(sorted(scan.left_out)))


class _Scan:
    """One pass over a directory, by ``lstat`` alone."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._inodes: dict[tuple[int, int], str] = {}
        self.left_out: list[Unjudged] = []

    def entries(self) -> Iterator[FileEntry]:
        count = 0
        todo = [("/", self._root)]
        while todo:
            path, here = todo.pop()
            with os.scandir(here) as listing:
                children = sorted(listing, key=lambda child: os.fsencode(child.name))
            for child in children:
                count += 1
                if count > MAX_ENTRIES:
                    raise _refused(str(self._root), f"more than {MAX_ENTRIES} paths")
                below = posixpath.join(path, child.name)
                entry = self._entry(below, child)
                if entry is not None:
                    yield entry
                    if entry.kind is Kind.DIRECTORY:
                        todo.append((below, Path(child.path)))

    def _entry(self, path: str, child: os.DirEntry[str]) -> FileEntry | None:
        status = child.stat(follow_symlinks=False)
        mode = stat.S_IMODE(status.st_mode)
        uid, gid, mtime = status.st_uid, status.st_gid, max(0, int(status.st_mtime))
        if stat.S_ISLNK(status.st_mode):
            target = str(Path(child.path).readlink())
            return FileEntry(
                path=path, kind=Kind.SYMLINK, mode=0o777, uid=uid, gid=gid, mtime=mtime,
                target=target, reason=_REASON,
            )  # fmt: skip
        if stat.S_ISDIR(status.st_mode):
            return FileEntry(
                path=path, kind=Kind.DIRECTORY, mode=mode, uid=uid, gid=gid, mtime=mtime,
                reason=_REASON,
            )  # fmt: skip
        if not stat.S_ISREG(status.st_mode):
            kind = _SPECIAL.get(stat.S_IFMT(status.st_mode))
            if kind is None:
                self.left_out.append(Unjudged(path=path, reason="of an unknown kind"))
                return None
            device = (os.major(status.st_rdev), os.minor(status.st_rdev))
            return FileEntry(
                path=path, kind=kind, mode=mode, uid=uid, gid=gid, mtime=mtime,
                device=device if kind in (Kind.CHARACTER, Kind.BLOCK) else None, reason=_REASON,
            )  # fmt: skip
        inode = (status.st_dev, status.st_ino)
        if status.st_nlink > 1 and inode in self._inodes:
            return FileEntry(
                path=path, kind=Kind.HARDLINK, mode=mode, uid=uid, gid=gid, mtime=mtime,
                target=self._inodes[inode], reason=_REASON,
            )  # fmt: skip
        self._inodes[inode] = path
        with self._opened(path) as file:
            content = _blob_of(file)
        return FileEntry(
            path=path, kind=Kind.FILE, mode=mode, uid=uid, gid=gid, mtime=mtime, content=content,
            xattrs=_capabilities(child.path), reason=_REASON,
        )  # fmt: skip

    def read(self, entry: FileEntry) -> bytes:
        """The bytes of ``entry``; ``ToolError`` when they are no longer what was seen."""
        with self._opened(entry.path) as file:
            data = file.read()
        if entry.content is not None and entry.content.size != len(data):
            raise ToolError(f"{entry.path} changed while it was read", resolution="Read it again.")
        return data

    @contextmanager
    def _opened(self, path: str) -> Iterator[BinaryIO]:
        """A regular file below the root, every component opened without following a link."""
        parts = path.strip("/").split("/")
        if os.open not in os.supports_dir_fd:
            whole = self._root.joinpath(*parts)
            if any(self._root.joinpath(*parts[:n]).is_symlink() for n in range(1, len(parts) + 1)):
                raise _refused(path, "a link came in on the way")
            with whole.open("rb") as file:
                yield file
            return
        here = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for name in parts[:-1]:
                below = os.open(name, _READ_ONLY | os.O_DIRECTORY, dir_fd=here)
                os.close(here)
                here = below
            descriptor = os.open(parts[-1], _READ_ONLY, dir_fd=here)
        finally:
            os.close(here)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise _refused(path, "no longer a regular file")
            yield file


@contextmanager
def open_tar(path: Path) -> Iterator[RootFs]:
    """The tree of the tar file at ``path``, plain or compressed with gzip or xz.

    The tree's files can be read inside the ``with`` block. Raises ``HostileInputError`` for
    what is no tar, leaves its root or inflates beyond bounds; ``ToolError`` where reading fails.
    """
    try:
        with path.open("rb") as raw, _inflated(raw) as plain:
            try:
                archive = tarfile.open(fileobj=plain, mode="r:")  # noqa: SIM115 - closed below
            except tarfile.TarError as error:
                raise _refused(path.name, f"no tar file ({error})") from None
            with archive:
                reader = _TarScan(plain, path.name)
                tree = reader.tree(archive)
                yield RootFs(tree=tree, read=reader.read, left_out=tuple(sorted(reader.left_out)))
    except OSError as error:
        raise ToolError(
            f"{path}: {error.strerror or error}", resolution="Name a tar file that can be read."
        ) from error


class _TarScan:
    """One pass over a tar file; contents stay in it, by offset."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file = file
        self._name = name
        self._offsets: dict[str, int] = {}
        self.left_out: list[Unjudged] = []

    def tree(self, archive: tarfile.TarFile) -> Tree:
        found: dict[str, FileEntry] = {}
        try:
            for count, member in enumerate(archive, start=1):
                if count > MAX_ENTRIES:
                    raise _refused(self._name, f"more than {MAX_ENTRIES} members")
                entry = self._entry(member)
                if entry is not None:
                    found.pop(entry.path, None)
                    found[entry.path] = entry
        except (tarfile.TarError, EOFError, ValueError) as error:
            raise _refused(self._name, f"a damaged tar file ({error})") from None
        return Tree(self._sound(found))

    def _sound(self, found: dict[str, FileEntry]) -> Iterator[FileEntry]:
        """``found`` with every hard link leading straight to a file's bytes."""
        for entry in found.values():
            target = entry.target or ""
            for _ in range(8):
                held = found.get(target)
                if entry.kind is not Kind.HARDLINK or held is None or held.kind is Kind.FILE:
                    break
                target = held.target or "" if held.kind is Kind.HARDLINK else ""
            if entry.kind is not Kind.HARDLINK:
                yield entry
            elif target in found and found[target].kind is Kind.FILE:
                yield FileEntry(
                    path=entry.path, kind=Kind.HARDLINK, mode=entry.mode, uid=entry.uid,
                    gid=entry.gid, mtime=entry.mtime, target=target, reason=_REASON,
                )  # fmt: skip
            else:
                self.left_out.append(Unjudged(path=entry.path, reason="a hard link to nothing"))

    def _entry(self, member: tarfile.TarInfo) -> FileEntry | None:
        path = self._path(member.name)
        if path == "/":
            return None
        kind, content, target = Kind.DIRECTORY, None, None
        xattrs: tuple[tuple[str, bytes], ...] = ()
        if member.issym():
            kind, target = Kind.SYMLINK, member.linkname
        elif member.islnk():
            kind, target = Kind.HARDLINK, self._path(member.linkname)
        elif member.isreg() and not member.issparse():
            kind = Kind.FILE
            self._offsets[path] = member.offset_data
            content = _blob_of(self._file, member.offset_data, member.size, self._name)
            if "SCHILY.xattr.security.capability" in member.pax_headers:
                xattrs = (("security.capability", b""),)
        elif member.type in _SPECIAL_MEMBERS:
            kind = _SPECIAL_MEMBERS[member.type]
        elif not member.isdir():
            reason = "a sparse file" if member.isreg() else "of an unknown kind"
            self.left_out.append(Unjudged(path=path, reason=reason))
            return None
        return FileEntry(
            path=path, kind=kind, mode=member.mode & 0o7777, uid=max(0, member.uid),
            gid=max(0, member.gid), mtime=max(0, int(member.mtime)), content=content,
            target=target, xattrs=xattrs, reason=_REASON,
            device=(member.devmajor, member.devminor) if member.isdev() and not member.isfifo()
            else None,
        )  # fmt: skip

    def _path(self, name: str) -> str:
        if ".." in name.split("/") or "\0" in name:
            raise _refused(self._name, f"a member leaves the root: {name[:80]!r}")
        return posixpath.normpath("/" + name.lstrip("/"))

    def read(self, entry: FileEntry) -> bytes:
        """The bytes of ``entry``."""
        size = entry.content.size if entry.content is not None else 0
        self._file.seek(self._offsets[entry.path])
        return self._file.read(size)


@contextmanager
def _inflated(raw: BinaryIO) -> Iterator[IO[bytes]]:
    """``raw`` itself when it is a plain tar, else its content in an unnamed temporary file."""
    magic = raw.read(6)
    raw.seek(0)
    opened: gzip.GzipFile | lzma.LZMAFile
    if magic.startswith(b"\x1f\x8b"):
        opened = gzip.GzipFile(fileobj=raw)
    elif magic == b"\xfd7zXZ\x00":
        opened = lzma.LZMAFile(raw)  # noqa: SIM115 - it owns nothing but ``raw``
    else:
        yield raw
        return
    with tempfile.TemporaryFile() as plain:
        size = 0
        try:
            while chunk := opened.read(_CHUNK):
                size += len(chunk)
                if size > MAX_INFLATED:
                    raise _refused("the tar file", f"inflates beyond {MAX_INFLATED} bytes")
                plain.write(chunk)
        except (EOFError, lzma.LZMAError, gzip.BadGzipFile) as error:
            raise _refused("the tar file", f"damaged compression ({error})") from None
        plain.seek(0)
        yield plain


def _blob_of(file: IO[bytes], offset: int = 0, size: int | None = None, name: str = "") -> Blob:
    """Size and hashes of ``size`` bytes at ``offset``, or of all that follows."""
    sha256, sha1 = hashlib.sha256(), hashlib.sha1(usedforsecurity=False)
    file.seek(offset)
    seen = 0
    while size is None or seen < size:
        chunk = file.read(_CHUNK if size is None else min(_CHUNK, size - seen))
        if not chunk:
            break
        seen += len(chunk)
        sha256.update(chunk)
        sha1.update(chunk)
    if size is not None and seen != size:
        raise _refused(name, "cut short in the middle of a file")
    return Blob(digest=Digest("sha256", sha256.hexdigest()), size=seen, sha1=sha1.hexdigest())


def _capabilities(path: str) -> tuple[tuple[str, bytes], ...]:
    """The file's capabilities, where the host's file system knows of them."""
    if not hasattr(os, "getxattr"):
        return ()
    try:
        value = os.getxattr(path, "security.capability", follow_symlinks=False)
    except OSError:
        return ()
    return (("security.capability", value),)


def _refused(subject: str, why: str) -> HostileInputError:
    return HostileInputError(
        f"{subject}: {why}", resolution="Take the root file system again from whoever made it."
    )
