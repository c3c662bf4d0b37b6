"""What rooms above need of a client, and the client that never opens a connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from neve.net.failure import OfflineError


class Sink(Protocol):
    """Where a download goes; a store's blob writer is one."""

    @property
    def position(self) -> int:
        """Bytes accepted so far."""
        ...

    def write(self, data: bytes) -> None:
        """Append."""
        ...

    def restart(self) -> None:
        """Forget everything written."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A body with its validators, to ask again later only if it changed."""

    body: bytes
    etag: str | None
    modified: str | None


class Client(Protocol):
    """What rooms above need of a client."""

    def get_bytes(self, url: str, *, limit: int) -> bytes:
        """The body of ``url``, at most ``limit`` bytes."""
        ...

    def get_if_changed(
        self, url: str, *, limit: int, etag: str | None, modified: str | None
    ) -> Fetched | None:
        """The body, or ``None`` when it still is what the validators describe."""
        ...

    def download(self, url: str, sink: Sink, *, size: int | None, limit: int | None = None) -> None:
        """The body into ``sink``, exactly ``size`` bytes if that is known."""
        ...


class OfflineClient:
    """A client that never opens a connection (``--offline``)."""

    def get_bytes(self, url: str, *, limit: int) -> bytes:
        """Refuse with `OfflineError`."""
        raise _offline(url)

    def get_if_changed(
        self, url: str, *, limit: int, etag: str | None, modified: str | None
    ) -> Fetched | None:
        """Refuse with `OfflineError`."""
        raise _offline(url)

    def download(self, url: str, sink: Sink, *, size: int | None, limit: int | None = None) -> None:
        """Refuse with `OfflineError`."""
        raise _offline(url)


def _offline(url: str) -> OfflineError:
    return OfflineError(
        url, "needed, but the network is switched off", resolution="run it without --offline"
    )
