"""The store: content by digest, an action cache, state and locks, in one directory.

Owns everything below that directory and nothing outside it. It knows no package, layer or
index: callers give bytes and keys. Layout::

    blobs/sha256/ab/abcd…   content, named by its SHA-256
    actions/ab/abcd…        small results by the digest of what made them, self-checking
    state/NAME              small facts that must survive (what was seen of an archive)
    tmp/LEASE.N             being written by the process holding LEASE
    leases/LEASE            locked by a process that has the store open
    locks/KEY               locked by whoever does KEY's work
    gc.lock                 orders "I use this blob" against "I remove it"

docs/adr/0004-store.md says why it is sound under ``kill -9`` and power loss.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import mmap
import os
import sys
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO
from urllib.parse import quote

from neve.errors import StoreError
from neve.model import Digest, sha256_of
from neve.store.failure import guarded, store_failure
from neve.store.locks import FileLock
from neve.store.reports import GcReport, StoreReport
from neve.store.writer import BlobWriter, blob_path, replace_file

_ACTION_MAGIC = b"neve-action 1 "
_HEADER_LENGTH = len(_ACTION_MAGIC) + 64 + 1
_ACTION_LIMIT = 64 * 1024 * 1024
_PARTS = ("blobs/sha256", "actions", "state", "tmp", "leases", "locks")


class Store:
    """One store directory, safe for many threads and processes at once.

    Make one with `Store.open`. While it is open, nothing it touched is garbage to any process.
    """

    def __init__(self, directory: Path, lease: FileLock, started: float) -> None:
        self.directory = directory
        self._lease = lease
        self._started = started
        self._touched: set[Digest] = set()
        self._proven: set[Digest] = set()
        self._counter = itertools.count()
        self._close = weakref.finalize(self, lease.release, remove=True)

    @classmethod
    def open(cls, directory: Path) -> Store:
        """Open the store at ``directory``, creating it; `StoreError` when that is refused."""
        directory = Path(os.path.abspath(directory))  # noqa: PTH100 - links stay as they are
        with guarded(directory, "open the store"):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            for part in _PARTS:
                (directory / part).mkdir(parents=True, exist_ok=True)
            lease = FileLock(directory / "leases" / os.urandom(8).hex())
            lease.acquire()
            started = lease.path.stat().st_mtime
        return cls(directory, lease, started)

    def close(self) -> None:
        """Give up the lease: what this process used may be collected from now on."""
        self._close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # Content

    def has(self, digest: Digest) -> bool:
        """Whether the whole blob is here; from then on it stays while this store is open."""
        return self._touch(digest)

    def digests(self) -> frozenset[Digest]:
        """What is here now, by name alone; none of it is kept from being collected by this."""
        found = (self.directory / "blobs" / "sha256").glob("[0-9a-f][0-9a-f]/*")
        return frozenset(Digest("sha256", path.name) for path in found if len(path.name) == 64)

    def sound(self, digest: Digest) -> bool:
        """Whether the blob is here and undamaged; a damaged one is removed.

        Re-hashed once while this store is open, unless it was written through it.
        """
        if not self._touch(digest):
            return False
        if digest in self._proven:
            return True
        with self._reading(digest), blob_path(self.directory, digest).open("rb") as file:
            whole = hashlib.file_digest(file, "sha256").hexdigest() == digest.value
        if whole:
            self._proven.add(digest)
        else:
            self._drop(digest)
        return whole

    def path(self, digest: Digest) -> Path:
        """The blob's file, to read only; `StoreError` if missing or damaged (see `sound`)."""
        present = self._touch(digest)
        if not self.sound(digest):
            raise self._damaged(digest) if present else self._missing(digest)
        return blob_path(self.directory, digest)

    def size(self, digest: Digest) -> int:
        """The blob's length in bytes; `StoreError` if missing."""
        return self._held(digest).stat().st_size

    def put(self, data: bytes | memoryview) -> Digest:
        """Store ``data`` and return its SHA-256."""
        digest = sha256_of(data)
        if self.sound(digest):
            return digest
        with self.writer(digest) as writer:
            writer.write(data)
            return writer.commit()

    def writer(self, expected: Digest | None = None) -> BlobWriter:
        """Begin a blob; its ``commit`` refuses content that is not ``expected``."""
        return BlobWriter(
            root=self.directory,
            temporary=self._temporary(),
            expected=expected,
            committed=self._proven.add,
        )

    def read(self, digest: Digest) -> bytes:
        """The blob's bytes, re-hashed; a damaged blob is removed and `StoreError` raised."""
        with self._reading(digest):
            data = self._held(digest).read_bytes()
        if hashlib.sha256(data).hexdigest() != digest.value:
            self._drop(digest)
            raise self._damaged(digest)
        self._proven.add(digest)
        return data

    def open_blob(self, digest: Digest) -> BinaryIO:
        """The blob opened for reading; `StoreError` if missing or damaged."""
        with self._reading(digest):
            return self.path(digest).open("rb")

    def mapped(self, digest: Digest) -> memoryview:
        """The blob mapped into memory, for slices; `StoreError` if missing or damaged."""
        with self.open_blob(digest) as file, self._reading(digest):
            if os.fstat(file.fileno()).st_size == 0:
                return memoryview(b"")
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    # Actions

    def action(self, key: Digest) -> bytes | None:
        """What `remember` kept for ``key``; ``None`` if nothing, or if it was damaged."""
        path = self._action_path(key)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise store_failure(self.directory, f"read the result of {key}", error) from error
        value = data[_HEADER_LENGTH:]
        if data[:_HEADER_LENGTH] != _action_header(key, value):
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        if key not in self._touched:
            self._touched.add(key)
            _stamp(path, self._started)
        return value

    def remember(self, key: Digest, value: bytes) -> None:
        """Keep ``value`` (at most 64 MiB) as the result of ``key``; the last writer wins.

        Not flushed to the disk: after a power loss it is either whole or recognised as damaged.
        """
        if len(value) > _ACTION_LIMIT:
            raise StoreError(
                f"the result of {key} is too large for the action cache ({len(value)} bytes)",
                resolution="put it into the store as a blob and remember its digest",
            )
        data = _action_header(key, value) + value
        with guarded(self.directory, f"remember the result of {key}"):
            replace_file(self._action_path(key), self._temporary(), data, durable=False)

    # State

    def state(self, name: str) -> bytes | None:
        """What `keep_state` kept under ``name``; never collected. `StoreError` if damaged."""
        path = self._state_path(name)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise store_failure(self.directory, f"read the state {name}", error) from error
        value = data[_HEADER_LENGTH:]
        if data[:_HEADER_LENGTH] != _action_header(sha256_of(name.encode()), value):
            raise StoreError(
                f"what the store remembered of {name} is damaged: {path}",
                resolution="find out who changed that file, then remove it: what was seen "
                "before can no longer be compared",
            )
        return value

    def keep_state(self, name: str, value: bytes) -> None:
        """Keep ``value`` under ``name``, surviving power loss; the last writer wins."""
        data = _action_header(sha256_of(name.encode()), value) + value
        with guarded(self.directory, f"keep the state {name}"):
            replace_file(self._state_path(name), self._temporary(), data, durable=True)

    # Locks

    @contextmanager
    def lock(
        self, key: Digest, *, waiting: Callable[[], None] | None = None, timeout: float = 3600.0
    ) -> Iterator[None]:
        """Hold the work ``key`` for this thread, so that nobody does it twice.

        Waits while another thread or process holds it (``waiting`` is called once then), at most
        ``timeout`` seconds, then raises `StoreError`. A dead holder's lock is free at once.
        """
        held = FileLock(self.directory / "locks" / f"{key.algorithm}-{key.value}")
        with guarded(self.directory, f"lock {key}"):
            taken = held.try_acquire()
            if not taken:
                if waiting is not None:
                    waiting()
                taken = held.acquire(timeout=timeout)
        if not taken:
            raise StoreError(
                f"another process has been doing the same work for {timeout:.0f} s: {key}",
                resolution="wait for it or end it, then run the command again",
            )
        try:
            yield
        finally:
            held.release(remove=True)

    # Care

    def verify(self) -> StoreReport:
        """Re-hash everything, remove what is damaged or left over, and say what was found."""
        from neve.store.care import verify_store

        return verify_store(self.directory)

    def gc(
        self,
        *,
        max_age: float | None = None,
        max_bytes: int | None = None,
        keep: Iterable[Digest] = (),
    ) -> GcReport:
        """Remove what was not used for ``max_age`` seconds, then the least recently used until
        at most ``max_bytes`` remain. Never ``keep``, nor what a process with the store open uses.
        """
        from neve.store.care import collect

        return collect(
            self.directory,
            now=time.time(),
            max_age=max_age,
            max_bytes=max_bytes,
            keep=frozenset(keep),
        )

    def _touch(self, digest: Digest) -> bool:
        path = blob_path(self.directory, digest)
        if digest in self._touched:
            return path.is_file()
        if not path.is_file():
            return False
        using = FileLock(self.directory / "gc.lock", shared=True)
        with guarded(self.directory, f"use {digest}"), using:
            if not path.is_file():
                return False
            _stamp(path, self._started)
        self._touched.add(digest)
        return True

    def _held(self, digest: Digest) -> Path:
        if not self._touch(digest):
            raise self._missing(digest)
        return blob_path(self.directory, digest)

    def _drop(self, digest: Digest) -> None:
        with guarded(self.directory, f"remove the damaged {digest}"):
            blob_path(self.directory, digest).unlink(missing_ok=True)
        self._touched.discard(digest)
        self._proven.discard(digest)

    @contextmanager
    def _reading(self, digest: Digest) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise self._missing(digest) from error
        except OSError as error:
            raise store_failure(self.directory, f"read {digest}", error) from error

    def _missing(self, digest: Digest) -> StoreError:
        return StoreError(
            f"the store {self.directory} does not hold {digest}",
            resolution="run the command again without --offline to fetch it",
        )

    def _damaged(self, digest: Digest) -> StoreError:
        return StoreError(
            f"the store {self.directory} held damaged bytes under {digest}; they were removed",
            resolution="run the command again to fetch or make them anew; "
            "`neve store verify` checks all others",
        )

    def _action_path(self, key: Digest) -> Path:
        return self.directory / "actions" / key.value[:2] / key.value

    def _state_path(self, name: str) -> Path:
        return self.directory / "state" / quote(name, safe="").replace(".", "%2E")

    def _temporary(self) -> Path:
        return self.directory / "tmp" / f"{self._lease.path.name}.{next(self._counter)}"


