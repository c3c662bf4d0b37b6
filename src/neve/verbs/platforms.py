"""Which platform a build is for when nobody says."""

from __future__ import annotations

import platform
from collections.abc import Iterable

from neve.errors import UsageError
from neve.model import Platform

_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def parse_platforms(texts: Iterable[str]) -> tuple[Platform, ...]:
    """Platforms from ``linux/amd64`` words, commas allowed, each once and in the order given."""
    found: dict[Platform, None] = {}
    for text in texts:
        for word in text.split(","):
            try:
                found[Platform.parse(word.strip())] = None
            except ValueError as error:
                raise UsageError(
                    str(error), resolution="Platforms are written as linux/amd64 or linux/arm64."
                ) from error
    return tuple(found)


def host_platform() -> Platform:
    """Linux on this machine's architecture, whatever system runs neve.

    Raises ``UsageError`` where the architecture has no OCI name known here.
    """
    machine = platform.machine().lower()
    if machine not in _MACHINES:
        raise UsageError(
            f"this machine's architecture ({machine}) is none that neve builds for",
            resolution="Name the platform: --platform linux/amd64.",
        )
    return Platform("linux", _MACHINES[machine])
