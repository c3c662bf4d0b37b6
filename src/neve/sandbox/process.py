"""Starting host programs: bounded in time and output, killed as a group, never through a shell.

Every other part of neve that needs a program asks here. Nothing in this module knows about
images; nothing here prints.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from neve.errors import ToolError

_CHUNK = 1 << 16
_GRACE = 1.0
DEFAULT_OUTPUT_LIMIT = 1 << 20

_PACKAGES = {
    "bwrap": "bubblewrap",
    "nsenter": "util-linux",
    "docker": "docker.io",
    "podman": "podman",
    "skopeo": "skopeo",
    "strace": "strace",
    "mmdebstrap": "mmdebstrap",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """How a program ended.

    Exactly one of ``exit_code`` and ``signal`` is set, unless it ``timed_out`` (then it was
    killed and neither is meaningful). Output beyond the limit was read and thrown away:
    ``truncated`` says so.
    """

    argv: tuple[str, ...]
    exit_code: int | None
    signal: int | None
    stdout: bytes
    stderr: bytes
    timed_out: bool = False
    truncated: bool = False

    @property
    def succeeded(self) -> bool:
        """It ended by itself with exit code 0."""
        return self.exit_code == 0 and not self.timed_out

    def describe(self) -> str:
        """How it ended, for people: ``exit code 2``, ``signal SIGSEGV`` or ``timed out``."""
        if self.timed_out:
            return "timed out"
        if self.signal is not None:
            return f"signal {signal_name(self.signal)}"
        return f"exit code {self.exit_code}"


def signal_name(number: int) -> str:
    """``SIGTERM`` for 15; the number itself where the host has no name for it."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"number {number}"


def signal_number(name: str) -> int:
    """15 for ``SIGTERM``, ``TERM`` or ``15``; raises ``ValueError`` for anything else."""
    if name.isascii() and name.isdecimal():
        number = int(name)
        if not 0 < number < 65:
            raise ValueError(f"not a signal: {name}")
        return number
    full = name.upper() if name.upper().startswith("SIG") else f"SIG{name.upper()}"
    if full.startswith("SIGRTMIN+") and full[9:].isdecimal() and int(full[9:]) <= 30:
        return 34 + int(full[9:])
    try:
        return int(signal.Signals[full])
    except KeyError:
        raise ValueError(f"not a signal: {name}") from None


def find_program(name: str) -> str:
    """The absolute path of a host program; ``ToolError`` names the package that has it."""
    found = shutil.which(name)
    if found is None:
        raise missing_program(name)
    return found


def missing_program(name: str) -> ToolError:
    """The error for a host program that is not installed."""
    program = os.path.basename(name)  # noqa: PTH119 - a program name, not a file
    package = _PACKAGES.get(program, program)
    return ToolError(
        f"the program {program!r} is not installed",
        resolution=f"Install the package {package!r} and try again.",
    )


def run_command(
    argv: Sequence[str],
    *,
    stdin: bytes | IO[bytes] | None = None,
    timeout: float = 60.0,
    environment: Mapping[str, str] | None = None,
    limit_output: int = DEFAULT_OUTPUT_LIMIT,
    cwd: Path | None = None,
    pass_fds: Sequence[int] = (),
    sink: Callable[[bytes], object] | None = None,
) -> Completed:
    """Run a host program to its end.

    ``stdin`` is bytes to feed, an open file, or ``None`` for nothing to read. ``environment``
    is the whole environment; ``None`` inherits the caller's. Standard output and error are kept
    up to ``limit_output`` bytes each; a ``sink`` takes all of standard output instead, and what it
    raises ends the program. When ``timeout`` seconds pass, or the program ends and
    leaves children behind, its whole process group is killed. ``ToolError`` where the program
    is missing or cannot be started.
    """
    feed = stdin if isinstance(stdin, bytes) else b""
    process = _popen(
        argv,
        stdin=_given(stdin),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        environment=environment,
        cwd=cwd,
        pass_fds=pass_fds,
    )
    try:
        exchange = _Exchange(process, feed, limit_output)
        exchange.sink = sink
        in_time = exchange.until(time.monotonic() + timeout)
    finally:
        _end(process)
    code = process.returncode
    return Completed(
        argv=tuple(argv),
        exit_code=code if code >= 0 and in_time else None,
        signal=-code if code < 0 and in_time else None,
        stdout=bytes(exchange.output["stdout"]),
        stderr=bytes(exchange.output["stderr"]),
        timed_out=not in_time,
        truncated=exchange.truncated,
    )


def _given(stdin: bytes | IO[bytes] | None) -> int | IO[bytes]:
    """Standard input as ``subprocess`` takes it: a pipe for bytes, nothing to read for ``None``."""
    if isinstance(stdin, bytes):
        return subprocess.PIPE
    return subprocess.DEVNULL if stdin is None else stdin


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process's group, if any of it is left, and close its streams."""
    kill_group(process)
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


