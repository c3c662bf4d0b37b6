"""``neve scan``: the known vulnerabilities of an image."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neve.cli.options import (
    OfflineOption,
    OutputFormat,
    QuietOption,
    StoreOption,
    session,
)

if TYPE_CHECKING:
    from neve.verbs.scanned import ScanResult


class ScanFormat(StrEnum):
    """How a scan is written."""

    TABLE = "table"
    JSON = "json"
    SARIF = "sarif"
    MARKDOWN = "markdown"
    OPENVEX = "openvex"


class FailLevel(StrEnum):
    """From which severity on findings fail."""

    UNKNOWN = "unknown"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Judge(StrEnum):
    """Who says what is vulnerable."""

    FEEDS = "feeds"
    REPORTS = "reports"
    BOTH = "both"


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command(
        "scan",
        short_help="List an image's known vulnerabilities.",
        epilog="Example: neve scan registry.example/team/app:1 --fail-on high",
    )(scan)


def scan(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="IMAGE",
            help="Any image, a root file system, or a recipe with its lock.",
            show_default=False,
        ),
    ],
    fail_on: Annotated[
        FailLevel | None,
        typer.Option(
            help="Exit 1 where one of this severity or worse, or an exploited one, is there; "
            "unknown: any.",
            show_default=False,
        ),
    ] = None,
    fixable_only: Annotated[
        bool, typer.Option("--fixable-only", help="Show and count only what a new version fixes.")
    ] = False,
    state: Annotated[
        list[str] | None,
        typer.Option(
            help="Show and count only this state, repeatable. Without it all unsettled ones are "
            "shown, and all of these count but unimportant and undetermined.",
            show_default=False,
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Show what is fixed or not affected, and every row.")
    ] = False,
    waivers: Annotated[
        Path | None,
        typer.Option(
            help="File of waivers; by default waivers.yaml here or beside the recipe.",
            show_default=False,
        ),
    ] = None,
    vex: Annotated[
        list[Path] | None,
        typer.Option(help="OpenVEX document to apply, repeatable.", show_default=False),
    ] = None,
    by: Annotated[
        Judge,
        typer.Option(help="Judge by feeds, by imported reports of grype and trivy, or both."),
    ] = Judge.FEEDS,
    allow_stale: Annotated[
        bool, typer.Option("--allow-stale", help="Judge by feeds that are too old.")
    ] = False,
    allow_unjudged: Annotated[
        bool,
        typer.Option(
            "--allow-unjudged", help="Accept distributions and kinds of package without a feed."
        ),
    ] = False,
    fail_on_unjudged: Annotated[
        bool,
        typer.Option("--fail-on-unjudged", help="Exit 3 if any single package was not judged."),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Write to this file, not to stdout.", show_default=False
        ),
    ] = None,
    platform: Annotated[
        str | None,
        typer.Option(help="Which platform's image (default: this machine's).", show_default=False),
    ] = None,
    variant: Annotated[str, typer.Option(help="Which variant of a recipe.")] = "runtime",
    scan_format: Annotated[
        ScanFormat, typer.Option("--format", help="How to write the result.")
    ] = ScanFormat.TABLE,
    quiet: QuietOption = False,
    offline: OfflineOption = None,
    store: StoreOption = None,
    db: Annotated[
        Path | None,
        typer.Option("--db", help="Directory of the vulnerability index.", show_default=False),
    ] = None,
) -> None:
    """List the known vulnerabilities of an image, those to act upon first.

    The exit code is 1 for findings that --fail-on names, 3 where a feed is missing or stale or no
    feed covers what is in the image: what is listed is not all there is then.
    """
    json = OutputFormat.JSON if scan_format is ScanFormat.JSON else OutputFormat.TABLE
    with session(json, quiet=quiet, offline=offline, store=store, db=db) as run:
        from neve.verbs.context import Workspace
        from neve.verbs.platforms import parse_platforms
        from neve.verbs.scan import ScanRequest, parse_states
        from neve.verbs.scan import scan as scan_image
        from neve.verbs.scanned import JudgedBy
        from neve.vulns.types import Level

        request = ScanRequest(
            subject=subject,
            platform=parse_platforms([platform])[0] if platform else None,
            variant=variant,
            judged_by=JudgedBy(by.value),
            fail_on=None if fail_on is None else Level(fail_on.value),
            fixable_only=fixable_only,
            states=parse_states(state or ()),
            every=every,
            evidence=scan_format is ScanFormat.OPENVEX,
            waivers=waivers,
            vex=tuple(vex or ()),
            allow_stale=allow_stale,
            allow_unjudged=allow_unjudged,
            fail_on_unjudged=fail_on_unjudged,
        )
        with Workspace(run.settings, run.progress) as workspace:
            result = scan_image(request, workspace)
        if output is None and scan_format is ScanFormat.JSON:
            run.show("scan", result, "")
        elif output is None:
            run.show("scan", result, _written(scan_format, result, run.console.width, every=every))
        else:
            from neve.verbs.atomic import write_atomically

            text = _written(scan_format, result, run.console.width, every=every)
            run.progress.close()
            write_atomically(output, text.encode())
            run.console.say(f"written to {output}")
        if output is not None or scan_format is not ScanFormat.TABLE:
            from neve.report.scan import blocking_lines

            for line in blocking_lines(result):
                run.console.say(line)
    raise typer.Exit(result.exit_code)


def _written(scan_format: ScanFormat, result: ScanResult, width: int, *, every: bool) -> str:
    match scan_format:
        case ScanFormat.JSON:
            from neve.report.document import document

            return document("scan", result)
        case ScanFormat.SARIF:
            from neve.report.sarif import sarif_document

            return sarif_document(result)
        case ScanFormat.OPENVEX:
            from neve.report.openvex import openvex_document

            return openvex_document(result)
        case ScanFormat.MARKDOWN:
            from neve.report.scan import scan_markdown

            return scan_markdown(result, every=every)
        case ScanFormat.TABLE:
            from neve.report.scan import scan_text

            return scan_text(result, width, every=every)
