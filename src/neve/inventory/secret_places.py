"""Where in a text a secret may stand: in long runs of characters without white space, or by them.

Most text is words. Looking for some eighty literals through all of it costs many times what it
costs through the few places that hold anything long enough.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum

RUN = 16
"""Characters that a run has at least; no rule but those of ``Where.ANYWHERE`` asks for fewer."""
_BEFORE, _BEHIND = 130, 40
_FEWEST = 5
_MOST = 0.5
_NEEDLE = b"a" * RUN
_CLASSES = bytes(
    ord("a" if (chr(at).isalnum() and at < 128) or chr(at) in "_-./+=:$%&@!^~?#*" else " ")
    for at in range(256)
)


class Where(StrEnum):
    """Where a rule's literals stand."""

    ANYWHERE = "anywhere"
    RUN = "run"
    """In a long run of characters without white space: the value itself, or what holds it."""
    AROUND = "around"
    """In such a run or close before it."""


@dataclass(frozen=True, slots=True)
class Places:
    """The parts of a text worth a look as one ``text``, and where each came from."""

    text: bytes
    starts: tuple[int, ...]
    origins: tuple[int, ...]

    def origin(self, offset: int) -> int:
        """The offset in the whole text of ``offset`` in this one."""
        part = bisect_right(self.starts, offset) - 1
        return self.origins[part] + offset - self.starts[part]


@dataclass(frozen=True, slots=True)
class AllPlaces:
    """One text by where a rule's literals may stand."""

    anywhere: Places
    run: Places
    around: Places
    folded: Places
    """As ``around``, in lower case."""


def places(data: bytes) -> AllPlaces:
    """The runs of ``data`` and their surroundings, in order; all of it where that is most of it."""
    runs = _runs(data)
    wide: list[tuple[int, int]] = []
    for start, end in runs:
        start, end = max(0, start - _BEFORE), min(len(data), end + _BEHIND)
        if wide and start <= wide[-1][1]:
            start = wide.pop()[0]
        wide.append((start, end))
    around = _joined(data, wide)
    whole = Places(data, (0,), (0,))
    folded = Places(around.text.lower(), around.starts, around.origins)
    return AllPlaces(anywhere=whole, run=_joined(data, runs), around=around, folded=folded)


def _joined(data: bytes, parts: list[tuple[int, int]]) -> Places:
    if sum(end - start for start, end in parts) > len(data) * _MOST:
        return Places(data, (0,), (0,))
    starts: list[int] = []
    at = 0
    for start, end in parts:
        starts.append(at)
        at += end - start + 1
    text = b"\n".join([data[start:end] for start, end in parts])
    return Places(text, tuple(starts), tuple(start for start, _ in parts))


def _runs(data: bytes) -> list[tuple[int, int]]:
    classes = data.translate(_CLASSES)
    parts: list[tuple[int, int]] = []
    at = classes.find(_NEEDLE)
    while at >= 0:
        end = classes.find(b" ", at + RUN)
        end = len(data) if end < 0 else end
        # Rules of dashes and dots under headings are no value.
        if len(set(data[at : at + RUN])) >= _FEWEST:
            parts.append((at, end))
        at = classes.find(_NEEDLE, end)
    return parts
