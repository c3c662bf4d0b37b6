"""Comparing text with what a contract expects of it, and saying what was seen instead."""

from __future__ import annotations

import re

from neve.contract.types import Expected

_SHOWN = 300
_SEARCHED = 1 << 18


def mismatch(expected: Expected, text: str, what: str) -> str | None:
    """Why ``text`` is not as ``expected``, in words; ``None`` where it is.

    A pattern is searched in the first 256 KiB.
    """
    if expected.equals is not None and text.removesuffix("\n") != expected.equals.removesuffix(
        "\n"
    ):
        return f"{what} is not {expected.equals!r} but {excerpt(text)}"
    for wanted in expected.contains:
        if wanted not in text:
            return f"{what} does not contain {wanted!r}: {excerpt(text)}"
    if expected.matches is not None and not re.search(
        expected.matches, text[:_SEARCHED], re.MULTILINE
    ):
        return f"{what} does not match {expected.matches!r}: {excerpt(text)}"
    return None


def excerpt(text: str) -> str:
    """The end of ``text`` in quotes, where the cause of a failure usually stands."""
    text = text.strip()
    if not text:
        return "nothing"
    return repr(text if len(text) <= _SHOWN else "…" + text[-_SHOWN:])
