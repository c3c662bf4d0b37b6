"""ZIP archives in memory: names first, content of the wanted entries alone, within bounds.

Source: APPNOTE.TXT of PKWARE (zip64 included). The central directory decides, as it does for
Java and Python; bytes before the archive (a start script) are allowed. Nothing touches the disk.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from neve.errors import HostileInputError

_END, _END64, _LOCATOR64 = b"PK\5\6", b"PK\6\6", b"PK\6\7"
_CENTRAL, _LOCAL = b"PK\1\2", b"PK\3\4"
_END_SIZE, _CENTRAL_SIZE, _LOCAL_SIZE = 22, 46, 30
_MAX_COMMENT = 0xFFFF
_MAX_ENTRIES = 1_000_000
_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 1
_LENGTHS = struct.Struct("<HHH")
_FIELDS = struct.Struct("<HH4xIIIHHH8xI")
_WHOLE = 0xFFFFFFFF


@dataclass(slots=True)
class Budget:
    """How many bytes may still be inflated, all archives inside each other together."""

    left: int

    def take(self, size: int, subject: str) -> None:
        """Spend ``size`` bytes. Raises ``HostileInputError`` when there are not so many."""
        self.left -= size
        if self.left < 0:
            raise _refused(subject, "inflates to more than any honest archive")


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """One file of an archive. ``packed`` and ``size`` in bytes, as the archive claims."""

    name: str
    method: int
    encrypted: bool
    crc: int
    packed: int
    size: int
    offset: int


@dataclass(frozen=True, slots=True)
class ZipArchive:
    """The wanted entries, in the order of the central directory."""

    entries: tuple[ZipEntry, ...]
    _data: memoryview
    _prefix: int
    _subject: str

    def content(
        self, entry: ZipEntry, *, limit: int, budget: Budget | None = None
    ) -> bytes | memoryview:
        """The bytes of ``entry``, checked against its size and CRC-32.

        Raises ``HostileInputError`` for what is larger than ``limit``, encrypted, packed in a
        way that Java can't read, or not what the directory says.
        """
        if entry.encrypted or entry.method not in (_STORED, _DEFLATED):
            raise self._broken(entry, "is packed in a way that can't be read")
        if entry.size > limit:
            raise self._broken(entry, f"is larger than {limit} bytes")
        if budget is not None:
            budget.take(entry.size, self._subject)
        raw = self._packed(entry)
        data: bytes | memoryview = raw
        if entry.method == _DEFLATED:
            inflater = zlib.decompressobj(-zlib.MAX_WBITS)
            try:
                data = inflater.decompress(raw, entry.size + 1)
            except zlib.error:
                raise self._broken(entry, "is damaged") from None
        if len(data) != entry.size or zlib.crc32(data) != entry.crc:
            raise self._broken(entry, "is not what the archive's directory says")
        return data

    def _packed(self, entry: ZipEntry) -> memoryview:
        start = entry.offset + self._prefix
        header = self._data[start : start + _LOCAL_SIZE] if start >= 0 else memoryview(b"")
        if len(header) < _LOCAL_SIZE or bytes(header[:4]) != _LOCAL:
            raise self._broken(entry, "is not where the archive's directory says")
        name, extra = struct.unpack_from("<HH", header, 26)
        start += _LOCAL_SIZE + name + extra
        raw = self._data[start : start + entry.packed]
        if len(raw) < entry.packed:
            raise self._broken(entry, "is cut off")
        return raw

    def _broken(self, entry: ZipEntry, what: str) -> HostileInputError:
        return _refused(self._subject, f"{entry.name[:120]} {what}")


def read_zip(
    data: memoryview, *, subject: str, wanted: Callable[[bytes], object] | None = None
) -> ZipArchive:
    """The archive in ``data``; with ``wanted``, only the entries whose raw name it accepts.

    ``subject`` names the archive in errors. Raises ``HostileInputError`` for what is no archive
    or has a directory that can't be followed.
    """
    position, count, size, offset = _end_of(data, subject)
    start = position - size
    prefix = start - offset
    if start < 0 or prefix < 0 or count > _MAX_ENTRIES:
        raise _refused(subject, "has a directory outside of itself")
    entries: list[ZipEntry] = []
    at = start
    for _ in range(count):
        if at + _CENTRAL_SIZE > position or bytes(data[at : at + 4]) != _CENTRAL:
            raise _refused(subject, "has a directory that is cut off")
        name_length, extra_length, comment_length = _LENGTHS.unpack_from(data, at + 28)
        extra = at + _CENTRAL_SIZE + name_length
        name = bytes(data[at + _CENTRAL_SIZE : extra])
        if wanted is None or wanted(name):
            entries.append(_entry(data, at, name, data[extra : extra + extra_length]))
        at = extra + extra_length + comment_length
    return ZipArchive(tuple(entries), data, prefix, subject)


def _end_of(data: memoryview, subject: str) -> tuple[int, int, int, int]:
    """Where the directory ends, its count of entries, its size and its claimed offset."""
    first = max(0, len(data) - _END_SIZE - _MAX_COMMENT)
    found = bytes(data[first:]).rfind(_END)
    if found < 0 or first + found + _END_SIZE > len(data):
        raise _refused(subject, "is no ZIP archive")
    position = first + found
    count, size, offset = struct.unpack_from("<HII", data, position + 10)
    locator = position - 20
    if locator >= 0 and bytes(data[locator : locator + 4]) == _LOCATOR64:
        end64 = bytes(data[max(0, locator - 56) : locator]).rfind(_END64)
        if end64 >= 0:
            position = max(0, locator - 56) + end64
            count, size, offset = struct.unpack_from("<QQQ", data, position + 32)
    return position, count, size, offset


def _entry(data: memoryview, at: int, name: bytes, extra: memoryview) -> ZipEntry:
    flags, method, crc, packed, size, _, _, _, offset = _FIELDS.unpack_from(data, at + 8)
    if _WHOLE in (packed, size, offset):
        size, packed, offset = _wide(extra, size, packed, offset)
    text = name.decode("utf-8", "replace")
    return ZipEntry(text, method, bool(flags & _ENCRYPTED), crc, packed, size, offset)


def _wide(extra: memoryview, *values: int) -> tuple[int, int, int]:
    """The sizes and the offset with those that need 64 bits taken from the extra field."""
    at = 0
    wide: list[int] = []
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            field = extra[at + 4 : at + 4 + length]
            wide = list(struct.unpack_from(f"<{len(field) // 8}Q", field))
        at += 4 + length
    size, packed, offset = (wide.pop(0) if v == _WHOLE and wide else v for v in values)
    return size, packed, offset


def _refused(subject: str, what: str) -> HostileInputError:
    return HostileInputError(
        f"{subject[:200]}: {what}",
        resolution="Build the archive anew, or take the image from its maker.",
    )
