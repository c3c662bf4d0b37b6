"""One workshop a session for images of the real archive."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from tests.support.images import Works

from neve.store import Store


@pytest.fixture(scope="session")
def works(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """Where images are built; taken away at the end, since it holds their packages."""
    directory = tmp_path_factory.mktemp("works")
    with Store.open(directory / "reading") as reading:
        yield Works.open(directory, reading)
    shutil.rmtree(directory, ignore_errors=True)