class _Exchange:
    """Feed a process's standard input and read its outputs, without deadlock or growth."""

    def __init__(self, process: subprocess.Popen[bytes], feed: bytes, limit: int) -> None:
        self.sink: Callable[[bytes], object] | None = None
        self._process = process
        self._feed = memoryview(feed)
        self._limit, self.truncated = limit, False
        self.output = {"stdout": bytearray(), "stderr": bytearray()}
        self._selector = selectors.DefaultSelector()
        for stream, name in ((process.stdout, "stdout"), (process.stderr, "stderr")):
            if stream is not None:
                self._selector.register(stream, selectors.EVENT_READ, name)
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
            self._selector.register(process.stdin, selectors.EVENT_WRITE, "stdin")

    def until(self, deadline: float) -> bool:
        """Exchange until the process has ended; whether that was before ``deadline``."""
        with self._selector:
            while self._selector.get_map():
                now = time.monotonic()
                if now >= deadline:
                    return self._process.poll() is not None
                for key, _ in self._selector.select(min(deadline - now, 0.2)):
                    self._step(key.data, key.fileobj)
                if self._process.poll() is not None:
                    self._drain()
                    return True
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return False
        return True

    def _drain(self) -> None:
        """Read what is left, but do not wait for children that keep the pipes open."""
        kill_group(self._process)
        end = time.monotonic() + _GRACE
        while time.monotonic() < end:
            events = self._selector.select(0.05)
            for key, _ in events:
                self._step(key.data, key.fileobj)
            names = {key.data for key in self._selector.get_map().values()}
            if not names - {"stdin"}:
                return

    def _step(self, name: str, stream: object) -> None:
        descriptor = stream.fileno()  # type: ignore[attr-defined]
        if name == "stdin":
            try:
                written = os.write(descriptor, self._feed[:_CHUNK]) if self._feed else 0
            except BrokenPipeError:
                written = len(self._feed)
            except BlockingIOError:
                return
            self._feed = self._feed[written:]
            if not self._feed:
                self._finish(stream)
            return
        data = os.read(descriptor, _CHUNK)
        if not data:
            self._finish(stream)
            return
        if name == "stdout" and self.sink is not None:
            self.sink(data)
            return
        kept = self.output[name]
        room = self._limit - len(kept)
        kept += data[:room]
        self.truncated = self.truncated or len(data) > room

    def _finish(self, stream: object) -> None:
        self._selector.unregister(stream)  # type: ignore[arg-type]
        with contextlib.suppress(OSError):
            stream.close()  # type: ignore[attr-defined]


class Process:
    """A host program that goes on running; the head of its output is kept in memory.

    Use as a context manager: leaving it kills the whole process group.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        pass_fds: Sequence[int] = (),
        keep_stdin: bool = False,
        limit_output: int = DEFAULT_OUTPUT_LIMIT,
    ) -> None:
        """Start ``argv``. With ``keep_stdin`` its standard input stays open until ``close``."""
        self.argv = tuple(argv)
        self._popen = _popen(
            argv,
            stdin=subprocess.PIPE if keep_stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            environment=environment,
            cwd=cwd,
            pass_fds=pass_fds,
        )
        self._stdout = _Head(self._popen.stdout, limit_output)
        self._stderr = _Head(self._popen.stderr, limit_output)

    @property
    def pid(self) -> int:
        """The process id on the host."""
        return self._popen.pid

    @property
    def running(self) -> bool:
        """It has not ended yet."""
        return self._popen.poll() is None

    def send_signal(self, number: int) -> None:
        """Send a signal to the program itself, not to its children."""
        with contextlib.suppress(ProcessLookupError):
            self._popen.send_signal(number)

    def feed(self, data: bytes) -> None:
        """Write to its standard input, which ``keep_stdin`` left open."""
        if self._popen.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._popen.stdin.write(data)

    def wait(self, timeout: float) -> Completed:
        """Wait for its end; ``timed_out`` is set where it is still running after ``timeout``."""
        try:
            code: int | None = self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            code = None
        else:
            kill_group(self._popen)
            self._stdout.finish()
            self._stderr.finish()
        stdout, stderr = self.logs()
        return Completed(
            argv=self.argv,
            exit_code=code if code is not None and code >= 0 else None,
            signal=-code if code is not None and code < 0 else None,
            stdout=stdout,
            stderr=stderr,
            timed_out=code is None,
            truncated=self._stdout.truncated or self._stderr.truncated,
        )

    def logs(self) -> tuple[bytes, bytes]:
        """The first bytes of standard output and of standard error, up to the limit each."""
        return bytes(self._stdout.data), bytes(self._stderr.data)

    def close(self) -> None:
        """Kill what still runs."""
        kill_group(self._popen)
        self._popen.wait()
        if self._popen.stdin is not None:
            with contextlib.suppress(OSError):
                self._popen.stdin.close()
        self._stdout.finish()
        self._stderr.finish()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Head:
    """Reads a pipe to its end in a thread, keeping the first ``limit`` bytes."""

    def __init__(self, stream: IO[bytes] | None, limit: int) -> None:
        self.data = bytearray()
        self.truncated = False
        self._thread = threading.Thread(target=self._read, args=(stream, limit), daemon=True)
        self._thread.start()

    def _read(self, stream: IO[bytes] | None, limit: int) -> None:
        if stream is None:
            return
        with stream:
            while data := stream.read(_CHUNK):
                room = limit - len(self.data)
                self.data += data[:room]
                self.truncated = self.truncated or len(data) > room

    def finish(self) -> None:
        """Wait a moment for the end of the pipe."""
        self._thread.join(_GRACE)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and everything it started that stayed in its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def _popen(
    argv: Sequence[str],
    *,
    stdin: int | IO[bytes],
    stdout: int | IO[bytes],
    stderr: int | IO[bytes],
    environment: Mapping[str, str] | None,
    cwd: Path | None,
    pass_fds: Sequence[int],
) -> subprocess.Popen[bytes]:
    program = find_program(argv[0])
    try:
        return subprocess.Popen(
            [program, *argv[1:]],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=None if environment is None else dict(environment),
            cwd=cwd,
            pass_fds=tuple(pass_fds),
            start_new_session=True,
            bufsize=0,
        )
    except OSError as error:
        raise ToolError(
            f"could not start {argv[0]!r}: {error.strerror or error}",
            resolution="Check that the program may be executed and that its directory exists.",
        ) from error
