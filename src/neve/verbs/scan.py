"""``neve scan``: the known vulnerabilities of any image, or of what a recipe's lock would install.

What is not known never looks like what is clean: missing and stale feeds, packages nobody could
judge and waivers all stand in the result. Nothing here asks the network but for the image.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from neve.errors import UsageError
from neve.model import Platform, Waiver
from neve.verbs.context import Workspace
from neve.verbs.db import open_index
from neve.verbs.scan_problems import scan_problems
from neve.verbs.scan_reports import merged, report_problems, reports_about, summed
from neve.verbs.scan_subject import ScanSubject, scan_subject
from neve.verbs.scan_vex import VexFile, read_vex
from neve.verbs.scanned import (
    DoubtCount,
    JudgedBy,
    ScanFeed,
    ScannedFinding,
    ScanProblem,
    ScanReport,
    ScanResult,
    ScanTotal,
    UnreadPath,
    source_key,
)
from neve.verbs.times import moment
from neve.verbs.trusted import day_of
from neve.verbs.waivers import Waivers, apply_waivers, read_waivers, waivers_beside
from neve.vulns.freshness import freshness_of
from neve.vulns.index import Index
from neve.vulns.match import match
from neve.vulns.types import (
    AFFECTED,
    SETTLED,
    FeedState,
    Finding,
    ImportedReport,
    Level,
    Matched,
    State,
)
from neve.vulns.vex import Products, apply_statements, statements_of

COUNTED = AFFECTED - {State.UNIMPORTANT}
"""The states that ``fail_on`` counts unless others are named: the code is there, and nobody who
knows the release says that it does no harm."""
_ACTION = (
    State.FIX_AVAILABLE,
    State.OPEN,
    State.END_OF_LIFE,
    State.DEFERRED,
    State.IGNORED,
    State.UNDETERMINED,
    State.UNIMPORTANT,
    State.NOT_AFFECTED,
    State.FIXED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRequest:
    """An image, or a recipe or lock, and how to judge it.

    ``fail_on`` is the level from which findings fail, ``states`` those that are shown and counted
    (none: all unsettled are shown, `COUNTED` count), ``every`` shows settled ones too, as
    ``evidence`` does with those that are not affected. ``waivers`` names a file, else
    ``waivers.yaml`` in the working directory or beside the recipe is taken; ``vex`` are OpenVEX
    documents. ``allow_stale`` and ``allow_unjudged`` accept what would else be an exit code of 3;
    ``fail_on_unjudged`` makes one of every package that could not be judged.
    """

    subject: str
    platform: Platform | None = None
    variant: str = "runtime"
    judged_by: JudgedBy = JudgedBy.FEEDS
    fail_on: Level | None = None
    fixable_only: bool = False
    states: tuple[State, ...] = ()
    every: bool = False
    evidence: bool = False
    waivers: Path | None = None
    vex: tuple[Path, ...] = ()
    allow_stale: bool = False
    allow_unjudged: bool = False
    fail_on_unjudged: bool = False


def scan(request: ScanRequest, workspace: Workspace) -> ScanResult:
    """Judge every package of the subject.

    Raises ``IndexMissingError`` without an index, ``UsageError`` for a wrong file of waivers or a
    recipe without lock, ``HostileInputError`` for a VEX file that is none, and what opening and
    reading an image raises. What feeds lack is in the result, not an error: what was found is
    shown with it.
    """
    if request.allow_unjudged and request.fail_on_unjudged:
        raise UsageError(
            "--allow-unjudged and --fail-on-unjudged contradict each other",
            resolution="Leave out one of them.",
        )
    vex = read_vex(request.vex)
    with open_index(workspace.settings) as index:
        subject = scan_subject(
            request.subject, workspace, platform=request.platform, variant=request.variant
        )
        path = request.waivers or waivers_beside(subject.folder)
        waivers = read_waivers(path) if path is not None else None
        workspace.progress.stage("matching", len(subject.packages))
        return judge(request, subject, index, workspace, waivers=waivers, vex=vex)


def judge(
    request: ScanRequest,
    subject: ScanSubject,
    index: Index,
    workspace: Workspace,
    *,
    waivers: Waivers | None = None,
    vex: Sequence[VexFile] = (),
) -> ScanResult:
    """Judge a subject that was read, by an open index."""
    now, limit = workspace.clock, workspace.settings.max_feed_age
    matched, found, reports = _found(request, subject, index)
    if vex:
        products = Products(os_release=subject.os_release, names=subject.names)
        statements = [(file.name, said) for file in vex for said in file.statements]
        found = apply_statements(found, statements_of(statements), products)
    waived, uses = apply_waivers(waivers, found, today=day_of(now))
    rows = [_scanned(f, waived.get(f), request) for f in found if _shown(f, request)]
    unsettled = [finding for finding in found if finding.state not in SETTLED]
    return ScanResult(
        subject=subject.name,
        digest=subject.digests[0] if subject.digests else "",
        platform=subject.platform,
        distribution=subject.os_release.name or subject.os_release.id,
        judged_on=day_of(now),
        data_time=_newest(matched.feeds, reports, request),
        judged_by=request.judged_by,
        fail_on=request.fail_on,
        findings=tuple(sorted(rows, key=_order)),
        filtered=sum(not _shown(finding, request) for finding in unsettled),
        settled=sum(_vexed(f) and not _shown(f, request) for f in found),
        totals=_totals(unsettled, waived),
        packages=len(set(subject.packages)),
        judged=matched.judged,
        not_judged=matched.not_judged,
        doubts=_doubts(matched),
        unread=tuple(UnreadPath(path=path, reason=reason) for path, reason in subject.unread),
        covered=matched.covered,
        feeds=tuple(_feed(feed, now, limit) for feed in matched.feeds),
        reports=_reports(request, found, reports),
        problems=_problems(request, subject, matched, reports, now=now, limit=limit),
        waivers_file=waivers.file if waivers is not None else "",
        waivers=uses,
        unrated=sum(_unrated(row, request) for row in rows),
        notes=tuple(_notes(index, subject, matched, vex, request)),
    )


def _problems(
    request: ScanRequest,
    subject: ScanSubject,
    matched: Matched,
    reports: Sequence[ImportedReport],
    *,
    now: int,
    limit: int,
) -> tuple[ScanProblem, ...]:
    found: tuple[ScanProblem, ...] = ()
    if request.judged_by is not JudgedBy.REPORTS:
        found = scan_problems(
            subject,
            matched,
            now=now,
            limit=limit,
            allow_stale=request.allow_stale,
            allow_unjudged=request.allow_unjudged,
            fail_on_unjudged=request.fail_on_unjudged,
        )
    if request.judged_by is not JudgedBy.FEEDS:
        stale = request.allow_stale
        found += report_problems(reports, now=now, limit=limit, allow_stale=stale)
    return found


def _found(
    request: ScanRequest, subject: ScanSubject, index: Index
) -> tuple[Matched, list[Finding], tuple[ImportedReport, ...]]:
    reports = reports_about(index, subject.digests)
    if request.judged_by is JudgedBy.REPORTS:
        nothing = Matched(findings=(), not_judged=(), covered=(), feeds=(), missing=(), judged=0)
        return nothing, merged((), reports), reports
    # Settled ones are asked for where somebody else's word is held against them: what a report
    # calls open may be fixed, and what a VEX statement settles has to be counted.
    others = bool(reports) or index.has_vex
    settled = request.every or request.evidence or others or not SETTLED.isdisjoint(request.states)
    matched = match(
        subject.packages,
        subject.os_release,
        index,
        trusted=subject.trusted,
        products=subject.names,
        settled=settled,
    )
    if request.judged_by is JudgedBy.BOTH:
        return matched, merged(matched.findings, reports), reports
    return matched, list(matched.findings), reports


def _reports(
    request: ScanRequest, found: Sequence[Finding], reports: Iterable[ImportedReport]
) -> tuple[ScanReport, ...]:
    asked = None if request.judged_by is JudgedBy.REPORTS else found
    return tuple(summed(report, asked) for report in reports)


def _shown(finding: Finding, request: ScanRequest) -> bool:
    if finding.state in SETTLED and not request.every and finding.state not in request.states:
        return request.evidence and (
            finding.state is State.NOT_AFFECTED or finding.before is not None
        )
    if request.states and finding.state not in request.states:
        return False
    return finding.fixable or not request.fixable_only


def _vexed(finding: Finding) -> bool:
    return finding.state in SETTLED and finding.before not in (None, *SETTLED)


def _counts(finding: Finding, request: ScanRequest) -> bool:
    return finding.state in (request.states or COUNTED)


def _scanned(finding: Finding, waiver: Waiver | None, request: ScanRequest) -> ScannedFinding:
    fails = (
        request.fail_on is not None
        and waiver is None
        and _counts(finding, request)
        and (finding.severity.level.rank >= request.fail_on.rank or finding.exploited is not None)
    )
    return ScannedFinding(finding=finding, waiver=waiver, fails=fails)


def _unrated(row: ScannedFinding, request: ScanRequest) -> bool:
    """A finding that counts but for its severity, which nobody knows."""
    return (
        request.fail_on is not None
        and not row.fails
        and row.waiver is None
        and row.finding.severity.level is Level.UNKNOWN
        and _counts(row.finding, request)
    )


def _order(row: ScannedFinding) -> tuple[object, ...]:
    """Exploited ones first, those by ransomware before the others, then what can be acted upon."""
    finding = row.finding
    live = finding.affected and row.waiver is None
    urgent = 2
    if finding.exploited is not None and live:
        urgent = 0 if finding.exploited.ransomware else 1
    likely = finding.exploitability.score if finding.exploitability else 0.0
    return (
        row.waiver is not None,
        urgent,
        _ACTION.index(finding.state),
        -finding.severity.level.rank,
        -(finding.severity.score or 0.0),
        -likely,
        finding.id,
        finding.package,
    )


def _totals(findings: Iterable[Finding], waived: dict[Finding, Waiver]) -> tuple[ScanTotal, ...]:
    every: Counter[tuple[State, Level]] = Counter()
    once: dict[tuple[State, Level], dict[tuple[object, ...], bool]] = {}
    for finding in findings:
        key = finding.state, finding.severity.level
        every[key] += 1
        problem = (finding.id, source_key(finding.package))
        known = once.setdefault(key, {})
        known[problem] = known.get(problem, True) and finding in waived
    order = sorted(every, key=lambda key: (_ACTION.index(key[0]), -key[1].rank))
    return tuple(
        ScanTotal(
            state=state,
            level=level,
            count=len(once[state, level]),
            findings=every[state, level],
            waived=sum(once[state, level].values()),
        )
        for state, level in order
    )


def _doubts(matched: Matched) -> tuple[DoubtCount, ...]:
    counts = Counter(item.doubt for item in matched.not_judged)
    return tuple(DoubtCount(doubt=doubt, packages=counts[doubt]) for doubt in sorted(counts))


def _feed(feed: FeedState, now: int, limit: int) -> ScanFeed:
    return ScanFeed(
        name=feed.name,
        kind=feed.kind,
        source=feed.source,
        freshness=freshness_of(feed, now=now, limit=limit),
        data_time=moment(feed.data_time),
        age=feed.age(now),
        failure=feed.failure,
    )


def _newest(
    feeds: Iterable[FeedState], reports: Iterable[ImportedReport], request: ScanRequest
) -> str | None:
    """When the newest data that was used was made: the time of documents about this scan."""
    times = [feed.data_time for feed in feeds]
    if request.judged_by is not JudgedBy.FEEDS:
        times += [report.data_time for report in reports]
    known = [time for time in times if time is not None]
    return moment(max(known)) if known else None


def _notes(
    index: Index,
    subject: ScanSubject,
    matched: Matched,
    vex: Sequence[VexFile],
    request: ScanRequest,
) -> Iterable[str]:
    kinds = {feed.kind for feed in index.feeds}
    if "kev" not in kinds and request.judged_by is not JudgedBy.REPORTS:
        yield "kev is not in the index: which vulnerabilities are exploited is not known"
    about = {name for digest in subject.digests for name, _ in index.reports(digest)}
    reports = [feed for feed in index.feeds if feed.name in about]
    for feed in (*matched.feeds, *reports):
        if feed.failure:
            yield f"{feed.name}: its last update failed ({feed.failure}); the data before is used"
        if feed.unread:
            yield (
                f"{feed.name}: {feed.unread} of its records were not understood "
                "(`neve db status` shows them)"
            )
    for file in vex:
        for item in file.unread:
            yield f"{file.name}: not understood: {item.record}: {item.reason}"


def parse_states(texts: Iterable[str]) -> tuple[State, ...]:
    """States from their names, commas allowed; ``UsageError`` for others."""
    found: dict[State, None] = {}
    for word in (word.strip() for text in texts for word in text.split(",")):
        try:
            found[State(word)] = None
        except ValueError:
            raise UsageError(
                f"--state {word}: there is no such state",
                resolution=f"There are {', '.join(State)}.",
            ) from None
    return tuple(found)
