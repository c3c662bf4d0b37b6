"""Working places beside an output: held while in use, cleared away once their process is dead."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from neve.oci.files import new_file, workplace

pytest.importorskip("fcntl", reason="without flock nobody can tell who is dead")


def aged(path: Path) -> Path:
    os.utime(path, (0, 0))
    return path


def test_a_working_place_is_gone_afterwards_however_it_ends(tmp_path: Path) -> None:
    with workplace(tmp_path / "out") as work:
        (work / "new").mkdir()
        assert work.parent == tmp_path
    with pytest.raises(RuntimeError), workplace(tmp_path / "out"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_what_a_dead_process_left_is_cleared_away(tmp_path: Path) -> None:
    left = tmp_path / ".out.neve-abc"
    (left / "new" / "blobs").mkdir(parents=True)
    (left / "new" / "blobs" / "x").write_text("half")
    half = tmp_path / ".out.neve-123"
    half.write_text("half an archive")
    aged(left)
    aged(half)
    with workplace(tmp_path / "out"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [".out.neve-abc", ".out.abc", ".other.neve-abc", "out.neve-abc"])
def test_what_is_young_or_anothers_stays(tmp_path: Path, name: str) -> None:
    kept = tmp_path / name
    kept.mkdir()
    (kept / "letter").write_text("dear")
    if name != ".out.neve-abc":
        aged(kept)
    with workplace(tmp_path / "out"), new_file(tmp_path / "out.tar"):
        pass
    assert (kept / "letter").read_text() == "dear"


def test_what_is_in_use_stays_however_old(tmp_path: Path) -> None:
    with workplace(tmp_path / "out") as first:
        (first / "new").mkdir()
        aged(first)
        with workplace(tmp_path / "out") as second:
            assert second != first
        assert (first / "new").is_dir()
    with new_file(tmp_path / "out") as file:
        file.write(b"whole")
        for path in tmp_path.iterdir():
            aged(path)
        with workplace(tmp_path / "out"):
            pass
    assert (tmp_path / "out").read_bytes() == b"whole"


def test_a_link_is_never_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "letter").write_text("dear")
    (tmp_path / ".out.neve-x").symlink_to(precious)
    with workplace(tmp_path / "out"):
        pass
    assert (precious / "letter").read_text() == "dear"
