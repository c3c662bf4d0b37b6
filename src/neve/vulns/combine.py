"""All that the index says of one version of one package, put together by vulnerability."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from neve.vulns.index import Index
from neve.vulns.judge import WEIGHT, Judged, judge
from neve.vulns.orders.order import Order, UnorderedError, order_of
from neve.vulns.records import Claim, Record, Standing, is_advisory
from neve.vulns.severity import severity_of
from neve.vulns.types import (
    SETTLED,
    Evidence,
    Exploitability,
    Exploited,
    Level,
    Severity,
    State,
)

_RESOLVED, _RANGES = Standing.RESOLVED.value, Standing.RANGES.value
_NOT_AFFECTED = Standing.NOT_AFFECTED.value
_BEGIN = ["introduced", "0"]
_UNKNOWN = Severity(level=Level.UNKNOWN, source="")
_OWN_WORDS = frozenset(("Ubuntu", "advisory"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Combined:
    """One vulnerability on one version: a `types.Finding` without its package."""

    id: str
    aliases: tuple[str, ...]
    state: State
    severity: Severity
    severities: tuple[Severity, ...]
    fixed_versions: tuple[str, ...]
    justification: str
    summary: str
    evidence: tuple[Evidence, ...]
    exploited: Exploited | None
    exploitability: Exploitability | None


@dataclass(slots=True, kw_only=True)
class _Word:
    """What one claim says, with where it stands."""

    feed: str
    authority: bool
    claim: Claim
    judged: Judged
    record: Record


@dataclass(slots=True)
class _Case:
    """All words about one vulnerability, and every name it goes by."""

    names: dict[str, None] = field(default_factory=dict)
    words: list[_Word] = field(default_factory=list)


def combine(
    index: Index, ecosystem: str, name: str, version: str, *, settled: bool = True
) -> tuple[Combined, ...]:
    """Every vulnerability that any feed knows of the package, by id.

    Without ``settled``, what is fixed or not affected is left out, unless a VEX statement speaks
    of it. `UnorderedError` where ``version`` has no place in the ecosystem's order.
    """
    order = order_of(ecosystem)
    own = order(version)
    quick = not settled and not index.has_vex
    cases: list[_Case] = []
    by_name: dict[str, _Case] = {}
    cleared: set[str] = set()
    for feed, row in index.rows(ecosystem, name):
        authority = feed in index.authorities
        if quick and _passed(row, own, order):
            if authority:
                cleared.add(str(row[0]))
            continue
        claim = Claim.from_row(ecosystem, name, row)
        judged = judge(claim, version, order)
        if judged is None or (quick and not authority and judged.state in SETTLED):
            continue  # the latter can neither raise nor lower what the others say
        record = index.record(feed, claim.record)
        word = _Word(feed=feed, authority=authority, claim=claim, judged=judged, record=record)
        for names in _identities(record):
            _file(word, names, cases, by_name)
    found = []
    for case in cases:
        if not cleared.isdisjoint(case.names) and not any(word.authority for word in case.words):
            continue
        worst, fixed, state = _state(case, order)
        if settled or state not in SETTLED or any(map(index.spoken_of, case.names)):
            found.append(_decide(index, case, worst, fixed, state))
    return tuple(sorted(found, key=lambda combined: combined.id))


def listed(index: Index, ecosystem: str, name: str, version: str) -> tuple[Combined, ...]:
    """The vulnerabilities whose records name this very version, for one that has no place in the
    order: what they leave out stays unknown.
    """
    cases: list[_Case] = []
    by_name: dict[str, _Case] = {}
    for feed, row in index.rows(ecosystem, name):
        claim = Claim.from_row(ecosystem, name, row)
        if version not in claim.versions:
            continue
        judged = Judged(state=State.OPEN, statement=f"{version} is one of those affected")
        record = index.record(feed, claim.record)
        word = _Word(feed=feed, authority=False, claim=claim, judged=judged, record=record)
        for names in _identities(record):
            _file(word, names, cases, by_name)
    found = [_decide(index, case, case.words[0], (), State.OPEN) for case in cases]
    return tuple(sorted(found, key=lambda combined: combined.id))


def _passed(row: list[object], own: Any, order: Order) -> bool:  # noqa: ANN401 - an order's key
    """Whether a claim's row is plainly settled, told without building it: most are, a kernel's
    thousands among them.
    """
    fixed = row[2] if len(row) > 2 else ""
    if row[1] == _NOT_AFFECTED:
        return True
    if row[1] == _RANGES:
        ranges: Any = row[5] if len(row) == 6 else ()
        if len(ranges) != 1 or len(ranges[0]) != 2 or ranges[0][0] != _BEGIN:
            return False
        kind, fixed = ranges[0][1]
        if kind != "fixed":
            return False
    elif row[1] != _RESOLVED:
        return False
    try:
        return bool(order(str(fixed)) <= own)
    except UnorderedError:
        return False


def _identities(record: Record) -> list[tuple[str, ...]]:
    """The names of each vulnerability the record stands for: an advisory may fix many."""
    if len(record.vulnerabilities) > 1:
        return [(vulnerability,) for vulnerability in record.vulnerabilities]
    return [tuple(dict.fromkeys((*record.vulnerabilities, record.id, *record.aliases)))]


def _file(
    word: _Word, names: tuple[str, ...], cases: list[_Case], by_name: dict[str, _Case]
) -> None:
    """Put a word to the case that shares a name with it; cases it connects become one."""
    # Two vulnerabilities are not one because one advisory fixes both.
    keys = [name for name in names if not is_advisory(name)] or list(names)
    sharing = list({id(by_name[key]): by_name[key] for key in keys if key in by_name}.values())
    case = sharing[0] if sharing else _Case()
    if not sharing:
        cases.append(case)
    for other in sharing[1:]:
        case.names |= other.names
        case.words += other.words
        cases.remove(other)
        for key in other.names:
            by_name[key] = case
    case.names |= dict.fromkeys((*names, word.record.id))
    case.words.append(word)
    for key in keys:
        by_name[key] = case


def _is_cve(name: str) -> bool:
    return name.startswith("CVE-")


def _state(case: _Case, order: Order) -> tuple[_Word, tuple[str, ...], State]:
    """The word that decides, the fixes to come, and the state."""
    deciding = [word for word in case.words if word.authority] or case.words
    worst = max(deciding, key=lambda word: WEIGHT[word.judged.state])
    state = worst.judged.state
    fixed = _fixes(case.words, order)
    if state is State.OPEN and fixed:
        state = State.FIX_AVAILABLE
    return worst, () if state in SETTLED else fixed, state


def _decide(
    index: Index, case: _Case, worst: _Word, fixed: tuple[str, ...], state: State
) -> Combined:
    names = list(case.names)
    best = next((name for name in names if _is_cve(name)), worst.record.id)
    severities = _severities(index, case, best)
    return Combined(
        id=best,
        aliases=tuple(sorted(name for name in names if name != best)),
        state=state,
        severity=next((s for s in severities if s.level is not Level.UNKNOWN), _UNKNOWN),
        severities=severities,
        fixed_versions=fixed,
        justification=_justification(worst, state),
        summary=next((word.record.summary for word in case.words if word.record.summary), ""),
        evidence=tuple(dict.fromkeys(map(_evidence, [worst, *case.words]))),
        exploited=index.exploited(best),
        exploitability=index.estimate(best),
    )


def _justification(word: _Word, state: State) -> str:
    if state is State.NOT_AFFECTED:
        return word.claim.note or word.judged.statement or "never affected in this release"
    return word.claim.note if state in (State.DEFERRED, State.IGNORED) else ""


def _fixes(words: Iterable[_Word], order: Order) -> tuple[str, ...]:
    """Fixed versions still to come, lowest first."""
    found = dict.fromkeys(word.judged.fixed for word in words if word.judged.fixed)
    try:
        return tuple(sorted(found, key=order))
    except UnorderedError:
        return tuple(sorted(found))


def _severities(index: Index, case: _Case, best: str) -> tuple[Severity, ...]:
    """Words about this package first, then the records' own ratings, then the CVE's."""
    own = [
        severity_of(word.feed, word.claim.urgency, own=True)
        for word in case.words
        if word.claim.urgency
    ]
    own.sort(key=lambda severity: -severity.level.rank)
    ratings = [
        severity_of(word.feed, text, own=source in _OWN_WORDS)
        for word in case.words
        for source, text in word.record.ratings
    ]
    ratings.sort(key=lambda severity: not severity.own)
    general = [severity_of(source, text) for source, text in index.ratings(best)]
    return tuple(dict.fromkeys((*own, *ratings, *general)))


def _evidence(word: _Word) -> Evidence:
    return Evidence(
        feed=word.feed,
        record=word.record.id,
        statement=f"{word.claim.ecosystem} {word.claim.name}: {word.judged.statement}",
        url=word.record.url,
    )
