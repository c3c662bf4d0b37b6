"""A request and its answer, for protocols that need more than a download (registries)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

Body = bytes | Callable[[], Iterable[bytes]]


class Guard(Protocol):
    """Whose login travels with which request; asked anew for every address, redirects too."""

    def header(self, url: str) -> str | None:
        """The ``Authorization`` for exactly this address; ``None`` sends none."""
        ...

    def challenged(self, url: str, used: str | None, challenges: tuple[str, ...]) -> bool:
        """The server answered 401 with these ``WWW-Authenticate`` headers to a request that
        carried ``used``: is it worth another attempt? May use the network.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to ask. A ``body`` is sent again when the request is: a function gives it anew each
    time, and ``length`` is its size in bytes. At most ``limit`` bytes of the answer's body are
    taken. ``attempts`` ``None`` are the settings'. ``direct`` goes past any proxy.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = None
    length: int = 0
    guard: Guard | None = None
    limit: int = 1 << 20
    attempts: int | None = None
    direct: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; header names in lower case. ``url`` is where redirects ended."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
