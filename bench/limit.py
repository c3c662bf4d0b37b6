"""The bare cost of a build's bytes: inflate every package's data and hash what comes out.

Run as a program with package files as arguments; one thread per core, nothing else done.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import zstandard


def _members(data: bytes) -> dict[str, bytes]:
    found = {}
    offset = 8
    while offset + 60 <= len(data):
        name = data[offset : offset + 16].decode().strip().rstrip("/")
        size = int(data[offset + 48 : offset + 58])
        found[name] = data[offset + 60 : offset + 60 + size]
        offset += 60 + size + size % 2
    return found


def _inflate(name: str, data: bytes) -> bytes:
    if name.endswith(".xz"):
        return lzma.decompress(data)
    if name.endswith(".zst"):
        return zstandard.ZstdDecompressor().decompressobj().decompress(data)
    return zlib.decompress(data, 31) if name.endswith(".gz") else data


def bare(path: Path) -> int:
    """Inflate and hash one package; the number of inflated bytes."""
    total = 0
    for name, data in _members(path.read_bytes()).items():
        if name.startswith("data.tar"):
            inflated = _inflate(name, data)
            hashlib.sha256(inflated).digest()
            total += len(inflated)
    return total


def main() -> None:
    """Inflate and hash all packages named on the command line."""
    paths = sorted((Path(word) for word in sys.argv[1:]), key=lambda p: -p.stat().st_size)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        print(sum(pool.map(bare, paths)))


if __name__ == "__main__":
    main()
