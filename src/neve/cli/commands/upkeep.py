"""``neve store`` and ``neve config``: the tool's own house."""

from __future__ import annotations

from typing import Annotated

import typer

from neve.cli.options import (
    FormatOption,
    OutputFormat,
    QuietOption,
    StoreOption,
    session,
)
from neve.errors import ExitCode


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    store_app = typer.Typer(help="Look after the content store.", no_args_is_help=True)
    store_app.command(
        "verify", short_help="Re-hash everything.", epilog="Example: neve store verify"
    )(store_verify)
    store_app.command(
        "gc",
        short_help="Remove what was not used for long.",
        epilog="Example: neve store gc --max-size 5GB",
    )(store_gc)
    app.add_typer(store_app, name="store")
    config_app = typer.Typer(help="Show the tool's settings.", no_args_is_help=True)
    config_app.command("show", epilog="Example: neve config show --origin")(config_show)
    app.add_typer(config_app, name="config")


def store_verify(
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
    store: StoreOption = None,
) -> None:
    """Re-hash everything in the store; damaged entries are removed and named."""
    with session(output_format, quiet=quiet, store=store) as run:
        from neve.report.text import store_verify_text
        from neve.verbs.upkeep import verify_store

        result = verify_store(run.settings)
        run.show("store-verify", result, store_verify_text(result, run.console.width))
    if not result.sound:
        raise typer.Exit(ExitCode.FINDINGS)


def store_gc(
    max_age: Annotated[
        str | None, typer.Option(help="Remove what was not used for so long (30d, 12h).")
    ] = None,
    max_size: Annotated[
        str | None, typer.Option(help="Remove the longest unused until it fits (5GB).")
    ] = None,
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
    store: StoreOption = None,
) -> None:
    """Remove what has not been used for long; never what a running build uses."""
    with session(output_format, quiet=quiet, store=store) as run:
        from neve.report.text import store_gc_text
        from neve.verbs.upkeep import collect_garbage

        result = collect_garbage(run.settings, max_age=max_age, max_size=max_size)
        run.show("store-gc", result, store_gc_text(result, run.console.width))


def config_show(
    origin: Annotated[
        bool, typer.Option("--origin", help="Also say where each value comes from.")
    ] = False,
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
    store: StoreOption = None,
) -> None:
    """Show every setting in force."""
    with session(output_format, quiet=quiet, store=store) as run:
        from neve.report.text import config_text
        from neve.verbs.upkeep import shown_settings

        settings = shown_settings(run.settings)
        text = config_text(settings, run.console.width, origin=origin)
        run.show("config", settings, text)
