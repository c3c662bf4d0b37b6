"""``neve debug`` and ``neve add debug``: looking into images that have no tools."""

from __future__ import annotations

from datetime import datetime
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


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command(
        "debug",
        short_help="Look into a container, pod or image.",
        epilog="Example: neve debug out -- ls -l /target/etc",
    )(debug)


def debug(
    target: Annotated[
        str,
        typer.Argument(
            help="A running container (web, docker:web, podman:web), pod/NAME/CONTAINER, "
            "kubectl:NAMESPACE/POD/CONTAINER, an image or a root file system.",
            show_default=False,
        ),
    ],
    command: Annotated[
        list[str] | None,
        typer.Argument(help="Run this instead of a shell, after --.", show_default=False),
    ] = None,
    tools: Annotated[
        str | None,
        typer.Option(
            help="Image with the tools (default: the debug variant of the image's own recipe, or "
            "the catalogue's debug-tools).",
            show_default=False,
        ),
    ] = None,
    root: Annotated[
        bool, typer.Option("--root", help="As root, not as the target's user.")
    ] = False,
    namespace: Annotated[
        str | None, typer.Option("--namespace", "-n", help="The pod's.", show_default=False)
    ] = None,
    run_it: Annotated[
        bool | None,
        typer.Option(
            "--run/--print",
            help="Run it, or only show how (default: run for images, show for containers and "
            "pods).",
            show_default=False,
        ),
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="auto, docker or podman.", show_default=False)
    ] = None,
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
    offline: OfflineOption = None,
    store: StoreOption = None,
) -> None:
    """Look into a container, pod or image with tools that are not in it.

    Its files stay as they are. What runs decides the exit code.
    """
    with session(output_format, quiet=quiet, offline=offline, store=store, engine=engine) as run:
        from neve.errors import UsageError
        from neve.report.debug import debug_text
        from neve.verbs.context import Workspace
        from neve.verbs.debug import DebugRequest, debug_target

        as_document = output_format is OutputFormat.JSON
        if run_it and as_document:
            raise UsageError(
                "--run leaves stdout to the program, and --format json needs it",
                resolution="Leave one of the two out.",
            )
        request = DebugRequest(
            target=target,
            command=tuple(command or ()),
            tools=tools,
            root=root,
            namespace=namespace,
            run=False if as_document else run_it,
        )
        with Workspace(run.settings, run.progress) as workspace:
            result = debug_target(request, workspace, entering=run.progress.close)
        if result.exit_code is None:
            run.show("debug", result, debug_text(result, run.console.width))
    if result.exit_code is not None:
        raise typer.Exit(result.exit_code)


def add_debug(
    packages: Annotated[
        list[str] | None,
        typer.Argument(
            help="Packages with tools (default: a shell and the usual ones).", show_default=False
        ),
    ] = None,
    expires: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="Last day it may be used (default: 90 days after the lock's time).",
            show_default=False,
        ),
    ] = None,
    variant: Annotated[str, typer.Option(help="What the variant is called.")] = "debug",
    recipe: Annotated[Path, typer.Option("--recipe", "-r", help="The recipe to edit.")] = Path(
        "neve.yaml"
    ),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the difference, write nothing.")
    ] = False,
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Give the image a debug variant: its own layers and one of tools."""
    with session(output_format, quiet=quiet) as run:
        from neve.verbs.add_debug import AddDebugRequest
        from neve.verbs.add_debug import add_debug as add

        result = add(
            AddDebugRequest(
                recipe=recipe,
                packages=tuple(packages or ()),
                variant=variant,
                expires=expires.date() if expires is not None else None,
                dry_run=dry_run,
            )
        )
        run.show("edit", result, result.difference or f"{result.summary}\n")
