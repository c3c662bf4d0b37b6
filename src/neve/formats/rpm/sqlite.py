"""The rows of one table of an SQLite database, read from its bytes.

Source: "Database File Format" of sqlite.org. Not SQLite itself: a database of an image is
foreign, and a schema can hold triggers, views and generated columns that SQLite would run. This
reads table b-trees alone; every page is read at most once, so time and memory are bounded by the
file's size.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from neve.errors import HostileInputError

MAGIC = b"SQLite format 3\0"
_HEADER = 100
_INTERIOR, _LEAF = 0x05, 0x0D
_MAX_DEPTH = 40
_MAX_COLUMNS = 64
_FIXED = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 7: 8, 8: 0, 9: 0}
_CONSTANTS = {8: 0, 9: 1}
Value = int | float | bytes | None
"""A column's value; text stays in the database's bytes."""


def table_rows(data: memoryview, table: str, *, path: str) -> Iterator[tuple[Value, ...]]:
    """The rows of ``table`` in the order of their row ids; none where there is no such table.

    ``path`` names the file in errors. Raises ``HostileInputError`` where the database is cut
    off, has a cycle or is otherwise damaged; the rows before that have been given.
    """
    database = _Database(data, path)
    for kind, name, _, root, *_ in database.rows(1):
        if kind == b"table" and name == table.encode() and isinstance(root, int):
            yield from database.rows(root)
            return


class _Database:
    def __init__(self, data: memoryview, path: str) -> None:
        self._data = data
        self._path = path
        if len(data) < _HEADER or bytes(data[:16]) != MAGIC:
            raise self._damaged("is no SQLite database")
        size = int.from_bytes(data[16:18], "big")
        self._size = 65_536 if size == 1 else size
        self._usable = self._size - data[20]
        if self._size < 512 or self._size & (self._size - 1) or self._usable < 480:
            raise self._damaged("has pages of an impossible size")
        self._seen: set[int] = set()

    def _damaged(self, what: str) -> HostileInputError:
        return HostileInputError(
            f"{self._path}: {what}",
            resolution="Rebuild the database (rpm --rebuilddb) or take the image from its maker.",
        )

    def _page(self, number: int) -> memoryview:
        page = self._data[(number - 1) * self._size : number * self._size]
        if number < 1 or len(page) < self._usable:
            raise self._damaged(f"has no page {number}")
        if number in self._seen:
            raise self._damaged(f"uses page {number} twice")
        self._seen.add(number)
        return page[: self._usable]

    def rows(self, root: int) -> Iterator[tuple[Value, ...]]:
        """The rows of the table b-tree at page ``root``, depth first."""
        self._seen.discard(root)
        todo = [(root, 0)]
        while todo:
            number, depth = todo.pop()
            page = self._page(number)
            try:
                if depth > _MAX_DEPTH:
                    raise self._damaged("has a tree deeper than any real one")
                start = _HEADER if number == 1 else 0
                kind, _, count = struct.unpack_from(">BHH", page, start)
                if kind == _INTERIOR:
                    below = self._children(page, start, count)
                    todo.extend((child, depth + 1) for child in reversed(below))
                elif kind == _LEAF:
                    for cell in struct.unpack_from(f">{count}H", page, start + 8):
                        yield self._row(page, cell)
                else:
                    raise self._damaged(f"has no table on page {number}")
            except (struct.error, IndexError):
                raise self._damaged(f"is cut off on page {number}") from None

    @staticmethod
    def _children(page: memoryview, start: int, count: int) -> list[int]:
        cells = struct.unpack_from(f">{count}H", page, start + 12)
        below = [int(struct.unpack_from(">I", page, cell)[0]) for cell in cells]
        return [*below, int(struct.unpack_from(">I", page, start + 8)[0])]

    def _row(self, page: memoryview, position: int) -> tuple[Value, ...]:
        length, position = _varint(page, position)
        rowid, position = _varint(page, position)
        limit = self._usable - 35
        if length <= limit:
            payload: memoryview = page[position : position + length]
        else:
            least = (self._usable - 12) * 32 // 255 - 23
            kept = least + (length - least) % (self._usable - 4)
            kept = kept if kept <= limit else least
            (following,) = struct.unpack_from(">I", page, position + kept)
            payload = self._overflowing(page[position : position + kept], length, following)
        if len(payload) < length:
            raise self._damaged("has a row that is cut off")
        return tuple(self._columns(payload, rowid))

    def _overflowing(self, first: memoryview, length: int, following: int) -> memoryview:
        if length > len(self._data):
            raise self._damaged("has a row larger than the file")
        parts, have = [first], len(first)
        while have < length:
            page = self._page(following)
            part = page[4 : 4 + length - have]
            parts.append(part)
            have += len(part)
            following = int(struct.unpack_from(">I", page, 0)[0])
        return memoryview(b"".join(parts))

    def _columns(self, payload: memoryview, rowid: int) -> Iterator[Value]:
        end, position = _varint(payload, 0)
        kinds: list[int] = []
        while position < end:
            kind, position = _varint(payload, position)
            kinds.append(kind)
            if len(kinds) > _MAX_COLUMNS:
                raise self._damaged("has a row of too many columns")
        for index, kind in enumerate(kinds):
            size = _FIXED.get(kind, (kind - 12) // 2 if kind >= 12 else -1)
            raw = bytes(payload[position : position + size]) if size >= 0 else b""
            if size < 0 or len(raw) < size:
                raise self._damaged("has a column that is cut off")
            position += size
            yield rowid if kind == 0 and index == 0 else _value(kind, raw)


def _value(kind: int, raw: bytes) -> Value:
    if kind >= 12:
        return raw
    if kind == 7:
        return float(struct.unpack(">d", raw)[0])
    if kind in _CONSTANTS:
        return _CONSTANTS[kind]
    return int.from_bytes(raw, "big", signed=True) if raw else None


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    """A number of one to nine bytes, and what follows it."""
    value = 0
    for index in range(8):
        byte = data[position + index]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, position + index + 1
    return value << 8 | data[position + 8], position + 9
