"""Private directories of this host that foreign programs write, and their removal."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """A private directory of this host, removed at the end."""
    path = Path(tempfile.mkdtemp(prefix="neve-pod-"))
    try:
        yield path
    finally:
        remove_tree(path)


def remove_tree(path: Path) -> None:
    """Remove a directory that a foreign program wrote, whatever modes it left."""

    def allow(function: object, name: str, _: object) -> None:
        if function in (os.open, os.scandir, os.lstat, os.rmdir, os.unlink):
            with contextlib.suppress(OSError):
                Path(name).parent.chmod(0o700)
                if not Path(name).is_symlink():
                    Path(name).chmod(0o700)

    for _ in range(64):  # every pass opens at least one more level
        shutil.rmtree(path, onerror=allow)
        if not path.exists():
            return
