"""One path of an image and where its bytes are; paths are absolute POSIX strings."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from neve.model import Digest, Reason


class Kind(StrEnum):
    """The kinds of entry an image may hold.

    The last four stand only in images that others made: they are shown and counted, and never
    written (``SPECIAL_KINDS``).
    """

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    HARDLINK = "hardlink"
    CHARACTER = "character-device"
    BLOCK = "block-device"
    FIFO = "fifo"
    SOCKET = "socket"


SPECIAL_KINDS = frozenset((Kind.CHARACTER, Kind.BLOCK, Kind.FIFO, Kind.SOCKET))
"""Kinds that hold no content and that no build may put into an image."""


@dataclass(frozen=True, slots=True)
class Inline:
    """Bytes held in memory: what effects and recipes write."""

    data: bytes

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.data)

    @property
    def digest(self) -> Digest:
        """SHA-256 of the bytes."""
        return Digest("sha256", hashlib.sha256(self.data).hexdigest())

    @property
    def sha1(self) -> str:
        """SHA-1 in hex: SPDX 2.3 (§8.4) asks for one on every file. Identifies, proves nothing."""
        return hashlib.sha1(self.data, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Blob:
    """A whole blob of the content store."""

    digest: Digest
    size: int
    sha1: str


@dataclass(frozen=True, slots=True)
class Slice:
    """``size`` bytes at ``offset`` of the store's blob ``source`` (a package's inflated data.tar).

    ``digest`` and ``sha1`` are those of the slice, not of the blob.
    """

    source: Digest
    offset: int
    size: int
    digest: Digest
    sha1: str


Content = Inline | Blob | Slice


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One path.

    ``path`` is absolute and normal (``/usr/bin/env``; the root is ``/``). ``mode`` holds the
    permission bits only (0o7777). ``mtime`` is in whole seconds. ``content`` is set for files
    alone; ``target`` is a symlink's text as written, or a hard link's absolute path.
    ``xattrs`` are sorted (name, value) pairs. ``owners`` are package names; several may own
    one directory, or identical content under Multi-Arch. ``device`` is (major, minor) of a
    device, ``None`` for all else.
    """

    path: str
    kind: Kind
    mode: int
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    content: Content | None = None
    target: str | None = None
    xattrs: tuple[tuple[str, bytes], ...] = ()
    owners: tuple[str, ...] = ()
    device: tuple[int, int] | None = None
    reason: Reason
