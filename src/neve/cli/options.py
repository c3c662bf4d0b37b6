"""Options that several commands share, and what every command begins with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neve.cli.console import Console, TerminalProgress, make_console, make_progress

if TYPE_CHECKING:
    from neve.verbs.settings import Settings


class OutputFormat(StrEnum):
    """How results are written to stdout."""

    TABLE = "table"
    JSON = "json"


FormatOption = Annotated[
    OutputFormat, typer.Option("--format", help="How to write the result to stdout.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Nothing but results and errors.")]
OfflineOption = Annotated[
    bool | None, typer.Option("--offline/--online", help="Use only what the store holds.")
]
StoreOption = Annotated[
    Path | None, typer.Option("--store", help="Directory of the content store.", show_default=False)
]
RecipeArgument = Annotated[
    str,
    typer.Argument(
        help="A recipe file, a directory with neve.yaml, or one of the catalogue's "
        "(catalogue/debian-13/python.yaml).",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class Session:
    """One command's console, progress and settings."""

    console: Console
    progress: TerminalProgress
    settings: Settings

    def show(self, kind: str, result: object, text: str) -> None:
        """Write ``result`` as JSON, or ``text`` for people; progress is taken away before."""
        self.progress.close()
        if self.console.format == OutputFormat.JSON:
            from neve.report.document import document

            self.console.data(document(kind, result))
        else:
            self.console.data(text)


class StoppedByPersonError(Exception):
    """Ctrl-C. Not ``KeyboardInterrupt``, which typer answers without a word."""


class ReaderGoneError(Exception):
    """Whoever read stdout has gone. Not ``BrokenPipeError``, for which typer exits with 1."""


current_console: list[Console] = []
"""The console of the command that runs, so that an error is written the way it asked for."""


@contextmanager
def session(
    output_format: OutputFormat, *, quiet: bool = False, **flags: object
) -> Iterator[Session]:
    """Open a command: console, settings (flags win), progress that is taken away at the end."""
    from neve.verbs.settings import load_settings

    console = make_console(output_format=output_format.value, quiet=quiet, environment=os.environ)
    current_console[:] = [console]
    settings = load_settings(flags, environment=os.environ, directory=Path.cwd())
    progress = make_progress(console)
    try:
        yield Session(console, progress, settings)
    except KeyboardInterrupt as error:
        raise StoppedByPersonError from error
    except BrokenPipeError as error:
        raise ReaderGoneError from error
    finally:
        progress.close()
