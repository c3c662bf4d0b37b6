"""OSV records (ossf.github.io/osv-schema 1.x), one a file, in archives of an ecosystem.

Ranges of type ``SEMVER`` and ``ECOSYSTEM`` and lists of versions are kept; ``GIT`` ranges speak of
commits, which no installed package names. A withdrawn record says nothing and is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from neve.errors import HostileInputError
from neve.inventory import PackageType
from neve.vulns.bounded import Blob, is_archive, load_json, mapping, members, sequence, word
from neve.vulns.ecosystems import from_osv, is_distribution, normal_name, package_type
from neve.vulns.records import (
    Claim,
    Dated,
    Event,
    Item,
    Record,
    Scope,
    Standing,
    Unread,
    is_advisory,
)

KIND = "osv"
_CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,19}")
_EVENTS = ("introduced", "fixed", "last_affected", "limit")
_WORD = re.compile(r"(Critical|Important|High|Moderate|Medium|Low): ")
_PAGES = (
    (re.compile(r"DSA-|DLA-|DEBIAN-CVE-"), "https://security-tracker.debian.org/tracker/{}"),
    (re.compile(r"GO-"), "https://pkg.go.dev/vuln/{}"),
    (re.compile(r"GHSA-"), "https://github.com/advisories/{}"),
)
_MOST_VERSIONS = 20_000


def feed_word(base: str) -> str:
    """An OSV ecosystem as part of a feed's name: ``rocky-linux``, ``pypi``."""
    return re.sub(r"[^a-z0-9.]+", "-", base.lower())


def looks_like(top: object) -> bool:
    """Whether a JSON document is an OSV record."""
    document = mapping(top)
    return (
        isinstance(document.get("id"), str)
        and "modified" in document
        and ("affected" in document or "withdrawn" in document or "schema_version" in document)
    )


def read(blob: Blob) -> Iterator[Item]:
    """The records of an archive, or of one file; the ecosystems they name are covered."""
    ecosystems: set[str] = set()
    newest = 0
    seen: set[str] = set()
    for member in members(blob, suffixes=(".json",)) if is_archive(blob) else (blob,):
        document = lenient(member) if is_archive(blob) else load_json(member)
        if isinstance(document, Unread):
            yield document
            continue
        record = mapping(document)
        identifier = word(record.get("id"), most=120)
        if not looks_like(document) or not identifier:
            yield Unread(record=member.name[-120:], reason="is no OSV record")
            continue
        if identifier in seen:
            yield Unread(record=identifier, reason="stands twice in the feed")
            continue
        seen.add(identifier)
        newest = max(newest, _seconds(record.get("modified")))
        if "withdrawn" in record:
            continue
        yield from _items(record, identifier, ecosystems)
    for ecosystem in sorted(ecosystems):
        yield Scope(ecosystem=ecosystem)
    if newest:
        yield Dated(time=newest)


def lenient(member: Blob) -> object:
    """One damaged record of thousands is counted; it doesn't take the others with it."""
    try:
        return load_json(member)
    except HostileInputError as error:
        return Unread(record=member.name[-120:], reason=error.brief.rpartition(": ")[2][:160])


def _items(record: Mapping[str, object], identifier: str, covered: set[str]) -> Iterator[Item]:
    claims: list[Claim] = []
    outside = 0
    for affected in sequence(record.get("affected")):
        package = mapping(mapping(affected).get("package"))
        name, label = word(package.get("name"), most=512), word(package.get("ecosystem"), most=120)
        if not label and not name:
            continue  # commits of a repository: the other packages of the record are read
        ecosystem = from_osv(label)
        kind = package_type(ecosystem) if ecosystem else None
        if ecosystem is None or kind is None or not name:
            outside += 1
            continue
        covered.add(ecosystem)
        claim = _claim(mapping(affected), ecosystem, normal_name(kind, name), identifier)
        if isinstance(claim, Unread):
            yield claim
        else:
            claims.append(claim)
    if claims:
        yield _record(record, identifier)
        yield from claims


