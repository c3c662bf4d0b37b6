"""What the network can do wrong, told without ever telling a secret."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from neve.errors import ToolError


class NetworkError(ToolError):
    """A server, proxy or connection failed. ``url`` is already free of credentials.

    ``passing`` where the same may succeed a moment later; ``retry_after`` is the server's own
    wish for that, in seconds.
    """

    passing = False
    retry_after: float | None = None

    def __init__(
        self, url: str, cause: str, *, resolution: str, details: tuple[str, ...] = ()
    ) -> None:
        self.url = shown(url)
        self.cause = cause
        super().__init__(f"{self.url}: {cause}", resolution=resolution, details=details)


class NotFoundError(NetworkError):
    """The server answered that it does not hold this (404 or 410)."""


class AccessError(NetworkError):
    """The server wants a login, or refused the one it got (401 or 403)."""


class WrongSizeError(NetworkError):
    """The server sent more or fewer bytes than were promised or allowed."""


class OfflineError(NetworkError):
    """The network was needed but switched off."""


def shown(url: str) -> str:
    """``url`` as it may stand in a message: no user, no password, no query, no fragment."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "(an address that can't be read)"
    if ":" in host:
        host = f"[{host}]"
    query = "…" if parts.query else ""
    return urlunsplit((parts.scheme, host + port, parts.path, query, ""))
