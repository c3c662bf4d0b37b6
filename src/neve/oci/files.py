"""Writing files on the host so that a name never means half a file."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from neve.errors import StoreError


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
        work = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
        try:
            with work.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            work.chmod(0o644)
            work.replace(path)
            sync(path.absolute().parent)
        finally:
            work.unlink(missing_ok=True)
