"""``neve effects``: what is known of maintainer scripts, and learning more."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neve.cli.options import (
    FormatOption,
    OfflineOption,
    OutputFormat,
    QuietOption,
    StoreOption,
    session,
)
from neve.errors import ExitCode

_Distribution = Annotated[str, typer.Option(help="debian or ubuntu.")]
_Release = Annotated[str, typer.Option(help="Version or codename.")]


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    effects = typer.Typer(
        help="What packages' maintainer scripts do, as data.", no_args_is_help=True
    )
    effects.command(
        "list",
        short_help="Show the known effects of a release.",
        epilog="Example: neve effects list ca-certificates",
    )(list_known)
    effects.command(
        "trace",
        short_help="Learn what maintainer scripts do.",
        epilog="Example: neve effects trace libfoo1 --release 13",
    )(trace)
    effects.command(
        "update",
        short_help="Take over a newer effects database.",
        epilog="Example: neve effects update trixie.json",
    )(update)
    app.add_typer(effects, name="effects")


def list_known(
    package: Annotated[str | None, typer.Argument(help="Only this package.")] = None,
    distribution: _Distribution = "debian",
    release: _Release = "13",
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Show the known effects of a release, or of one package in full."""
    with session(output_format, quiet=quiet) as run:
        from neve.report.effects import effects_text
        from neve.verbs.context import Workspace
        from neve.verbs.effects import list_effects

        with Workspace(run.settings, run.progress) as workspace:
            result = list_effects(
                workspace, distribution=distribution, release=release, package=package
            )
        text = effects_text(result, run.console.width, detailed=package is not None)
        run.show("effects", result, text)


def trace(
    packages: Annotated[list[str], typer.Argument(help="Trace these and what they depend on.")],
    distribution: _Distribution = "debian",
    release: _Release = "13",
    only: Annotated[
        list[str] | None, typer.Option(help="Of all those, only this package; repeatable.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The database file to bring up to date."),
    ] = None,
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
    offline: OfflineOption = None,
    store: StoreOption = None,
) -> None:
    """Run maintainer scripts once in the sandbox and keep what they did, for review."""
    with session(output_format, quiet=quiet, offline=offline, store=store) as run:
        from neve.report.effects import trace_text
        from neve.verbs.context import Workspace
        from neve.verbs.effects_trace import TraceRequest, trace_effects

        request = TraceRequest(
            names=tuple(packages),
            release=release,
            distribution=distribution,
            only=frozenset(only) if only else None,
            output=output,
            jobs=run.settings.jobs or 2,
        )
        with Workspace(run.settings, run.progress) as workspace:
            result = trace_effects(request, workspace)
        run.show("effects-trace", result, trace_text(result, run.console.width))
    if result.failed:
        raise typer.Exit(ExitCode.FINDINGS)


def update(
    database: Annotated[Path, typer.Argument(help="A database file from `neve effects trace`.")],
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Check a newer effects database and use it from now on, over the shipped one."""
    with session(output_format, quiet=quiet) as run:
        from neve.verbs.context import Workspace
        from neve.verbs.effects import update_effects

        with Workspace(run.settings, run.progress) as workspace:
            result = update_effects(database, workspace)
        run.show("effects-update", result, f"{result.effects} effects now in {result.path}\n")
