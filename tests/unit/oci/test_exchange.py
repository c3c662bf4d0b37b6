"""Replacing a directory: there is no moment without one, and failure leaves the old."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path

import pytest

from neve.oci import exchange
from neve.oci.exchange import take_place


def lay(tmp_path: Path) -> tuple[Path, Path, Path]:
    fresh, directory = tmp_path / "work" / "new", tmp_path / "out"
    for path, text in ((fresh, "new"), (directory, "old")):
        path.mkdir(parents=True)
        (path / "letter").write_text(text)
    return fresh, directory, tmp_path / "work" / "aside"


@pytest.mark.parametrize("exchanges", [True, False], ids=["exchange", "two renames"])
def test_the_new_directory_has_the_name_and_the_old_is_kept_for_clearing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, exchanges: bool
) -> None:
    fresh, directory, aside = lay(tmp_path)
    if not exchanges:
        monkeypatch.setattr(exchange, "_exchanged", lambda one, other: False)
    take_place(fresh, directory, aside)
    assert (directory / "letter").read_text() == "new"
    old = aside if aside.exists() else fresh
    assert (old / "letter").read_text() == "old"


def test_what_is_not_there_yet_is_named_only(tmp_path: Path) -> None:
    fresh, directory, aside = lay(tmp_path)
    take_place(fresh, tmp_path / "first", aside)
    assert (tmp_path / "first" / "letter").read_text() == "new"
    assert (directory / "letter").read_text() == "old"


@pytest.mark.skipif(sys.platform != "linux", reason="renameat2 is Linux's")
def test_no_moment_is_without_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is killed at any rename leaves an image under the name."""
    fresh, directory, aside = lay(tmp_path)
    moved: list[Path] = []
    monkeypatch.setattr(Path, "rename", lambda self, target: moved.append(self))
    take_place(fresh, directory, aside)
    assert moved == []
    assert (directory / "letter").read_text() == "new"


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EINVAL, errno.EPERM])
def test_a_file_system_that_cannot_exchange_gets_two_renames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    fresh, directory, aside = lay(tmp_path)
    answer(monkeypatch, code)
    take_place(fresh, directory, aside)
    assert (directory / "letter").read_text() == "new"
    assert (aside / "letter").read_text() == "old"


def test_a_disk_that_fails_leaves_the_old_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh, directory, aside = lay(tmp_path)
    answer(monkeypatch, errno.EIO)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        take_place(fresh, directory, aside)
    assert (directory / "letter").read_text() == "old"


def test_where_the_second_rename_fails_the_old_directory_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, directory, aside = lay(tmp_path)
    monkeypatch.setattr(exchange, "_exchanged", lambda one, other: False)
    with pytest.raises(FileNotFoundError):
        take_place(tmp_path / "missing", directory, aside)
    assert (directory / "letter").read_text() == "old"


def answer(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """Let the system call fail with ``code``, as a kernel would."""

    class Library:
        def __init__(self, name: None, *, use_errno: bool) -> None:
            assert use_errno

        @staticmethod
        def renameat2(*arguments: object) -> int:
            ctypes.set_errno(code)
            return -1

    monkeypatch.setattr(ctypes, "CDLL", Library)