def _record(record: Mapping[str, object], identifier: str) -> Record:
    aliases, upstream, related = (
        [i for i in (word(x, most=120) for x in sequence(record.get(key))) if i]
        for key in ("aliases", "upstream", "related")
    )
    if is_advisory(identifier):
        # The fields' meaning changed over the years: aliases, then related, now upstream.
        named = dict.fromkeys(i for i in (*upstream, *aliases, *related) if _CVE.fullmatch(i))
        vulnerabilities, others = list(named), []
    else:
        own = [identifier] if _CVE.fullmatch(identifier) else []
        named = dict.fromkeys(i for i in (*own, *upstream, *aliases) if _CVE.fullmatch(i))
        vulnerabilities = list(named)[:1]
        others = [i for i in dict.fromkeys((*aliases, *list(named)[1:])) if i != identifier]
        others = [i for i in others if i not in vulnerabilities]
    summary = word(record.get("summary"), most=1 << 16) or word(record.get("details"), most=1 << 20)
    return Record(
        id=identifier,
        vulnerabilities=tuple(vulnerabilities),
        aliases=tuple(others[:64]),
        summary=summary.strip()[:240],
        url=_page(record, identifier),
        ratings=tuple(_ratings(record)),
    )


def _page(record: Mapping[str, object], identifier: str) -> str:
    for pattern, url in _PAGES:
        if pattern.match(identifier):
            return url.format(identifier)
    for reference in sequence(record.get("references")):
        url = word(mapping(reference).get("url"), most=1000)
        if mapping(reference).get("type") == "ADVISORY" and url.startswith("https://"):
            return url
    return f"https://osv.dev/vulnerability/{identifier}"


def _ratings(record: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for severity in sequence(record.get("severity")):
        kind, score = (word(mapping(severity).get(key), most=300) for key in ("type", "score"))
        if kind and score:
            yield kind, score
    general = word(mapping(record.get("database_specific")).get("severity"), most=20)
    if general:
        yield "advisory", general
    in_summary = _WORD.match(word(record.get("summary"), most=1 << 16))
    if in_summary is not None:
        yield "advisory", in_summary[1]


def _claim(
    affected: Mapping[str, object], ecosystem: str, name: str, identifier: str
) -> Claim | Unread:
    ranges: list[tuple[Event, ...]] = []
    for item in _ranges(affected, ecosystem):
        if mapping(item).get("type") not in ("SEMVER", "ECOSYSTEM"):
            continue
        events = _events(mapping(item))
        if events is None:
            return Unread(record=identifier, reason=f"{name}: a range that can't be understood")
        ranges.append(events)
    listed = sequence(affected.get("versions"))
    versions = tuple(v for v in (word(item, most=256) for item in listed) if v)
    if len(versions) != len(listed) or len(versions) > _MOST_VERSIONS:
        return Unread(record=identifier, reason=f"{name}: versions that can't be understood")
    if not ranges and not versions:
        return Unread(record=identifier, reason=f"{name}: says of no version that it is affected")
    return Claim(
        ecosystem=ecosystem,
        name=name,
        record=identifier,
        standing=Standing.RANGES,
        urgency=_urgency(affected),
        ranges=tuple(ranges),
        # A distribution's list only repeats the range for the versions it published.
        versions=() if ranges and is_distribution(ecosystem) else versions,
    )


def _ranges(affected: Mapping[str, object], ecosystem: str) -> list[object]:
    """The ranges; for Go the exact ones, where the module's tags are no semantic versions and
    the general range says "all" (go.dev/doc/security/vuln/database, ``custom_ranges``).
    """
    general = sequence(affected.get("ranges"))
    custom = sequence(mapping(affected.get("ecosystem_specific")).get("custom_ranges"))
    if ecosystem != PackageType.GOLANG or not custom:
        return general
    bounded = any(
        "fixed" in mapping(event) or "last_affected" in mapping(event)
        for item in general
        for event in sequence(mapping(item).get("events"))
    )
    return general if bounded else custom


def _events(item: Mapping[str, object]) -> tuple[Event, ...] | None:
    """The events in their order; ``None`` for what the schema forbids."""
    found: list[Event] = []
    for event in sequence(item.get("events")):
        pairs = [(key, word(value, most=256)) for key, value in mapping(event).items()]
        if len(pairs) != 1 or pairs[0][0] not in _EVENTS or not pairs[0][1]:
            return None
        found.append(pairs[0])
    return tuple(found) if any(kind == "introduced" for kind, _ in found) else None


def _urgency(affected: Mapping[str, object]) -> str:
    """A severity that the record gives for this package alone."""
    for severity in sequence(affected.get("severity")):
        if score := word(mapping(severity).get("score"), most=300):
            return score
    for key in ("ecosystem_specific", "database_specific"):
        part = mapping(affected.get(key))
        for field in ("urgency", "severity"):
            value = word(part.get(field), most=40)
            if value and value not in ("not yet assigned", "end-of-life"):
                return value
    return ""


def _seconds(text: object) -> int:
    try:
        return max(0, int(datetime.fromisoformat(word(text, most=40)).timestamp()))
    except (ValueError, OverflowError, OSError):
        return 0
