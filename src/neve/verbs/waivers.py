"""Waivers of known vulnerabilities: who answers for ignoring which, why, and until when.

Owns the file ``waivers.yaml`` and whom a waiver speaks of. Reads it as strictly as a recipe: a
misspelt key would waive less, or more, than its owner believes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any

from neve.errors import Place, UsageError
from neve.model import Digest, Waiver, sha256_of
from neve.vulns.types import SETTLED, Finding

WAIVERS_NAME = "waivers.yaml"
RULE = "known-vulnerability"
"""The rule that every waiver of the file is about."""
_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FileWaiver:
    """One waiver of a file and where it stands there. ``package`` is a binary or source package's
    name and ``version`` its installed version, "" for any.
    """

    vulnerability: str
    package: str
    version: str
    waiver: Waiver
    place: Place

    def speaks_of(self, finding: Finding) -> bool:
        """Whether the finding is the one that is waived, expired or not."""
        own = finding.package
        return (
            self.vulnerability in (finding.id, *finding.aliases)
            and self.package in ("", own.name, own.source)
            and self.version in ("", own.version, own.source_version)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Waivers:
    """A file's waivers in their order, and which bytes said so."""

    file: str
    digest: Digest
    entries: tuple[FileWaiver, ...]


class WaiverStanding(StrEnum):
    """What became of a waiver."""

    USED = "used"
    UNUSED = "unused"
    """It speaks of nothing that was found: the finding is gone, or the waiver is misspelt."""
    EXPIRED = "expired"
    """Its last day is over: what it speaks of counts again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverUse:
    """A waiver, where it stands, and how many findings it speaks of."""

    waiver: Waiver
    place: str
    standing: WaiverStanding
    findings: int


def read_waivers(path: Path) -> Waivers:
    """The waivers of a file.

    Raises ``UsageError`` for an unreadable one, ``SourceError`` naming file, line and column of
    the first thing that is wrong, with the others as its details.
    """
    from neve.recipe.document import parse_document
    from neve.recipe.problems import Problems
    from neve.recipe.shape import INVALID, Reading

    data = _bytes(path)
    problems = Problems()
    if all(line.lstrip().startswith(b"#") or not line.strip() for line in data.splitlines()):
        start = Place(file=str(path), line=1, column=1)
        problems.add(start, "the file is empty", "Write waivers: and a list, or remove the file.")
        problems.raise_if_any()
    node = parse_document(data, str(path), problems)
    problems.raise_if_any()
    reading = Reading(problems)
    values = _listed(node, reading)
    if values is not INVALID:
        _twice(values, reading.places, problems)
    problems.raise_if_any()
    return Waivers(
        file=str(path),
        digest=sha256_of(data),
        entries=tuple(
            _waiver(item, reading.places[f"waivers[{number}]"])
            for number, item in enumerate(values)
        ),
    )


def apply_waivers(
    waivers: Waivers | None, findings: Iterable[Finding], *, today: date
) -> tuple[dict[Finding, Waiver], tuple[WaiverUse, ...]]:
    """Which findings are waived ``today`` and by what, and what became of every waiver.

    A settled finding needs no waiver. Of several waivers the one that holds longest counts.
    """
    if waivers is None:
        return {}, ()
    unsettled = [finding for finding in findings if finding.state not in SETTLED]
    by_name: dict[str, list[Finding]] = {}
    for finding in unsettled:
        for name in dict.fromkeys((finding.id, *finding.aliases)):
            by_name.setdefault(name, []).append(finding)
    waived: dict[Finding, Waiver] = {}
    uses = []
    for entry in waivers.entries:
        spoken = [f for f in by_name.get(entry.vulnerability, ()) if entry.speaks_of(f)]
        expired = entry.waiver.expires < today
        for finding in () if expired else spoken:
            held = waived.get(finding)
            if held is None or held.expires < entry.waiver.expires:
                waived[finding] = entry.waiver
        uses.append(_use(entry, len(spoken), expired=expired))
    return waived, tuple(uses)


def _use(entry: FileWaiver, findings: int, *, expired: bool) -> WaiverUse:
    standing = WaiverStanding.USED if findings else WaiverStanding.UNUSED
    return WaiverUse(
        waiver=entry.waiver,
        place=str(entry.place),
        standing=WaiverStanding.EXPIRED if expired else standing,
        findings=findings,
    )


def _listed(node: Any, reading: Any) -> Any:  # noqa: ANN401 - of modules that are imported when a file is read
    """The checked items below ``waivers``, or ``INVALID``."""
    from neve.recipe.document import Mapping
    from neve.recipe.shape import INVALID

    listed = node.get("waivers") if isinstance(node, Mapping) else None
    if listed is None:
        reading.problems.add(
            node.place, "no list of waivers", "Write waivers: and below it one item for each."
        )
        return INVALID
    for key, _ in node.pairs:
        if key.text != "waivers":
            what = f"unknown key {key.text[:60]!r}"
            reading.problems.add(key.place, what, "The file holds waivers and nothing else.")
    return _grammar().read(listed, "waivers", reading)


def _grammar() -> Any:  # noqa: ANN401 - a shape; its module is imported when a file is read
    from neve.recipe.shape import Field, ListOf, Record, Text
    from neve.recipe.words import DAY, PERSON, REASON

    identifier = Text(
        what="the name of a vulnerability",
        pattern=r"[A-Za-z][A-Za-z0-9]*-[A-Za-z0-9.:_-]{1,100}",
        example="CVE-2026-1000 or GHSA-jfh8-c2jp-5v3q",
    )
    package = Text(what="a package's name", pattern=r"[^\s\x00]{1,300}", example="openssl")
    version = Text(
        what="a version", pattern=r"[^\s\x00]{1,300}", example='"3.0.15-1"', numbers=True
    )
    waiver = Record(
        what="a waiver",
        fields=(
            Field(
                name="vulnerability", shape=identifier, doc="Its name, any of them.", required=True
            ),
            Field(name="package", shape=package, doc="Only in this package, binary or source."),
            Field(name="version", shape=version, doc="Only in this installed version."),
            Field(name="reason", shape=REASON, doc="Why it does no harm here.", required=True),
            Field(name="owner", shape=PERSON, doc="Who answers for it.", required=True),
            Field(name="expires", shape=DAY, doc="Last day it holds.", required=True),
        ),
    )
    return ListOf(item=waiver)


def _twice(values: list[dict[str, Any]], places: dict[str, Place], problems: Any) -> None:  # noqa: ANN401 - Problems, imported when a file is read
    seen: dict[tuple[str, str, str], int] = {}
    for number, item in enumerate(values):
        key = _key(item)
        if key in seen:
            first = places[f"waivers[{seen[key]}]"]
            brief = f"waivers[{number}]: {' '.join(filter(None, key))} is waived twice"
            problems.add(places[f"waivers[{number}]"], brief, f"Keep one; the first is at {first}.")
        seen.setdefault(key, number)


def _key(item: dict[str, Any]) -> tuple[str, str, str]:
    return item["vulnerability"], item.get("package", ""), item.get("version", "")


def _waiver(item: dict[str, Any], place: Place) -> FileWaiver:
    vulnerability, package, version = _key(item)
    return FileWaiver(
        vulnerability=vulnerability,
        package=package,
        version=version,
        waiver=Waiver(
            rule=RULE,
            subject=" ".join(part for part in (vulnerability, package, version) if part),
            reason=item["reason"],
            owner=item["owner"],
            expires=date.fromisoformat(item["expires"]),
        ),
        place=place,
    )


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_LIMIT + 1)
    except OSError as error:
        raise _unreadable(path, error.strerror or "not readable") from error
    if len(data) > _LIMIT:
        raise _unreadable(path, f"larger than {_LIMIT} bytes")
    return data


def _unreadable(path: Path, why: str) -> UsageError:
    return UsageError(
        f"waivers {path}: {why}",
        resolution="Name a file with `waivers:`, each with vulnerability, reason, owner and "
        "expires; docs/howto/scan.md shows one.",
    )


def waivers_beside(folder: Path) -> Path | None:
    """The file of waivers that is taken unasked from ``folder``, if it is there."""
    path = folder / WAIVERS_NAME
    return path if path.is_file() else None
