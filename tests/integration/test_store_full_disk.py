"""A disk that is really full, and one that is really read-only."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from neve.errors import StoreError
from neve.store import Store

pytestmark = pytest.mark.integration


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small file system needs root")
    target = tmp_path / "disk"
    target.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(target)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting is not allowed here")
    yield target
    subprocess.run(["umount", str(target)], check=True)


def test_a_full_disk_is_told_and_survived(small_disk: Path) -> None:
    with Store.open(small_disk / "store") as store:
        kept = store.put(bytes(300_000))
        with pytest.raises(StoreError, match="full") as caught:
            store.put(b"x" * 2_000_000)
        assert str(small_disk) in caught.value.brief
        assert "MB free" in caught.value.brief
        assert "neve store gc" in caught.value.resolution
        assert store.verify().sound
        assert len(store.read(kept)) == 300_000
        assert len(store.read(store.put(b"y" * 200_000))) == 200_000


def test_a_full_disk_while_remembering(small_disk: Path) -> None:
    with Store.open(small_disk / "store") as store:
        key = store.put(b"key")
        with pytest.raises(StoreError, match="full"):
            store.remember(key, b"x" * 2_000_000)
        assert store.action(key) is None
        assert list((small_disk / "store/tmp").iterdir()) == []


def test_a_read_only_disk_is_told(small_disk: Path) -> None:
    Store.open(small_disk / "store").close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StoreError, match="refuses access") as caught:
        Store.open(small_disk / "store")
    assert "NEVE_STORE" in caught.value.resolution
