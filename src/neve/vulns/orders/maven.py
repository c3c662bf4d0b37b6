"""Maven's versions, as ``ComparableVersion`` of Maven 3.9 orders them
(maven.apache.org/pom.html#version-order-specification).

A version is a list of numbers, qualifiers and, behind each hyphen or change between digits and
letters, further lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import total_ordering

_QUALIFIERS = ("alpha", "beta", "milestone", "rc", "snapshot", "", "sp")
_ALIASES = {"ga": "", "final": "", "release": "", "cr": "rc"}
_SHORT = {"a": "alpha", "b": "beta", "m": "milestone"}
_RELEASE = _QUALIFIERS.index("")
_LONGEST = 256

Item = "int | str | list[Item]"
_Item = int | str | list["_Item"]


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class MavenKey:
    """Sorts as the versions do."""

    items: list[_Item]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MavenKey) and _compare(self.items, other.items) == 0

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, MavenKey):
            return NotImplemented
        return _compare(self.items, other.items) < 0

    def __hash__(self) -> int:
        raise TypeError("Maven's versions are equal in too many spellings to be hashed")


def maven_key(version: str) -> MavenKey:
    """The sort key. Every text has one; ``ValueError`` only for an empty or very long text."""
    text = version.strip().lower()
    if not text or len(text) > _LONGEST:
        raise ValueError("not a Maven version")
    return MavenKey(_parse(text))


def _parse(text: str) -> list[_Item]:
    top: list[_Item] = []
    current, opened, start = top, [top], 0
    digits = False

    def deeper() -> list[_Item]:
        inner: list[_Item] = []
        current.append(inner)
        opened.append(inner)
        return inner

    for at, character in enumerate(text):
        if character in ".-":
            current.append(_item(text[start:at], digits=digits) if at > start else 0)
            start = at + 1
            if character == "-":
                current = deeper()
        elif character.isascii() and character.isdigit():
            if not digits and at > start:
                current.append(_qualifier(text[start:at], before_digit=True))
                start = at
                current = deeper()
            digits = True
        else:
            if digits and at > start:
                current.append(int(text[start:at]))
                start = at
                current = deeper()
            digits = False
    if len(text) > start:
        current.append(_item(text[start:], digits=digits))
    for items in reversed(opened):
        _normalise(items)
    return top


def _item(token: str, *, digits: bool) -> _Item:
    return int(token) if digits else _qualifier(token, before_digit=False)


def _qualifier(token: str, *, before_digit: bool) -> str:
    if before_digit and token in _SHORT:
        token = _SHORT[token]
    return _ALIASES.get(token, token)


def _normalise(items: list[_Item]) -> None:
    """Take away what stands for nothing at the end: 0, a release, an empty list."""
    for at in range(len(items) - 1, -1, -1):
        item = items[at]
        if item in (0, "", []):
            del items[at]
        elif not isinstance(item, list):
            break


def _compare(one: _Item | None, two: _Item | None) -> int:
    if one is None:
        return 0 if two is None else -_compare(two, None)
    match one:
        case int():
            return _compare_number(one, two)
        case str():
            return _compare_qualifier(one, two)
        case list():
            return _compare_list(one, two)


def _compare_number(one: int, two: _Item | None) -> int:
    if two is None:
        return 0 if one == 0 else 1
    return (one > two) - (one < two) if isinstance(two, int) else 1


def _compare_qualifier(one: str, two: _Item | None) -> int:
    if isinstance(two, int | list):
        return -1
    left = _rank(one)
    right = (_RELEASE, "") if two is None else _rank(two)
    return (left > right) - (left < right)


def _rank(qualifier: str) -> tuple[int, str]:
    if qualifier in _QUALIFIERS:
        return _QUALIFIERS.index(qualifier), ""
    return len(_QUALIFIERS), qualifier


def _compare_list(one: list[_Item], two: _Item | None) -> int:
    if isinstance(two, int):
        return -1
    if isinstance(two, str):
        return 1
    others = two or []
    for at in range(max(len(one), len(others))):
        left = one[at] if at < len(one) else None
        right = others[at] if at < len(others) else None
        if order := _compare(left, right):
            return order
    return 0
