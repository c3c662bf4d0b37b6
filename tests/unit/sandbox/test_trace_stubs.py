"""The recorders: what they write is read back exactly, and they stand where a command stood."""

from __future__ import annotations

import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from neve.sandbox.trace_record import Command
from neve.sandbox.trace_stubs import PASS, SKIP, read_commands, stub_paths, write_stubs


def install(tmp_path: Path, name: str, kind: str) -> tuple[Path, Path]:
    real = tmp_path / "real"
    log = tmp_path / "log"
    log.touch()
    write_stubs(tmp_path, log=str(log), real=str(real))
    stub = tmp_path / name
    stub.write_bytes((tmp_path / kind).read_bytes())
    stub.chmod(0o755)
    program = Path(f"{real}{stub}")
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\necho "real $*"\nexit 7\n')
    program.chmod(0o755)
    return stub, log


def test_a_skipped_command_is_noted_and_succeeds(tmp_path: Path) -> None:
    stub, log = install(tmp_path, "ldconfig", "skip")
    done = subprocess.run([stub, "-X", "a b", ""], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"")
    assert read_commands(log.read_bytes()) == (Command(("ldconfig", "-X", "a b", "")),)


def test_a_passed_command_is_noted_and_runs(tmp_path: Path) -> None:
    stub, log = install(tmp_path, "adduser", "pass")
    done = subprocess.run([stub, "--system", "x\ny"], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (7, b"real --system x\ny\n")
    assert read_commands(log.read_bytes()) == (Command(("adduser", "--system", "x\ny")),)


def test_what_a_passed_command_calls_is_not_noted(tmp_path: Path) -> None:
    stub, log = install(tmp_path, "groupadd", "pass")
    environment = {"NEVE_NESTED": "1", "PATH": "/usr/bin:/bin"}
    subprocess.run([stub, "x"], env=environment, capture_output=True, check=False)
    assert read_commands(log.read_bytes()) == ()


def test_stand_ins_cover_only_commands_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/sbin").mkdir()
    (tmp_path / "usr/sbin/adduser").touch()
    (tmp_path / "usr/sbin/addgroup").symlink_to("adduser")
    (tmp_path / "usr/bin/ls").touch()
    (tmp_path / "usr/bin/systemctl").touch()
    assert stub_paths([tmp_path]) == (
        ("/usr/bin/systemctl", "skip"),
        ("/usr/sbin/addgroup", "pass"),
        ("/usr/sbin/adduser", "pass"),
    )


def test_a_link_to_another_program_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/newaliases").symlink_to("../sbin/smtpctl")
    assert stub_paths([tmp_path]) == ()


def test_no_command_is_both_run_and_skipped() -> None:
    assert not PASS & SKIP


words = st.text(alphabet=st.characters(exclude_characters="\0", codec="utf-8"), max_size=12)


@given(st.lists(st.lists(words, min_size=1, max_size=5), max_size=6))
def test_records_are_read_back(calls: list[list[str]]) -> None:
    record = b"".join(
        b"".join(part.encode() + b"\0" for part in (str(len(call)), *call)) for call in calls
    )
    assert read_commands(record) == tuple(Command(tuple(call)) for call in calls)


@given(st.binary(max_size=60))
def test_a_damaged_record_is_survived(record: bytes) -> None:
    read_commands(record)
