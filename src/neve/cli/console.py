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
_TICK = 0.25
_PIPED_WIDTH = 120  # for logs and pagers, which have no width of their own


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """Where output goes and how. ``format`` is ``table`` or ``json``; ``width`` is that of
    results, ``error_width`` that of messages: 0 where nobody wants them broken.
    """

    format: str = "table"
    quiet: bool = False
    out: TextIO
    err: TextIO
    colour: bool = False
    width: int = 100
    error_width: int = 0

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
    return Console(
        format=output_format,
        quiet=quiet,
        out=sys.stdout,
        err=sys.stderr,
        colour=colour,
        width=_result_width(environment),
        error_width=terminal_width(sys.stderr) if sys.stderr.isatty() else 0,
    )


def _result_width(environment: Mapping[str, str]) -> int:
    if environment.get("COLUMNS", "").isdecimal() or not sys.stdout.isatty():
        return shutil.get_terminal_size((_PIPED_WIDTH, 24)).columns
    return terminal_width(sys.stdout)


def terminal_width(stream: TextIO) -> int:
    """Columns of the terminal behind ``stream``; 80 where it won't say."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def show_error(console: Console, error: NeveError) -> None:
    """An error with its evidence and the next step; as JSON on stdout where that was asked for.

    What images and archives are called may stand in it: none of that reaches the terminal alive.
    """
    if console.format == "json":
        from neve.report.document import error_document

        console.data(error_document(error))
    from neve.report.visible import visible

    _message(console, "error:", visible(error.brief), "1;31")
    for line in (line for text in error.details for line in text.splitlines() or [""]):
        console.err.write(f"  {visible(line.expandtabs())}\n")
    step, newline, to_paste = error.resolution.partition("\n")
    _message(console, "next:", visible(step), "1")
    console.err.write(f"{to_paste}\n" if newline else "")
    if error.docs:
        console.err.write(f"see:  docs/{error.docs}\n")


def _message(console: Console, head: str, text: str, code: str) -> None:
    """One line after a painted head; broken between words on a terminal, never in a log."""
    from neve.report.table import wrapped

    line = f"{head} {text}"
    if console.error_width:
        line = wrapped(line, console.error_width, indent=len(head) + 1).removesuffix("\n")
    console.err.write(f"{console.paint(head, code)}{line.removeprefix(head)}\n")


class TerminalProgress:
    """One line that redraws itself; on anything but a terminal, one line a slow stage.

    A thread of its own draws while a stage has nothing to count, so that nothing that takes more
    than a second is silent.
    """

    def __init__(self, console: Console, *, interactive: bool) -> None:
        self._console = console
        self._interactive = interactive
        self._lock = threading.Lock()
        self._name = ""
        self._item = ""
        self._total: int | None = None
        self._done = 0
        self._opened = self._began = time.monotonic()
        self._drawn = 0.0
        self._visible = False
        self._closed = threading.Event()
        self._ticker: threading.Thread | None = None

    def stage(self, name: str, total: int | None = None) -> None:
        """Begin a stage."""
        with self._lock:
            self._finish()
            self._name, self._item, self._total, self._done = name, "", total, 0
            self._began = time.monotonic()
            if self._ticker is None and not self._console.quiet:
                self._ticker = threading.Thread(target=self._tick, name="progress", daemon=True)
                self._ticker.start()

    def advance(self, amount: int, item: str = "") -> None:
        """Count work done and redraw now and then."""
        with self._lock:
            self._done += amount
            self._item = item
            self._draw_if_due(_DRAW_EVERY)

    def note(self, text: str) -> None:
        """Write a line above the progress."""
        with self._lock:
            self._erase()
            self._console.say(text)

    def close(self) -> None:
        """Take the line away."""
        self._closed.set()
        with self._lock:
            self._finish()
            self._name = ""

    def _tick(self) -> None:
        while not self._closed.wait(_TICK):
            with self._lock:
                self._draw_if_due(_TICK)

    def _draw_if_due(self, every: float) -> None:
        now = time.monotonic()
        since = self._opened if self._interactive else self._began
        if self._name and now - since > _DRAW_AFTER and now - self._drawn > every:
            self._drawn = now
            self._draw(round(now - self._began))

    def _draw(self, seconds: int) -> None:
        if self._console.quiet:
            return
        done = f"{100 * self._done // self._total:3d} %" if self._total else f"{seconds} s"
        line = f"{self._name}: {done} {self._item}".rstrip()
        if self._interactive:
            self._console.err.write("\r\x1b[K" + line[: terminal_width(self._console.err) - 1])
            self._console.err.flush()
        elif not self._visible:
            self._console.err.write(f"{self._name} …\n")
            self._console.err.flush()
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
