"""Bounded inflation of a package's members by their suffix (deb(5)).

Owns codecs and limits: what comes out is never larger than allowed, however small what went in.
"""

from __future__ import annotations

import bz2
import lzma
from collections.abc import Callable, Iterator
from typing import IO, Protocol, cast

import zstandard
from isal import isal_zlib

from neve.formats.deb.ar import Member, refused
from neve.formats.deb.xz_blocks import find_blocks, inflate_blocks

_INPUT = 1 << 18
_OUTPUT = 1 << 20
_DICTIONARY_LIMIT = 256 << 20
_WINDOW_LIMIT = 1 << 27
_SPLIT_FROM = 6 << 20
"""Compressed bytes from which a stream may hold several blocks of 24 MiB: the ratio of Debian's
packages is 3 to 5."""
_SPLIT_TO = 256 << 20
_RATIO = 250
_RATIO_FLOOR = 64 << 20
_GZIP_ERROR = cast("type[Exception]", isal_zlib.error)


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


def inflated(member: Member, *, limit: int) -> Iterator[bytes]:
    """The bytes of ``member``, inflated as its suffix says, in chunks of about a megabyte.

    Refuses (``HostileInputError``) an unknown suffix, corrupt or truncated data, and output
    beyond ``limit`` bytes or, past 64 MiB, beyond 250 times the member's size.
    """
    allowed = min(limit, max(_RATIO_FLOOR, _RATIO * member.size))
    count = 0
    try:
        for chunk in _codec(member)(member):
            count += len(chunk)
            if count > allowed:
                raise refused(f"{member.name} inflates to more than {allowed} bytes")
            yield chunk
    except (lzma.LZMAError, zstandard.ZstdError, _GZIP_ERROR, OSError, EOFError) as error:
        raise refused(f"{member.name} cannot be inflated: {error}") from None


def _codec(member: Member) -> Callable[[Member], Iterator[bytes]]:
    stem, dot, suffix = member.name.partition(".tar")
    codec = _CODECS.get(suffix) if dot and stem else None
    if codec is None:
        raise refused(f"{member.name} is compressed in a way that Debian does not use")
    return codec


def _plain(member: Member) -> Iterator[bytes]:
    while data := member.read(_OUTPUT):
        yield data


def _xz(member: Member) -> Iterator[bytes]:
    waiting = b""
    if _SPLIT_FROM <= member.size <= _SPLIT_TO:
        waiting = member.read_all(limit=_SPLIT_TO)
        data = memoryview(waiting)
        blocks = find_blocks(data)
        if len(blocks) > 1:
            yield from inflate_blocks(data, blocks, memory=_DICTIONARY_LIMIT)
            return
    yield from _streams(
        member, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_DICTIONARY_LIMIT), waiting
    )


def _lzma(member: Member) -> Iterator[bytes]:
    return _streams(
        member, lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_DICTIONARY_LIMIT)
    )


def _bzip2(member: Member) -> Iterator[bytes]:
    return _streams(member, bz2.BZ2Decompressor)


def _streams(
    member: Member, new: Callable[[], _Decompressor], waiting: bytes = b""
) -> Iterator[bytes]:
    """Concatenated streams of one codec; zero padding between them is allowed (xz, §2.2).

    ``waiting`` was read already.
    """
    waiting = waiting or member.read(_INPUT)
    while waiting:
        decompressor = new()
        while True:
            chunk = decompressor.decompress(waiting, _OUTPUT)
            if chunk:
                yield chunk
            if decompressor.eof:
                break
            waiting = b""
            if len(chunk) < _OUTPUT:
                waiting = member.read(_INPUT)
                if not waiting and not chunk:
                    raise EOFError("it is cut short")
        waiting = decompressor.unused_data.lstrip(b"\0")
        while not waiting and member.left:
            waiting = member.read(_INPUT).lstrip(b"\0")


def _gzip(member: Member) -> Iterator[bytes]:
    waiting = member.read(_INPUT)
    while waiting:
        decompressor = isal_zlib.decompressobj(wbits=31)
        while not decompressor.eof:
            chunk = decompressor.decompress(waiting, _OUTPUT)
            if chunk:
                yield chunk
            waiting = decompressor.unconsumed_tail
            if not waiting and not decompressor.eof:
                waiting = member.read(_INPUT)
                if not waiting and not chunk:
                    raise EOFError("it is cut short")
        waiting = decompressor.unused_data.lstrip(b"\0") or member.read(_INPUT)


def _zstandard(member: Member) -> Iterator[bytes]:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW_LIMIT)
    with decompressor.stream_reader(
        cast("IO[bytes]", member), read_across_frames=True, closefd=False
    ) as reader:
        while data := reader.read(_OUTPUT):
            yield data


_CODECS: dict[str, Callable[[Member], Iterator[bytes]]] = {
    "": _plain,
    ".gz": _gzip,
    ".xz": _xz,
    ".zst": _zstandard,
    ".bz2": _bzip2,
    ".lzma": _lzma,
}
