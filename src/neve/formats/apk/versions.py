"""Alpine's version order, exactly as apk-tools (2.13 and later) has it.

``digit{.digit}...{letter}{_suffix{number}}...{~commit}{-rN}``. Sources: apk-package(5), "Package
metadata", and the answers of ``apk version -t``. What follows the first malformed part is not
ordered: apk compares what stands before it and no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import IntEnum
from functools import lru_cache


class _Part(IntEnum):
    """The parts of a version, in the order in which they may follow each other."""

    FIRST_NUMBER = 0
    NUMBER = 1
    LETTER = 2
    SUFFIX = 3
    SUFFIX_NUMBER = 4
    COMMIT = 5
    REVISION = 6
    END = 7
    INVALID = 8


_BEFORE = ("alpha", "beta", "pre", "rc")
_AFTER = ("cvs", "svn", "git", "hg", "p")
_RANKS = {name: rank for rank, name in enumerate(_BEFORE, start=-len(_BEFORE))} | {
    name: rank for rank, name in enumerate(_AFTER, start=1)
}
_TOKEN = re.compile(
    r"(?P<letter>[a-z])|\.?(?P<number>[0-9]+)|_(?P<suffix>[a-z]+)|~(?P<commit>[0-9a-f]+)"
    r"|-r(?P<revision>[0-9]+)"
)
_FIRST = re.compile(r"[0-9]+")
_MAX_LENGTH = 256
_NUMBER_BITS = (1 << 64) - 1
_Token = tuple[_Part, int, str]
_INVALID: _Token = (_Part.INVALID, 0, "")


def is_version(text: str) -> bool:
    """Whether apk takes ``text`` for a version."""
    return _tokens(text)[-1][0] is _Part.END


def compare_versions(first: str, second: str) -> int:
    """-1, 0 or 1 as ``first`` is older than, equal to or newer than ``second``."""
    one = two = (_Part.END, 0, "")
    for one, two in zip(_tokens(first), _tokens(second), strict=False):
        if one[0] is not two[0] or one[0] >= _Part.END:
            break
        order = _order(one, two)
        if order:
            return order
    if one[0] is two[0]:
        return 0
    if one[0] is _Part.SUFFIX and one[1] < 0:
        return -1
    if two[0] is _Part.SUFFIX and two[1] < 0:
        return 1
    return -1 if one[0] > two[0] else 1


def _order(one: _Token, two: _Token) -> int:
    """The order of two tokens of one kind."""
    kind, number, text = one
    other_number, other = two[1:]
    written = kind is _Part.NUMBER and (text.startswith("0") or other.startswith("0"))
    if written or kind in (_Part.COMMIT, _Part.LETTER):
        return (text > other) - (text < other)
    return (number > other_number) - (number < other_number)


@lru_cache(maxsize=1 << 14)
def _tokens(text: str) -> tuple[_Token, ...]:
    """The parts of ``text``; the last is END, or INVALID where no part can follow."""
    return tuple(_read_tokens(text[: _MAX_LENGTH + 1]))


def _read_tokens(text: str) -> Iterator[_Token]:
    match = _FIRST.match(text)
    if match is None or len(text) > _MAX_LENGTH:
        yield _INVALID
        return
    kind = _Part.FIRST_NUMBER
    yield kind, _number(match[0]), match[0]
    position = match.end()
    while position < len(text):
        match = _TOKEN.match(text, position)
        token = _INVALID if match is None else _following(kind, match)
        yield token
        if match is None or token is _INVALID:
            return
        kind, position = token[0], match.end()
    yield (_Part.END, 0, "")


def _following(before: _Part, match: re.Match[str]) -> _Token:
    """The token that ``match`` is after a part of the kind ``before``."""
    kind, text = match.lastgroup, match[match.lastgroup or 0]
    dotted = match[0].startswith(".")
    if kind == "number" and before is _Part.SUFFIX and not dotted:
        return _Part.SUFFIX_NUMBER, _number(text), text
    if kind == "number" and before <= _Part.NUMBER:
        return _Part.NUMBER, _number(text), text
    if kind == "letter" and before <= _Part.NUMBER:
        return _Part.LETTER, 0, text
    if kind == "suffix" and before <= _Part.SUFFIX_NUMBER and text in _RANKS:
        return _Part.SUFFIX, _RANKS[text], text
    if kind == "commit" and before < _Part.COMMIT:
        return _Part.COMMIT, 0, text
    if kind == "revision" and before < _Part.REVISION:
        return _Part.REVISION, _number(text), text
    return _INVALID


def _number(text: str) -> int:
    return int(text) & _NUMBER_BITS
