"""What this room needs of a content store; ``neve.store.Store`` is the real one."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from neve.model import Digest


class BlobWriter(Protocol):
    """Takes a blob's bytes; nothing exists in the store before ``commit``."""

    def write(self, data: bytes, /) -> object:
        """Append ``data``."""
        ...

    def commit(self) -> Digest:
        """Make the blob visible under its SHA-256 digest, and return that."""
        ...


class BlobStore(Protocol):
    """Blobs by SHA-256 digest."""

    def has(self, digest: Digest) -> bool:
        """Whether the blob is there."""
        ...

    def sound(self, digest: Digest) -> bool:
        """Whether the blob is there with the bytes that its name promises."""
        ...

    def path(self, digest: Digest) -> Path:
        """The file holding the blob; raises ``StoreError`` when it is missing or damaged."""
        ...

    def size(self, digest: Digest) -> int:
        """Length of the blob in bytes."""
        ...

    def put(self, data: bytes) -> Digest:
        """Store ``data``."""
        ...

    def writer(self, expected: Digest | None = None) -> AbstractContextManager[BlobWriter]:
        """A writer; leaving the context uncommitted discards what was written."""
        ...

    def mapped(self, digest: Digest) -> memoryview:
        """The blob's bytes, memory-mapped."""
        ...
