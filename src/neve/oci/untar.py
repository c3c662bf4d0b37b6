"""A strict tar reader for layers and archives that others wrote, from memory or from a stream.

Reads ustar, pax, and GNU's long names, base-256 numbers and sparse files, as Go's ``archive/tar``
does, whose reading every container engine shares: global headers name no member, two blocks of
zeros end the archive whatever follows. What that reader refuses is refused here too.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from neve.errors import HostileInputError

BLOCK = 512
_ZERO = bytes(BLOCK)
_MAX_EXTENSION = 1024 * 1024
_MAX_EXTENSIONS_IN_A_ROW = 64
_MAX_EXTENSIONS = 512 * 1024 * 1024
_MAX_RECORDS = 2_000
_MAX_NUMBER = 1 << 62
_HEADER_ONLY = frozenset("123456")
_REGULAR = frozenset(("0", "\0", "7", "S"))
_KNOWN = _HEADER_ONLY | _REGULAR
_DECIMAL = re.compile(r"(-?)(\d{1,18})(?:\.(\d*))?\Z", re.ASCII)
_XATTR = "SCHILY.xattr."
_SPARSE = "GNU.sparse."
_FIELDS = struct.Struct("100s8s8s8s12s12s8sc100s6s2s64s8s8s155s12s")
_PLAIN = re.compile(
    rb"([0-7]{7})\0([0-7]{7})\0([0-7]{7})\0([0-7]{11})[\0 ]([0-7]{11})[\0 ]([0-7]{6})\0 ([0125])"
)
"""The numbers of a header as almost every tool writes them: what this matches needs no looking
at each field by itself, which takes most of the time that reading a header takes.
"""
_NO_PAX: dict[str, bytes] = {}


@dataclass(frozen=True, slots=True)
class TarMember:
    """One member. ``type`` is the tar type flag, ``0`` for any regular file.

    ``offset`` is where its bytes lie in the archive, ``size`` how long the file is. They are the
    same bytes unless ``holes`` is set: then ``stored`` bytes lie there, to be put at the
    (offset, length) pairs of ``holes`` in a file of zeros. ``device`` is (major, minor).
    """

    name: str
    type: str
    mode: int
    uid: int
    gid: int
    mtime: int
    offset: int
    size: int
    link: str
    xattrs: tuple[tuple[str, bytes], ...]
    device: tuple[int, int] | None = None
    stored: int = 0
    holes: tuple[tuple[int, int], ...] | None = None


class ByteSource(Protocol):
    """An archive's bytes in order."""

    @property
    def position(self) -> int:
        """Where the next byte stands, counted from the beginning."""
        ...

    def take(self, size: int) -> memoryview:
        """The next ``size`` bytes, fewer at the end."""
        ...

    def advance_to(self, position: int) -> bool:
        """Pass over everything before ``position``; ``False`` where the archive ends first."""
        ...


