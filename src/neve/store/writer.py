"""Writing one blob: hash while writing, then name it by what it is.

A blob gets its name only after its bytes are on the disk, so a name always means the whole
content, whatever dies when.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from neve.errors import StoreError, TrustError
from neve.model import Digest
from neve.store.failure import guarded, store_failure


class BlobWriter:
    """A blob being written; a context manager that discards it unless `commit` was called."""

    def __init__(
        self,
        *,
        root: Path,
        temporary: Path,
        expected: Digest | None,
        committed: Callable[[Digest], object] = lambda _: None,
    ) -> None:
        if expected is not None and expected.algorithm != "sha256":
            raise StoreError(
                f"the store names content by sha256, not by {expected.algorithm}",
                resolution="hash the content with sha256 first",
            )
        self._root = root
        self._temporary = temporary
        self._expected = expected
        self._hash = hashlib.sha256()
        self._written = 0
        self._committed: Digest | None = None
        self._tell = committed
        with guarded(root, "create a temporary file"):
            self._file = temporary.open("xb")

    @property
    def position(self) -> int:
        """Bytes written so far."""
        return self._written

    def write(self, data: bytes | memoryview) -> None:
        """Append ``data``; `StoreError` when the disk is full or refuses."""
        try:
            self._file.write(data)
        except OSError as error:
            raise store_failure(self._root, "write a blob", error) from error
        self._hash.update(data)
        self._written += len(data)

    def restart(self) -> None:
        """Drop what was written and begin again (a server that cannot resume)."""
        with guarded(self._root, "rewind a temporary file"):
            self._file.seek(0)
            self._file.truncate()
        self._hash = hashlib.sha256()
        self._written = 0

    def commit(self) -> Digest:
        """Give the blob its name; `TrustError` when the bytes are not the expected ones."""
        if self._committed is not None:
            return self._committed
        digest = Digest("sha256", self._hash.hexdigest())
        if self._expected is not None and digest != self._expected:
            raise TrustError(
                f"content has digest {digest}, expected {self._expected}",
                resolution="fetch it again; if it stays wrong, the source does not hold what "
                "was promised: use another mirror",
            )
        target = blob_path(self._root, digest)
        with guarded(self._root, f"store {digest}"):
            self._file.flush()
            _flush_to_disk(self._file.fileno())
            self._file.close()
            target.parent.mkdir(parents=True, exist_ok=True)
            _rename(self._temporary, target)
        self._committed = digest
        self._tell(digest)
        return digest

    def discard(self) -> None:
        """Throw the blob away; harmless after `commit`."""
        # Closing flushes once more, which fails again on a full disk; the file goes anyway.
        with contextlib.suppress(OSError):
            self._file.close()
        if self._committed is None:
            with guarded(self._root, "remove a temporary file"):
                self._temporary.unlink(missing_ok=True)

    def __enter__(self) -> BlobWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.discard()


def blob_path(root: Path, digest: Digest) -> Path:
    """Where the blob ``digest`` lies in the store at ``root``."""
    return root / "blobs" / digest.algorithm / digest.value[:2] / digest.value


def replace_file(path: Path, temporary: Path, data: bytes, *, durable: bool) -> None:
    """Write ``data`` to ``temporary``, then rename it to ``path``; ``durable`` flushes first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            if durable:
                _flush_to_disk(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _rename(temporary: Path, target: Path) -> None:
    try:
        temporary.replace(target)
    except PermissionError:
        # Windows refuses to replace a file that somebody reads: the same content is there then.
        if sys.platform != "win32" or not target.is_file():
            raise
        temporary.unlink()


def _flush_to_disk(descriptor: int) -> None:
    getattr(os, "fdatasync", os.fsync)(descriptor)
