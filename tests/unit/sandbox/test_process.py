from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from neve.errors import ToolError
from neve.sandbox.process import Process, find_program, run_command, signal_name, signal_number

PYTHON = [sys.executable, "-I", "-S", "-c"]


def test_output_exit_code_and_both_streams() -> None:
    ended = run_command(
        [*PYTHON, "import os; os.write(1, b'out'); os.write(2, b'err'); os._exit(3)"]
    )
    assert (ended.stdout, ended.stderr, ended.exit_code) == (b"out", b"err", 3)
    assert not ended.succeeded
    assert ended.describe() == "exit code 3"


def test_a_signal_is_told_apart_from_an_exit_code() -> None:
    ended = run_command([*PYTHON, "import os; os.kill(os.getpid(), 11)"])
    assert (ended.exit_code, ended.signal) == (None, signal.SIGSEGV)
    assert ended.describe() == "signal SIGSEGV"


def test_large_input_and_output_do_not_block_each_other() -> None:
    data = os.urandom(3_000_000)
    copy = "import sys, shutil; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)"
    ended = run_command([sys.executable, "-c", copy], stdin=data, limit_output=1 << 24)
    assert ended.stdout == data
    assert not ended.truncated


def test_a_program_that_does_not_read_its_input_is_no_error() -> None:
    assert run_command([*PYTHON, "pass"], stdin=b"x" * 1_000_000).succeeded


def test_output_beyond_the_limit_is_dropped_and_said() -> None:
    ended = run_command([*PYTHON, "print('x' * 5000000)"], limit_output=1000)
    assert ended.stdout == b"x" * 1000
    assert ended.truncated
    assert ended.succeeded


def test_a_timeout_kills_the_whole_group(tmp_path: Path) -> None:
    mark = tmp_path / "grandchild"
    child = f"import time; time.sleep(1.5); open({str(mark)!r}, 'w')"
    parent = (
        f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]);"
        " print('begun', flush=True); time.sleep(60)"
    )
    began = time.monotonic()
    ended = run_command([sys.executable, "-c", parent], timeout=0.6)
    assert time.monotonic() - began < 5
    assert ended.timed_out
    assert (ended.exit_code, ended.signal) == (None, None)
    time.sleep(1.5)
    assert not mark.exists()


def test_children_left_behind_do_not_hold_up_the_end() -> None:
    parent = (
        "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time;"
        " time.sleep(30)'])"
    )
    began = time.monotonic()
    assert run_command([sys.executable, "-c", parent], timeout=20).succeeded
    assert time.monotonic() - began < 10


def test_the_environment_is_exactly_what_was_given() -> None:
    show = "import os; print(sorted(k for k in os.environ if k != 'LC_CTYPE'))"
    ended = run_command([*PYTHON, show], environment={"ONLY": "this"})
    assert ended.stdout.strip() == b"['ONLY']"


def test_a_missing_program_names_the_package() -> None:
    with pytest.raises(ToolError, match="not installed") as caught:
        find_program("surely-no-such-program")
    assert "Install the package" in caught.value.resolution
    with pytest.raises(ToolError):
        run_command(["surely-no-such-program"])


def test_a_program_that_cannot_be_executed_is_a_tool_failure(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF nothing else")
    broken.chmod(0o755)
    with pytest.raises(ToolError, match="could not start"):
        run_command([str(broken)])


def test_a_long_running_process_can_be_asked_stopped_and_read() -> None:
    script = (
        "import os, signal, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('bye', flush=True), os._exit(7)))\n"
        "print('up', flush=True)\n"
        "while True: time.sleep(0.05)\n"
    )
    with Process([*PYTHON, script]) as process:
        deadline = time.monotonic() + 10
        while b"up" not in process.logs()[0] and time.monotonic() < deadline:
            time.sleep(0.02)
        assert process.running
        assert process.wait(0.05).timed_out
        process.send_signal(signal.SIGTERM)
        ended = process.wait(10)
    assert ended.exit_code == 7
    assert ended.stdout.split() == [b"up", b"bye"]


def test_closing_a_process_kills_it_and_bounds_its_log() -> None:
    noisy = "import time\nwhile True: print('x' * 1000, flush=True)"
    process = Process([*PYTHON, noisy], limit_output=10_000)
    time.sleep(0.4)
    process.close()
    assert not process.running
    assert len(process.logs()[0]) <= 10_000


@pytest.mark.parametrize(
    ("name", "number"),
    [("SIGTERM", 15), ("term", 15), ("9", 9), ("SIGQUIT", 3), ("SIGRTMIN+3", 37)],
)
def test_signals_by_name_and_number(name: str, number: int) -> None:
    assert signal_number(name) == number


@pytest.mark.parametrize("name", ["", "SIGNOPE", "0", "65", "-9", "TERM;"])
def test_what_is_no_signal_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a signal"):
        signal_number(name)


def test_a_signal_without_a_name_is_shown_by_number() -> None:
    assert signal_name(15) == "SIGTERM"
    assert signal_name(99) == "number 99"
