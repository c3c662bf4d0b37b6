"""``neve push``, ``pull``, ``copy`` and ``tags``: images in and out of registries."""

from __future__ import annotations

from enum import StrEnum
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


class PulledFormat(StrEnum):
    """What ``-o`` of ``neve pull`` holds afterwards."""

    OCI = "oci"
    OCI_ARCHIVE = "oci-archive"
    DOCKER_ARCHIVE = "docker-archive"


_Referrers = Annotated[
    bool,
    typer.Option(
        "--referrers/--no-referrers", help="With SBOMs, records and signatures of the image."
    ),
]


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command(
        "push",
        short_help="Push an image into a registry.",
        epilog="Example: neve push out registry.example/team/app:1",
    )(push)
    app.command(
        "pull",
        short_help="Pull an image out of a registry.",
        epilog="Example: neve pull registry.example/team/app:1 -o app",
    )(pull)
    app.command(
        "copy",
        short_help="Copy an image between registries, layouts and archives.",
        epilog="Example: neve copy registry.example/team/app:1 registry.example/prod/app:1",
    )(copy)
    app.command(
        "tags",
        short_help="List the tags of a repository.",
        epilog="Example: neve tags registry.example/team/app",
    )(tags)


def push(
    image: Annotated[
        str, typer.Argument(help="A layout (DIR or DIR:TAG), an archive, or a local image's name.")
    ],
    reference: Annotated[str, typer.Argument(help="Where to, as registry.example/team/app:1.")],
    tag: Annotated[
        list[str] | None, typer.Option(help="A further tag there, repeatable.", show_default=False)
    ] = None,
    referrers: _Referrers = True,
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
    store: StoreOption = None,
) -> None:
    """Push an image with all its platforms and referrers; digests stay as they are."""
    with session(output_format, quiet=quiet, store=store) as run:
        from neve.report.registry import transfer_text
        from neve.verbs.context import Workspace
        from neve.verbs.push import PushRequest, push_image

        request = PushRequest(
            image=image, reference=reference, tags=tuple(tag or ()), referrers=referrers
        )
        with Workspace(run.settings, run.progress) as workspace:
            result = push_image(request, workspace)
        run.show("push", result, transfer_text(result, run.console.width))


def pull(
    reference: Annotated[str, typer.Argument(help="What, as registry.example/team/app:1.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Layout directory or archive file to write.")
    ],
    image_format: Annotated[PulledFormat, typer.Option(help="What to write.")] = PulledFormat.OCI,
    tag: Annotated[
        str | None,
        typer.Option(help="Tag in the layout (default: the reference's).", show_default=False),
    ] = None,
    platform: Annotated[
        str | None, typer.Option(help="Only this platform's image.", show_default=False)
    ] = None,
    referrers: _Referrers = True,
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
    offline: OfflineOption = None,
    store: StoreOption = None,
) -> None:
    """Pull an image into a layout or archive, every byte verified; other tags of a layout stay."""
    with session(output_format, quiet=quiet, offline=offline, store=store) as run:
        from neve.report.registry import transfer_text
        from neve.verbs.context import Workspace
        from neve.verbs.platforms import parse_platforms
        from neve.verbs.pull import PullRequest, pull_image

        platforms = parse_platforms([platform] if platform else ())
        request = PullRequest(
            reference=reference,
            output=output,
            image_format=image_format.value,
            platform=platforms[0] if platforms else None,
            tag=tag,
            referrers=referrers,
        )
        with Workspace(run.settings, run.progress) as workspace:
            result = pull_image(request, workspace)
        run.show("pull", result, transfer_text(result, run.console.width))


def copy(
    source: Annotated[str, typer.Argument(help="A registry's name, a layout, or an archive.")],
    target: Annotated[
        str,
        typer.Argument(help="A registry's name, or oci:DIR[:TAG] or oci-archive:FILE[:TAG]."),
    ],
    referrers: _Referrers = True,
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
    store: StoreOption = None,
) -> None:
    """Copy a whole image; inside one registry its blobs are mounted, not moved."""
    with session(output_format, quiet=quiet, store=store) as run:
        from neve.report.registry import transfer_text
        from neve.verbs.context import Workspace
        from neve.verbs.copy import CopyRequest, copy_image

        request = CopyRequest(source=source, target=target, referrers=referrers)
        with Workspace(run.settings, run.progress) as workspace:
            result = copy_image(request, workspace)
        run.show("copy", result, transfer_text(result, run.console.width))


def tags(
    repository: Annotated[str, typer.Argument(help="As registry.example/team/app.")],
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
) -> None:
    """List the tags of a repository, one a line."""
    with session(output_format, quiet=quiet) as run:
        from neve.report.registry import tags_text
        from neve.verbs.context import Workspace
        from neve.verbs.tags import list_tags

        with Workspace(run.settings, run.progress) as workspace:
            result = list_tags(repository, workspace)
        run.show("tags", result, tags_text(result))
