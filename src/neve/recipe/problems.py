"""Collects everything wrong with a recipe, so that a person hears of all of it at once.

Owns the wording of the final ``SourceError``; knows nothing of YAML or of recipes.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from neve.errors import Place, SourceError

_MOST = 25
_LONGEST = 80
_CREDENTIALS = re.compile(r"://[^/\s]*@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong, where, and what to do about it."""

    place: Place
    brief: str
    resolution: str

    def __str__(self) -> str:
        return f"{self.place}: {self.brief} ({self.resolution})"


@dataclass(slots=True)
class Problems:
    """The problems found so far, in the order found."""

    found: list[Problem] = field(default_factory=list)

    def add(self, place: Place, brief: str, resolution: str) -> None:
        """Note one problem; the same one is noted once."""
        problem = Problem(place=place, brief=brief, resolution=resolution)
        if problem not in self.found[-_MOST:]:
            self.found.append(problem)

    def __len__(self) -> int:
        return len(self.found)

    def raise_if_any(self) -> None:
        """Raise one ``SourceError``: the first problem in brief, the others as its details."""
        if not self.found:
            return
        first, *others = self.found
        details = [str(problem) for problem in others[:_MOST]]
        if len(others) > _MOST:
            details.append(f"… and {len(others) - _MOST} more")
        raise SourceError(
            first.brief, place=first.place, resolution=first.resolution, details=tuple(details)
        )


def shown(value: str) -> str:
    """``value`` quoted for a message: one printable line of bounded length, no credentials."""
    value = _CREDENTIALS.sub("://…@", value)
    text = repr(value if len(value) <= _LONGEST else value[:_LONGEST] + "…")
    return f'"{text[1:-1]}"' if '"' not in text else text


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that ``word`` was most likely meant to be, if one is near."""
    words = list(known)
    if len(word) > _LONGEST:
        return None
    folded = word.lower().replace("-", "_")
    for candidate in words:
        if candidate.lower().replace("-", "_") == folded:
            return candidate
    near = difflib.get_close_matches(word.lower(), words, n=1, cutoff=0.6)
    return near[0] if near else None
