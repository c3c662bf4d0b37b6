"""The secrets of a whole image: its files', each with whose it is, and its configuration's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from neve.inventory.owners import Ownership, is_unchanged
from neve.inventory.secrets_in import secrets_in_text
from neve.inventory.types import Configuration, Secret
from neve.inventory.view import View

Found = tuple[str, Secret]
"""A path and what stands there; of a configuration document, ``configuration: PART``."""


def image_secrets(view: View, ownership: Ownership) -> tuple[Found, ...]:
    """What observers found in files, sorted; files that are as a package brought them name it."""
    held = {path for path, facts in view.facts.items() if facts.secrets}
    brought = {
        path: package
        for path, package, digest, _ in ownership.promised
        if path in held and is_unchanged(view, path, digest)
    }
    return tuple(
        sorted(
            (path, replace(secret, package=brought.get(path, "")))
            for path in held
            for secret in view.facts[path].secrets
        )
    )


def configuration_secrets(configuration: Configuration | None) -> tuple[Found, ...]:
    """The secrets in environment, labels, command and history, sorted: whoever can pull the image
    can read them, and removing a file later takes none of them back.
    """
    if configuration is None:
        return ()
    return tuple(
        sorted(
            (f"configuration: {part}", replace(secret, line=0))
            for part, text in _texts(configuration)
            for secret in secrets_in_text(text)
        )
    )


def _texts(configuration: Configuration) -> Iterator[tuple[str, str]]:
    for name, value in configuration.environment:
        yield f"environment {_shown(name)}", f"{name}={value}"
    for name, value in configuration.labels:
        yield f"label {_shown(name)}", f"{name}={value}"
    for part, words in (
        ("entrypoint", configuration.entrypoint),
        ("command", configuration.command),
        ("health check", configuration.health_check),
    ):
        yield part, " ".join(words)
    for number, text in enumerate(configuration.history, start=1):
        yield f"history {number}", text


def _shown(name: str) -> str:
    return "".join(
        char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in name[:80]
    )
