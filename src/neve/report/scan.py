"""A scan as text and Markdown: what can be acted upon first, what is not known always.

One row is one vulnerability of one source package: its binary packages stand together, since one
update mends them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from neve.report.scanned_rows import together
from neve.report.sections import Row, Section, limited, sections_markdown, sections_text
from neve.report.table import Column
from neve.report.visible import ended, visible
from neve.verbs.scanned import JudgedBy
from neve.verbs.waivers import WaiverStanding
from neve.vulns.freshness import Freshness
from neve.vulns.types import Level, State

if TYPE_CHECKING:
    from neve.verbs.scanned import ScannedFinding, ScanResult

_MOST_ROWS = 60
_MOST_UNJUDGED = 25
_LONGEST_SUMMARY = 90
_DAY = 86400
_TITLES = {
    State.FIX_AVAILABLE: "A fix is available",
    State.OPEN: "Open: no fix in this release yet",
    State.END_OF_LIFE: "End of life: nobody supports it in this release",
    State.DEFERRED: "Deferred by the distribution",
    State.IGNORED: "Ignored by the distribution",
    State.UNDETERMINED: "Undetermined: nobody has decided yet",
    State.UNIMPORTANT: "Unimportant: the distribution sees no security impact",
    State.NOT_AFFECTED: "Not affected",
    State.FIXED: "Fixed in the installed version",
}
_LEVELS = (Level.CRITICAL, Level.HIGH, Level.MEDIUM, Level.LOW, Level.NONE, Level.UNKNOWN)
_MORE = "--all"


def scan_text(result: ScanResult, width: int, *, every: bool = False) -> str:
    """The scan for a terminal; ``every`` leaves out no row."""
    return sections_text(scan_sections(result, every=every), width)


def scan_markdown(result: ScanResult, *, every: bool = False) -> str:
    """The scan as GitHub-flavoured Markdown, for a pull request or a job's summary."""
    return sections_markdown(scan_sections(result, every=every))


def scan_sections(result: ScanResult, *, every: bool = False) -> Iterator[Section]:
    """What blocks, the findings by urgency, waivers, totals, what was not judged, the feeds."""
    yield _head(result)
    yield from _problems(result)
    yield from _groups(result, every=every)
    yield from _waivers(result)
    yield _totals(result)
    yield from _not_judged(result, every=every)
    yield from _feeds(result)
    yield _verdict(result)


def _head(result: ScanResult) -> Section:
    where = ", ".join(part for part in (result.platform, result.distribution) if part)
    notes = [f"{where or 'no distribution known'}; as of {result.judged_on}"]
    if result.digest:
        notes.append(result.digest)
    return Section(title=f"Vulnerabilities of {result.subject}", notes=tuple(notes))


def _problems(result: ScanResult) -> Iterator[Section]:
    if not result.problems:
        return
    lines = []
    for item in result.problems:
        accepted = " (accepted)" if item.allowed else ""
        lines += [f"{item.text}{accepted}"] + ([] if item.allowed else [f"  {item.resolution}"])
    title = "NOT ALL IS KNOWN" if result.blocking else "Not all is known, which was accepted"
    yield Section(title=title, notes=tuple(lines))


def _groups(result: ScanResult, *, every: bool) -> Iterator[Section]:
    groups: dict[str, list[ScannedFinding]] = {}
    for item in result.findings:
        groups.setdefault(_group(item), []).append(item)
    for title, items in groups.items():
        merged = _rows(items)
        rows, more = limited(merged, len(merged) if every else _MOST_ROWS)
        yield Section(
            title=title,
            columns=_COLUMNS,
            rows=rows,
            notes=(f"… and {more} more ({_MORE} shows all)",) if more else (),
            plain=frozenset((1,)),
        )


_COLUMNS = (
    Column(title="vulnerability"),
    Column(title="severity"),
    Column(title="package", shrink=True),
    Column(title="installed", shrink=True),
    Column(title="fixed in", shrink=True),
    Column(title="why", shrink=True),
)


def _group(item: ScannedFinding) -> str:
    finding = item.finding
    if item.waiver is not None:
        return "Waived"
    if finding.exploited is not None and finding.affected:
        who = "by ransomware" if finding.exploited.ransomware else "by attackers"
        return f"Exploited {who} (CISA KEV)"
    return _TITLES[finding.state]


def _rows(items: Sequence[ScannedFinding]) -> list[Row]:
    return [_row(found) for found in together(items)]


def _row(found: Sequence[ScannedFinding]) -> Row:
    first = found[0]
    finding, package = first.finding, first.finding.package
    names = list(dict.fromkeys(item.finding.package.name for item in found))
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    if package.source and names != [package.source]:
        shown += f" ({package.source})"
    version = package.version if len(names) == 1 else package.source_version or package.version
    return (
        f"{'! ' if first.fails else ''}{finding.id}",
        _severity(first),
        shown,
        version,
        ", ".join(finding.fixed_versions[:3]),
        _why(first),
    )


def _severity(item: ScannedFinding) -> str:
    severity = item.finding.severity
    return severity.level.value if severity.score is None else f"{severity.level} {severity.score}"


def _why(item: ScannedFinding) -> str:
    finding = item.finding
    parts = []
    if item.waiver is not None:
        waiver = item.waiver
        parts.append(f"{waiver.owner}, until {waiver.expires}: {waiver.reason}")
        parts.append(f"is {finding.state}")
    elif finding.exploited is not None and finding.affected:
        parts.append(f"{finding.state}; exploited since {finding.exploited.added} or before")
    if finding.before is not None and finding.before is not finding.state:
        parts.append(f"was {finding.before}")
    said = finding.evidence[0].statement if finding.evidence else ""
    parts.append(finding.justification or ended(finding.summary, _LONGEST_SUMMARY) or said)
    if finding.exploitability is not None and finding.exploitability.score >= 0.01:
        parts.append(f"EPSS {finding.exploitability.score:.0%}")
    return "; ".join(part for part in parts if part)


