"""What a scan does not know, and when that decides about its exit code.

A feed that should be there, or is too old, always does. So does a whole distribution or kind of
package that no feed covers, a package database that could not be read, and an image without any
package: nothing would be known of most of it. A single foreign package is shown and counted only,
as most images have one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from neve.inventory import DISTRIBUTION_TYPES, PackageType
from neve.verbs.scan_subject import ScanSubject
from neve.verbs.scanned import ProblemKind, ScanProblem
from neve.vulns.freshness import Freshness, problems
from neve.vulns.sources import groups
from neve.vulns.types import Doubt, Matched

_ALLOW = "Judge them by other means and say --allow-unjudged."


def scan_problems(
    subject: ScanSubject,
    matched: Matched,
    *,
    now: int,
    limit: int,
    allow_stale: bool,
    allow_unjudged: bool,
    fail_on_unjudged: bool,
) -> tuple[ScanProblem, ...]:
    """Everything that is wrong, worst first; ``limit`` is the oldest that a feed may be."""
    found = [*_feeds(matched, now=now, limit=limit, allow_stale=allow_stale)]
    found += _uncovered(matched, allowed=allow_unjudged)
    found += _unread(subject, allowed=allow_unjudged)
    if fail_on_unjudged and matched.not_judged:
        count = len(matched.not_judged)
        found.append(
            ScanProblem(
                kind=ProblemKind.UNJUDGED,
                subject=f"{count} packages",
                text=f"{count} packages were not judged",
                resolution="They are listed with the reason; leave out --fail-on-unjudged to "
                "have them shown only.",
                allowed=False,
            )
        )
    return tuple(found)


def _feeds(matched: Matched, *, now: int, limit: int, allow_stale: bool) -> Iterator[ScanProblem]:
    for item in problems(matched.feeds, matched.missing, now=now, limit=limit):
        stale = item.freshness is Freshness.STALE
        yield ScanProblem(
            kind=ProblemKind.STALE_FEED if stale else ProblemKind.MISSING_FEED,
            subject=item.name,
            text=item.text,
            resolution=_command(item.name) + (" Or say --allow-stale." if stale else ""),
            allowed=stale and allow_stale,
        )


def _command(name: str) -> str:
    """How to get the feed of a problem: one by its name, or ``a feed for alpine:v3.22``."""
    head, _, ecosystem = name.partition(" for ")
    word = ecosystem.partition(":")[0] if head == "a feed" else head
    if head == "a feed" and word not in groups():
        return "Get one that covers it and run `neve db import FILE`."
    return f"Run `neve db update {word}`, or `neve db import FILE` where there is no network."


def _uncovered(matched: Matched, *, allowed: bool) -> Iterator[ScanProblem]:
    whole = Counter(
        (item.package.type, item.reason)
        for item in matched.not_judged
        if item.doubt in (Doubt.DISTRIBUTION, Doubt.ECOSYSTEM)
        and item.package.type is not PackageType.GENERIC
    )
    for (kind, reason), count in sorted(whole.items()):
        what = "distribution's" if kind in DISTRIBUTION_TYPES else kind.value
        yield ScanProblem(
            kind=ProblemKind.NO_FEED,
            subject=kind.value,
            text=f"{count} {what} packages: {reason}",
            resolution=_ALLOW,
            allowed=allowed,
        )


def _unread(subject: ScanSubject, *, allowed: bool) -> Iterator[ScanProblem]:
    for path, reason in subject.unread_databases:
        yield ScanProblem(
            kind=ProblemKind.UNREAD_DATABASE,
            subject=path,
            text=f"{path}: {reason}",
            resolution=_ALLOW,
            allowed=allowed,
        )
    if not subject.packages:
        yield ScanProblem(
            kind=ProblemKind.NO_PACKAGES,
            subject=subject.name,
            text="no package was found in it, so nothing could be judged",
            resolution="Scan what it was built from, or say --allow-unjudged.",
            allowed=allowed,
        )
