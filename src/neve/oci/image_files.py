"""The named files that an image on disk is made of: those of a directory or of a tar.

Reads them by whole names and knows nothing of images; nothing is extracted.
"""

from __future__ import annotations

import io
import mmap
import posixpath
import stat
from pathlib import Path
from typing import BinaryIO, Protocol

from neve.errors import UsageError
from neve.oci.untar import TarMember, read_tar

_MAX_LINKS = 8


class ImageFiles(Protocol):
    """Named files of a directory or of an archive."""

    def size(self, name: str) -> int | None:
        """Bytes of the regular file ``name``, or ``None``."""
        ...

    def open(self, name: str) -> BinaryIO:
        """Raises ``OSError`` where there is none."""
        ...


class DirectoryFiles:
    """The files below a directory."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def size(self, name: str) -> int | None:
        """Bytes of the regular file ``name``, or ``None``."""
        try:
            found = self._place(name).stat()
        except OSError:
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def open(self, name: str) -> BinaryIO:
        """Raises ``OSError`` where there is none."""
        return self._place(name).open("rb")

    def _place(self, name: str) -> Path:
        """``name`` below the directory: documents of the image may name what they like."""
        if name.startswith("/") or ".." in name.split("/") or "\0" in name:
            raise FileNotFoundError(name)
        return self._path / name


class ArchiveFiles:
    """The members of an uncompressed tar, read where they lie. Raises ``UsageError``."""

    def __init__(self, path: Path) -> None:
        if path.stat().st_size == 0:
            raise UsageError(f"{path}: is empty", resolution="Export the image again.")
        with path.open("rb") as file:
            self._data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        if bytes(self._data[:4]).startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")):
            raise UsageError(
                f"{path}: a compressed archive", resolution="Decompress it first, as with gunzip."
            )
        self._members = {
            posixpath.normpath(member.name): member
            for member in read_tar(self._data, max_members=100_000)
        }

    def _member(self, name: str) -> TarMember | None:
        """The member, links of older ``docker save`` archives followed inside the archive."""
        for _ in range(_MAX_LINKS):
            member = self._members.get(posixpath.normpath(name))
            if member is None or member.type not in "12":
                break
            base = posixpath.dirname(name) if member.type == "2" else ""
            name = posixpath.join(base, member.link)
        return member if member is not None and member.type == "0" else None

    def size(self, name: str) -> int | None:
        """Bytes of the regular file ``name``, or ``None``."""
        member = self._member(name)
        return None if member is None else member.size

    def open(self, name: str) -> BinaryIO:
        """Raises ``OSError`` where there is none."""
        member = self._member(name)
        if member is None:
            raise FileNotFoundError(name)
        return _ViewReader(self._data[member.offset : member.offset + member.size])


class _ViewReader(io.BytesIO):
    """A file over part of a memory map, without copying it whole."""

    def __init__(self, view: memoryview) -> None:
        super().__init__()
        self._view = view

    def read(self, size: int | None = -1, /) -> bytes:
        count = len(self._view) if size is None or size < 0 else size
        data = bytes(self._view[:count])
        self._view = self._view[count:]
        return data
