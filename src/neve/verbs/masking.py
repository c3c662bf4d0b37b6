"""Secrets in an image's configuration: found like those in files, and never shown whole.

What stands in the environment, in labels, in commands or in the history is in the image for
everybody who can pull it, as any file is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from neve.inventory import Configuration, Secret
from neve.inventory.secrets_in import secrets_in_text

_MOST_HISTORY = 2_000

Found = tuple[str, Secret]
"""Where a secret stands, and what it looks like."""
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """A configuration whose secrets are covered, and what they were."""

    configuration: Configuration
    secrets: tuple[Found, ...]


def masked_configuration(configuration: Configuration, document: bytes) -> Masked:
    """``configuration`` without its secrets; ``document`` is the text it was read from, whose
    history is looked at too.
    """
    found: list[Found] = []
    covered = replace(
        configuration,
        environment=_pairs("environment", configuration.environment, found),
        labels=_pairs("label", configuration.labels, found),
        entrypoint=_words("entrypoint", configuration.entrypoint, found),
        command=_words("command", configuration.command, found),
        health_check=_words("health check", configuration.health_check, found),
    )
    for number, line in enumerate(_history(document), start=1):
        found.extend((f"history line {number}", secret) for secret in _in(line))
    return Masked(configuration=covered, secrets=tuple(sorted(set(found))))


def _pairs(what: str, pairs: Pairs, found: list[Found]) -> Pairs:
    return tuple(
        (name, _covered(f"{what} {name}", f"{name}={value}", value, found)) for name, value in pairs
    )


def _words(what: str, words: Sequence[str], found: list[Found]) -> tuple[str, ...]:
    return tuple(_covered(what, word, word, found) for word in words)


def _covered(where: str, text: str, value: str, found: list[Found]) -> str:
    """``value``, or where ``text`` holds secrets, only what may be shown of these."""
    secrets = _in(text)
    found.extend((where, secret) for secret in secrets)
    return ", ".join(secret.hint for secret in secrets) if secrets else value


def _in(text: str) -> tuple[Secret, ...]:
    return tuple(replace(secret, line=0) for secret in secrets_in_text(text))


def _history(document: bytes) -> Iterator[str]:
    """The commands that made the layers (OCI image-spec, config.md); of a wrong type: none."""
    try:
        rows = json.loads(document).get("history")
    except (ValueError, AttributeError, RecursionError):
        return
    for row in rows[:_MOST_HISTORY] if isinstance(rows, list) else ():
        command = row.get("created_by") if isinstance(row, dict) else None
        if isinstance(command, str):
            yield command
