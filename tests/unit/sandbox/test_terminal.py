"""Programs on this process's streams, and on a terminal of their own where a person sits."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from neve.errors import ToolError
from neve.sandbox.terminal import run_attached

ATTACH = """\
import sys
from neve.sandbox.terminal import run_attached
sys.exit(run_attached(sys.argv[1:]))
"""


def attached(*argv: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", ATTACH, *argv], input=stdin, capture_output=True, timeout=30
    )


class Person:
    """Somebody at a terminal in which ``argv`` was started."""

    def __init__(self, *argv: str) -> None:
        self.leader, follower = pty.openpty()
        self.terminal = os.ttyname(follower)
        self.process = subprocess.Popen(
            [sys.executable, "-c", ATTACH, *argv],
            stdin=follower,
            stdout=follower,
            stderr=follower,
            start_new_session=True,
        )
        os.close(follower)
        self.seen = b""

    def type(self, text: bytes) -> None:
        os.write(self.leader, text)

    def sees(self, text: bytes, within: float = 20.0) -> bool:
        end = time.monotonic() + within
        while text not in self.seen and time.monotonic() < end:
            if select.select([self.leader], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.leader, 4096)
                except OSError:
                    break
        return text in self.seen

    def ended(self) -> int:
        return self.process.wait(20)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.leader)


def test_streams_are_passed_through_and_the_exit_code_is_the_program_s() -> None:
    done = attached("sh", "-c", "cat; echo away >&2; exit 5", stdin=b"line\n")
    assert (done.returncode, done.stdout, done.stderr) == (5, b"line\n", b"away\n")


def test_a_signal_is_128_and_its_number() -> None:
    assert attached("sh", "-c", "kill -TERM $$").returncode == 143


def test_a_missing_program_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="'kubectl' is not installed"):
        run_attached(["kubectl", "debug"])


def test_on_a_terminal_the_program_has_one_of_its_own() -> None:
    script = "tty; read line; echo got $line; read -r again || echo over; exit 9"
    person = Person("sh", "-c", script)
    try:
        assert person.sees(b"\r\n"), person.seen
        assert person.seen.startswith(b"/dev/pts/")
        assert person.seen.split()[0].decode() != person.terminal
        person.type(b"hello\r")
        assert person.sees(b"got hello"), person.seen
        person.type(b"\x04")
        assert person.sees(b"over"), person.seen
        assert person.ended() == 9
    finally:
        person.close()


def test_ctrl_c_reaches_the_program_and_not_neve() -> None:
    script = "trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 1; done"
    person = Person("sh", "-c", script)
    try:
        assert person.sees(b"ready"), person.seen
        person.type(b"\x03")
        assert person.sees(b"caught"), person.seen
        assert person.ended() == 3
    finally:
        person.close()
