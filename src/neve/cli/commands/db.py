"""``neve db``: the index of known vulnerabilities."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neve.cli.options import (
    FormatOption,
    OfflineOption,
    OutputFormat,
    QuietOption,
    session,
)
from neve.errors import ExitCode

_Feeds = Annotated[
    list[str] | None,
    typer.Argument(
        help="Feeds or groups of them (debian, python, kev …); default: those of the settings.",
        show_default=False,
    ),
]
_DbOption = Annotated[
    Path | None, typer.Option("--db", help="Directory of the vulnerability index.")
]


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    family = typer.Typer(help="Keep the index of known vulnerabilities.", no_args_is_help=True)
    family.command(
        "update", short_help="Fetch the feeds that changed.", epilog="Example: neve db update"
    )(db_update)
    family.command(
        "import",
        short_help="Read feeds from files.",
        epilog="Example: neve db import tracker.json kev.json",
    )(db_import)
    family.command(
        "status", short_help="Say how old every feed is.", epilog="Example: neve db status"
    )(db_status)
    app.add_typer(family, name="db")


def db_update(
    feeds: _Feeds = None,
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
    offline: OfflineOption = None,
    db: _DbOption = None,
) -> None:
    """Fetch the feeds that changed into the index.

    A feed that can't be had leaves its old data in place; the exit code is 3 then.
    """
    with session(output_format, quiet=quiet, offline=offline, db=db) as run:
        from neve.report.db import change_text
        from neve.verbs.context import Workspace
        from neve.verbs.db import UpdateRequest, update_feeds

        with Workspace(run.settings, run.progress) as workspace:
            result = update_feeds(UpdateRequest(feeds=tuple(feeds or ())), workspace)
        run.show("db-update", result, change_text(result, run.console.width))
    if not result.complete:
        raise typer.Exit(ExitCode.TOOL)


def db_import(
    files: Annotated[
        list[Path], typer.Argument(help="Feeds, or reports of grype and trivy (JSON).")
    ],
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
    db: _DbOption = None,
) -> None:
    """Read feeds from files, for networks without a way out.

    The format is told from the content. All files are read, or nothing changes.
    """
    with session(output_format, quiet=quiet, db=db) as run:
        from neve.report.db import change_text
        from neve.verbs.context import Workspace
        from neve.verbs.db import ImportRequest, import_files

        with Workspace(run.settings, run.progress) as workspace:
            result = import_files(ImportRequest(files=tuple(files)), workspace)
        run.show("db-import", result, change_text(result, run.console.width))


def db_status(
    feeds: _Feeds = None,
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
    db: _DbOption = None,
) -> None:
    """Say of every feed where it is from, what it holds and how old it is.

    The exit code is 3 where one is missing or stale.
    """
    with session(output_format, quiet=quiet, db=db) as run:
        from neve.report.db import status_text
        from neve.verbs.context import Workspace
        from neve.verbs.db import StatusRequest, status_of_feeds

        with Workspace(run.settings, run.progress) as workspace:
            result = status_of_feeds(StatusRequest(feeds=tuple(feeds or ())), workspace)
        run.show("db-status", result, status_text(result, run.console.width))
    if not result.usable:
        raise typer.Exit(ExitCode.TOOL)
