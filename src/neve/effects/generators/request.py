"""What a generator is asked: the requests of all packages for it."""

from __future__ import annotations

Request = tuple[str, tuple[str, ...]]
"""The package that asked, and its arguments."""

Requests = dict[str, list[Request]]


def requester(requests: tuple[Request, ...], default: str) -> str:
    """The package to name as the reason: the first that asked."""
    return requests[0][0] if requests else default
