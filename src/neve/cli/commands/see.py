"""``neve inspect``, ``surface``, ``compare`` and ``sbom``: looking at any image."""

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
    Session,
    StoreOption,
    session,
)

if TYPE_CHECKING:
    from neve.model import Platform
    from neve.verbs.compare import CompareResult


class LookDepth(StrEnum):
    """How much of every file is looked at."""

    PACKAGES = "packages"
    INVENTORY = "inventory"
    FULL = "full"


class ReportFormat(StrEnum):
    """How a report is written."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"


class PageFormat(StrEnum):
    """How a comparison is written."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"


class SbomFormat(StrEnum):
    """The standards that packages are listed in."""

    SPDX = "spdx"
    CYCLONEDX = "cyclonedx"


ImageArgument = Annotated[
    str,
    typer.Argument(
        help="An OCI layout or archive, a docker archive, an unpacked root file system, or a name "
        "in a registry, Docker or Podman.",
        show_default=False,
    ),
]
DepthOption = Annotated[
    LookDepth, typer.Option(help="How much to look at; what needs more is not judged.")
]
PlatformOption = Annotated[
    str | None,
    typer.Option(help="Which platform's image (default: this machine's).", show_default=False),
]
OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Write to this file, not to stdout.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command(
        "inspect",
        short_help="Show what is in any image.",
        epilog="Example: neve inspect registry.example/team/app:1 --show packages",
    )(inspect)
    app.command(
        "surface",
        short_help="Count an image's attack surface.",
        epilog="Example: neve surface app.tar --paths privileged",
    )(surface)
    app.command(
        "compare",
        short_help="Show what an image won over others.",
        epilog="Example: neve compare old.tar out --format html -o won.html",
    )(compare)
    app.command(
        "sbom",
        short_help="List an image's packages as SPDX or CycloneDX.",
        epilog="Example: neve sbom app.tar --format cyclonedx -o app.cdx.json",
    )(sbom)


def inspect(
    image: ImageArgument,
    show: Annotated[
        list[str] | None,
        typer.Option(
            help="List these, repeatable: packages, files, elf, programs, accounts, certificates, "
            "secrets, services, ports, changed, unowned, layers, unjudged, all.",
            show_default=False,
        ),
    ] = None,
    depth: DepthOption = LookDepth.FULL,
    platform: PlatformOption = None,
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
    offline: OfflineOption = None,
    store: StoreOption = None,
) -> None:
    """Show what is in any image: packages, programs, accounts, certificates, secrets and more."""
    with session(output_format, quiet=quiet, offline=offline, store=store) as run:
        from neve.inventory import Depth
        from neve.report.inventory import inventory_text, parse_sections
        from neve.verbs.context import Workspace
        from neve.verbs.inspect import InspectRequest, inspect_image

        shown = parse_sections(show or ())
        request = InspectRequest(
            image=image, depth=Depth(depth.value), platform=_platform(platform)
        )
        with Workspace(run.settings, run.progress) as workspace:
            result = inspect_image(request, workspace)
        run.show("inventory", result, inventory_text(result, shown, run.console.width))


def surface(
    image: ImageArgument,
    paths: Annotated[
        list[str] | None,
        typer.Option(
            help="List every path of this part of the surface, repeatable; all for every part.",
            show_default=False,
        ),
    ] = None,
    depth: DepthOption = LookDepth.FULL,
    platform: PlatformOption = None,
    report_format: Annotated[
        ReportFormat, typer.Option("--format", help="How to write the result to stdout.")
    ] = ReportFormat.TABLE,
    quiet: QuietOption = False,
    offline: OfflineOption = None,
    store: StoreOption = None,
) -> None:
    """Count an image's attack surface, part by part, each number with what it was counted from."""
    with session(_console_format(report_format), quiet=quiet, offline=offline, store=store) as run:
        from neve.inventory import Depth
        from neve.report.surface import surface_markdown, surface_text
        from neve.verbs.context import Workspace
        from neve.verbs.surface import SurfaceRequest, parse_parts, surface_of_image

        request = SurfaceRequest(
            image=image,
            depth=Depth(depth.value),
            platform=_platform(platform),
            listed=parse_parts(tuple(paths or ())),
        )
        with Workspace(run.settings, run.progress) as workspace:
            result = surface_of_image(request, workspace)
        markdown = report_format is ReportFormat.MARKDOWN
        text = surface_markdown(result) if markdown else surface_text(result, run.console.width)
        run.show("surface", result, text)


