"""What a release file says, and whether it may be believed now.

Owns dates, names and the table of hashes (Debian's "Repository format"); signatures were judged
before, in `neve.archive.signature`.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass

from neve.archive.failure import BrokenLinkError, Link
from neve.archive.types import SuiteRequest
from neve.errors import HostileInputError
from neve.formats.deb.control import Paragraph, field, parse_control
from neve.model import Digest

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Ubuntu pads the hour with a space: "Sun, 22 Nov 2026  0:19:16 UTC".
_DATE = re.compile(
    r"(?:[A-Z][a-z]{2}, +)?(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) +(\d{1,2}):(\d{2}):(\d{2}) "
    r"(?:UTC|GMT|Z|[+-]0000)"
)
_CLOCK_TOLERANCE = 3600
_MOST_FILES = 200_000


@dataclass(frozen=True, slots=True)
class Listed:
    """A file that a release file vouches for: size in bytes and SHA-256."""

    size: int
    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseFile:
    """A parsed release file. ``date`` and ``valid_until`` in seconds since the epoch."""

    suite: str
    codename: str
    version: str
    origin: str
    label: str
    date: int
    valid_until: int | None
    architectures: tuple[str, ...]
    components: tuple[str, ...]
    not_automatic: bool
    but_automatic_upgrades: bool
    by_hash: bool
    separate_all: bool
    """Whether packages for ``all`` stand in an index of their own alone."""
    files: dict[str, Listed]


def parse_release(data: bytes, request: SuiteRequest) -> ReleaseFile:
    """Read a verified release file; `HostileInputError` or `BrokenLinkError` if unusable."""
    fields = parse_control(data, subject=f"{request.id}: Release")

    def text(name: str) -> str:
        return (field(fields, name) or "").strip()

    architectures = tuple(text("Architectures").split())
    date = _seconds(text("Date"), "Date", request)
    if date is None:
        raise BrokenLinkError(
            Link.DATE,
            f"{request.id}: the release file has no date",
            resolution="ask the archive's maintainers to add it: without a date nobody can see "
            "an old state being passed off as new",
        )
    return ReleaseFile(
        suite=text("Suite"),
        codename=text("Codename"),
        version=text("Version"),
        origin=text("Origin"),
        label=text("Label"),
        date=date,
        valid_until=_seconds(text("Valid-Until"), "Valid-Until", request),
        architectures=architectures,
        components=tuple(text("Components").split()),
        not_automatic=text("NotAutomatic").lower() == "yes",
        but_automatic_upgrades=text("ButAutomaticUpgrades").lower() == "yes",
        by_hash=text("Acquire-By-Hash").lower() == "yes",
        separate_all="all" in architectures
        and "Packages" not in text("No-Support-for-Architecture-all").split(),
        files=_listed(fields, request),
    )


def judge_release(release: ReleaseFile, request: SuiteRequest, *, now: int) -> None:
    """Raise `BrokenLinkError` unless ``release`` is the suite asked for and current at ``now``.

    A snapshot's dates are judged at its own time.
    """
    _judge_names(release, request)
    at = snapshot_seconds(request.snapshot) if request.snapshot else now
    if release.date > at + _CLOCK_TOLERANCE:
        raise BrokenLinkError(
            Link.DATE,
            f"{request.id}: the release file is from the future: {_shown(release.date)}",
            resolution="set this machine's clock"
            if request.snapshot is None
            else "the snapshot service answered with a later state: use another archive time",
        )
    if release.valid_until is not None and release.valid_until < at:
        raise BrokenLinkError(
            Link.EXPIRY,
            f"{request.id}: the release file expired at {_shown(release.valid_until)}",
            details=(f"it is dated {_shown(release.date)}", f"judged at {_shown(at)}"),
            resolution="the mirror is stale: use another, or check this machine's clock; for an "
            "old state on purpose, let the recipe name a `snapshot`",
        )


def snapshot_seconds(snapshot: str) -> int:
    """Seconds since the epoch of ``20261101T000000Z``."""
    date, _, time = snapshot.rstrip("Z").partition("T")
    parts = (date[:4], date[4:6], date[6:], time[:2], time[2:4], time[4:])
    return calendar.timegm((*(int(part) for part in parts), 0, 0, 0))


def snapshot_name(seconds: int) -> str:
    """``20261101T000000Z`` of seconds since the epoch."""
    import time

    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))


def _judge_names(release: ReleaseFile, request: SuiteRequest) -> None:
    said = (
        ("Suite or Codename", request.suite, (release.suite, release.codename)),
        ("Codename", request.codename, (release.codename,)),
        ("Origin", request.origin, (release.origin,)),
        ("Label", request.label, (release.label,)),
    )
    for name, wanted, values in said:
        if wanted is not None and wanted not in values:
            shown = " / ".join(repr(value) for value in values)
            raise BrokenLinkError(
                Link.NAME,
                f"{request.id}: the release file is of something else: {name} is {shown}, "
                f"asked for was {wanted!r}",
                resolution="correct the mirror's address or the suite's name; a mirror that "
                "answers with another suite is not to be used",
            )


def _listed(fields: Paragraph, request: SuiteRequest) -> dict[str, Listed]:
    table = field(fields, "SHA256")
    if table is None:
        raise BrokenLinkError(
            Link.RELEASE,
            f"{request.id}: the release file lists no SHA-256 hashes",
            resolution="ask the archive's maintainers for them: weaker hashes are not accepted",
        )
    files: dict[str, Listed] = {}
    for line in table.splitlines():
        words = line.split()
        if not words:
            continue
        try:
            value, size, path = words
            listed = Listed(int(size), Digest("sha256", value.lower()))
        except ValueError:
            raise _unreadable(
                request, f"the line {line[:80]!r} is no hash, size and path"
            ) from None
        if listed.size < 0 or len(files) >= _MOST_FILES or files.get(path, listed) != listed:
            raise _unreadable(request, f"the entry of {path[:80]!r} can't be right")
        files[path] = listed
    return files


def _seconds(text: str, name: str, request: SuiteRequest) -> int | None:
    if not text:
        return None
    match = _DATE.fullmatch(text)
    if match is None or match[2] not in _MONTHS:
        raise _unreadable(request, f"{name} is no date in UTC: {text[:60]!r}")
    day, year, hour, minute, second = (int(match[n]) for n in (1, 3, 4, 5, 6))
    month = _MONTHS.index(match[2]) + 1
    return calendar.timegm((year, month, day, hour, minute, second, 0, 0, 0))


def _shown(seconds: int) -> str:
    import time

    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def _unreadable(request: SuiteRequest, why: str) -> HostileInputError:
    return HostileInputError(
        f"{request.id}: the release file can't be read: {why}",
        resolution="use another mirror, or report it to the archive's maintainers",
    )
