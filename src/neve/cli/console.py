"""What people see: progress, notes and errors on stderr; data on stdout.

Colour is never the only signal, and obeys ``NO_COLOR``; progress is drawn only on a terminal.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

from neve.errors import NeveError, ToolError

_DRAW_AFTER = 0.7  # seconds: nothing flickers for what is over at once
_DRAW_EVERY = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """Where output goes and how. ``format`` is ``table`` or ``json``."""

    format: str = "table"
    quiet: bool = False
    out: TextIO
    err: TextIO
    colour: bool = False
    width: int = 100

    def data(self, text: str) -> None:
        """Write a result; ``BrokenPipeError`` if its reader has gone, ``ToolError`` if refused."""
        try:
            self.out.write(text)
            self.out.flush()
        except OSError as error:
            # What is still buffered would fail again when the interpreter closes the stream.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.out.fileno())
            if isinstance(error, BrokenPipeError):
                raise
            raise ToolError(
                f"the result could not be written to stdout ({error.strerror})",
                resolution="Look after the place that stdout leads to, then run the command again.",
            ) from error

    def say(self, text: str) -> None:
        """Write a line for people, unless they asked for quiet."""
        if not self.quiet:
            self.err.write(text + "\n")
            self.err.flush()

    def paint(self, text: str, code: str) -> str:
        """``text`` in an ANSI colour where colours are wanted."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text


def make_console(
    *, output_format: str = "table", quiet: bool = False, environment: Mapping[str, str]
) -> Console:
    """A console on this process's standard streams."""
    colour = (
        sys.stderr.isatty()
        and not environment.get("NO_COLOR")
        and environment.get("TERM") != "dumb"
    )
    width = shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else 120
    return Console(
        format=output_format,
        quiet=quiet,
        out=sys.stdout,
        err=sys.stderr,
        colour=colour,
        width=width,
    )


def show_error(console: Console, error: NeveError) -> None:
    """An error with its evidence and the next step; as JSON on stdout where that was asked for."""
    if console.format == "json":
        from neve.report.document import error_document

        console.data(error_document(error))
    head = console.paint("error:", "1;31")
    console.err.write(f"{head} {error.brief}\n")
    for line in error.details:
        console.err.write(f"  {line}\n")
    console.err.write(f"{console.paint('next:', '1')} {error.resolution}\n")
    if error.docs:
        console.err.write(f"see:  {error.docs}\n")


class TerminalProgress:
    """One line that redraws itself; on anything but a terminal, one line a slow stage."""

    def __init__(self, console: Console, *, interactive: bool) -> None:
        self._console = console
        self._interactive = interactive
        self._lock = threading.Lock()
        self._name = ""
        self._total: int | None = None
        self._done = 0
        self._began = time.monotonic()
        self._drawn = 0.0
        self._visible = False

    def stage(self, name: str, total: int | None = None) -> None:
        """Begin a stage."""
        with self._lock:
            self._finish()
            self._name, self._total, self._done = name, total, 0
            self._began = time.monotonic()

    def advance(self, amount: int, item: str = "") -> None:
        """Count work done and redraw now and then."""
        with self._lock:
            self._done += amount
            now = time.monotonic()
            if now - self._began > _DRAW_AFTER and now - self._drawn > _DRAW_EVERY:
                self._drawn = now
                self._draw(item)

    def note(self, text: str) -> None:
        """Write a line above the progress."""
        with self._lock:
            self._erase()
            self._console.say(text)

    def close(self) -> None:
        """Take the line away."""
        with self._lock:
            self._finish()

    def _draw(self, item: str) -> None:
        if self._console.quiet:
            return
        share = f"{100 * self._done // self._total:3d} %" if self._total else f"{self._done}"
        line = f"{self._name}: {share} {item}"
        if self._interactive:
            self._console.err.write("\r\x1b[K" + line[: self._console.width - 1])
            self._console.err.flush()
        elif not self._visible:
            self._console.err.write(f"{self._name} …\n")
        self._visible = True

    def _erase(self) -> None:
        if self._visible and self._interactive:
            self._console.err.write("\r\x1b[K")
            self._console.err.flush()
            self._visible = False

    def _finish(self) -> None:
        self._erase()
        self._visible = False


def make_progress(console: Console) -> TerminalProgress:
    """Progress on stderr; drawn in place only where stderr is a terminal outside CI."""
    interactive = sys.stderr.isatty() and not os.environ.get("CI")
    return TerminalProgress(console, interactive=interactive)
