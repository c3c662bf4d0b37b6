"""The independent blocks of an xz stream, inflated on several cores at once.

dpkg-deb writes blocks of 24 MiB, and the index at the stream's end says where each one lies
(The .xz File Format 1.2, §4). One block, wrapped as a stream of its own, is inflated and checked
by liblzma as any other. Owns that index; what it says is believed only where all of it adds up.
"""

from __future__ import annotations

import lzma
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from zlib import crc32

_HEAD_MAGIC = b"\xfd7zXZ\x00"
_FOOT_MAGIC = b"YZ"
_FRAME = 12  # bytes of a stream's header, and of its footer
_MOST_BLOCKS = 4096
_LARGEST_BLOCK = 64 << 20
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block: where it lies in the stream, how long without padding, and inflated."""

    offset: int
    size: int
    inflated: int


def find_blocks(data: memoryview) -> tuple[Block, ...]:
    """The blocks of ``data`` where it is exactly one sound stream of blocks of at most 64 MiB
    each; else none, and inflating it front to back shows what is wrong.
    """
    try:
        return _blocks(data)
    except (ValueError, IndexError):
        return ()


def inflate_blocks(data: memoryview, blocks: tuple[Block, ...], *, memory: int) -> Iterator[bytes]:
    """The blocks inflated, in order, in pieces of at most a megabyte; at most one block more than
    there are cores is held at once.

    ``memory`` bounds what liblzma may use for one, in bytes. Raises ``lzma.LZMAError`` for a
    block that is damaged or not as long as the index says.
    """
    workers = min(os.cpu_count() or 1, len(blocks))
    waiting: deque[Future[list[bytes]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for block in blocks:
            waiting.append(pool.submit(_inflate, data, block, memory))
            if len(waiting) > workers:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def _inflate(data: memoryview, block: Block, memory: int) -> list[bytes]:
    head = bytes(data[:_FRAME])
    padded = block.size + -block.size % 4
    index = b"\0\1" + _number(block.size) + _number(block.inflated)
    index += bytes(-len(index) % 4)
    index += crc32(index).to_bytes(4, "little")
    foot = (len(index) // 4 - 1).to_bytes(4, "little") + head[6:8]
    foot = crc32(foot).to_bytes(4, "little") + foot + _FOOT_MAGIC
    stream = b"".join((head, data[block.offset : block.offset + padded], index, foot))
    inflater = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=memory)
    found = [inflater.decompress(stream, _PIECE)]
    left = block.inflated - len(found[0])
    while not inflater.eof and left >= 0 and found[-1]:
        found.append(inflater.decompress(b"", _PIECE))
        left -= len(found[-1])
    if not inflater.eof or left:
        raise lzma.LZMAError("a block is not as long as the index says")
    return found


def _blocks(data: memoryview) -> tuple[Block, ...]:
    head, foot = bytes(data[:_FRAME]), bytes(data[-_FRAME:])
    _require(len(data) >= 3 * _FRAME and head[:6] == _HEAD_MAGIC and foot[10:] == _FOOT_MAGIC)
    _require(head[6:8] == foot[8:10] and _sound(head[6:8], head[8:12]))
    _require(_sound(foot[4:10], foot[:4]))
    size = (int.from_bytes(foot[4:8], "little") + 1) * 4
    start = len(data) - _FRAME - size
    _require(start >= _FRAME)
    index = bytes(data[start : start + size])
    _require(index[0] == 0 and _sound(index[:-4], index[-4:]))
    count, at = _read_number(index, 1)
    _require(count <= _MOST_BLOCKS)
    found, offset = [], _FRAME
    for _ in range(count):
        unpadded, at = _read_number(index, at)
        inflated, at = _read_number(index, at)
        _require(unpadded > 0 and inflated <= _LARGEST_BLOCK)
        found.append(Block(offset=offset, size=unpadded, inflated=inflated))
        offset += unpadded + -unpadded % 4
    _require(offset == start and not any(index[at:-4]))
    return tuple(found)


def _require(holds: bool) -> None:  # noqa: FBT001 - it is what is asked
    if not holds:
        raise ValueError("not a stream whose index adds up")


def _sound(data: bytes, checksum: bytes) -> bool:
    return crc32(data) == int.from_bytes(checksum, "little")


def _read_number(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, lowest first (§1.2), and where the next one begins."""
    value = 0
    for shift in range(0, 63, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, at
    raise ValueError("a number of more than nine bytes")


def _number(value: int) -> bytes:
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*found, value))
