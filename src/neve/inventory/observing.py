"""What the observers of packages share: a damaged file leaves what was found, and a note."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from neve.errors import HostileInputError
from neve.inventory.types import Candidate, FileFacts, Package

Finder = Callable[[Candidate, memoryview], Iterator[Package]]
_MAX_TEXT = 512


def packages_of(find: Finder, kind: str) -> Callable[[Candidate, memoryview], FileFacts | None]:
    """An ``observe`` that gives the packages of ``find``.

    Where ``find`` raises ``HostileInputError``, ``ValueError`` or ``RecursionError``, what it
    gave before counts and the note says that the rest is no ``kind``.
    """

    def observe(candidate: Candidate, data: memoryview) -> FileFacts | None:
        found: list[Package] = []
        note = ""
        try:
            found.extend(find(candidate, data))
        except HostileInputError as error:
            note = error.brief
        except (ValueError, RecursionError):
            note = f"is no {kind} that can be read"
        if not found and not note:
            return None
        return FileFacts(packages=tuple(found), unjudged=(note,) if note else ())

    return observe


def text_of(data: memoryview) -> str:
    """A text file's content; what is no UTF-8 becomes U+FFFD."""
    return str(data, "utf-8", "replace").removeprefix("\ufeff")


def json_of(data: memoryview) -> object:
    """A JSON document's content. Raises ``ValueError`` or ``RecursionError`` for what is none."""
    return json.loads(bytes(data).removeprefix(b"\xef\xbb\xbf"))


def one_line(value: object) -> str:
    """``value`` as a name or version can be kept: one short line of text, else ""."""
    if not isinstance(value, str):
        return ""
    text = value.strip()
    return text if len(text) <= _MAX_TEXT and text.isprintable() else ""


def one_lines(values: object) -> tuple[str, ...]:
    """The texts in ``values`` (one, or a list of them) that ``one_line`` keeps."""
    if isinstance(values, str):
        values = [values]
    found = (one_line(value) for value in values) if isinstance(values, list) else ()
    return tuple(text for text in found if text)
