"""Debian's lists of advisories, ``data/DSA/list`` and ``data/DLA/list`` of the security tracker.

Format: doc/security-team/… of the tracker's repository and what the lists hold since 2002: a head
line, a line of CVEs in braces, a line a release, notes. Spaces and tabs vary.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from neve.formats.deb import is_version
from neve.vulns.bounded import Blob, text_of
from neve.vulns.records import Claim, Dated, Item, Record, Scope, Standing, Unread

KIND = "debian-advisories"
_HEAD = re.compile(
    r"\[(\d{1,2}) ([A-Z][a-z]{2}) (\d{4})\] ((?:DSA|DLA|DTSA|ELA)-\d+(?:-\d+)?)\s+(\S.*)?"
)
_RELEASE = re.compile(r"\s+\[([a-z0-9.-]+)\]\s+-\s+(\S+)(?:\s+(<[a-z-]+>|\S+))?\s*(?:\((.*)\))?")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_URL = "https://security-tracker.debian.org/tracker/{}"


@dataclass(slots=True)
class _Advisory:
    id: str
    title: str
    time: int | None
    cves: list[str] = field(default_factory=list)
    releases: list[tuple[str, str, str, str]] = field(default_factory=list)


def looks_like(text: str) -> bool:
    """Whether ``text`` begins as such a list does."""
    return any(_HEAD.match(line) for line in text[:4096].splitlines()[:20])


def read(blob: Blob) -> Iterator[Item]:
    """A record an advisory, a claim for each release and source package of it."""
    current: _Advisory | None = None
    newest = 0
    seen: set[str] = set()
    ecosystems: set[str] = set()
    for number, line in enumerate(text_of(blob).splitlines(), 1):
        head = _HEAD.match(line)
        if head is not None:
            if current is not None:
                yield from _items(current, seen, ecosystems)
            current = _begin(head)
            newest = max(newest, current.time or 0)
        elif current is None or not _detail(current, line):
            yield Unread(record=f"line {number}", reason=f"not understood: {line.strip()[:80]!r}")
    if current is not None:
        yield from _items(current, seen, ecosystems)
    if newest:
        yield Dated(time=newest)


def _begin(head: re.Match[str]) -> _Advisory:
    day, month, year, identifier, title = head.groups()
    try:
        when = datetime(int(year), _MONTHS.index(month) + 1, int(day), tzinfo=UTC)
        time: int | None = int(when.timestamp())
    except ValueError:
        time = None
    return _Advisory(id=identifier, title=(title or "").strip(), time=time)


def _detail(current: _Advisory, line: str) -> bool:
    """Take in a line below the head; whether it was understood."""
    text = line.strip()
    if not text or (text.startswith(("NOTE:", "TODO:", "[")) and _RELEASE.match(line) is None):
        return not text or text.startswith(("NOTE:", "TODO:"))
    if text.startswith("{") and text.endswith("}"):
        current.cves += text[1:-1].split()
        return True
    found = _RELEASE.fullmatch(line.rstrip())
    if found is None:
        return False
    release, package, version, note = found.groups()
    current.releases.append((release, package, version or "", note or ""))
    return True


_WORDS = {
    "<not-affected>": Standing.NOT_AFFECTED,
    "<end-of-life>": Standing.END_OF_LIFE,
    "<unfixed>": Standing.OPEN,
    "<undetermined>": Standing.UNDETERMINED,
    "<ignored>": Standing.IGNORED,
    "<postponed>": Standing.DEFERRED,
    "<no-dsa>": Standing.DEFERRED,
}


def _items(advisory: _Advisory, seen: set[str], ecosystems: set[str]) -> Iterator[Item]:
    if advisory.id in seen:
        yield Unread(record=advisory.id, reason="stands twice in the list")
        return
    seen.add(advisory.id)
    yield Record(
        id=advisory.id,
        vulnerabilities=tuple(dict.fromkeys(advisory.cves)),
        summary=advisory.title[:240],
        url=_URL.format(advisory.id),
    )
    for release, package, version, note in advisory.releases:
        standing = _WORDS.get(version)
        if standing is None and not is_version(version):
            what = f"{release} {package}: {version[:40]!r} is no version"
            yield Unread(record=advisory.id, reason=what)
            continue
        yield Claim(
            ecosystem=f"debian:{release}",
            name=package,
            record=advisory.id,
            standing=standing or Standing.RESOLVED,
            fixed="" if standing else version,
            note=note,
        )
        if release not in ecosystems:
            ecosystems.add(release)
            yield Scope(ecosystem=f"debian:{release}")
