"""Writing files on the host so that a name never means half a file."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from neve.errors import StoreError

_YOUNG = 60.0
"""Seconds in which what was just made may not be locked yet."""


def sync(path: Path) -> None:
    """Make a file, or the renames in a directory, last; Windows cannot do it for directories."""
    with contextlib.suppress(PermissionError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """``OSError`` while writing ``path`` as ``StoreError`` with the next step."""
    try:
        yield
    except OSError as error:
        full = error.errno == errno.ENOSPC
        raise StoreError(
            f"{path}: could not be written: {error.strerror or error}",
            resolution="Free some room on that disk." if full else "Check the path and its rights.",
        ) from error


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the name ``path`` when the block ends well, and is gone when not."""
    with disk_errors(path):
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
        _clear_left(path)
        work = path.with_name(f"{_prefix(path)}{secrets.token_hex(6)}")
        try:
            with work.open("xb") as file:
                _hold(file.fileno())
                yield file
                file.flush()
                os.fsync(file.fileno())
            work.chmod(0o644)
            work.replace(path)
            sync(path.absolute().parent)
        finally:
            work.unlink(missing_ok=True)


@contextlib.contextmanager
def workplace(path: Path) -> Iterator[Path]:
    """A directory beside ``path`` in which to make what will take that name; gone afterwards."""
    _clear_left(path)
    work = Path(tempfile.mkdtemp(prefix=_prefix(path), dir=path.parent))
    descriptor = _open_directory(work)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
        if descriptor is not None:
            os.close(descriptor)


def _prefix(path: Path) -> str:
    return f".{path.name}.neve-"


def _open_directory(path: Path) -> int | None:
    """A descriptor that holds the directory's lock; ``None`` on Windows."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:
        return None
    _hold(descriptor)
    return descriptor


def _hold(descriptor: int) -> bool:
    """Lock what is open, until it is closed or the process ends; whether that was possible."""
    try:
        import fcntl
    except ImportError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _clear_left(path: Path) -> None:
    """Remove what killed processes left beside ``path``: old enough to be locked, and not."""
    prefix = _prefix(path)
    with contextlib.suppress(OSError), os.scandir(path.absolute().parent) as entries:
        for entry in entries:
            if not entry.name.startswith(prefix) or not _left_behind(entry):
                continue
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                Path(entry.path).unlink(missing_ok=True)


def _left_behind(entry: os.DirEntry[str]) -> bool:
    if entry.is_symlink() or time.time() - entry.stat().st_mtime < _YOUNG:
        return False
    try:
        descriptor = os.open(entry.path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return _hold(descriptor)
    finally:
        os.close(descriptor)
