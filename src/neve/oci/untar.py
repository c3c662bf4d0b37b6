"""A strict tar reader over bytes in memory, for layers and archives that others wrote.

Reads ustar, pax, and GNU's long names and base-256 numbers, as Go's ``archive/tar`` does, whose
reading every container engine shares. What tools read differently is refused, not guessed:
sparse files, continued volumes, a bad checksum, bytes after the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from neve.errors import HostileInputError

BLOCK = 512
_ZERO = bytes(BLOCK)
_MAX_EXTENSION = 1024 * 1024
_MAX_NUMBER = 1 << 62
_MAX_GLOBAL = 32
_HEADER_ONLY = frozenset("123456")
_REGULAR = frozenset(("0", "\0", "7"))
_KNOWN = _HEADER_ONLY | _REGULAR
_DECIMAL = re.compile(r"(-?)(\d{1,18})(?:\.(\d*))?\Z", re.ASCII)
_XATTR = "SCHILY.xattr."
_NEVER_GLOBAL = frozenset(("path", "linkpath", "size"))


@dataclass(frozen=True, slots=True)
class TarMember:
    """One member. ``type`` is the tar type flag, ``0`` for any regular file; ``offset`` and
    ``size`` are where its bytes lie in the archive.
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


def read_tar(data: memoryview, *, max_members: int = 1_000_000) -> Iterator[TarMember]:
    """The members of the tar ``data`` in order. Raises ``HostileInputError`` at the first thing
    that is not plainly a member.
    """
    return _Reader(data, max_members).members()


def refused(cause: str) -> HostileInputError:
    """The error for an archive that cannot be trusted to mean the same to every tool."""
    return HostileInputError(
        f"the archive is damaged or hostile: {cause}",
        resolution="Fetch or export it again; if it stays so, do not use it.",
    )


class _Reader:
    def __init__(self, data: memoryview, max_members: int) -> None:
        self._data = data
        self._left = max_members
        self._position = 0
        self._global: dict[str, bytes] = {}
        self._local: dict[str, bytes] = {}
        self._gnu: dict[str, bytes] = {}

    def members(self) -> Iterator[TarMember]:
        while (block := self._next_block()) is not None:
            self._left -= 1
            if self._left < 0:
                raise refused("it has too many members")
            kind = chr(block[156])
            if kind in "xgLK":
                self._extension(kind, block)
            else:
                yield self._member(kind, block)

    def _next_block(self) -> bytes | None:
        if self._position == len(self._data):
            self._check_nothing_pending()
            return None
        block = bytes(self._data[self._position : self._position + BLOCK])
        if len(block) < BLOCK:
            raise refused("it ends inside a header")
        if block == _ZERO:
            self._check_nothing_pending()
            self._check_end()
            return None
        self._position += BLOCK
        stored = _number(block[148:156], "checksum")
        if stored != sum(block[:148]) + sum(block[156:]) + 8 * 32:
            raise refused(f"a header's checksum is wrong at byte {self._position - BLOCK}")
        return block

    def _check_nothing_pending(self) -> None:
        if self._local or self._gnu:
            raise refused("an extended header is followed by nothing")

    def _check_end(self) -> None:
        step = 1024 * 1024
        for start in range(self._position, len(self._data), step):
            chunk = self._data[start : start + step]
            if chunk != bytes(len(chunk)):
                raise refused("there are bytes after its end")

    def _take(self, size: int) -> int:
        """Skip ``size`` bytes and their padding; where they began."""
        start = self._position
        end = start + size
        if size < 0 or end > len(self._data):
            raise refused("it is cut short")
        self._position = min(end + -size % BLOCK, len(self._data))
        return start

    def _extension(self, kind: str, block: bytes) -> None:
        size = _number(block[124:136], "size")
        if size > _MAX_EXTENSION:
            raise refused(f"an extended header of {size} bytes")
        start = self._take(size)
        body = bytes(self._data[start : start + size])
        if kind in "LK":
            self._gnu["path" if kind == "L" else "linkpath"] = body.rstrip(b"\0")
            return
        records = _pax_records(body)
        if any(key.startswith("GNU.sparse.") for key in records):
            raise refused("a sparse file")
        if kind == "x":
            self._local.update(records)
        elif _NEVER_GLOBAL & records.keys() or any(key.startswith(_XATTR) for key in records):
            raise refused("a global header that renames, resizes or marks every member")
        else:
            self._global.update(records)
            if len(self._global) > _MAX_GLOBAL:
                raise refused("too many global records")

    def _member(self, kind: str, block: bytes) -> TarMember:
        if kind == "S":
            raise refused("a sparse file")
        if kind not in _KNOWN:
            raise refused(f"a member of unknown type {kind!r}")
        records = {**self._global, **self._gnu, **self._local}
        self._local, self._gnu = {}, {}
        name = _path(records.get("path") or _ustar_name(block))
        size = _decimal(records, "size", _number(block[124:136], "size"))
        if kind in _REGULAR:
            kind = "5" if kind == "\0" and name.endswith("/") else "0"
        if kind in _HEADER_ONLY:
            size = 0
        return TarMember(
            name=name,
            type=kind,
            mode=_number(block[100:108], "mode"),
            uid=_decimal(records, "uid", _number(block[108:116], "uid")),
            gid=_decimal(records, "gid", _number(block[116:124], "gid")),
            mtime=_decimal(records, "mtime", _number(block[136:148], "mtime")),
            offset=self._take(size),
            size=size,
            link=_path(records.get("linkpath") or _text(block[157:257])),
            xattrs=tuple(
                (key.removeprefix(_XATTR), value)
                for key, value in sorted(records.items())
                if key.startswith(_XATTR)
            ),
        )


def _ustar_name(block: bytes) -> bytes:
    name = _text(block[0:100])
    if block[257:263] == b"ustar\0" and block[345]:
        return _text(block[345:500]) + b"/" + name
    return name


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _path(raw: bytes) -> str:
    if b"\0" in raw:
        raise refused("a name with a NUL in it")
    return raw.decode("utf-8", "surrogateescape")


def _number(field: bytes, what: str) -> int:
    """An octal field, or GNU's base-256 form (high bit of the first byte set)."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big") & ((1 << (8 * len(field) - 1)) - 1)
        if field[0] & 0x40:
            value -= 1 << (8 * len(field) - 1)
    else:
        digits = field.strip(b" \0")
        if not digits:
            return 0
        if not digits.isdigit() or b"8" in digits or b"9" in digits:
            raise refused(f"a {what} that is no number")
        value = int(digits, 8)
    if abs(value) > _MAX_NUMBER or (value < 0 and what != "mtime"):
        raise refused(f"a {what} out of range")
    return value


def _decimal(records: dict[str, bytes], key: str, default: int) -> int:
    raw = records.get(key)
    if raw is None:
        return default
    match = _DECIMAL.match(raw.decode("ascii", "replace"))
    if match is None or (match[1] and key != "mtime"):
        raise refused(f"a {key} that is no number")
    value = int(match[2])
    if not match[1]:
        return value
    return -value - 1 if (match[3] or "").strip("0") else -value


def _pax_records(body: bytes) -> dict[str, bytes]:
    records: dict[str, bytes] = {}
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
        records[key.decode("utf-8", "surrogateescape")] = value
        position = end
    return {key: value for key, value in records.items() if value or key.startswith(_XATTR)}
