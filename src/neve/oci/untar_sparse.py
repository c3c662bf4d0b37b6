"""Sparse files in tars: where the stored bytes belong, in all four forms that exist.

Sources: GNU tar's manual ("Storing Sparse Files": old GNU format, pax 0.0, 0.1 and 1.0); rules of
what is a sound map are those of Go's ``archive/tar``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from neve.oci.untar import BLOCK, ByteSource, refused

_MAX_PIECES = 1 << 16
_MAX_SIZE = 1 << 50
_DIGITS = 20
_ZEROS = memoryview(bytes(1 << 20))


@dataclass(frozen=True, slots=True, kw_only=True)
class SparseFile:
    """A file of ``size`` bytes that are zero but for the (offset, length) pairs of ``map``.

    ``name`` is the real one where the header holds a stand-in, else "".
    """

    size: int
    map: tuple[tuple[int, int], ...]
    name: bytes = b""


def read_sparse(
    source: ByteSource, block: bytes, records: dict[str, bytes], stored: int
) -> SparseFile | None:
    """The sparse file that a header speaks of, ``source`` at the first byte of its data then.

    ``None`` where the records only look like it. Raises ``HostileInputError`` for a map that
    does not fit the data.
    """
    name = records.get("GNU.sparse.name", b"")
    if block[156:157] == b"S":
        return _checked(_old(source, block), _number(block[483:495], 8), stored, b"")
    version = (records.get("GNU.sparse.major", b""), records.get("GNU.sparse.minor", b""))
    if version == (b"1", b"0"):
        pairs, taken = _in_data(source)
        return _checked(pairs, _real_size(records), stored - taken, name)
    if "GNU.sparse.map" in records and version in ((b"", b""), (b"0", b"0"), (b"0", b"1")):
        words = records["GNU.sparse.map"].split(b",")
        if len(words) % 2 or len(words) > 2 * _MAX_PIECES:
            raise refused("a sparse file whose map is not in pairs")
        numbers = [_number(word, 10) for word in words]
        pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
        return _checked(pairs, _real_size(records), stored, name)
    return None


def pieces(
    source: ByteSource, size: int, holes: tuple[tuple[int, int], ...]
) -> Iterator[memoryview]:
    """The whole content of a sparse file in pieces of at most 1 MiB, zeros and all."""
    position = 0
    for offset, length in (*holes, (size, 0)):
        while position < offset:
            count = min(offset - position, len(_ZEROS))
            yield _ZEROS[:count]
            position += count
        end = offset + length
        while position < end:
            data = source.take(min(end - position, len(_ZEROS)))
            if not data:
                raise refused("it is cut short")
            yield data
            position += len(data)


def _real_size(records: dict[str, bytes]) -> int:
    raw = records.get("GNU.sparse.realsize") or records.get("GNU.sparse.size")
    if raw is None:
        raise refused("a sparse file without its size")
    return _number(raw, 10)


def _old(source: ByteSource, block: bytes) -> list[tuple[int, int]]:
    """The map of the old GNU format: four pairs in the header, 21 in every block that follows."""
    pairs: list[tuple[int, int]] = []
    area, more = block[386:482], block[482]
    while True:
        for start in range(0, len(area), 24):
            pair = area[start : start + 24]
            if not pair[0]:
                break
            pairs.append((_number(pair[:12], 8), _number(pair[12:], 8)))
        if not more:
            return pairs
        if len(pairs) > _MAX_PIECES:
            raise refused("a sparse file of too many pieces")
        following = bytes(source.take(BLOCK))
        if len(following) < BLOCK:
            raise refused("it is cut short")
        area, more = following[:504], following[504]


def _in_data(source: ByteSource) -> tuple[list[tuple[int, int]], int]:
    """The map of pax 1.0, decimal lines in whole blocks before the data; and their length."""
    start = source.position
    numbers: list[int] = []
    wanted, text = 1, b""
    while len(numbers) < wanted:
        line, newline, rest = text.partition(b"\n")
        if not newline:
            if len(text) > _DIGITS:
                raise refused("a sparse file whose map is no number")
            following = bytes(source.take(BLOCK))
            if len(following) < BLOCK:
                raise refused("it is cut short")
            text += following
            continue
        numbers.append(_number(line, 10))
        if len(numbers) == 1:
            wanted = 1 + 2 * numbers[0]
            if wanted > 2 * _MAX_PIECES:
                raise refused("a sparse file of too many pieces")
        text = rest
    pairs = list(zip(numbers[1::2], numbers[2::2], strict=True))
    return pairs, source.position - start


def _number(raw: bytes, base: int) -> int:
    if base == 8 and raw[0] & 0x80:
        value = int.from_bytes(raw, "big") & ((1 << (8 * len(raw) - 1)) - 1)
    else:
        digits = raw.strip(b" \0") or (b"0" if base == 8 else b"")
        bad = not digits.isdigit() or len(digits) > _DIGITS
        if bad or (base == 8 and (b"8" in digits or b"9" in digits)):
            raise refused("a sparse file whose map is no number")
        value = int(digits, base)
    if value > _MAX_SIZE:
        raise refused("a sparse file out of range")
    return value


def _checked(pairs: list[tuple[int, int]], size: int, stored: int, name: bytes) -> SparseFile:
    position = 0
    for offset, length in pairs:
        if offset < position or offset + length > size:
            raise refused("a sparse file whose pieces overlap or reach beyond its end")
        position = offset + length
    if sum(length for _, length in pairs) != stored:
        raise refused("a sparse file whose pieces are not what is stored")
    kept = tuple((offset, length) for offset, length in pairs if length)
    return SparseFile(size=size, map=kept, name=name)
