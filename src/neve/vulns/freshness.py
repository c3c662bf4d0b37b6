"""Whether the feeds are there and young enough: the one judgement that decides about exit 3."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from neve.vulns.types import FeedState

_DAY = 86400
_LASTING = ("openvex", "grype", "trivy", "cve")
"""Kinds that grow old without harm: documents about one thing, and ratings beside others."""


class Freshness(StrEnum):
    """What a feed is worth today."""

    FRESH = "fresh"
    STALE = "stale"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedProblem:
    """A feed that nothing should be judged by; ``text`` is for people."""

    name: str
    freshness: Freshness
    text: str


def freshness_of(feed: FeedState, *, now: int, limit: int) -> Freshness:
    """`STALE` when its source has not confirmed it for ``limit`` seconds (0: never stale).

    A fetched feed's own date is not asked: some sources have nothing new for weeks.
    """
    if limit == 0 or feed.kind in _LASTING:
        return Freshness.FRESH
    return Freshness.STALE if feed.age(now) > limit else Freshness.FRESH


def problems(
    feeds: Iterable[FeedState], missing: Iterable[str], *, now: int, limit: int
) -> tuple[FeedProblem, ...]:
    """What is wrong with the feeds that a judgement used (``Matched.feeds``, ``Matched.missing``).

    Anything here means exit 3: what was found is shown, and never taken for all there is.
    """
    found = [
        FeedProblem(name=name, freshness=Freshness.MISSING, text=f"{name}: not in the index")
        for name in missing
    ]
    for feed in feeds:
        if freshness_of(feed, now=now, limit=limit) is Freshness.STALE:
            days = feed.age(now) // _DAY
            text = f"{feed.name}: {days} days old, and {limit // _DAY} are allowed"
            found.append(FeedProblem(name=feed.name, freshness=Freshness.STALE, text=text))
    return tuple(found)