def default_directory(environment: Mapping[str, str]) -> Path:
    """Where the store lies: ``NEVE_STORE``, else the user's cache directory.

    That is ``$XDG_CACHE_HOME/neve`` (XDG Base Directory Specification: only if absolute) or
    ``~/.cache/neve``; ``~/Library/Caches/neve`` on macOS; ``%LOCALAPPDATA%\\neve`` on Windows.
    """
    if chosen := environment.get("NEVE_STORE"):
        return Path(chosen)
    home = Path(environment["HOME"]) if environment.get("HOME") else Path.home()
    if sys.platform == "win32":
        local = environment.get("LOCALAPPDATA")
        return (Path(local) if local else home / "AppData" / "Local") / "neve"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "neve"
    cache = environment.get("XDG_CACHE_HOME", "")
    return (Path(cache) if Path(cache).is_absolute() else home / ".cache") / "neve"


def _action_header(key: Digest, value: bytes) -> bytes:
    check = hashlib.sha256(f"{key}\0".encode())
    check.update(value)
    return _ACTION_MAGIC + check.hexdigest().encode() + b"\n"


def _stamp(path: Path, started: float) -> None:
    """Mark ``path`` as used now, unless it already is since ``started``."""
    try:
        if path.stat().st_mtime < started:
            os.utime(path)
    except FileNotFoundError:
        return
