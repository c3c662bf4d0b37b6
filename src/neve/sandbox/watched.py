"""Long-running bubblewrap processes: knowing the program inside, and ending it in any case."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from neve.errors import ToolError
from neve.sandbox.process import Process, find_program

_START_TIMEOUT = 20.0


@contextmanager
def unlisted(options: Sequence[str]) -> Iterator[int]:
    """A descriptor that bwrap reads ``options`` from (``--args``).

    Everybody on the host may list a program's arguments, and these hold a container's environment.
    """
    with os.fdopen(os.memfd_create("options"), "w+b") as file:
        file.write(b"".join(os.fsencode(option) + b"\0" for option in options))
        file.flush()
        file.seek(0)
        yield file.fileno()


class Watched:
    """A long-running bwrap, and the host process id of the program inside it."""

    def __init__(
        self,
        options: Sequence[str],
        command: Sequence[str],
        *,
        prefix: Sequence[str] = (),
        keep_stdin: bool = False,
    ) -> None:
        # Kept open to the end: bwrap writes the exit code there too.
        self._status, writing = os.pipe()
        try:
            with unlisted(("--json-status-fd", str(writing), *options)) as given:
                self.process = Process(
                    [*prefix, find_program("bwrap"), "--args", str(given), "--", *command],
                    environment={},
                    pass_fds=(writing, given),
                    keep_stdin=keep_stdin,
                )
        finally:
            os.close(writing)
        try:
            self.child = _child_pid(self._status, self.process)
            self._guard = _guard(self.child)
        except BaseException:
            self.process.close()
            os.close(self._status)
            raise

    def wait_until_it_echoes(self) -> None:
        """Wait for ``cat`` itself: its process exists before its namespaces are finished."""
        self.process.feed(b"\n")
        deadline = time.monotonic() + _START_TIMEOUT
        while not self.process.logs()[0]:
            if not self.process.running or time.monotonic() > deadline:
                raise _not_started(self.process)
            time.sleep(0.002)

    def close(self) -> None:
        """Kill it."""
        self._guard.close()
        if self.process.running:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self.child, signal.SIGKILL)
        self.process.close()
        os.close(self._status)

    def __enter__(self) -> Watched:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _child_pid(descriptor: int, process: Process) -> int:
    deadline = time.monotonic() + _START_TIMEOUT
    text = b""
    while b"\n" not in text:
        ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        data = os.read(descriptor, 4096) if ready else b""
        if not data:
            raise _not_started(process)
        text += data
    return int(json.loads(text.split(b"\n")[0])["child-pid"])


def _guard(child: int) -> Process:
    """A process that kills ``child`` when this one dies, however it dies.

    bubblewrap's own --die-with-parent may not signal a process that became another user.
    """
    script = "import os, sys; sys.stdin.read(); os.kill(int(sys.argv[1]), 9)"
    argv = [sys.executable, "-I", "-S", "-c", script, str(child)]
    return Process(argv, environment={}, keep_stdin=True)


def _not_started(process: Process) -> ToolError:
    ended = process.wait(1.0)
    return ToolError(
        "bubblewrap could not start the container",
        details=tuple(ended.stderr.decode(errors="replace").splitlines()[-5:]),
        resolution="See the lines above; an engine may work: --engine docker|podman.",
    )
