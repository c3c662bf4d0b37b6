"""Platforms as OCI names them (``linux/amd64``), apart from any distribution's own names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Platform:
    """An operating system and architecture in GOOS/GOARCH words, with an optional variant."""

    os: str
    architecture: str
    variant: str | None = None

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read ``os/architecture[/variant]``; raises ``ValueError`` for anything else."""
        parts = text.split("/")
        if not 2 <= len(parts) <= 3 or not all(parts):
            raise ValueError(f"not a platform: {text!r} (expected os/architecture, as linux/amd64)")
        return cls(*parts)

    def __str__(self) -> str:
        return "/".join(p for p in (self.os, self.architecture, self.variant) if p)
