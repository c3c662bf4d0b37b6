"""Turning an operating system's refusal into a `StoreError` with a cause and a next step."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neve.errors import StoreError

_FULL = frozenset(
    number
    for name in ("ENOSPC", "EDQUOT", "EFBIG")
    if (number := getattr(errno, name, None)) is not None
)
_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


@contextmanager
def guarded(directory: Path, doing: str) -> Iterator[None]:
    """Re-raise any `OSError` inside as the `StoreError` of the store at ``directory``."""
    try:
        yield
    except OSError as error:
        raise store_failure(directory, doing, error) from error


def store_failure(directory: Path, doing: str, error: OSError) -> StoreError:
    """The `StoreError` for ``error``, met while ``doing`` something in ``directory``."""
    cause = error.strerror or str(error)
    if error.errno in _FULL:
        return StoreError(
            f"the store is full: {directory} ({_free(directory)}); could not {doing}: {cause}",
            resolution="free space with `neve store gc`, raise the quota or file size limit, or "
            "set NEVE_STORE to a directory on a larger disk",
        )
    if error.errno in _REFUSED:
        return StoreError(
            f"the store {directory} refuses access; could not {doing}: {cause}",
            resolution="make the directory writable for this user, or set NEVE_STORE to a "
            "directory that is",
        )
    return StoreError(
        f"could not {doing} in the store {directory}: {cause}",
        resolution="run `neve store verify`; if it fails too, set NEVE_STORE to another directory",
    )


def _free(directory: Path) -> str:
    try:
        free = shutil.disk_usage(directory).free
    except OSError:
        return "free space unknown"
    return f"{free / 1_000_000:.1f} MB free"
