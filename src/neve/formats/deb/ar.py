"""The ar container of a ``.deb``, read front to back (deb(5), ar(5)).

Owns the members' places and sizes; inflates and interprets nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from neve.errors import HostileInputError

_MAGIC = b"!<arch>\n"
_HEADER_SIZE = 60
_NUMBER = re.compile(rb"[0-9]+ *")
_MAX_MEMBERS = 64
_CHUNK = 1 << 18


def refused(why: str) -> HostileInputError:
    """The refusal of a package whose container is not what an honest tool writes."""
    return HostileInputError(
        f"not a sound Debian package: {why}",
        resolution="Delete the file and fetch it again; if it fails again, report the package.",
    )


class Member:
    """One member: ``name``, ``size`` in bytes, and ``read`` up to its end."""

    def __init__(self, stream: BinaryIO, name: str, size: int) -> None:
        self.name = name
        self.size = size
        self.left = size
        self._stream = stream

    def read(self, size: int = _CHUNK) -> bytes:
        """At most ``size`` bytes, ``b""`` at the end; refuses a member that is cut short."""
        wanted = min(size if size >= 0 else self.left, self.left)
        if wanted == 0:
            return b""
        data = self._stream.read(wanted)
        if not data:
            raise refused(f"{self.name} is cut short by {self.left} bytes")
        self.left -= len(data)
        return data

    def read_all(self, *, limit: int) -> bytes:
        """The whole member; refuses one of more than ``limit`` bytes."""
        if self.size > limit:
            raise refused(f"{self.name} has {self.size} bytes, more than {limit}")
        parts = []
        while data := self.read():
            parts.append(data)
        return b"".join(parts)

    def skip(self) -> None:
        """Read on to the end of the member."""
        while self.read():
            pass


@dataclass(frozen=True, slots=True)
class _Header:
    name: str
    size: int


def members(stream: BinaryIO) -> Iterator[Member]:
    """The members in order; what the caller leaves unread of one is skipped.

    Raises ``HostileInputError`` for a wrong magic, a broken header and truncation.
    """
    if _exactly(stream, len(_MAGIC)) != _MAGIC:
        raise refused("it does not begin with the ar magic !<arch>")
    for _ in range(_MAX_MEMBERS):
        raw = _exactly(stream, _HEADER_SIZE)
        if not raw:
            return
        header = _header(raw)
        member = Member(stream, header.name, header.size)
        yield member
        member.skip()
        if header.size % 2 and _exactly(stream, 1) not in (b"\n", b""):
            raise refused(f"{header.name} is not followed by its padding")
    raise refused(f"it has more than {_MAX_MEMBERS} members")


def _header(raw: bytes) -> _Header:
    if len(raw) < _HEADER_SIZE or raw[58:60] != b"`\n":
        raise refused("a member's header is broken or cut short")
    name = raw[:16].rstrip(b" ").removesuffix(b"/")
    size = raw[48:58]
    if not name or not name.isascii() or _NUMBER.fullmatch(size) is None:
        raise refused("a member's header holds no name or no size")
    return _Header(name.decode("ascii"), int(size))


def _exactly(stream: BinaryIO, size: int) -> bytes:
    """``size`` bytes, fewer only at the end of the stream."""
    data = stream.read(size)
    while data and len(data) < size:
        more = stream.read(size - len(data))
        if not more:
            break
        data += more
    return data
