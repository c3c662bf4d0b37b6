"""One small signed archive a test session; a desk of its own for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.archive import ArchiveBuilder, SigningKey, serve
from tests.support.command import Desk, Mirror, publish, small_packages


@pytest.fixture(scope="session")
def small_archive(tmp_path_factory: pytest.TempPathFactory) -> tuple[ArchiveBuilder, SigningKey]:
    """The published archive; never changed by a test."""
    archive = ArchiveBuilder(tmp_path_factory.mktemp("archive") / "debian")
    for deb in small_packages():
        archive.add(deb, suite="trixie")
    key = SigningKey.generate("Corporate mirror")
    publish(archive, key)
    return archive, key


@pytest.fixture
def mirror(small_archive: tuple[ArchiveBuilder, SigningKey], tmp_path: Path) -> Iterator[Mirror]:
    """A copy of the archive that a test may break, on a server of its own."""
    archive, key = small_archive
    root = tmp_path / "mirror"
    shutil.copytree(archive.root, root)
    with serve(root) as server:
        yield Mirror(ArchiveBuilder(root, list(archive.packages)), key, server)


@pytest.fixture
def desk(mirror: Mirror, tmp_path: Path) -> Desk:
    """A directory with the small recipe, pointing at the mirror."""
    return Desk.lay(tmp_path / "desk", mirror.server, mirror.key)
