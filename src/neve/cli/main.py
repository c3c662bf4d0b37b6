"""The ``neve`` command: builds the command tree, renders errors, sets exit codes."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback

import typer
from typer.exceptions import TyperException

from neve import __version__
from neve.cli import options
from neve.cli.console import make_console, show_error
from neve.errors import ExitCode, NeveError, ToolError, UsageError

app = typer.Typer(
    name="neve",
    help="Hardened, reproducible container images from signed packages: no daemon, no root.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"neve {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", help="Show the version.", callback=_version, is_eager=True
    ),
) -> None:
    """Hardened, reproducible container images from signed packages: no daemon, no root."""


def main() -> None:
    """Run the command line; never returns."""
    from neve.cli.register import register

    register(app)
    try:
        sys.exit(app(standalone_mode=False, prog_name="neve"))
    except NeveError as error:
        _fail(error)
    except typer.Abort:
        sys.exit(ExitCode.USAGE)
    except TyperException as error:
        _misused(error)
    except options.ReaderGoneError:
        sys.exit(ExitCode.TOOL)
    except (options.StoppedByPersonError, KeyboardInterrupt):
        _interrupted()
    except Exception as error:
        _fail(_crash(error))


def _interrupted() -> None:
    """Say so and end at once: CPython ends by the signal instead of an exit code where Ctrl-C
    came inside ``exec`` of a string (as making a dataclass does), even if somebody caught it.
    """
    sys.stderr.write("\ninterrupted: nothing half-written is kept\n")
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(130)


def _misused(error: TyperException) -> None:
    """A command line that can't be understood, as any other error: also as JSON if that is asked
    for, which nothing has read yet.
    """
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "neve"
    brief = getattr(error, "format_message", lambda: "")()
    if not brief or (context is not None and brief == context.get_help()):
        error.show()  # type: ignore[attr-defined]  # no arguments: the help is the answer
        sys.exit(ExitCode.USAGE)
    line = " ".join(sys.argv[1:]).replace("=", " ")
    asked = "--format json" in line
    console = make_console(output_format="json" if asked else "table", environment=os.environ)
    show_error(
        console, UsageError(f"{command}: {brief}", resolution=f"`{command} --help` shows how.")
    )
    sys.exit(ExitCode.USAGE)


def _fail(error: NeveError) -> None:
    console = options.current_console[0] if options.current_console else None
    show_error(console or make_console(environment=os.environ), error)
    sys.exit(error.exit_code)


def _crash(error: Exception) -> ToolError:
    lines = tuple(traceback.format_exception(error)[-6:])
    return ToolError(
        f"neve itself failed: {type(error).__name__}: {error}",
        details=tuple(line for block in lines for line in block.rstrip().splitlines()),
        resolution="This is a bug in neve: report the command and the lines above.",
    )