def compare(
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="BEFORE... AFTER",
            help="One or several images to start from, and last the one that is held against them.",
            show_default=False,
        ),
    ],
    fail_under: Annotated[
        float | None,
        typer.Option(
            min=-1000.0,
            max=1.0,
            help="Exit with 1 where the reduction against any of them is less, as 0.5.",
            show_default=False,
        ),
    ] = None,
    output: OutputOption = None,
    depth: DepthOption = LookDepth.FULL,
    platform: PlatformOption = None,
    page_format: Annotated[
        PageFormat, typer.Option("--format", help="How to write the result.")
    ] = PageFormat.TABLE,
    quiet: QuietOption = False,
    offline: OfflineOption = None,
    store: StoreOption = None,
) -> None:
    """Show what an image won over others, and first of all what got worse."""
    with session(_console_format(page_format), quiet=quiet, offline=offline, store=store) as run:
        from neve.inventory import Depth
        from neve.verbs.compare import CompareRequest, compare_images
        from neve.verbs.context import Workspace

        request = CompareRequest(
            images=tuple(images), depth=Depth(depth.value), platform=_platform(platform)
        )
        with Workspace(run.settings, run.progress) as workspace:
            result = compare_images(request, workspace)
        text = _written(page_format, result, run.console.width)
        if output is None:
            run.show("comparison", result, text)
        else:
            _write(run, output, text.encode())
        if fail_under is not None and result.exit_code(fail_under):
            from neve.report.surface import reduction_text

            run.console.say(
                f"--fail-under {fail_under:g}: the attack surface is {reduction_text(result.least)}"
            )
    raise typer.Exit(0 if fail_under is None else result.exit_code(fail_under))


def _written(page_format: PageFormat, result: CompareResult, width: int) -> str:
    from neve.report.compare import compare_markdown, compare_text

    match page_format:
        case PageFormat.HTML:
            from neve.report.html_compare import compare_html

            return compare_html(result)
        case PageFormat.MARKDOWN:
            return compare_markdown(result)
        case PageFormat.JSON:
            from neve.report.document import document

            return document("comparison", result)
        case PageFormat.TABLE:
            return compare_text(result, width)


def sbom(
    image: ImageArgument,
    sbom_format: Annotated[
        SbomFormat, typer.Option("--format", help="Which standard.")
    ] = SbomFormat.SPDX,
    output: OutputOption = None,
    depth: Annotated[
        LookDepth | None,
        typer.Option(
            help="How much to look at; SPDX has files at full depth alone (default: full for "
            "SPDX, else inventory).",
            show_default=False,
        ),
    ] = None,
    platform: PlatformOption = None,
    quiet: QuietOption = False,
    offline: OfflineOption = None,
    store: StoreOption = None,
) -> None:
    """List the packages of any image as SPDX 2.3 (with its files) or CycloneDX 1.6."""
    with session(OutputFormat.TABLE, quiet=quiet, offline=offline, store=store) as run:
        from neve.inventory import Depth
        from neve.report.visible import visible
        from neve.verbs.context import Workspace
        from neve.verbs.sbom import SbomRequest, write_sbom

        request = SbomRequest(
            image=image,
            standard=sbom_format.value,
            depth=None if depth is None else Depth(depth.value),
            platform=_platform(platform),
        )
        with Workspace(run.settings, run.progress) as workspace:
            result = write_sbom(request, workspace)
        run.progress.close()
        for line in result.unjudged:
            run.console.say(f"not judged: {visible(line)}")
        if output is None:
            run.console.data(result.document.decode() + "\n")
        else:
            _write(run, output, result.document)


def _write(run: Session, output: Path, data: bytes) -> None:
    from neve.verbs.atomic import write_atomically

    run.progress.close()
    write_atomically(output, data)
    run.console.say(f"written to {output}")


def _console_format(chosen: ReportFormat | PageFormat) -> OutputFormat:
    """Errors are JSON where results are."""
    return OutputFormat.JSON if chosen.value == "json" else OutputFormat.TABLE


def _platform(text: str | None) -> Platform | None:
    from neve.verbs.platforms import parse_platforms

    return parse_platforms([text])[0] if text else None
