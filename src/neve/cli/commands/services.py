"""``neve add service``: one more program in the image."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neve.cli.options import FormatOption, OutputFormat, QuietOption, session


def add_service(
    name: Annotated[str, typer.Argument(help="The service's name, as web.", show_default=False)],
    command: Annotated[
        list[str],
        typer.Argument(
            help="Program (its whole path) and arguments, after --.", show_default=False
        ),
    ],
    port: Annotated[
        int | None,
        typer.Option(help="Ready when something listens on this port.", show_default=False),
    ] = None,
    depends_on: Annotated[
        list[str] | None,
        typer.Option(help="A service that must be ready before.", show_default=False),
    ] = None,
    restart: Annotated[
        str | None, typer.Option(help="always, on-failure or never.", show_default=False)
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="Account it runs as.", show_default=False)
    ] = None,
    recipe: Annotated[Path, typer.Option("--recipe", "-r", help="The recipe to edit.")] = Path(
        "neve.yaml"
    ),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the difference, write nothing.")
    ] = False,
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Run one more program, supervised.

    The program that the image started before becomes a service beside it.
    """
    with session(output_format, quiet=quiet) as run:
        from neve.recipe.edits import AddService
        from neve.verbs.add_service import AddServiceRequest
        from neve.verbs.add_service import add_service as add

        service = AddService(
            name=name,
            command=tuple(command),
            port=port,
            depends_on=tuple(depends_on or ()),
            restart=restart,
            user=user,
        )
        result = add(AddServiceRequest(recipe=recipe, service=service, dry_run=dry_run))
        run.show("edit", result, result.difference or f"{result.summary}\n")
