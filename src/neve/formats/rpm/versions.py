"""RPM's version order: ``[epoch:]version[-release]``, with ``~`` before and ``^`` after.

Sources: rpm's manual ("Versioning of packages", rpm-version(7)) and rpm's own answers.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import zip_longest

_PIECE = re.compile(r"[0-9]+|[a-zA-Z]+|~|\^")
_MAX_LENGTH = 512
_Piece = tuple[int, int, str]
_TILDE, _END, _CARET, _LETTERS, _DIGITS = range(5)
_LAST: _Piece = (_END, 0, "")


def is_version(text: str) -> bool:
    """Whether ``text`` is what rpm lets a package have: printable, no space, no second epoch."""
    epoch, separator, rest = text.partition(":")
    number = epoch.isascii() and epoch.isdigit() and len(epoch) <= 10
    version = rest if separator else text
    return bool(
        len(text) <= _MAX_LENGTH
        and (number or not separator)
        and re.fullmatch(r"[A-Za-z0-9._+~^-]+", version)
    )


def compare_versions(first: str, second: str) -> int:
    """-1, 0 or 1 as ``first`` is older than, equal to or newer than ``second``.

    A missing epoch is 0; releases count only where both versions have one, as in rpm.
    """
    one, two = _split(first), _split(second)
    if one[0] != two[0]:
        return -1 if one[0] < two[0] else 1
    order = _compare(one[1], two[1])
    if order or one[2] is None or two[2] is None:
        return order
    return _compare(one[2], two[2])


@lru_cache(maxsize=1 << 14)
def _split(text: str) -> tuple[int, str, str | None]:
    """Epoch, version and release."""
    epoch, separator, rest = text.partition(":")
    if not separator or not (epoch == "" or (epoch.isascii() and epoch.isdigit())):
        epoch, rest = "0", text
    version, dash, release = rest.rpartition("-")
    if not dash:
        return int(epoch[:20] or 0), rest, None
    return int(epoch[:20] or 0), version, release


def _compare(first: str, second: str) -> int:
    if first == second:
        return 0
    for one, two in zip_longest(_pieces(first), _pieces(second), fillvalue=_LAST):
        if one != two:
            return -1 if one < two else 1
    return 0


@lru_cache(maxsize=1 << 15)
def _pieces(text: str) -> tuple[_Piece, ...]:
    """Sortable pieces: a tilde is before the end, a caret and letters after it, digits last."""
    return tuple(_piece(match[0]) for match in _PIECE.finditer(text[:_MAX_LENGTH]))


def _piece(text: str) -> _Piece:
    if text == "~":
        return _TILDE, 0, ""
    if text == "^":
        return _CARET, 0, ""
    if text[0].isdigit():
        return _DIGITS, int(text), ""
    return _LETTERS, 0, text