class MemorySource:
    """An archive that lies in memory whole."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self.position = 0

    def take(self, size: int) -> memoryview:
        """The next ``size`` bytes, fewer at the end."""
        start = self.position
        self.position = min(start + size, len(self._data))
        return self._data[start : self.position]

    def advance_to(self, position: int) -> bool:
        """Pass over everything before ``position``."""
        self.position = min(position, len(self._data))
        return position <= len(self._data)


def read_tar(data: memoryview, *, max_members: int = 1_000_000) -> Iterator[TarMember]:
    """The members of the tar ``data`` in order. Raises ``HostileInputError`` at the first thing
    that is not plainly a member.
    """
    return tar_members(MemorySource(data), max_members=max_members)


def tar_members(source: ByteSource, *, max_members: int) -> Iterator[TarMember]:
    """The members of ``source`` in order. Each is given with ``source`` at its first byte, and
    what the caller leaves of it is passed over. Extended headers count as members.
    """
    return _Reader(source, max_members).members()


def refused(cause: str) -> HostileInputError:
    """The error for an archive that cannot be trusted to mean the same to every tool."""
    return HostileInputError(
        f"the archive is damaged or hostile: {cause}",
        resolution="Fetch or export it again; if it stays so, do not use it.",
    )


class _Reader:
    def __init__(self, source: ByteSource, max_members: int) -> None:
        self._source = source
        self._left = max_members
        self._pax: dict[str, bytes] = _NO_PAX
        self._gnu: dict[str, bytes] = _NO_PAX
        self._extensions = 0
        self._extended = 0

    def members(self) -> Iterator[TarMember]:
        source = self._source
        while (block := self._next_block()) is not None:
            self._left -= 1
            if self._left < 0:
                raise refused("it has too many members")
            member = self._plain(block)
            if member is not None:
                yield member
                end = member.offset + member.size
                if not source.advance_to(end):
                    raise refused("it is cut short")
                source.advance_to(end + -end % BLOCK)
                continue
            self._check_sum(block)
            fields = _FIELDS.unpack(block)
            kind = chr(fields[7][0])
            if kind in "xgLK":
                self._extension(kind, fields)
                continue
            member, end = self._member(kind, block, fields)
            self._extensions = 0
            yield member
            if not source.advance_to(end):
                raise refused("it is cut short")
            source.advance_to(end + -end % BLOCK)

    def _next_block(self) -> bytes | None:
        start = self._source.position
        block = bytes(self._source.take(BLOCK))
        if len(block) < BLOCK:
            if block:
                raise refused("it ends inside a header")
            self._check_nothing_pending()
            return None
        if block == _ZERO:
            second = bytes(self._source.take(BLOCK))
            if second and second != _ZERO[: len(second)]:
                raise refused(f"a header of zeros at byte {start}")
            self._check_nothing_pending()
            return None
        return block

    def _plain(self, block: bytes) -> TarMember | None:
        """The member of a header with a short name and plain numbers; ``None``: look closer."""
        numbers = _PLAIN.match(block, 100)
        if numbers is None or block[345] or self._pax or self._gnu:
            return None
        mode, uid, gid, size, mtime, checksum, kind = numbers.groups()
        if int(checksum, 8) != sum(block) - sum(block[148:156]) + 256:
            return None
        self._extensions = 0
        return TarMember(
            block[:100].partition(b"\0")[0].decode("utf-8", "surrogateescape"),
            chr(kind[0]),
            int(mode, 8),
            int(uid, 8),
            int(gid, 8),
            int(mtime, 8),
            self._source.position,
            int(size, 8) if kind == b"0" else 0,
            block[157:257].partition(b"\0")[0].decode("utf-8", "surrogateescape")
            if block[157]
            else "",
            (),
        )

    def _check_sum(self, block: bytes) -> None:
        stored = _number(block[148:156], "checksum")
        if stored != sum(block) - sum(block[148:156]) + 256 and stored != _signed_sum(block):
            at = self._source.position - BLOCK
            raise refused(f"a header's checksum is wrong at byte {at}")

    def _check_nothing_pending(self) -> None:
        if self._pax or self._gnu:
            raise refused("an extended header is followed by nothing")

    def _extension(self, kind: str, fields: tuple[bytes, ...]) -> None:
        size = _number(fields[4], "size")
        if size > _MAX_EXTENSION:
            raise refused(f"an extended header of {size} bytes")
        self._extensions += 1
        self._extended += size
        if self._extensions > _MAX_EXTENSIONS_IN_A_ROW or self._extended > _MAX_EXTENSIONS:
            raise refused("extended headers without end")
        body = bytes(self._source.take(size))
        if len(body) < size:
            raise refused("it is cut short")
        self._source.advance_to(self._source.position + -size % BLOCK)
        if kind in "LK":
            self._gnu = dict(self._gnu)
            self._gnu["path" if kind == "L" else "linkpath"] = body.partition(b"\0")[0]
            return
        records = _pax_records(body)
        if kind == "x":
            self._pax = {**self._pax, **records}

    def _member(self, kind: str, block: bytes, fields: tuple[bytes, ...]) -> tuple[TarMember, int]:
        if kind not in _KNOWN:
            raise refused(f"a member of unknown type {kind!r}")
        name, mode, uid, gid, size, mtime, _, _, link, *_ = fields
        records = self._pax
        if records or self._gnu:
            records = {**self._gnu, **records}
            self._pax = self._gnu = _NO_PAX
        path = _path(records.get("path") or _ustar_name(name, fields))
        stored = _decimal(records, "size", size)
        if kind in _HEADER_ONLY:
            stored = 0
        start = self._source.position
        size_, holes, taken = stored, None, 0
        if kind == "S" or (records and any(key.startswith(_SPARSE) for key in records)):
            from neve.oci.untar_sparse import read_sparse

            found = read_sparse(self._source, block, records, stored) if kind in "0\0S7" else None
            if found is not None:
                size_, holes = found.size, found.map
                taken = self._source.position - start
                path = _path(found.name) if found.name else path
        offset = self._source.position
        in_data = taken if kind != "S" else 0
        end = offset + stored - in_data
        if kind in _REGULAR:
            kind = "5" if kind == "\0" and path.endswith("/") else "0"
        member = TarMember(
            path,
            kind,
            _number(mode, "mode"),
            _decimal(records, "uid", uid),
            _decimal(records, "gid", gid),
            _decimal(records, "mtime", mtime),
            offset,
            size_,
            _path(records.get("linkpath") or link.partition(b"\0")[0]),
            _xattrs(records) if records else (),
            _device(fields) if kind in "34" else None,
            stored - in_data,
            holes,
        )
        return member, end


def _xattrs(records: dict[str, bytes]) -> tuple[tuple[str, bytes], ...]:
    return tuple(
        (key.removeprefix(_XATTR), value)
        for key, value in sorted(records.items())
        if key.startswith(_XATTR)
    )


def _device(fields: tuple[bytes, ...]) -> tuple[int, int]:
    return _number(fields[12], "device number"), _number(fields[13], "device number")


def _ustar_name(name: bytes, fields: tuple[bytes, ...]) -> bytes:
    name = name.partition(b"\0")[0]
    prefix = fields[14]
    if fields[9] == b"ustar\0" and prefix[0]:
        if fields[15][8:] == b"tar\0":  # star: 131 bytes of prefix, then its own times
            prefix = prefix[:131]
        return prefix.partition(b"\0")[0] + b"/" + name
    return name


def _path(raw: bytes) -> str:
    if b"\0" in raw:
        raise refused("a name with a NUL in it")
    return raw.decode("utf-8", "surrogateescape")


def _signed_sum(block: bytes) -> int:
    """The checksum as some old tars wrote it, over signed bytes."""
    high = sum(1 for byte in block[:148] + block[156:] if byte > 127)
    return sum(block) - sum(block[148:156]) + 256 - 256 * high


def _number(field: bytes, what: str) -> int:
    """An octal field, or GNU's base-256 form (high bit of the first byte set)."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big") & ((1 << (8 * len(field) - 1)) - 1)
        if field[0] & 0x40:
            value -= 1 << (8 * len(field) - 1)
        if abs(value) > _MAX_NUMBER or (value < 0 and what != "mtime"):
            raise refused(f"a {what} out of range")
        return value
    digits = field.strip(b" \0").partition(b"\0")[0]
    if not digits:
        return 0
    if not digits.isdigit() or b"8" in digits or b"9" in digits:
        raise refused(f"a {what} that is no number")
    return int(digits, 8)


