"""Running a program on this process's own terminal, or on its plain standard streams.

On a terminal the program gets one of its own, as engines do: what it does to it, and what it
pushes into its input (``TIOCSTI``), does not reach the person's. Nothing in here prints.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from neve.errors import ToolError
from neve.sandbox.process import find_program, kill_group

_CHUNK = 1 << 14
_END_OF_INPUT = b"\x04"  # VEOF as terminals are opened: termios(3)
_ON_ITS_TERMINAL = "import os, sys; os.login_tty(0); os.execv(sys.argv[1], sys.argv[1:])"


def on_terminal() -> bool:
    """Whether a person sits at both ends: standard input and output are a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def run_attached(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
    own_terminal: bool | None = None,
) -> int:
    """Run ``argv`` to its end with this process's standard streams; its exit code, 128 + N where
    signal N ended it.

    ``own_terminal`` gives it a terminal of its own (default: where a person sits at this one). A
    program that handles the terminal by itself, as an engine's client does, is given ``False``.
    Raises ``ToolError`` where it is missing or can't be started.
    """
    program = find_program(argv[0])
    whole = [program, *argv[1:]]
    apart = on_terminal() if own_terminal is None else own_terminal
    if not apart:
        with _started(whole, environment, pass_fds) as process:
            return _code(process.wait())
    return _on_own_terminal(whole, environment, pass_fds)


def _on_own_terminal(
    argv: list[str], environment: Mapping[str, str] | None, pass_fds: Sequence[int]
) -> int:
    import termios
    import tty

    here = sys.stdin.fileno()
    leader, follower = os.openpty()
    _same_size(here, leader)
    before = termios.tcgetattr(here)
    resized = signal.signal(signal.SIGWINCH, lambda *_: _same_size(here, leader))
    try:
        wrapped = [sys.executable, "-I", "-S", "-c", _ON_ITS_TERMINAL, *argv]
        with _started(wrapped, environment, pass_fds, terminal=follower) as process:
            os.close(follower)
            tty.setraw(here, termios.TCSADRAIN)  # what was typed ahead counts
            _pass_on(here, leader, sys.stdout.fileno())
            return _code(process.wait())
    finally:
        termios.tcsetattr(here, termios.TCSADRAIN, before)
        signal.signal(signal.SIGWINCH, resized)
        os.close(leader)


def _pass_on(person: int, leader: int, screen: int) -> None:
    """Carry bytes both ways until the program's end of the terminal is closed."""
    watched = [person, leader]
    while True:
        ready, _, _ = select.select(watched, [], [])
        if leader in ready:
            try:
                data = os.read(leader, _CHUNK)
            except OSError:  # EIO: nobody has the other end open any more
                return
            if not data:
                return
            _write_all(screen, data)
        if person in ready:
            typed = os.read(person, _CHUNK)
            if not typed:
                watched.remove(person)
            with contextlib.suppress(OSError):
                _write_all(leader, typed or _END_OF_INPUT)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _same_size(from_terminal: int, to_terminal: int) -> None:
    import fcntl
    import termios

    with contextlib.suppress(OSError):
        size = fcntl.ioctl(from_terminal, termios.TIOCGWINSZ, bytes(8))
        fcntl.ioctl(to_terminal, termios.TIOCSWINSZ, size)


@contextmanager
def _started(
    argv: list[str],
    environment: Mapping[str, str] | None,
    pass_fds: Sequence[int],
    *,
    terminal: int | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    try:
        process = subprocess.Popen(
            argv,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env=None if environment is None else dict(environment),
            pass_fds=tuple(pass_fds),
        )
    except OSError as error:
        raise ToolError(
            f"could not start {argv[0]!r}: {error.strerror or error}",
            resolution="Check that the program may be executed and that its directory exists.",
        ) from error
    try:
        yield process
    finally:
        if process.poll() is None:
            if terminal is None:
                process.kill()
            else:
                kill_group(process)
            process.wait()


def _code(returned: int) -> int:
    return returned if returned >= 0 else 128 - returned
