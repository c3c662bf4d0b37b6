"""Debian version order, exactly as ``dpkg --compare-versions`` has it.

Source: deb-version(7) and dpkg's lib/dpkg/version.c. Owns the order and nothing else: it never
rewrites a version.
"""

from __future__ import annotations

import re
from functools import lru_cache

from neve.errors import HostileInputError

VersionKey = tuple[int, tuple[tuple[int, ...] | int, ...], tuple[tuple[int, ...] | int, ...]]
"""Sorts as the versions do: epoch, upstream version, revision."""

_SYNTAX = re.compile(r"(?:([0-9]{1,10}):)?([A-Za-z0-9.+~:-]+)")
_PARTS = re.compile(r"([^0-9]*)([0-9]*)")
_MAX_LENGTH = 256
_MAX_EPOCH = 2**31 - 1
_END = (0,)


def is_version(text: str) -> bool:
    """Whether ``text`` is a version that dpkg can order."""
    if len(text) > _MAX_LENGTH:
        return False
    match = _SYNTAX.fullmatch(text)
    if match is None:
        return False
    epoch, rest = match.groups()
    if epoch is None and ":" in rest:
        return False
    return int(epoch or 0) <= _MAX_EPOCH and not rest.startswith("-") and not rest.endswith("-")


@lru_cache(maxsize=1 << 16)
def version_key(version: str) -> VersionKey:
    """The sort key of ``version``. Raises ``HostileInputError`` for what is no version."""
    if not is_version(version):
        raise HostileInputError(
            f"not a Debian version: {version[:80]!r}",
            resolution="Correct the version; its form is [epoch:]upstream[-revision].",
        )
    epoch, separator, rest = version.partition(":")
    if not separator:
        epoch, rest = "0", version
    upstream, separator, revision = rest.rpartition("-")
    if not separator:
        upstream, revision = rest, ""
    return int(epoch), _part_key(upstream), _part_key(revision)


def compare_versions(first: str, second: str) -> int:
    """-1, 0 or 1 as ``first`` is older than, equal to or newer than ``second``."""
    if first == second:
        return 0
    one, two = version_key(first), version_key(second)
    return (one > two) - (one < two)


def satisfies(version: str, operator: str, wanted: str) -> bool:
    """Whether ``version operator wanted`` holds; an empty operator always does.

    ``operator`` is one of ``<< <= = >= >>`` (and dpkg's obsolete ``<``, ``>``: not strict).
    """
    if not operator:
        return True
    order = compare_versions(version, wanted)
    match operator:
        case "=":
            return order == 0
        case ">=" | ">":
            return order >= 0
        case "<=" | "<":
            return order <= 0
        case ">>":
            return order > 0
        case "<<":
            return order < 0
        case _:
            raise ValueError(f"not a version operator: {operator!r}")


@lru_cache(maxsize=1 << 16)
def _part_key(text: str) -> tuple[tuple[int, ...] | int, ...]:
    """Alternating non-digit and number parts; dpkg compares them pairwise.

    Each non-digit part ends in 0, which sorts after ``~`` and before everything else, and the
    whole ends in such an empty part, so that ``1~`` sorts before ``1``.
    """
    key: list[tuple[int, ...] | int] = []
    parts = [(words, digits) for words, digits in _PARTS.findall(text) if words or digits]
    for words, digits in parts or [("", "")]:
        key.append((*map(_order, words), 0))
        key.append(int(digits or 0))
    key.append(_END)
    return tuple(key)


def _order(character: str) -> int:
    if character == "~":
        return -1
    return ord(character) if character.isalpha() else ord(character) + 256
