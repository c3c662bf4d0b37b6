"""``neve lock``, ``build``, ``test`` and ``verify``: from a recipe to an image that holds."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neve.cli.options import (
    FormatOption,
    OfflineOption,
    OutputFormat,
    QuietOption,
    RecipeArgument,
    StoreOption,
    session,
)

if TYPE_CHECKING:
    from neve.recipe.lockdiff import LockDiff


class ImageFormat(StrEnum):
    """What ``-o`` holds afterwards."""

    OCI = "oci"
    OCI_ARCHIVE = "oci-archive"
    DOCKER_ARCHIVE = "docker-archive"


class LayerCompression(StrEnum):
    """How layers are compressed."""

    GZIP = "gzip"
    ZSTD = "zstd"


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command(
        "lock",
        short_help="Resolve a recipe into its lock.",
        epilog="Example: neve lock neve.yaml --update openssl",
    )(lock)
    app.command(
        "build",
        short_help="Build the hardened image of a recipe.",
        epilog="Example: neve build catalogue/debian-13/python.yaml -o out --tag app:1",
    )(build)
    app.command("test", short_help="Run an image's contract.", epilog="Example: neve test out")(
        run_test
    )
    app.command(
        "verify",
        short_help="Check an image against its own record.",
        epilog="Example: neve verify --rebuild out",
    )(verify)


def lock(
    recipe: RecipeArgument = ".",
    update: Annotated[
        bool, typer.Option("--update", help="Resolve anew and show what changes.")
    ] = False,
    packages: Annotated[
        list[str] | None,
        typer.Argument(help="With --update: only these packages may change.", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show, but write nothing.")] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where to write the lock.", show_default=False),
    ] = None,
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
    offline: OfflineOption = None,
    store: StoreOption = None,
) -> None:
    """Resolve a recipe into its lock: every package with version, digest and signed index."""
    with session(output_format, quiet=quiet, offline=offline, store=store) as run:
        from neve.report.text import lock_changes_text, lock_text
        from neve.verbs.context import Workspace
        from neve.verbs.lock import LockRequest, write_lock
        from neve.verbs.places import find_recipe, is_recipe

        only = tuple(packages or ())
        if update and not is_recipe(recipe):
            recipe, only = ".", (recipe, *only)
        request = LockRequest(
            place=find_recipe(recipe),
            update=update,
            only=only,
            dry_run=dry_run,
            output=output,
        )

        def show(changes: LockDiff) -> None:
            if output_format is OutputFormat.TABLE:
                run.progress.close()
                run.console.data(lock_changes_text(changes, run.console.width))

        with Workspace(run.settings, run.progress) as workspace:
            result = write_lock(request, workspace, show=show)
        run.show("lock", result, lock_text(result, run.console.width))


def build(
    recipe: RecipeArgument = ".",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Layout directory or archive file to write."),
    ] = None,
    image_format: Annotated[ImageFormat, typer.Option(help="What to write.")] = ImageFormat.OCI,
    tag: Annotated[
        str | None, typer.Option(help="Name in the image, as app:1.0.", show_default=False)
    ] = None,
    variant: Annotated[str, typer.Option(help="Which variant of the recipe.")] = "runtime",
    platform: Annotated[
        list[str] | None,
        typer.Option(help="Platform to build, repeatable (default: linux on this architecture)."),
    ] = None,
    compression: Annotated[
        LayerCompression, typer.Option(help="Of layers.")
    ] = LayerCompression.GZIP,
    load: Annotated[
        bool, typer.Option("--load", help="Also load it into the local Docker or Podman.")
    ] = False,
    push: Annotated[
        list[str] | None,
        typer.Option(
            help="Push it to registry.example/team/app:1, repeatable.", show_default=False
        ),
    ] = None,
    attestations: Annotated[
        Path | None,
        typer.Option(help="Also write SBOMs, provenance and build record here."),
    ] = None,
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
    offline: OfflineOption = None,
    store: StoreOption = None,
) -> None:
    """Build the hardened image of a recipe, from its lock where there is one."""
    with session(output_format, quiet=quiet, offline=offline, store=store) as run:
        from neve.report.text import build_text
        from neve.verbs.build import BuildRequest, build_image
        from neve.verbs.context import Workspace
        from neve.verbs.places import find_recipe
        from neve.verbs.platforms import parse_platforms

        request = BuildRequest(
            place=find_recipe(recipe),
            output=output,
            image_format=image_format.value,
            tag=tag,
            variant=variant,
            platforms=parse_platforms(platform or ()),
            compression=compression.value,
            load=load,
            push=tuple(push or ()),
            attestations=attestations,
        )
        with Workspace(run.settings, run.progress) as workspace:
            result = build_image(request, workspace)
        run.show("build", result, build_text(result, run.console.width))


def run_test(
    image: Annotated[Path, typer.Argument(help="An OCI layout, OCI archive or Docker archive.")],
    contract: Annotated[
        Path | None,
        typer.Option(help="The contract (default: the one its recipe has).", show_default=False),
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="auto, bubblewrap, docker or podman.", show_default=False)
    ] = None,
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
    store: StoreOption = None,
) -> None:
    """Run an image's contract: what it must do, as its own user on a read-only root."""
    with session(output_format, quiet=quiet, store=store, engine=engine) as run:
        from neve.report.text import test_text
        from neve.verbs.context import Workspace
        from neve.verbs.test import TestRequest, test_image

        with Workspace(run.settings, run.progress) as workspace:
            result = test_image(TestRequest(image=image, contract=contract), workspace)
        run.show("test", result, test_text(result, run.console.width))
    raise typer.Exit(result.exit_code)


def verify(
    image: Annotated[
        str,
        typer.Argument(help="An image that neve built: a layout, an archive, a registry's name."),
    ],
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Build it again from its lock and compare bytes.")
    ] = False,
    platform: Annotated[
        str | None,
        typer.Option(help="Which platform's image (default: linux on this architecture)."),
    ] = None,
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
    offline: OfflineOption = None,
    store: StoreOption = None,
) -> None:
    """Check an image against its own record: every digest, and with --rebuild every byte."""
    with session(output_format, quiet=quiet, offline=offline, store=store) as run:
        from neve.report.text import verify_text
        from neve.verbs.context import Workspace
        from neve.verbs.platforms import parse_platforms
        from neve.verbs.verify import VerifyRequest, verify_image

        platforms = parse_platforms([platform] if platform else ())
        request = VerifyRequest(
            image=image, rebuild=rebuild, platform=platforms[0] if platforms else None
        )
        with Workspace(run.settings, run.progress) as workspace:
            result = verify_image(request, workspace)
        run.show("verify", result, verify_text(result, run.console.width))
    raise typer.Exit(result.exit_code)