def _waivers(result: ScanResult) -> Iterator[Section]:
    if not result.waivers_file:
        return
    notes = [f"{result.waivers_file}, entries: {len(result.waivers)}"]
    for item in result.waivers:
        waiver = item.waiver
        if item.standing is WaiverStanding.EXPIRED:
            ended = f"expired on {waiver.expires}, so it does not count ({waiver.owner})"
            notes.append(f"{item.place}: {waiver.subject}: {ended}")
        elif item.standing is WaiverStanding.UNUSED:
            notes.append(f"{item.place}: {waiver.subject}: unused, nothing found needs it")
    yield Section(title="Waivers", notes=tuple(notes))


def _totals(result: ScanResult) -> Section:
    states = list(dict.fromkeys(total.state for total in result.totals))
    rows: list[Row] = []
    for state in states:
        counts = {total.level: total for total in result.totals if total.state is state}
        numbers = [counts[level].count if level in counts else 0 for level in _LEVELS]
        waived = sum(total.waived for total in counts.values())
        rows.append((state.value, *(str(n or "") for n in (*numbers, sum(numbers), waived))))
    notes = []
    if not rows:
        reported = result.judged_by is not JudgedBy.FEEDS and result.reports
        clean = "nothing known is open in what was judged"
        notes.append(clean if result.judged or reported else "nothing was judged")
    if result.filtered:
        notes.append(f"counted here and not listed above: {_findings(result.filtered)}")
    if result.settled:
        notes.append(f"settled by VEX statements: {_findings(result.settled)} ({_MORE} lists)")
    return Section(
        title="Totals (a vulnerability counts once for each source package)",
        columns=(
            Column(title="state"),
            *(Column(title=level.value, number=True) for level in _LEVELS),
            Column(title="all", number=True),
            Column(title="waived", number=True),
        ),
        rows=tuple(rows),
        notes=tuple(notes),
        plain=frozenset((0,)),
    )


def _not_judged(result: ScanResult, *, every: bool) -> Iterator[Section]:
    notes = [f"{result.judged} of {result.packages} packages were judged by themselves"]
    if result.judged_by is JudgedBy.REPORTS:
        notes = ["whoever wrote the reports judged the packages"]
    if result.covered:
        notes.append(
            f"{len(result.covered)} came inside a package of the distribution, which judges them"
        )
    if result.doubts:
        words = ", ".join(f"{item.packages} {item.doubt}" for item in result.doubts)
        notes.append(f"{len(result.not_judged)} were not judged: {words}")
    notes += [f"not read: {item.path}: {item.reason}" for item in result.unread[:_MOST_UNJUDGED]]
    if len(result.unread) > _MOST_UNJUDGED:
        notes.append(f"… and {len(result.unread) - _MOST_UNJUDGED} more that were not read")
    found: list[Row] = [
        (item.package.type.value, item.package.name, item.package.version, item.reason)
        for item in result.not_judged
    ]
    rows, more = (tuple(found), 0) if every else limited(found, _MOST_UNJUDGED)
    yield Section(
        title="Judged and not judged",
        columns=(
            Column(title="not judged"),
            Column(title="package", shrink=True),
            Column(title="installed", shrink=True),
            Column(title="why", shrink=True),
        ),
        rows=rows,
        notes=(*notes, *((f"… and {more} more ({_MORE} shows all)",) if more else ())),
        plain=frozenset((0,)),
    )


def _feeds(result: ScanResult) -> Iterator[Section]:
    rows: list[Row] = [
        (
            feed.name,
            (feed.data_time or "unknown")[:10],
            _days(feed.age),
            "" if feed.freshness is Freshness.FRESH else feed.freshness.value,
        )
        for feed in result.feeds
    ]
    for report in result.reports:
        more = "" if report.more is None else f", {report.more} of them in no feed"
        said = f"{report.findings} findings{more}"
        name = f"{report.tool} {report.version} on {report.target}"
        rows.append((name, (report.data_time or "unknown")[:10], "", said))
    if rows or result.notes:
        yield Section(
            title="Judged by",
            columns=(
                Column(title="feed", shrink=True),
                Column(title="data of"),
                Column(title="confirmed", number=True),
                Column(title="remark"),
            ),
            rows=tuple(rows),
            notes=result.notes,
            plain=frozenset((1, 3)),
        )


def _findings(count: int) -> str:
    return f"{count} finding" if count == 1 else f"{count} findings"


def _days(seconds: int) -> str:
    days = seconds // _DAY
    return {0: "today", 1: "1 day ago"}.get(days, f"{days} days ago")


def _verdict(result: ScanResult) -> Section:
    lines = []
    if result.fail_on is not None:
        at = f"{result.fail_on} or worse, or exploited"
        failing = len(_rows(result.failing))
        count = f"{failing} are" if failing else "none is"
        lines.append(f"--fail-on {result.fail_on}: {count} {at}")
        if result.unrated:
            lines.append(
                f"not counted by that, as nobody knows the severity: {_findings(result.unrated)}"
            )
    if result.blocking:
        lines.append("exit code 3: what is listed is not all there is")
    return Section(title="", notes=tuple(lines))


def blocking_lines(result: ScanResult) -> Iterator[str]:
    """What makes the exit code 3, in lines, for wherever the report itself is not read."""
    for item in result.blocking:
        yield visible(f"{item.text}. {item.resolution}")
