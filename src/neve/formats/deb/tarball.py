"""The tar inside a package: headers → members with offsets, in one pass over the inflated bytes.

Source: POSIX.1-2008 pax (ustar and extended headers), tar(5) for GNU long names and base-256
numbers. Owns shapes and bounds; what a member means to a package is decided in ``package``.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from neve.formats.deb.ar import refused

BLOCK = 512

_HEADER = struct.Struct("100s8s8s8s12s12s8sc100s8s32s32s8s8s155s12x")
_OCTAL = re.compile(rb"[ \0]*([0-7]*)[ \0]*")
_MAX_EXTENSION = 1 << 20
_MAX_MEMBERS = 250_000
_MAX_PATH = 4_095  # PATH_MAX less its NUL: limits.h
_MAX_NAME = 255  # NAME_MAX
_MAX_ID = 2**32 - 2  # 2**32 - 1 means "no change": chown(2)
_MAX_TIME = 2**40
_MAGICS = (b"ustar\x0000", b"ustar  \0", b"\0" * 8)
_XATTR = "SCHILY.xattr."
_EMPTY = b"\0" * BLOCK
_RECORD = re.compile(rb"([0-9]{1,8}) ([^=\0]{1,255})=")
_DECIMAL = re.compile(rb"-?[0-9]{1,19}")
_NON_ZERO = re.compile(rb"[^\0]")

FILE, HARDLINK, SYMLINK, DIRECTORY = b"0", b"1", b"2", b"5"
_REFUSED_TYPES = {
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a fifo",
    b"7": "a contiguous file",
    b"S": "a sparse file",
    b"M": "a part of a multi-volume archive",
    b"V": "a volume label",
    b"D": "a GNU directory dump",
}


@dataclass(frozen=True, slots=True)
class TarMember:
    """One member; ``path`` and ``link`` as written but decoded, ``offset`` of its content."""

    type: bytes
    path: str
    link: str
    mode: int
    uid: int
    gid: int
    user: str
    group: str
    mtime: int
    offset: int
    size: int
    xattrs: tuple[tuple[str, bytes], ...]


def tar_members(data: memoryview, *, name: str) -> Iterator[TarMember]:
    """Every member of the inflated tar ``data``; ``name`` names the archive in errors.

    Raises ``HostileInputError`` for a broken header, truncation, a missing end, anything after
    the end, and every kind of member but file, directory, symbolic and hard link.
    """
    walker = _Walker(data, name)
    return walker.walk()


class _Walker:
    def __init__(self, data: memoryview, name: str) -> None:
        self._data = data
        self._name = name
        self._at = 0
        self._global: dict[str, bytes] = {}
        self._next: dict[str, bytes] = {}

    def walk(self) -> Iterator[TarMember]:
        count = 0
        while True:
            header = bytes(self._data[self._at : self._at + BLOCK])
            if len(header) < BLOCK:
                raise refused(f"{self._name} is cut short: it has no end-of-archive block")
            if header == _EMPTY:
                break
            count += 1
            if count > _MAX_MEMBERS:
                raise refused(f"{self._name} has more than {_MAX_MEMBERS} members")
            member = self._member(header)
            if member is not None:
                yield member
        if self._next:
            raise refused(f"{self._name} ends in an extended header of nothing")
        if _NON_ZERO.search(self._data, self._at) is not None:
            raise refused(f"{self._name} has bytes after its end")

    def _member(self, header: bytes) -> TarMember | None:
        fields = _HEADER.unpack(header)
        path, mode, uid, gid, size, mtime, checksum, kind, link = fields[:9]
        magic, user, group, _, _, prefix = fields[9:]
        if sum(header) - sum(checksum) + 8 * 32 != self._number(checksum):
            raise refused(f"{self._name} has a header with a wrong checksum at byte {self._at}")
        if magic not in _MAGICS:
            raise refused(f"{self._name} has a header of an unknown kind at byte {self._at}")
        length = self._number(size)
        if kind in b"LKxg":
            self._extend(kind, bytes(self._content(length, limit=_MAX_EXTENSION)))
            return None
        path = _cut(path)
        if prefix[0] and magic == _MAGICS[0]:
            path = _cut(prefix) + b"/" + path
        if kind == b"\0" or kind == FILE:
            kind = DIRECTORY if path.endswith(b"/") and "path" not in self._next else FILE
        extended = {**self._global, **self._next}
        self._next = {}
        if "size" in extended:
            length = self._decimal(extended["size"])
        self._require_honest(kind, path, length, extended)
        content = self._content(length)
        member = TarMember(
            kind, self._text(path), self._text(_cut(link)), self._number(mode) & 0o7777,
            self._number(uid), self._number(gid), self._text(_cut(user)), self._text(_cut(group)),
            self._number(mtime), self._at - _padded(length), len(content), (),
        )  # fmt: skip
        return self._checked(self._overridden(member, extended) if extended else member)

    def _require_honest(
        self, kind: bytes, path: bytes, length: int, fields: dict[str, bytes]
    ) -> None:
        if kind not in (FILE, HARDLINK, SYMLINK, DIRECTORY):
            what = _REFUSED_TYPES.get(kind, f"of the unknown type {kind!r}")
            raise refused(f"{self._name}: {_shown(path)} is {what}")
        if kind != FILE and length:
            raise refused(f"{self._name}: {_shown(path)} is no file and yet has content")
        if any(key.startswith("GNU.sparse.") for key in fields):
            raise refused(f"{self._name}: {_shown(path)} is a sparse file")

    def _overridden(self, member: TarMember, fields: dict[str, bytes]) -> TarMember:
        """``member`` as its extended headers have it: they take precedence."""
        texts = {
            own: self._text(fields[key])
            for own, key in (
                ("path", "path"), ("link", "linkpath"), ("user", "uname"), ("group", "gname"),
            )
            if key in fields
        }  # fmt: skip
        numbers = {
            key: self._decimal(fields[key].partition(b".")[0])
            for key in ("uid", "gid", "mtime")
            if key in fields
        }
        xattrs = tuple(
            sorted(
                (key.removeprefix(_XATTR), value)
                for key, value in fields.items()
                if key.startswith(_XATTR)
            )
        )
        return replace(member, **texts, **numbers, xattrs=xattrs)  # type: ignore[arg-type]

    def _checked(self, member: TarMember) -> TarMember:
        if not (0 <= member.uid <= _MAX_ID and 0 <= member.gid <= _MAX_ID):
            raise refused(f"{self._name}: {member.path!r} has an owner out of range")
        if abs(member.mtime) > _MAX_TIME:
            raise refused(f"{self._name}: {member.path!r} has a time out of range")
        return member

    def _content(self, length: int, *, limit: int | None = None) -> memoryview:
        """The content after the header at hand; moves on to the next header."""
        start = self._at + BLOCK
        end = start + _padded(length)
        if length < 0 or end > len(self._data):
            raise refused(f"{self._name} is cut short in the member at byte {self._at}")
        if limit is not None and length > limit:
            raise refused(f"{self._name} has an extended header of {length} bytes")
        self._at = end
        return self._data[start : start + length]

    def _extend(self, kind: bytes, body: bytes) -> None:
        """Keep what an extended header says of the member that follows it, or of all."""
        if kind == b"L":
            self._next["path"] = body.rstrip(b"\0")
        elif kind == b"K":
            self._next["linkpath"] = body.rstrip(b"\0")
        else:
            (self._global if kind == b"g" else self._next).update(self._records(body))

    def _records(self, body: bytes) -> dict[str, bytes]:
        """The records of a pax header, each ``LENGTH KEY=VALUE\\n``."""
        found: dict[str, bytes] = {}
        at = 0
        while at < len(body):
            match = _RECORD.match(body, at)
            end = at + int(match[1]) if match else 0
            if match is None or end <= match.end() or end > len(body) or body[end - 1] != 0x0A:
                raise refused(f"{self._name} has a broken extended header")
            found[self._text(match[2])] = body[match.end() : end - 1]
            at = end
        return found

    def _number(self, field: bytes) -> int:
        number = _number(field)
        if number is None:
            raise refused(f"{self._name} has a header with a broken number at byte {self._at}")
        return number

    def _decimal(self, field: bytes) -> int:
        if _DECIMAL.fullmatch(field) is None:
            raise refused(f"{self._name} has an extended header with a broken number")
        return int(field)

    def _text(self, raw: bytes) -> str:
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise refused(f"{self._name}: the name {_shown(raw)} is not UTF-8") from None
        if "\0" in text or "\n" in text:
            raise refused(f"{self._name}: the name {_shown(raw)} holds a NUL or a line break")
        return text


def normal_path(name: str, *, archive: str) -> str:
    """``./usr//bin/`` → ``/usr/bin``; refuses absolute names, ``..`` and impossibly long ones."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if not name or name.startswith("/") or ".." in parts:
        raise refused(f"{archive}: the name {name[:200]!r} leads out of the package")
    path = "/" + "/".join(parts)
    raw = len(path) * 4 > _MAX_NAME and any(len(part.encode()) > _MAX_NAME for part in parts)
    if raw or len(path.encode()) > _MAX_PATH:
        raise refused(f"{archive}: the name {name[:200]!r} is longer than Linux allows")
    return path


@lru_cache(maxsize=4_096)
def _number(field: bytes) -> int | None:
    """An octal field, or GNU tar's base-256 one (its first bit is set); ``None`` if neither."""
    if field[0] & 0x80:
        return int.from_bytes(bytes((field[0] & 0x7F,)) + field[1:], "big") - (
            1 << (8 * len(field) - 1) if field[0] & 0x40 else 0
        )
    match = _OCTAL.fullmatch(field)
    return int(match[1] or b"0", 8) if match else None


def _padded(length: int) -> int:
    return -(-length // BLOCK) * BLOCK


def _cut(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _shown(raw: bytes) -> str:
    return repr(raw[:200])[1:]
