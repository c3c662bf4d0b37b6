"""Times as documents have them."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(seconds: int | None) -> str | None:
    """``2026-11-01T12:00:00Z``; ``None`` for ``None`` and for what no calendar has."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return None
