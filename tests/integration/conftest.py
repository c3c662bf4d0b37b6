"""One workshop a session for images of the real archive."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator

import pytest
from tests.support.images import Works

from neve.store import Store


@pytest.fixture(scope="session")
def works(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """Where images are built. Workers share its store and the catalogue's images, and the last
    one takes them away, since they hold all their packages.
    """
    own = tmp_path_factory.mktemp("works")
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared-works"
    shared.mkdir(exist_ok=True)
    with (base.parent / "shared-works.users").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        with Store.open(own / "reading") as reading:
            yield Works.open(own, shared, reading)
        shutil.rmtree(own, ignore_errors=True)
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        shutil.rmtree(shared, ignore_errors=True)
