"""``neve effects``: what is known of maintainer scripts, and learning more."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    del app
