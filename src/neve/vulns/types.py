"""What a judgement about known vulnerabilities says, as frozen data.

States stay apart: what a distribution deferred is never "not affected", what nobody could judge
is never clean. Nothing here reads a feed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from neve.inventory import Package


class State(StrEnum):
    """What a vulnerability means for the installed version of one package."""

    OPEN = "open"
    """The installed version is affected and the release has no fixed version."""
    FIX_AVAILABLE = "fix-available"
    """The installed version is affected; ``Finding.fixed_versions`` are not."""
    DEFERRED = "deferred"
    """Affected; the distribution postponed it or gives it no advisory of its own (no-dsa)."""
    IGNORED = "ignored"
    """Affected; the distribution decided not to fix it in this release."""
    UNIMPORTANT = "unimportant"
    """Affected on paper; the distribution says that it has no security impact there."""
    END_OF_LIFE = "end-of-life"
    """Affected or unknown; nobody supports the package in this release any more."""
    UNDETERMINED = "undetermined"
    """The distribution, a VEX author or a feed has not decided yet."""
    NOT_AFFECTED = "not-affected"
    """Somebody says why this version or product is not affected: ``Finding.justification``."""
    FIXED = "fixed"
    """The installed version holds the fix."""


AFFECTED = frozenset(
    (
        State.OPEN,
        State.FIX_AVAILABLE,
        State.DEFERRED,
        State.IGNORED,
        State.UNIMPORTANT,
        State.END_OF_LIFE,
    )
)
"""States in which the vulnerable code is there."""

SETTLED = frozenset((State.FIXED, State.NOT_AFFECTED))
"""States that need nobody's attention; ``match`` leaves them out unless asked."""


class Level(StrEnum):
    """How bad, in the words that all sources share. Compare by `rank`."""

    UNKNOWN = "unknown"
    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Sorts from `UNKNOWN` (0) to `CRITICAL` (5)."""
        return list(Level).index(self)


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Severity:
    """One source's word about how bad a vulnerability is.

    ``source`` names who said so (``debian urgency``, ``CVSS 3.1, CISA-ADP``); ``score`` is CVSS's
    0 to 10 and ``vector`` its text, where there are such. ``own`` is true where the word is about
    this package in this release and not about the vulnerability in general.
    """

    level: Level
    source: str
    score: float | None = None
    vector: str = ""
    own: bool = False


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Evidence:
    """The record that a judgement rests on: ``feed`` and its ``record``, ``statement`` in the
    feed's own words (``bookworm: resolved in 3.0.15-1``), ``url`` where a person can read it.
    """

    feed: str
    record: str
    statement: str
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploited:
    """What CISA's catalogue of known exploited vulnerabilities says (KEV)."""

    added: date
    ransomware: bool
    due: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploitability:
    """FIRST's estimate (EPSS): probability of exploitation in 30 days, percentile; 0 to 1."""

    score: float
    percentile: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One known vulnerability on one package.

    ``id`` is the name people know best (the CVE where there is one), ``aliases`` all others.
    ``severity`` is the one that counts (the release's own word before the general one),
    ``severities`` are all. ``fixed_versions`` are the versions that fix it in this release or
    ecosystem, lowest first. ``justification`` says why where the state is `NOT_AFFECTED`,
    `DEFERRED` or `IGNORED`, in the source's words. ``before`` is the state that a VEX statement
    replaced.
    """

    package: Package
    id: str
    aliases: tuple[str, ...] = ()
    state: State
    severity: Severity
    severities: tuple[Severity, ...] = ()
    fixed_versions: tuple[str, ...] = ()
    justification: str = ""
    summary: str = ""
    evidence: tuple[Evidence, ...] = ()
    exploited: Exploited | None = None
    exploitability: Exploitability | None = None
    before: State | None = None

    @property
    def affected(self) -> bool:
        """The vulnerable code is there, whatever anybody thinks of it."""
        return self.state in AFFECTED

    @property
    def fixable(self) -> bool:
        """A version without it can be had."""
        return self.affected and bool(self.fixed_versions)


class Doubt(StrEnum):
    """Why a package could not be judged."""

    FOREIGN = "foreign"
    """From another origin than the distribution: its advisories don't speak of it."""
    UNKNOWN_ORIGIN = "unknown-origin"
    """Nothing says that it is the distribution's own."""
    DISTRIBUTION = "distribution"
    """No feed neve knows covers this distribution."""
    FEED = "feed"
    """The feed that covers it is missing from the index."""
    ECOSYSTEM = "ecosystem"
    """No feed neve knows covers this kind of package."""
    VERSION = "version"
    """Its version can't be ordered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotJudged:
    """A package of which nothing is known: never clean. ``reason`` is a sentence for people."""

    package: Package
    doubt: Doubt
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """A language's package that came with the distribution's package ``owner``: judged by the
    distribution's advisories, which know of backported fixes, and not by its upstream's ranges.
    """

    package: Package
    owner: str


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class FeedState:
    """One feed of the index. Times in seconds since 1970; ``None``: the feed does not say.

    ``data_time`` is when the newest of its data was made, ``fetched`` when neve last heard from
    its source that this is the newest, ``failure`` what went wrong when it was last asked.
    ``entries`` counts what was understood, ``unread`` records that were not.
    """

    name: str
    kind: str
    source: str
    entries: int
    unread: int
    fetched: int
    data_time: int | None = None
    sha256: str = ""
    size: int = 0
    failure: str = ""

    @property
    def confirmed(self) -> int:
        """When its source last said that this is the newest. A file does not get younger by being
        read: of an imported feed it is when the data was made.
        """
        imported = self.source.startswith("file ")
        return self.data_time if imported and self.data_time is not None else self.fetched

    def age(self, now: int) -> int:
        """Seconds since it was `confirmed`."""
        return max(0, now - self.confirmed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """What matching some packages gave.

    ``findings`` are sorted by package and vulnerability. ``feeds`` are those used;
    ``missing`` those that some package needed and that the index lacks: then nothing is known of
    these packages, and a caller must fail (exit 3). ``judged`` counts packages that were judged.
    """

    findings: tuple[Finding, ...]
    not_judged: tuple[NotJudged, ...]
    covered: tuple[Covered, ...]
    feeds: tuple[FeedState, ...]
    missing: tuple[str, ...]
    judged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedReport:
    """Another scanner's findings about one image, imported instead of matching.

    ``digests`` are the image's manifest, index or configuration digests as the report names them.
    ``data_time`` is when the scanner's database was made, in seconds since 1970.
    """

    tool: str
    version: str
    target: str
    digests: tuple[str, ...]
    data_time: int | None
    findings: tuple[Finding, ...]
