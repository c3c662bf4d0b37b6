"""Putting a finished directory in the place of another, so that the name never means nothing.

Linux's ``renameat2(2)`` exchanges two names in one step, where the file system can; elsewhere the
old directory steps aside first, and a process killed in that moment leaves it under another name.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from neve.oci.files import sync

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2  # linux/fs.h
_UNABLE = frozenset((errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM))
"""What kernels, file systems and seccomp filters without the call answer."""


def take_place(fresh: Path, directory: Path, aside: Path) -> None:
    """Give ``fresh`` the name ``directory``; what had it is ``fresh`` or ``aside`` afterwards.

    All three are on one file system. Raises ``OSError``, with the old directory in its place.
    """
    if not directory.exists():
        fresh.rename(directory)
    elif not _exchanged(fresh, directory):
        directory.rename(aside)
        try:
            fresh.rename(directory)
        except OSError:
            aside.rename(directory)
            raise
    sync(directory.parent)


def _exchanged(one: Path, other: Path) -> bool:
    """Whether the two names were exchanged; ``False`` where that can't be done here."""
    import ctypes  # only a build that replaces an image needs it

    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, TypeError, AttributeError):  # Windows, macOS, a C library before 2018
        return False
    if renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNABLE:
        return False
    raise OSError(code, os.strerror(code), str(other))
