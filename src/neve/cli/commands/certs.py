"""``neve certs`` and ``neve add cert``: what an image trusts, and letting it trust one more."""

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


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command(
        "certs",
        short_help="List certificates and their expiry.",
        epilog="Example: neve certs out --expires-within 30d",
    )(certs)


def certs(
    subject: Annotated[str, typer.Argument(help="An image, or a recipe.", show_default=False)],
    expires_within: Annotated[
        str, typer.Option(help="Exit 1 if one that is no public root ends within this: 30d, 8w.")
    ] = "0d",
    every: Annotated[bool, typer.Option("--all", help="List public roots as well.")] = False,
    platform: Annotated[
        str | None, typer.Option(help="Which platform's image.", show_default=False)
    ] = None,
    variant: Annotated[str, typer.Option(help="Which variant of a recipe.")] = "runtime",
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
    offline: OfflineOption = None,
    store: StoreOption = None,
) -> None:
    """List the certificates in an image, whose they are, where they are and when they end."""
    with session(output_format, quiet=quiet, offline=offline, store=store) as run:
        from neve.report.certs import certs_text
        from neve.verbs.certs import CertsRequest, list_certificates, parse_days
        from neve.verbs.context import Workspace
        from neve.verbs.platforms import parse_platforms

        request = CertsRequest(
            subject=subject,
            within=parse_days(expires_within),
            every=every,
            variant=variant,
            platforms=parse_platforms([platform] if platform else ()),
        )
        with Workspace(run.settings, run.progress) as workspace:
            result = list_certificates(request, workspace)
        run.show("certs", result, certs_text(result, run.console.width))
    raise typer.Exit(result.exit_code)


def add_cert(
    files: Annotated[list[Path], typer.Argument(help="PEM or DER files beside the recipe.")],
    leaf: Annotated[
        bool, typer.Option("--leaf", help="Trust a self-signed certificate that is no CA.")
    ] = False,
    inline: Annotated[
        bool, typer.Option("--inline", help="Write the certificate itself into the recipe.")
    ] = False,
    recipe: Annotated[Path, typer.Option("--recipe", "-r", help="The recipe to edit.")] = Path(
        "neve.yaml"
    ),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the difference, write nothing.")
    ] = False,
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Let the image trust one more certificate."""
    with session(output_format, quiet=quiet) as run:
        from neve.report.certs import added_text
        from neve.verbs.add_certs import AddCertsRequest, add_certificates

        request = AddCertsRequest(
            recipe=recipe, files=tuple(files), leaf=leaf, inline=inline, dry_run=dry_run
        )
        result = add_certificates(request)
        run.show("add-cert", result, added_text(result, run.console.width))
