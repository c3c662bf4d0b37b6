"""Processes that die, race or run out of room: nothing half-written is ever used."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from neve.errors import StoreError
from neve.model import sha256_of
from neve.store import Store

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills and limits are POSIX's")

WRITER = """
import hashlib, itertools, os, sys
from pathlib import Path
from neve.model import sha256_of
from neve.store import Store

def write(first):
    store = Store.open(Path(sys.argv[1]))
    for n in itertools.count(first):
        data = hashlib.sha256(str(n % 40).encode()).digest() * 4096
        key = sha256_of(str(n % 40).encode())
        with store.lock(key):
            with store.writer(sha256_of(data)) as writer:
                for start in range(0, len(data), 8192):
                    writer.write(data[start:start + 8192])
                digest = writer.commit()
            store.remember(key, str(digest).encode())
            store.keep_state("newest", str(n).encode())

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        write(int(line))
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


class Writer:
    """A process that starts writers one after the other, each to be killed."""

    def __init__(self, directory: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._child = 0

    def start(self, first: int) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(first, file=self._process.stdin, flush=True)
        self._child = int(self._process.stdout.readline())

    def kill(self) -> None:
        assert self._process.stdout is not None
        os.kill(self._child, signal.SIGKILL)
        assert int(self._process.stdout.readline()) == signal.SIGKILL

    def end(self) -> None:
        self._process.communicate()


def _check(directory: Path) -> None:
    """Whatever has a name is whole: every blob, every action and what it points at."""
    with Store.open(directory) as store:
        report = store.verify()
        assert report.damaged == ()
        for number in range(40):
            value = store.action(sha256_of(str(number).encode()))
            if value is not None:
                assert len(store.read(type(sha256_of(b"")).parse(value.decode()))) == 32 * 4096
        assert (store.state("newest") or b"0").isdigit()


def test_killed_at_fifty_random_moments(tmp_path: Path) -> None:
    chance = random.Random(20261123)
    writers = [Writer(tmp_path), Writer(tmp_path)]
    for start in range(25):
        for number, writer in enumerate(writers):
            writer.start(start + 20 * number)
        for writer in writers:
            time.sleep(chance.random() * 0.03)
            writer.kill()
        if start % 5 == 0:
            _check(tmp_path)
    for writer in writers:
        writer.end()
    _check(tmp_path)
    with Store.open(tmp_path) as store:
        assert store.verify().blobs > 0
        digest = store.put(b"the next writer succeeds")
        with store.lock(digest):
            assert store.read(digest) == b"the next writer succeeds"
        assert list((tmp_path / "tmp").iterdir()) == []


def test_two_processes_write_the_same_at_once(tmp_path: Path) -> None:
    writers = [Writer(tmp_path), Writer(tmp_path)]
    for writer in writers:
        writer.start(0)
    time.sleep(0.2)
    with Store.open(tmp_path) as store:
        # Care while others write: nothing of theirs is taken for a leftover or for garbage.
        assert store.verify().damaged == ()
        store.gc(max_age=0, max_bytes=0)
    time.sleep(0.1)
    for writer in writers:
        writer.kill()
        writer.end()
    _check(tmp_path)


LIMITED = """
import resource, sys
from pathlib import Path
from neve.errors import StoreError
from neve.store import Store
store = Store.open(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    store.put(bytes(200_000))
except StoreError as error:
    print(error.brief, error.resolution, sep="\\n")
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
print(store.read(store.put(b"small")) == b"small", store.verify().sound)
"""


def test_no_room_names_directory_space_and_next_step(tmp_path: Path) -> None:
    out = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert str(tmp_path) in out[0]
    assert "MB free" in out[0]
    assert "neve store gc" in out[1]
    assert "NEVE_STORE" in out[1]
    assert out[2] == "True True"
    assert list((tmp_path / "tmp").iterdir()) == []


def _open_as_another(directory: Path) -> str:
    """What a user who may not write there is told."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        text = "opened"
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setegid(65534)
                os.seteuid(65534)
            Store.open(directory)
        except StoreError as error:
            text = f"{error.brief}\n{error.resolution}"
        finally:
            os.write(writing, text.encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    return told


def test_a_directory_that_refuses_is_told() -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name) / "store"
        Store.open(directory).close()
        Path(name).chmod(0o755)
        for path in (directory, *directory.iterdir()):
            path.chmod(0o555)
        told = _open_as_another(directory)
        for path in (directory, *directory.iterdir()):
            path.chmod(0o755)
    assert "refuses access" in told
    assert str(directory) in told
    assert "NEVE_STORE" in told


def test_a_forked_child_does_not_end_its_parents_lease(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    with store.writer() as writer:
        writer.write(b"half")
        child = os.fork()
        if child == 0:
            store.close()
            os._exit(0)
        os.waitpid(child, 0)
        with Store.open(tmp_path) as other:
            assert other.verify().leftovers == ()
        assert store.read(writer.commit()) == b"half"


def test_a_lock_of_a_dead_process_is_free(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from neve.model import sha256_of\n"
        "from neve.store import Store\n"
        "s = Store.open(Path(sys.argv[1]))\n"
        "with s.lock(sha256_of(b'k')):\n    print('held', flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    with Store.open(tmp_path) as store:
        with pytest.raises(StoreError), store.lock(sha256_of(b"k"), timeout=0.05):
            pass
        process.kill()
        process.wait()
        process.stdout.close()
        with store.lock(sha256_of(b"k"), timeout=5):
            pass
