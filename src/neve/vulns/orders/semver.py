"""Semantic versions (semver.org 2.0.0 §11), and what Go makes of them (go.dev/ref/mod#versions).

Parts that are left out count as 0 (``1.2``), as OSV's events write them.
"""

from __future__ import annotations

import re

SemverKey = tuple[tuple[int, ...], tuple[tuple[int, int, str], ...]]
"""Numbers, then the pre-release parts; a release sorts after every one of its pre-releases."""

_SYNTAX = re.compile(
    r"[vV=]?\s*(\d{1,20})(?:\.(\d{1,20}))?(?:\.(\d{1,20}))?((?:\.\d{1,20})*)"
    r"(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]*)?"
)
_TOOLCHAIN = re.compile(r"go(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:(rc|beta)(\d+))?(?:[ +-].*)?")
_RELEASE = ((2, 0, ""),)


def semver_key(version: str) -> SemverKey:
    """The sort key; ``ValueError`` for what is no semantic version. Build metadata is left out."""
    match = _SYNTAX.fullmatch(version.strip())
    if match is None:
        raise ValueError(f"not a semantic version: {version[:80]!r}")
    major, minor, patch, more, before = match.groups()
    numbers = [int(major), int(minor or 0), int(patch or 0)]
    # Four-part versions are no semantic ones, yet packages and advisories have them.
    numbers += [int(part) for part in more.split(".")[1:]]
    while len(numbers) > 3 and not numbers[-1]:
        numbers.pop()
    if before is None:
        return tuple(numbers), _RELEASE
    parts = before.split(".")
    if not all(parts):
        raise ValueError(f"not a semantic version: {version[:80]!r}")
    return tuple(numbers), tuple(map(_part, parts))


def go_key(version: str) -> SemverKey:
    """As `semver_key`, for modules (``v1.2.3+incompatible``) and the toolchain (``go1.22rc1``)."""
    match = _TOOLCHAIN.fullmatch(version.strip())
    if match is None:
        return semver_key(version)
    major, minor, patch, stage, number = match.groups()
    text = f"{major}.{minor or 0}.{patch or 0}"
    return semver_key(f"{text}-{stage}.{number}" if stage else text)


def _part(text: str) -> tuple[int, int, str]:
    if text.isascii() and text.isdigit():
        if len(text) > 40:
            raise ValueError("a number longer than any version's")
        return 0, int(text), ""
    return 1, 0, text
