"""What rooms above need of a client, and the client that never opens a connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from neve.net.exchange import Answer, Guard, Request
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


class Exchanger(Client, Protocol):
    """A client for protocols with more words than GET: what a registry needs."""

    def download(
        self,
        url: str,
        sink: Sink,
        *,
        size: int | None,
        limit: int | None = None,
        guard: Guard | None = None,
        direct: bool = False,
    ) -> None:
        """As `Client.download`, with a ``guard``'s login alone, ``direct`` past any proxy."""
        ...

    def send(self, request: Request) -> Answer:
        """One request and whatever answer it gets."""
        ...

    def back_off(self, failures: int, wait: float | None = None) -> None:
        """Sleep before the attempt after so many ``failures`` in a row."""
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

    def download(
        self,
        url: str,
        sink: Sink,
        *,
        size: int | None,
        limit: int | None = None,
        guard: Guard | None = None,
        direct: bool = False,
    ) -> None:
        """Refuse with `OfflineError`."""
        raise _offline(url)

    def send(self, request: Request) -> Answer:
        """Refuse with `OfflineError`."""
        raise _offline(request.url)

    def back_off(self, failures: int, wait: float | None = None) -> None:
        """Nothing to wait for."""


def _offline(url: str) -> OfflineError:
    return OfflineError(
        url, "needed, but the network is switched off", resolution="run it without --offline"
    )
