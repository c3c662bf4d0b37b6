"""Reports of other scanners (grype, trivy) about the image that is scanned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from neve.verbs.scanned import ProblemKind, ScanProblem, ScanReport
from neve.verbs.times import moment
from neve.vulns.index import Index
from neve.vulns.types import Finding, ImportedReport

_DAY = 86400


def reports_about(index: Index, digests: Iterable[str]) -> tuple[ImportedReport, ...]:
    """Every imported report about an image with one of these digests, by the feed it is in."""
    found: dict[str, ImportedReport] = {}
    for digest in digests:
        found.update(index.reports(digest))
    return tuple(found[name] for name in sorted(found))


def summed(report: ImportedReport, found: Sequence[Finding] | None) -> ScanReport:
    """The report in numbers, beside what the feeds ``found`` (settled ones too)."""
    more = None
    if found is not None:
        known = _known(found)
        more = sum(not (_names(item) & known.keys()) for item in report.findings)
    return ScanReport(
        tool=report.tool,
        version=report.version,
        target=report.target,
        data_time=moment(report.data_time),
        findings=len(report.findings),
        more=more,
    )


def merged(found: Iterable[Finding], reports: Iterable[ImportedReport]) -> list[Finding]:
    """``found`` and what only the reports have. Of a vulnerability that both know the state stays
    what the feeds say; the report becomes evidence.
    """
    rows = list(found)
    known = _known(rows)
    for report in reports:
        for item in report.findings:
            places = {at for key in _names(item) for at in known.get(key, ())}
            for at in sorted(places):
                rows[at] = replace(rows[at], evidence=(*rows[at].evidence, *item.evidence))
            if not places:
                for key in _names(item):
                    known.setdefault(key, []).append(len(rows))
                rows.append(item)
    return rows


def report_problems(
    reports: Sequence[ImportedReport], *, now: int, limit: int, allow_stale: bool
) -> tuple[ScanProblem, ...]:
    """What is wrong where reports are to judge: none there, or too old."""
    if not reports:
        return (
            ScanProblem(
                kind=ProblemKind.NO_REPORT,
                subject="report",
                text="no imported report is about this image",
                resolution="Run grype or trivy on it with JSON output, then `neve db import FILE`: "
                "the report has to name the image's digest.",
                allowed=False,
            ),
        )
    stale = [r for r in reports if limit and (r.data_time is None or now - r.data_time > limit)]
    return tuple(
        ScanProblem(
            kind=ProblemKind.STALE_REPORT,
            subject=report.tool,
            text=f"{report.tool}'s report {_age(report, now)}, and {limit // _DAY} are allowed",
            resolution="Run it again with a new database and `neve db import` its report, or say "
            "--allow-stale.",
            allowed=allow_stale,
        )
        for report in stale
    )


def _age(report: ImportedReport, now: int) -> str:
    if report.data_time is None:
        return "does not say of which day its data is"
    return f"is by data {max(0, now - report.data_time) // _DAY} days old"


def _known(found: Sequence[Finding]) -> dict[tuple[str, str], list[int]]:
    known: dict[tuple[str, str], list[int]] = {}
    for at, finding in enumerate(found):
        for key in _names(finding):
            known.setdefault(key, []).append(at)
    return known


def _names(finding: Finding) -> set[tuple[str, str]]:
    return {(name, finding.package.name) for name in (finding.id, *finding.aliases)}
