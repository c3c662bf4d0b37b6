"""RubyGems' versions, as ``Gem::Version#<=>`` orders them (rubygems, lib/rubygems/version.rb)."""

from __future__ import annotations

import re

_SYNTAX = re.compile(r"[0-9]+(?:\.[0-9a-zA-Z]+)*(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?")
_SEGMENT = re.compile(r"[0-9]+|[a-zA-Z]+")
_ZERO = (1, 0, "")


def gem_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """The sort key; ``ValueError`` for what RubyGems calls malformed. The empty text is 0."""
    text = version.strip() or "0"
    if _SYNTAX.fullmatch(text) is None:
        raise ValueError(f"not a gem's version: {version[:80]!r}")
    segments = [
        (1, int(part), "") if part.isdigit() else (0, 0, part)
        for part in _SEGMENT.findall(text.replace("-", ".pre."))
    ]
    first = next((i for i, segment in enumerate(segments) if segment[0] == 0), len(segments))
    numbers, rest = segments[:first], segments[first:]
    while numbers and numbers[-1] == _ZERO:
        numbers.pop()
    while rest and rest[-1] == _ZERO:
        rest.pop()
    # The end counts as 0: after every letter, before every number that is not 0.
    return (*numbers, *rest, _ZERO)
