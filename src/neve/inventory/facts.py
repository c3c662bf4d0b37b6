"""Looking into one file: which observers ask to see it, and their answers as one ``FileFacts``.

Most files interest nobody, so saying no is what has to be quick: one regular expression over all
paths and one look at the first bytes, whatever the number of observers.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cache

from neve.inventory.observers import OBSERVERS
from neve.inventory.types import Candidate, Depth, FileFacts, Observer

HEAD = 8
"""Bytes of a file's beginning that decide who asks to see it; no magic may be longer."""
_ORDER = tuple(Depth)
_ANYWHERE = ".*/"
_JOINED = tuple(
    (item.name, item.default) for item in fields(FileFacts) if item.name not in ("unjudged",)
)


def includes(depth: Depth, other: Depth) -> bool:
    """Whether looking at ``depth`` covers what belongs to ``other``."""
    return _ORDER.index(depth) >= _ORDER.index(other)


@dataclass(frozen=True, slots=True)
class _Row:
    observer: Observer
    pattern: re.Pattern[str] | None


class Observing:
    """The observers of one depth, ready to be asked about many files; safe for many threads."""

    def __init__(self, depth: Depth, observers: Sequence[Observer] = OBSERVERS) -> None:
        """Prepare those of ``observers`` that belong to ``depth``.

        Raises ``ValueError`` for two of one name or a magic of more than ``HEAD`` bytes.
        """
        chosen = [item for item in observers if includes(depth, item.depth)]
        if len({item.name for item in chosen}) != len(chosen):
            raise ValueError("two observers of one name")
        self.depth = depth
        self.version = f"{depth.value} {_version(chosen)}"
        """Changes whenever the same bytes might give other facts."""
        self._everything = tuple(_Row(item, None) for item in chosen if item.everything)
        self._by_path = tuple(
            _Row(item, re.compile(item.paths, re.DOTALL)) for item in chosen if item.paths
        )
        self._interesting = _any_of(item.paths for item in chosen if item.paths)
        self._by_magic: dict[bytes, list[tuple[bytes, Observer]]] = {}
        for item in chosen:
            for magic in (*item.magics, *item.never):
                if not 2 <= len(magic) <= HEAD:
                    raise ValueError(f"{item.name}: a magic of {len(magic)} bytes")
                if magic in item.magics:
                    self._by_magic.setdefault(magic[:2], []).append((magic, item))

    def asking(self, path: str, head: bytes) -> tuple[Observer, ...]:
        """Who asks to see the file at ``path`` that begins with ``head``, each once."""
        named = self._interesting(path) is not None
        magics = self._by_magic.get(head[:2])
        if not (named or magics or self._everything):
            return ()
        found = [r.observer for r in self._everything if not head.startswith(r.observer.never)]
        if named:
            found += [r.observer for r in self._by_path if r.pattern and r.pattern.fullmatch(path)]
        if magics:
            found += [item for magic, item in magics if head.startswith(magic)]
        return tuple(dict.fromkeys(found)) if len(found) > 1 else tuple(found)

    def observe(self, candidate: Candidate, data: memoryview) -> FileFacts | None:
        """All that the observers of this depth say about one file; ``None``: nothing."""
        asking = self.asking(candidate.path, bytes(data[:HEAD]))
        return self.ask(asking, candidate, data) if asking else None

    def ask(
        self, asking: Sequence[Observer], candidate: Candidate, data: memoryview
    ) -> FileFacts | None:
        """What ``asking`` say about one file. An observer that fails, or that takes no file of
        this size, leaves a note instead.
        """
        found = [facts for item in asking if (facts := _ask(item, candidate, data)) is not None]
        if len(found) < 2:
            return found[0] if found else None
        return join(found)

    def able(
        self, asking: Sequence[Observer], size: int, bound: int
    ) -> tuple[tuple[Observer, ...], FileFacts | None]:
        """Those of ``asking`` who take a file of ``size`` bytes, where nothing beyond ``bound``
        can be shown to anybody; and the note for the others.
        """
        able = tuple(item for item in asking if size <= min(item.limit, bound))
        notes = tuple(too_large(item, size) for item in asking if item not in able)
        return able, FileFacts(unjudged=notes) if notes else None


def too_large(observer: Observer, size: int) -> str:
    """The note for a file that ``observer`` was not shown."""
    return f"{size} bytes: too large to look into for {observer.name}"


@cache
def observing(depth: Depth) -> Observing:
    """The observers of the table at ``depth``."""
    return Observing(depth)


def observe(candidate: Candidate, data: memoryview, depth: Depth = Depth.FULL) -> FileFacts | None:
    """All that is known about one file from its bytes; ``None``: nothing worth saying."""
    return observing(depth).observe(candidate, data)


def join(parts: Sequence[FileFacts]) -> FileFacts:
    """Several observers' answers about one file as one: lists follow each other in order; of two
    single answers the first stands.
    """
    joined: dict[str, object] = {}
    for name, default in _JOINED:
        values = [getattr(part, name) for part in parts]
        if default == ():
            joined[name] = tuple(item for value in values for item in value)
        else:
            joined[name] = next((value for value in values if value != default), default)
    notes = dict.fromkeys(note for part in parts for note in part.unjudged)
    return FileFacts(**joined, unjudged=tuple(notes))  # type: ignore[arg-type]  # its own fields


def _ask(observer: Observer, candidate: Candidate, data: memoryview) -> FileFacts | None:
    if candidate.size > observer.limit:
        return FileFacts(unjudged=(too_large(observer, candidate.size),))
    try:
        return observer.observe(candidate, data)
    except Exception as error:  # one odd file must not hide all the others
        reason = f"could not be looked into for {observer.name} ({type(error).__name__})"
        return FileFacts(unjudged=(reason,))


def _version(observers: Iterable[Observer]) -> str:
    rows = sorted(f"{item.name} {item.version} {item.depth} {item.limit}" for item in observers)
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def _any_of(patterns: Iterable[str]) -> Callable[[str], re.Match[str] | None]:
    """Whether a whole path matches any of ``patterns``, in one search.

    Those that begin anywhere share that beginning: else each would walk through the path anew.
    """
    anywhere: list[str] = []
    fixed: list[str] = []
    for pattern in patterns:
        for part in _alternatives(pattern):
            if part.startswith(_ANYWHERE):
                anywhere.append(f"(?:{part.removeprefix(_ANYWHERE)})")
            else:
                fixed.append(f"(?:{part})")
    if anywhere:
        fixed.append(f"{_ANYWHERE}(?:{'|'.join(anywhere)})")
    return re.compile("|".join(fixed) or r"(?!)", re.DOTALL).fullmatch


def _alternatives(pattern: str) -> list[str]:
    """``pattern`` split at the ``|`` that stand outside every group and set."""
    parts, depth, in_set, start = [], 0, False, 0
    position = 0
    while position < len(pattern):
        char = pattern[position]
        if char == "\\":
            position += 1
        elif in_set:
            in_set = char != "]"
        elif char == "[":
            in_set = True
            position += pattern.startswith(("]", "^]"), position + 1)
        elif char == "|" and depth == 0:
            parts.append(pattern[start:position])
            start = position + 1
        else:
            depth += (char == "(") - (char == ")")
        position += 1
    return [*parts, pattern[start:]]
