"""What a scan found, as frozen data: findings with their waivers, what was not judged, by which
feeds, and what all that means for the exit code.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from neve.errors import ExitCode
from neve.inventory import Package
from neve.model import Waiver
from neve.verbs.waivers import WaiverUse
from neve.vulns.freshness import Freshness
from neve.vulns.types import Covered, Doubt, Finding, Level, NotJudged, State


class JudgedBy(StrEnum):
    """Who says what is vulnerable."""

    FEEDS = "feeds"
    """The feeds of the index, matched by neve."""
    REPORTS = "reports"
    """Reports of other scanners about this very image, imported into the index."""
    BOTH = "both"


class ProblemKind(StrEnum):
    """Why a scan knows less than it should."""

    MISSING_FEED = "missing-feed"
    STALE_FEED = "stale-feed"
    NO_REPORT = "no-report"
    STALE_REPORT = "stale-report"
    NO_FEED = "no-feed"
    """No feed that neve knows covers this distribution or this kind of package."""
    UNREAD_DATABASE = "unread-database"
    """What a distribution installed could not be read."""
    NO_PACKAGES = "no-packages"
    UNJUDGED = "unjudged"
    """Single packages that could not be judged; only where the caller asked for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanProblem:
    """Something because of which nothing is known of some packages. ``text`` says what,
    ``resolution`` the next step; ``allowed`` if the caller accepts it, so that the exit code
    does not show it.
    """

    kind: ProblemKind
    subject: str
    text: str
    resolution: str
    allowed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannedFinding:
    """One vulnerability of one package. ``waiver`` is whoever answers for ignoring it; ``fails``
    says that it is at or above the threshold that was asked for.
    """

    finding: Finding
    waiver: Waiver | None
    fails: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanTotal:
    """How many there are of one state and level. ``count`` takes a vulnerability once for each
    source package, however many binary packages that has; ``findings`` takes each of these.
    ``waived`` are those of ``count`` that somebody answers for.
    """

    state: State
    level: Level
    count: int
    findings: int
    waived: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubtCount:
    """How many packages were not judged for one kind of reason."""

    doubt: Doubt
    packages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadPath:
    """A path that may hold packages nobody knows of, and why it was not read."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanFeed:
    """A feed that was used. ``data_time`` as ``2026-11-01T12:00:00Z``, ``None`` where it does not
    say; ``age`` in seconds since its source confirmed it; ``failure`` of its last update.
    """

    name: str
    kind: str
    source: str
    freshness: Freshness
    data_time: str | None
    age: int
    failure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanReport:
    """Another scanner's report about this image. ``findings`` counts its own; ``more`` those that
    the feeds did not find, ``None`` where the feeds were not asked.
    """

    tool: str
    version: str
    target: str
    data_time: str | None
    findings: int
    more: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanResult:
    """The whole scan.

    ``findings`` are those that were asked for, sorted as people should take them up; ``filtered``
    counts unsettled ones that were left out by a filter and ``settled`` those that a VEX statement
    settled and that are not shown. ``totals`` are over all unsettled ones, before any filter.
    ``packages`` is how many there are, ``judged`` how many were. ``unrated`` counts findings of
    unknown severity that ``fail_on`` lets pass. ``waivers_file`` names the file, ``""`` for none.
    """

    subject: str
    digest: str
    platform: str
    distribution: str
    judged_on: date
    data_time: str | None
    judged_by: JudgedBy
    fail_on: Level | None
    findings: tuple[ScannedFinding, ...]
    filtered: int
    settled: int
    totals: tuple[ScanTotal, ...]
    packages: int
    judged: int
    not_judged: tuple[NotJudged, ...]
    doubts: tuple[DoubtCount, ...]
    unread: tuple[UnreadPath, ...]
    covered: tuple[Covered, ...]
    feeds: tuple[ScanFeed, ...]
    reports: tuple[ScanReport, ...]
    problems: tuple[ScanProblem, ...]
    waivers_file: str
    waivers: tuple[WaiverUse, ...]
    unrated: int
    notes: tuple[str, ...]

    @property
    def failing(self) -> tuple[ScannedFinding, ...]:
        """The findings at or above the threshold that nobody waived."""
        return tuple(item for item in self.findings if item.fails)

    @property
    def blocking(self) -> tuple[ScanProblem, ...]:
        """The problems that nobody allowed."""
        return tuple(item for item in self.problems if not item.allowed)

    @property
    def exit_code(self) -> ExitCode:
        """3 where something needed is not known, even if something was found: that is not all
        there is. Then 1 for findings at the threshold, else 0.
        """
        if self.blocking:
            return ExitCode.TOOL
        return ExitCode.FINDINGS if self.failing else ExitCode.OK


def source_key(package: Package) -> tuple[str, str, str]:
    """What is fixed at once: the source package in one version, else the package itself."""
    version = package.source_version or package.version
    return package.type.value, package.source or package.name, version
