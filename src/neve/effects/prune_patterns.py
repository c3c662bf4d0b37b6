"""Path patterns of the pruning and hardening rules and of a recipe's ``keep``.

As in gitignore(5): ``*`` and ``?`` stay within one path component, ``**`` crosses them, and a
pattern that names a directory means all below it too. Matching is all that happens here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\[!?[^\]/]+\]|.", re.DOTALL)
_MEANING = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}


class Patterns:
    """A set of patterns compiled into one expression."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self.patterns = tuple(patterns)
        self._below = _compile(self.patterns, below=True) if self.patterns else None
        self._exact = _compile(self.patterns, below=False) if self.patterns else None

    def match(self, path: str) -> bool:
        """Whether the absolute ``path`` or a directory above it matches."""
        return self._below is not None and self._below.fullmatch(path) is not None

    def match_exactly(self, path: str) -> bool:
        """Whether ``path`` itself matches."""
        return self._exact is not None and self._exact.fullmatch(path) is not None

    def __bool__(self) -> bool:
        return bool(self.patterns)


@lru_cache(maxsize=256)
def _compile(patterns: tuple[str, ...], *, below: bool) -> re.Pattern[str]:
    joined = "|".join(_expression(pattern) for pattern in patterns)
    return re.compile(f"(?:{joined})" + ("(?:/.*)?" if below else ""), re.DOTALL)


def _expression(pattern: str) -> str:
    return "".join(_translate(token) for token in _TOKEN.findall(pattern.rstrip("/") or "/"))


def _translate(token: str) -> str:
    if token in _MEANING:
        return _MEANING[token]
    if token.startswith("[") and len(token) > 1:
        inside = token[1:-1].replace("\\", r"\\")
        return f"[^{inside[1:]}]" if inside.startswith("!") else f"[{inside}]"
    return re.escape(token)
