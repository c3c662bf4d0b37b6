"""What every feed becomes before it goes into the index: one vocabulary for all formats.

A reader of a feed yields these; the index stores them; matching judges by them. ``to_row`` and
``from_row`` are the index's compact JSON form and must stay inverse.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from neve.vulns.types import Finding, ImportedReport

_ADVISORY = re.compile(r"(?:DSA|DLA|DTSA|ELA|ALSA|ALBA|ALEA|RLSA|RLBA|RLEA|RXSA|RHSA|USN|LSN)-")

Event = tuple[str, str]
"""One event of an OSV range: ``introduced``, ``fixed``, ``last_affected`` or ``limit``; version."""


class Standing(StrEnum):
    """What a claim says about the package, before any version is compared."""

    RESOLVED = "resolved"
    """Fixed in ``Claim.fixed``; earlier versions are affected."""
    OPEN = "open"
    DEFERRED = "deferred"
    IGNORED = "ignored"
    UNIMPORTANT = "unimportant"
    END_OF_LIFE = "end-of-life"
    UNDETERMINED = "undetermined"
    NOT_AFFECTED = "not-affected"
    RANGES = "ranges"
    """Affected where ``Claim.ranges`` or ``Claim.versions`` say so."""


def is_advisory(identifier: str) -> bool:
    """Whether the id names a publication about fixes, and no vulnerability of its own."""
    return _ADVISORY.match(identifier) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one feed's record says of one package in one ecosystem.

    ``ecosystem`` is neve's key (``debian:bookworm``, ``alpine:v3.22``, ``pypi``), ``name`` the
    package as that ecosystem's advisories spell it. ``fixed`` is the first fixed version.
    ``urgency`` is a word or CVSS vector about this package alone, ``note`` the feed's reason.
    """

    ecosystem: str
    name: str
    record: str
    standing: Standing
    fixed: str = ""
    urgency: str = ""
    note: str = ""
    ranges: tuple[tuple[Event, ...], ...] = ()
    versions: tuple[str, ...] = ()

    def to_row(self) -> list[object]:
        """The claim without ecosystem and name, as short as JSON allows."""
        row: list[object] = [self.record, self.standing.value, self.fixed, self.urgency, self.note]
        row += [[list(map(list, events)) for events in self.ranges], list(self.versions)]
        while len(row) > 2 and not row[-1]:
            row.pop()
        return row

    @classmethod
    def from_row(cls, ecosystem: str, name: str, row: list[object]) -> Claim:
        """The inverse of `to_row`."""
        full = [*row, *[""] * (5 - len(row))] if len(row) < 5 else row
        ranges = full[5] if len(full) > 5 else []
        versions = full[6] if len(full) > 6 else []
        return cls(
            ecosystem=ecosystem,
            name=name,
            record=str(full[0]),
            standing=Standing(str(full[1])),
            fixed=str(full[2]),
            urgency=str(full[3]),
            note=str(full[4]),
            ranges=tuple(tuple((e[0], e[1]) for e in events) for events in ranges),  # type: ignore[attr-defined]  # written by to_row
            versions=tuple(versions),  # type: ignore[arg-type]  # written by to_row
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a feed says about a vulnerability or advisory itself.

    ``vulnerabilities`` are the CVEs (or other ids) it stands for: an advisory may fix many.
    ``ratings`` are (source, CVSS vector or word).
    """

    id: str
    vulnerabilities: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    summary: str = ""
    url: str = ""
    ratings: tuple[tuple[str, str], ...] = ()

    def to_row(self) -> list[object]:
        """The record without its id, trailing empty parts left out."""
        row: list[object] = [list(self.vulnerabilities), list(self.aliases), self.summary, self.url]
        row.append([list(rating) for rating in self.ratings])
        while row and not row[-1]:
            row.pop()
        return row

    @classmethod
    def from_row(cls, identifier: str, row: list[object]) -> Record:
        """The inverse of `to_row`."""
        full = [*row, *([], [], "", "", [])[len(row) :]]
        return cls(
            id=identifier,
            vulnerabilities=tuple(full[0]),  # type: ignore[arg-type]  # written by to_row
            aliases=tuple(full[1]),  # type: ignore[arg-type]  # written by to_row
            summary=str(full[2]),
            url=str(full[3]),
            ratings=tuple((r[0], r[1]) for r in full[4]),  # type: ignore[attr-defined]  # written by to_row
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The feed covers this ecosystem: it knows nothing against a package it does not name there."""

    ecosystem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Archived:
    """The versions of a source package that the release's own archives have."""

    ecosystem: str
    name: str
    versions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """When (a part of) the feed's data was made, in seconds since 1970; the newest one counts."""

    time: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploit:
    """An entry of the KEV catalogue; dates as ``YYYY-MM-DD``, "" where not given."""

    cve: str
    added: str
    due: str
    ransomware: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """An EPSS row; ``percentile`` is ``None`` in data from before 2021-09."""

    cve: str
    score: float
    percentile: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """CVSS vectors of one CVE, each with who gave it."""

    cve: str
    ratings: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VexStatement:
    """One statement of a VEX document about some products.

    ``products`` pairs a product (a package-url, or what else the document uses) with the purls of
    its parts that are meant, none for the product itself. ``time`` is in seconds since 1970.
    """

    document: str
    author: str
    time: int
    order: int
    vulnerability: str
    aliases: tuple[str, ...]
    products: tuple[tuple[str, tuple[str, ...]], ...]
    status: str
    justification: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A record that could not be understood, and why: counted and shown, never just left out."""

    record: str
    reason: str


Item = (
    Claim
    | Record
    | Scope
    | Archived
    | Dated
    | Exploit
    | Estimate
    | Rating
    | VexStatement
    | ImportedReport
    | Unread
)
"""All that a feed's reader may yield."""

__all__ = [
    "Archived",
    "Claim",
    "Dated",
    "Estimate",
    "Event",
    "Exploit",
    "Finding",
    "ImportedReport",
    "Item",
    "Rating",
    "Record",
    "Scope",
    "Standing",
    "Unread",
    "VexStatement",
    "is_advisory",
]
