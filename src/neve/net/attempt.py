"""One attempt's state: what is under way, why it failed, and what headers say about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from neve.net.exchange import Body, Guard
from neve.net.explain import explain_status
from neve.net.failure import NetworkError, WrongSizeError
from neve.net.port import Sink

if TYPE_CHECKING:
    import httpx2

_MOST_HEADERS = 8


@dataclass(slots=True)
class Transfer:
    """One body on its way: what is asked, what is known of it, and how often it failed."""

    url: str
    sink: Sink
    size: int | None
    limit: int | None
    headers: dict[str, str]
    guard: Guard | None = None
    direct: bool = False
    etag: str | None = None
    modified: str | None = None
    unchanged: bool = False

    @property
    def bound(self) -> int | None:
        """The most bytes that are accepted."""
        return self.size if self.size is not None else self.limit


class RetryError(Exception):
    """Worth another attempt; ``wait`` is the server's wish in seconds."""

    def __init__(self, error: NetworkError, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait


class ChallengedError(Exception):
    """A 401 that a guard may answer."""

    def __init__(self, url: str, used: str | None, response: httpx2.Response) -> None:
        super().__init__(url)
        self.url = url
        self.used = used
        self.challenges = tuple(response.headers.get_list("www-authenticate"))[:_MOST_HEADERS]
        self.error = explain_status(url, response, ())


class NoLogin:
    """A guard that has no login."""

    def header(self, _url: str) -> str | None:
        """None."""
        return None

    def challenged(self, _url: str, _used: str | None, _challenges: tuple[str, ...]) -> bool:
        """Not worth another attempt."""
        return False


class Memory:
    """A sink in memory."""

    def __init__(self) -> None:
        self.data = bytearray()

    @property
    def position(self) -> int:
        """Bytes held."""
        return len(self.data)

    def write(self, data: bytes) -> None:
        """Append."""
        self.data += data

    def restart(self) -> None:
        """Forget what is held."""
        self.data.clear()


def sent_headers(
    headers: dict[str, str], login: str | None, body: Body | None, length: int
) -> dict[str, str]:
    """The headers of a request as they go out."""
    # Compression by the transport would break resuming and byte limits.
    sent = {"Accept-Encoding": "identity", **headers}
    if login is not None:
        sent["Authorization"] = login
    if callable(body):
        sent["Content-Length"] = str(length)
    return sent


def strong(etag: str | None) -> str | None:
    """``etag`` if it is a strong validator."""
    return etag if etag and not etag.startswith("W/") else None


def range_start(header: str) -> int | None:
    """Where a ``Content-Range`` begins; ``None`` if it says nothing usable."""
    unit, _, rest = header.partition(" ")
    start = rest.partition("-")[0]
    return int(start) if unit == "bytes" and start.isdigit() else None


def retry_after(response: httpx2.Response) -> float | None:
    """The server's wish in seconds (RFC 9110 §10.2.3: a number or a date)."""
    value = response.headers.get("retry-after", "")
    if value.isascii() and value.isdigit() and len(value) <= 9:
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, IndexError, OverflowError):
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def too_long(transfer: Transfer) -> WrongSizeError:
    """The error for a body over its bound."""
    return WrongSizeError(
        transfer.url,
        f"sends more than the {transfer.bound} bytes that are expected",
        resolution="the mirror is out of step or hostile: use another",
    )
