"""Killed, raced, out of room, refused: nothing half-written is ever used or left behind."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.command import Desk, command

from neve.store import Store

KILLS = 50
KILLS_A_STORE = 5


def test_killed_at_fifty_random_moments(desk: Desk) -> None:
    """After every few kills the next build gives the same digest and the store is sound."""
    desk.neve("lock")
    digest = desk.build()
    child = _start(desk, desk.store("measured"))
    began = time.monotonic()
    child.wait(timeout=60)
    longest = time.monotonic() - began
    chance = random.Random(20261123)
    killed = 0
    for number in range(KILLS // KILLS_A_STORE):
        store = desk.store(f"store-{number}")
        for _ in range(KILLS_A_STORE):
            killed += _kill_a_build(desk, store, chance.uniform(0.0, longest))
        assert desk.build("after") == digest
        with Store.open(store) as opened:
            assert opened.verify().sound
        shutil.rmtree(store)
    assert killed > KILLS // 4, "most builds ended before they were killed"
    for left in desk.directory.glob(".out-killed.*"):
        os.utime(left, (0, 0))  # as after a while
    desk.neve("build", "-o", "out-killed")
    assert not list(desk.directory.glob(".out-killed.*"))


def _start(desk: Desk, store: Path) -> subprocess.Popen[bytes]:
    """A build that has just begun to work on its store."""
    child = subprocess.Popen(
        command("build", "-o", "out-killed"),
        cwd=desk.directory,
        env=desk.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not store.exists() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    return child


def _kill_a_build(desk: Desk, store: Path, after: float) -> bool:
    """Start a build, kill it ``after`` seconds in its work; whether it was still running."""
    child = _start(desk, store)
    time.sleep(after)
    alive = child.poll() is None
    child.kill()
    child.wait()
    output = desk.directory / "out-killed"
    if output.exists():  # whole, or not there
        assert {path.name for path in output.iterdir()} == {"blobs", "index.json", "oci-layout"}
        desk.neve("verify", output, env={"NEVE_STORE": str(desk.directory / "store")})
        shutil.rmtree(output)
    return alive


def test_interrupted_by_a_person(desk: Desk) -> None:
    desk.neve("lock")
    store = desk.store("cold")
    child = subprocess.Popen(
        command("build", "-o", "out"),
        cwd=desk.directory,
        env=desk.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not store.exists() and child.poll() is None:
        time.sleep(0.002)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    if child.returncode != 0:
        assert child.returncode == 130
        assert "interrupted" in said
        assert "Traceback" not in said
        assert not (desk.directory / "out").exists()


def test_two_builds_at_once_on_one_store(desk: Desk) -> None:
    desk.neve("lock")
    digest = desk.build()
    store = desk.store("shared")
    children = [
        subprocess.Popen(
            command("build", "-o", f"out-{number}", "--format", "json"),
            cwd=desk.directory,
            env=desk.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    results = [child.communicate(timeout=120) for child in children]
    assert [child.returncode for child in children] == [0, 0, 0], results
    assert all(f'"root": "{digest}"' in out for out, _ in results)
    with Store.open(store) as opened:
        assert opened.verify().sound


def test_two_builds_at_once_into_one_output(desk: Desk) -> None:
    desk.neve("lock")
    digest = desk.build()
    children = [
        subprocess.Popen(
            command("build", "-o", "same"),
            cwd=desk.directory,
            env=desk.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = [child.communicate(timeout=120)[1] for child in children]
    assert 0 in [child.returncode for child in children], said
    assert not any("neve itself failed" in text for text in said)
    assert digest in (desk.directory / "same" / "index.json").read_text()
    assert not list(desk.directory.glob(".same.*"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small file system needs root")
    target = tmp_path / "disk"
    target.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(target)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting is not allowed here")
    yield target
    subprocess.run(["umount", str(target)], check=True)


@pytest.mark.integration
def test_a_full_disk_under_the_store(desk: Desk, small_disk: Path) -> None:
    desk.neve("lock")
    done = desk.neve("build", "-o", "out", "--store", small_disk / "store", expect=3)
    assert str(small_disk) in done.err
    assert "full" in done.err
    assert "neve store gc" in done.err
    assert "Traceback" not in done.err
    assert not (desk.directory / "out").exists()
    with Store.open(small_disk / "store") as store:
        assert store.verify().sound
    desk.build()


@pytest.mark.integration
@pytest.mark.parametrize("image_format", ["oci", "oci-archive", "docker-archive"])
def test_a_full_disk_under_the_output(desk: Desk, small_disk: Path, image_format: str) -> None:
    desk.neve("lock")
    out = small_disk / "out"
    done = desk.neve("build", "-o", out, "--image-format", image_format, expect=3)
    assert str(small_disk) in done.err
    assert "next:" in done.err
    assert "Traceback" not in done.err
    assert list(small_disk.iterdir()) == []


@pytest.mark.integration
def test_a_full_disk_under_the_attestations(desk: Desk, small_disk: Path) -> None:
    desk.neve("lock")
    (small_disk / "filler").write_bytes(bytes(296 * 1024))
    folder = small_disk / "documents"
    done = desk.neve("build", "-o", "out", "--attestations", folder, expect=3)
    assert str(folder) in done.err
    assert not folder.exists() or not any(path.suffix != ".json" for path in folder.iterdir())


@pytest.mark.integration
def test_a_read_only_directory_for_the_output(desk: Desk, small_disk: Path) -> None:
    desk.neve("lock")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    done = desk.neve("build", "-o", small_disk / "out", expect=3)
    assert str(small_disk) in done.err
    assert "next:" in done.err
    assert "neve itself failed" not in done.err


def test_a_directory_that_is_no_layout_is_left_untouched(desk: Desk) -> None:
    desk.neve("lock")
    precious = desk.directory / "documents"
    precious.mkdir()
    (precious / "letter.txt").write_text("dear")
    done = desk.neve("build", "-o", precious, expect=2)
    assert "not an OCI layout" in done.err
    assert [path.name for path in precious.iterdir()] == ["letter.txt"]
    assert (precious / "letter.txt").read_text() == "dear"


def test_a_file_where_the_layout_should_be_is_left_untouched(desk: Desk) -> None:
    desk.neve("lock")
    desk.write("out", "a file of mine")
    desk.neve("build", "-o", "out", expect=2)
    assert (desk.directory / "out").read_text() == "a file of mine"


def test_an_older_layout_is_replaced_in_one_step(desk: Desk) -> None:
    desk.neve("lock")
    first = desk.build()
    desk.write("neve.yaml", (desk.directory / "neve.yaml").read_text().replace(", plain", ""))
    desk.neve("lock")
    second = desk.neve("build", "-o", "out", "--format", "json").document["root"]
    assert second != first
    index = (desk.directory / "out" / "index.json").read_text()
    assert second in index
    assert first not in index
    held = {f"sha256:{path.name}" for path in (desk.directory / "out/blobs/sha256").iterdir()}
    assert first not in held


def test_a_store_that_is_a_file_is_told(desk: Desk) -> None:
    desk.neve("lock")
    store = desk.store("occupied")
    store.write_text("not a directory")
    done = desk.neve("build", expect=3)
    assert str(store) in done.err
    assert "next:" in done.err
    assert store.read_text() == "not a directory"
