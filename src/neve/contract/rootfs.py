"""A tree as a directory: what a sandbox needs to run an image.

The one place that writes an image's files to the host. It trusts nothing about the tree: every
parent must be a directory this module made itself, so no link is ever followed, and nothing that
exists is opened.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Container
from pathlib import Path

from neve.errors import HostileInputError, NeveError, ToolError
from neve.tree import FileEntry, Kind, Tree

ContentReader = Callable[[FileEntry], "bytes | memoryview"]

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)


def materialise(
    tree: Tree, read: ContentReader, directory: Path, *, only: Container[str] | None = None
) -> None:
    """Write ``tree`` into ``directory``, which must be empty and private.

    ``only`` narrows it to some paths (their parents come along). As real root every owner and
    extended attribute is kept; otherwise everything belongs to the caller. Modes and mtimes are
    kept always. ``HostileInputError`` for a tree that no directory can hold; ``ToolError`` where
    writing fails.
    """
    writer = _Writer(tree, read, directory)
    try:
        writer.write_all(only)
    except NeveError:
        raise
    except OSError as error:
        raise ToolError(
            f"could not write {error.filename or directory}: {error.strerror or error}",
            resolution="Free space, or point TMPDIR at a Linux file system that has some.",
        ) from error


class _Writer:
    """One materialisation; ``made`` are the directories it made, by path in the image."""

    def __init__(self, tree: Tree, read: ContentReader, directory: Path) -> None:
        self._tree = tree
        self._read = read
        self._root = os.path.abspath(directory)  # noqa: PTH100 - must not follow links
        self._exact = hasattr(os, "geteuid") and os.geteuid() == 0
        self._made: dict[str, FileEntry | None] = {"/": None}

    def write_all(self, only: Container[str] | None) -> None:
        links: list[FileEntry] = []
        for entry in self._tree:
            if entry.path == "/":
                self._made["/"] = entry
            elif only is not None and entry.path not in only:
                continue
            elif entry.kind is Kind.HARDLINK:
                links.append(entry)
            else:
                self._write(entry)
        for entry in links:
            self._link(entry)
        for path, made in reversed(self._made.items()):
            if made is not None:
                self._finish(self._host(path), made)

    def _write(self, entry: FileEntry) -> None:
        host = self._host(entry.path)
        self._require_parents(entry.path)
        match entry.kind:
            case Kind.DIRECTORY:
                if entry.path not in self._made:
                    os.mkdir(host, 0o700)  # noqa: PTH102 - half the time of pathlib's
                self._made[entry.path] = entry
            case Kind.SYMLINK:
                os.symlink(entry.target or "", host)  # noqa: PTH211
                self._own(host, entry)
            case Kind.FILE:
                self._write_file(host, entry)
            case Kind.HARDLINK:
                raise AssertionError(entry.path)
            case Kind.CHARACTER | Kind.BLOCK | Kind.FIFO | Kind.SOCKET:
                pass  # the sandbox has its own /dev; an image opens no device of this host

    def _write_file(self, host: str, entry: FileEntry) -> None:
        descriptor = os.open(host, _CREATE, 0o600)
        try:
            data = memoryview(self._read(entry))
            while data:
                data = data[os.write(descriptor, data) :]
        finally:
            os.close(descriptor)
        self._finish(host, entry)

    def _link(self, entry: FileEntry) -> None:
        target: FileEntry | None = entry
        seen: set[str] = set()
        while target is not None and target.kind is Kind.HARDLINK and target.path not in seen:
            seen.add(target.path)
            target = self._tree.get(target.target or "")
        if target is None or target.kind is not Kind.FILE:
            raise _impossible(entry.path, f"a hard link to {entry.target}, which is no file")
        source, host = self._host(target.path), self._host(entry.path)
        self._require_parents(entry.path)
        if os.path.lexists(source):
            os.link(source, host, follow_symlinks=False)
        else:  # left out by ``only``
            self._write_file(host, target)

    def _require_parents(self, path: str) -> None:
        missing: list[str] = []
        parent = posixpath.dirname(path)
        while parent not in self._made:
            missing.append(parent)
            parent = posixpath.dirname(parent)
        for parent in reversed(missing):
            entry = self._tree.get(parent)
            if entry is not None and entry.kind is not Kind.DIRECTORY:
                raise _impossible(path, f"below {parent}, which is no directory")
            os.mkdir(self._host(parent), 0o755 if entry is None else 0o700)  # noqa: PTH102
            self._made[parent] = entry

    def _host(self, path: str) -> str:
        normal = path.startswith("/") and not path.startswith("//") and "\0" not in path
        if not normal or posixpath.normpath(path) != path:
            raise _impossible(path, "not a normal absolute path")
        return self._root + path if path != "/" else self._root

    def _finish(self, host: str, entry: FileEntry) -> None:
        self._own(host, entry)
        os.chmod(host, entry.mode)  # noqa: PTH101 - after the owner, which clears setuid bits
        os.utime(host, (entry.mtime, entry.mtime))
        if self._exact:
            for name, value in entry.xattrs:
                os.setxattr(host, name, value, follow_symlinks=False)

    def _own(self, host: str, entry: FileEntry) -> None:
        if self._exact:
            os.lchown(host, entry.uid, entry.gid)


def _impossible(path: str, why: str) -> HostileInputError:
    return HostileInputError(
        f"{path!r}: {why}",
        resolution="The image or package that holds this path is damaged or hostile: drop it.",
    )
