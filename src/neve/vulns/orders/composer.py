"""Composer's versions, normalised as composer/semver's ``VersionParser`` does and ordered as PHP's
``version_compare`` orders what comes out. Branches (``dev-main``) have no order.
"""

from __future__ import annotations

import re

_SYNTAX = re.compile(
    r"v?(\d{1,10})(?:\.(\d{1,20}))?(?:\.(\d{1,20}))?(?:\.(\d{1,20}))?"
    r"[._-]?(?:(stable|beta|b|rc|alpha|a|patch|pl|p)((?:[.-]?\d{1,20})*))?([.-]?dev)?(?:\+.*)?",
    re.IGNORECASE,
)
_STABILITY = {
    "alpha": 1,
    "a": 1,
    "beta": 2,
    "b": 2,
    "rc": 3,
    "": 4,
    "stable": 4,
    "patch": 5,
    "pl": 5,
    "p": 5,
}


def composer_key(version: str) -> tuple[tuple[int, ...], int, tuple[int, ...], int]:
    """The sort key; ``ValueError`` for a branch or what is no version."""
    match = _SYNTAX.fullmatch(version.strip())
    if match is None:
        raise ValueError(f"not a Composer version: {version[:80]!r}")
    *numbers, word, counted, dev = match.groups()
    stability = _STABILITY[(word or "").lower()]
    counts = tuple(int(part) for part in re.findall(r"\d+", counted or ""))
    if dev and not word:
        stability = 0
    return tuple(int(number or 0) for number in numbers), stability, counts, 0 if dev else 1
