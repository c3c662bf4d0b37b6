"""Writing a file that a person keeps: whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from neve.errors import StoreError


def write_atomically(path: Path, data: bytes) -> None:
    """Replace ``path`` with ``data``: temporary name, fsync, rename. Keeps an old file's mode, and
    where ``path`` is a link, the link.

    Raises ``StoreError`` where the disk refuses.
    """
    path = Path(os.path.realpath(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(mode)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StoreError(
            f"{path}: could not be written ({error.strerror})",
            resolution="Check permissions and free space; the old file, if any, is unharmed.",
        ) from error
