"""Names that images bring, made fit to be shown: nothing in them may act on whoever reads.

A file may be called anything: escape sequences would drive a terminal, a bidirectional override
would turn a name around, a line break would forge a line. Such characters appear as their code.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_ORDINARY = re.compile(r"[ -~]*")
_ACTING = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
"""Unicode's general categories of control, format, surrogate, private, unassigned and line-ending
characters (Unicode Standard, table 4-4)."""


def visible(text: str) -> str:
    """``text`` on one line, with every character that is no mark on paper as ``\\xNN``, ``\\uNNNN``
    or ``\\UNNNNNNNN``. A byte that was no UTF-8 (``surrogateescape``) is that byte again.
    """
    if _ORDINARY.fullmatch(text):
        return text
    return "".join(map(_shown, text))


@lru_cache(maxsize=4096)
def _shown(char: str) -> str:
    if char == " " or unicodedata.category(char) not in _ACTING:
        return char
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def ended(text: str, width: int) -> str:
    """``visible`` text of at most ``width`` characters, cut at its end."""
    text = visible(text)
    return text if len(text) <= width else f"{text[: width - 1]}…"


def shortened(text: str, width: int) -> str:
    """``visible`` text of at most ``width`` characters, cut in the middle: both ends of a path tell
    most.
    """
    text = visible(text)
    if len(text) <= width:
        return text
    head = (width - 1) // 2
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"
