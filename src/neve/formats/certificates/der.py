"""DER items (X.690), read within bounds: just enough to tell containers and keys apart.

Certificates themselves are read by ``cryptography``; this finds where they begin and end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

INTEGER, OCTETS, OID, SEQUENCE, CONTEXT_0, CONTEXT_1 = 0x02, 0x04, 0x06, 0x30, 0xA0, 0xA1
_MAX_LENGTH_BYTES = 4
_MAX_ITEMS = 100_000


class DerError(ValueError):
    """The bytes are no DER of the expected shape."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item of ``data``: its header begins at ``at``, its value lies in ``start:stop``."""

    data: bytes
    tag: int
    at: int
    start: int
    stop: int

    @property
    def value(self) -> bytes:
        """The value without its header."""
        return self.data[self.start : self.stop]

    @property
    def whole(self) -> bytes:
        """Header and value."""
        return self.data[self.at : self.stop]

    def children(self) -> Iterator[Item]:
        """The items inside a constructed one, in order; raises ``DerError`` where they break."""
        at = self.start
        for _ in range(_MAX_ITEMS):
            if at >= self.stop:
                return
            item = read_item(self.data, at, self.stop)
            yield item
            at = item.stop
        raise DerError("too many items")

    def inside(self, *tags: int) -> Item:
        """The first child, and its first child, …, each of the tag that ``tags`` say."""
        item = self
        for tag in tags:
            item = next(item.children(), item)
            if item.tag != tag:
                raise DerError(f"no item of tag {tag:#x}")
        return item


def read_item(data: bytes, at: int = 0, end: int | None = None) -> Item:
    """The item that begins at ``at`` and must end by ``end``."""
    end = len(data) if end is None else end
    if at + 2 > end:
        raise DerError("cut short")
    tag, length, start = data[at], data[at + 1], at + 2
    if length == 0x80:
        raise DerError("of indefinite length (BER)")
    if length > 0x80:
        count = length & 0x7F
        if count > _MAX_LENGTH_BYTES or start + count > end:
            raise DerError("cut short")
        length = int.from_bytes(data[start : start + count], "big")
        start += count
    if start + length > end:
        raise DerError("cut short")
    return Item(data, tag, at, start, start + length)
