"""Advisory file locks on every operating system.

Owns one primitive: an open file that is locked until closed or until the process dies, however
it dies. Only the operating system's own locks do that, so no lock is ever left to expire.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from functools import cache
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any

_BUSY = frozenset({errno.EACCES, errno.EAGAIN, errno.EDEADLK})
_FIRST_PAUSE = 0.0005
_LONGEST_PAUSE = 0.05


class FileLock:
    """A lock on ``path``, created if absent. Not re-entrant, also between threads.

    Exclusive, or with ``shared`` held by many at once where the system can (Windows: one).
    """

    def __init__(self, path: Path, *, shared: bool = False) -> None:
        self.path = path
        self._shared = shared
        self._descriptor: int | None = None
        self._owner = 0

    def try_acquire(self) -> bool:
        """Take the lock if nobody holds it; `OSError` when the file can't be opened."""
        while True:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | _EXTRA_FLAGS, 0o644)
            try:
                if not _lock(descriptor, shared=self._shared):
                    _close(descriptor)
                    return False
                # Whoever held it before may have unlinked the file: a lock on a name that is
                # gone excludes nobody.
                if _same_file(descriptor, self.path):
                    self._descriptor, self._owner = descriptor, os.getpid()
                    return True
            except BaseException:
                _close(descriptor)
                raise
            _close(descriptor)

    def acquire(self, *, timeout: float | None = None) -> bool:
        """Wait for the lock, at most ``timeout`` seconds; whether it was taken."""
        deadline = None if timeout is None else time.monotonic() + timeout
        pause = _FIRST_PAUSE
        while not self.try_acquire():
            if deadline is not None and time.monotonic() >= deadline:
                return False
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        return True

    def release(self, *, remove: bool = False) -> None:
        """Give the lock up; with ``remove`` the file goes too. Harmless when not held."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        # A forked child only closes its copy: the file is its parent's.
        remove = remove and self._owner == os.getpid()
        if remove and sys.platform != "win32":
            self.path.unlink(missing_ok=True)
        _close(descriptor)
        if remove and sys.platform == "win32":
            _unlink_if_free(self.path)

    def __enter__(self) -> FileLock:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def is_locked(path: Path) -> bool:
    """Whether a living process holds a lock on the existing file ``path``."""
    try:
        descriptor = os.open(path, os.O_RDWR | _EXTRA_FLAGS)
    except FileNotFoundError:
        return False
    try:
        return not _lock(descriptor, shared=False)
    finally:
        _close(descriptor)


_EXTRA_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


def _same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _unlink_if_free(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except PermissionError:
        return


def _lock(descriptor: int, *, shared: bool) -> bool:
    """Take the system's lock on an open file without waiting; it ends with the descriptor."""
    try:
        if (fcntl := _module("fcntl")) is not None:
            kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        elif (msvcrt := _module("msvcrt")) is not None:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            return _lock_within_process(descriptor, shared=shared)
    except OSError as error:
        if error.errno in _BUSY:
            return False
        raise
    return True


@cache
def _module(name: str) -> Any:  # noqa: ANN401 - modules that other systems lack have no type
    """A module that not every system has, or ``None``; imported late so that all can start."""
    try:
        return import_module(name)
    except ImportError:
        return None


_held: dict[int, tuple[int, int, bool]] = {}
_held_guard = threading.Lock()


def _lock_within_process(descriptor: int, *, shared: bool) -> bool:
    """Where the system has no locks it has no other processes worth the name: mind the threads."""
    status = os.fstat(descriptor)
    file = (status.st_dev, status.st_ino)
    with _held_guard:
        for device, inode, also_shared in _held.values():
            if file == (device, inode) and not (shared and also_shared):
                return False
        _held[descriptor] = (*file, shared)
        return True


def _close(descriptor: int) -> None:
    """Close an open file, which gives up its lock."""
    with _held_guard:
        _held.pop(descriptor, None)
        os.close(descriptor)