def _decimal(records: dict[str, bytes], key: str, field: bytes) -> int:
    raw = records.get(key) if records else None
    if raw is None:
        return _number(field, key)
    match = _DECIMAL.match(raw.decode("ascii", "replace"))
    if match is None or (match[1] and key != "mtime"):
        raise refused(f"a {key} that is no number")
    value = int(match[2])
    if not match[1]:
        return value
    return -value - 1 if (match[3] or "").strip("0") else -value


def _pax_records(body: bytes) -> dict[str, bytes]:
    """The records of an extended header; a value of "" takes back what stood before.

    The map of a sparse file of version 0.0 comes as pairs of records of the same two names: they
    are joined as version 0.1 writes them.
    """
    records: dict[str, bytes] = {}
    sparse: list[bytes] = []
    position = 0
    while position < len(body):
        space = body.find(b" ", position, position + 20)
        digits = body[position:space] if space > 0 else b""
        if not digits.isdigit():
            raise refused("an extended header without a length")
        end = position + int(digits)
        if not space < end <= len(body) or body[end - 1 : end] != b"\n":
            raise refused("an extended header of a wrong length")
        key, equals, value = body[space + 1 : end - 1].partition(b"=")
        if not equals or not key:
            raise refused("an extended header that is no pair")
        if len(records) + len(sparse) > _MAX_RECORDS:
            raise refused(f"an extended header of more than {_MAX_RECORDS} records")
        if key in (b"GNU.sparse.offset", b"GNU.sparse.numbytes"):
            if (len(sparse) % 2 == 0) != (key == b"GNU.sparse.offset") or b"," in value:
                raise refused("a sparse file whose map is not in pairs")
            sparse.append(value)
        else:
            records[key.decode("utf-8", "surrogateescape")] = value
        position = end
    if sparse:
        records[f"{_SPARSE}map"] = b",".join(sparse)
    return {key: value for key, value in records.items() if value or key.startswith(_XATTR)}
