"""Layer compression whose bytes depend on nothing but the input and the codec's version.

isal's levels 1 and 2 give the same bytes on every CPU, level 3 does not; zstd is run on one
thread at one level. The compressor always sees the stream in blocks of one fixed size, so how
the caller cut its writes cannot show in the output.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

_GZIP_LEVEL = 2
_GZIP_WRAPPER = 31  # zlib's wbits for a gzip header: isal writes mtime 0 and OS 255 (unknown)
_GZIP_MEMORY = 8
_ZSTD_LEVEL = 3
BLOCK_SIZE = 256 * 1024


class Compression(StrEnum):
    """How a layer's tar is compressed."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"


class Compressor(Protocol):
    """A streaming compressor, as zlib's and zstandard's."""

    def compress(self, data: bytes | memoryview, /) -> bytes:
        """Take ``data``; return what is ready."""
        ...

    def flush(self) -> bytes:
        """End the stream; return the rest."""
        ...


class _Plain:
    def compress(self, data: bytes | memoryview, /) -> bytes:
        return bytes(data)

    def flush(self) -> bytes:
        return b""


def compressor(compression: Compression) -> Compressor:
    """A new stream of ``compression``."""
    match compression:
        case Compression.GZIP:
            from isal import isal_zlib

            stream: Compressor = isal_zlib.compressobj(
                _GZIP_LEVEL, isal_zlib.DEFLATED, _GZIP_WRAPPER, _GZIP_MEMORY
            )
            return stream
        case Compression.ZSTD:
            import zstandard

            return zstandard.ZstdCompressor(
                level=_ZSTD_LEVEL, threads=0, write_checksum=True, write_content_size=False
            ).compressobj()
        case Compression.NONE:
            return _Plain()


def codec_version(compression: Compression) -> str:
    """Everything of a codec that shapes its bytes; part of cache keys and of a lock's rules."""
    match compression:
        case Compression.GZIP:
            import isal

            return f"isal-{isal.ISAL_VERSION}/level-{_GZIP_LEVEL}/block-{BLOCK_SIZE}"
        case Compression.ZSTD:
            import zstandard

            version = ".".join(map(str, zstandard.ZSTD_VERSION))
            return f"zstd-{version}/level-{_ZSTD_LEVEL}/block-{BLOCK_SIZE}"
        case Compression.NONE:
            return "none"
