"""The blocks of an xz stream: found only where the index adds up, inflated as liblzma would."""

from __future__ import annotations

import lzma
import random
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neve.formats.deb.xz_blocks import find_blocks, inflate_blocks

_MEMORY = 64 << 20


def _number(value: int) -> bytes:
    found = b""
    while value >= 0x80:
        found += bytes([value & 0x7F | 0x80])
        value >>= 7
    return found + bytes([value])


def _stream(parts: list[bytes]) -> bytes:
    """One xz stream with a block for each of ``parts``, as ``xz --block-list`` writes it."""
    head, blocks, rows = b"", b"", b""
    for part in parts:
        one = lzma.compress(part, preset=0)
        head = one[:12]
        size = (int.from_bytes(one[-8:-4], "little") + 1) * 4
        index = one[-12 - size : -12]
        unpadded = shift = 0
        for byte in index[2:]:
            unpadded |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        blocks += one[12 : -12 - size]
        rows += _number(unpadded) + _number(len(part))
    index = b"\0" + _number(len(parts)) + rows
    index += bytes(-len(index) % 4)
    index += crc32(index).to_bytes(4, "little")
    tail = (len(index) // 4 - 1).to_bytes(4, "little") + head[6:8]
    return head + blocks + index + crc32(tail).to_bytes(4, "little") + tail + b"YZ"


_PARTS = [random.Random(number).randbytes(1000 + number) * 3 for number in range(5)]


def _inflated(data: bytes) -> bytes:
    view = memoryview(data)
    return b"".join(inflate_blocks(view, find_blocks(view), memory=_MEMORY))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=5000), min_size=1, max_size=6))
def test_blocks_give_what_liblzma_gives(parts: list[bytes]) -> None:
    data = _stream(parts)
    assert _inflated(data) == lzma.decompress(data) == b"".join(parts)


def test_a_block_larger_than_a_piece_comes_whole() -> None:
    parts = [bytes(3_000_001), b"x" * (1 << 20), b"end"]
    assert _inflated(_stream(parts)) == b"".join(parts)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_changed_stream_is_left_to_liblzma_or_refused(data: st.DataObject) -> None:
    """Whatever byte is changed: no blocks, a refusal, or (in padding alone) the same content."""
    stream = bytearray(_stream(_PARTS))
    place = data.draw(st.integers(0, len(stream) - 1))
    stream[place] ^= data.draw(st.integers(1, 255))
    view = memoryview(bytes(stream))
    blocks = find_blocks(view)
    if blocks:
        with pytest.raises(lzma.LZMAError):
            b"".join(inflate_blocks(view, blocks, memory=_MEMORY))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xfd7zXZ\x00",
        _stream(_PARTS)[:-1],
        _stream(_PARTS) + b"\0\0\0\0",
        _stream(_PARTS) + _stream(_PARTS),
        lzma.compress(b"text", format=lzma.FORMAT_ALONE),
    ],
    ids=["nothing", "magic", "cut", "padded", "two streams", "lzma"],
)
def test_anything_else_has_no_blocks(data: bytes) -> None:
    assert find_blocks(memoryview(data)) == ()


def test_an_index_that_promises_too_much_is_not_believed() -> None:
    stream = _stream([b"small"])
    # the same stream, its index saying that the block inflates to 65 MiB
    one = lzma.compress(b"small", preset=0)
    index = b"\0\1" + _number(len(one) - 12 - 12 - 12 + 0) + _number(65 << 20)
    index += bytes(-len(index) % 4)
    index += crc32(index).to_bytes(4, "little")
    tail = (len(index) // 4 - 1).to_bytes(4, "little") + stream[6:8]
    lying = stream[: 12 + len(one) - 36] + index + crc32(tail).to_bytes(4, "little") + tail + b"YZ"
    assert find_blocks(memoryview(lying)) == ()


def test_a_block_shorter_than_promised_is_refused() -> None:
    stream = _stream([b"abc", b"def"])
    view = memoryview(stream)
    first, second = find_blocks(view)
    longer = type(first)(offset=first.offset, size=first.size, inflated=4)
    with pytest.raises(lzma.LZMAError):
        b"".join(inflate_blocks(view, (longer, second), memory=_MEMORY))
