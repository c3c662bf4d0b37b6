"""Secrets of one run: made where a contract names them, and never shown."""

from __future__ import annotations

import re
import secrets

_PLACEHOLDER = re.compile(r"\$\{secret:([A-Za-z][A-Za-z0-9_]{0,63})\}")


class RunSecrets:
    """The values of ``${secret:NAME}`` for one run: the same name, the same value."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def fill(self, text: str) -> str:
        """``text`` with every placeholder replaced by its value."""
        return _PLACEHOLDER.sub(lambda match: self._value(match[1]), text)

    def fill_all(self, texts: tuple[str, ...]) -> tuple[str, ...]:
        """Each of ``texts`` filled."""
        return tuple(self.fill(text) for text in texts)

    def fill_pairs(self, pairs: tuple[tuple[str, str], ...]) -> dict[str, str]:
        """Variables with their values filled."""
        return {name: self.fill(value) for name, value in pairs}

    def hide(self, text: str) -> str:
        """``text`` with every value replaced by its placeholder: what may be shown."""
        for name, value in self._values.items():
            text = text.replace(value, f"${{secret:{name}}}")
        return text

    def _value(self, name: str) -> str:
        if name not in self._values:
            self._values[name] = secrets.token_hex(16)
        return self._values[name]
