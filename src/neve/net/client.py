"""The only HTTP user: get, conditional get, and downloads that resume.

Everything is bounded: bytes, redirects, attempts, waiting, and time without progress. What
arrives is not trusted here; whoever asked checks it by hash or signature.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from neve.errors import UsageError
from neve.net.addresses import bare, redirected, refuse_unusable
from neve.net.explain import NoAnswerError, explain_failure, explain_status
from neve.net.failure import NetworkError, WrongSizeError
from neve.net.port import Fetched, Sink
from neve.net.settings import NetSettings

if TYPE_CHECKING:
    import ssl

    import httpx2

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_MOST_REDIRECTS = 5
_MOST_ATTEMPTS = 50
_SLOW_WINDOW = 30.0
_SLOW_BYTES = 8 * 1024


@dataclass(slots=True)
class _Transfer:
    """One body on its way: what is asked, what is known of it, and how often it failed."""

    url: str
    sink: Sink
    size: int | None
    limit: int | None
    headers: dict[str, str]
    etag: str | None = None
    modified: str | None = None
    unchanged: bool = False

    @property
    def bound(self) -> int | None:
        return self.size if self.size is not None else self.limit


class HttpClient:
    """An HTTP client for many threads; at most ``settings.connections`` requests at once."""

    def __init__(
        self, settings: NetSettings, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._settings = settings
        self._sleep = sleep
        self._slots = threading.BoundedSemaphore(settings.connections)
        self._lock = threading.Lock()
        self._clients: dict[tuple[str | None, bool], httpx2.Client] = {}
        self._silent: set[str] = set()

    def close(self) -> None:
        """Close idle connections."""
        with self._lock:
            clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            client.close()

    def get_bytes(self, url: str, *, limit: int) -> bytes:
        """The body of ``url``; `WrongSizeError` over ``limit`` bytes, `NetworkError` otherwise."""
        sink = _Memory()
        self._transfer(_Transfer(url, sink, None, limit, {}))
        return bytes(sink.data)

    def get_if_changed(
        self, url: str, *, limit: int, etag: str | None, modified: str | None
    ) -> Fetched | None:
        """As `get_bytes`, but ``None`` if the server says that nothing changed (RFC 9110 §13)."""
        headers = {}
        if etag:
            headers["If-None-Match"] = etag
        if modified:
            headers["If-Modified-Since"] = modified
        sink = _Memory()
        transfer = _Transfer(url, sink, None, limit, headers)
        self._transfer(transfer)
        if transfer.unchanged:
            return None
        return Fetched(body=bytes(sink.data), etag=transfer.etag, modified=transfer.modified)

    def download(self, url: str, sink: Sink, *, size: int | None, limit: int | None = None) -> None:
        """The body of ``url`` into ``sink``, resuming after a drop.

        ``size`` is the exact length if known, else ``limit`` the most that is accepted.
        """
        if sink.position:
            sink.restart()
        self._transfer(_Transfer(url, sink, size, limit, {}))

    def _transfer(self, transfer: _Transfer) -> None:
        """Try until the body is whole; back off between failures that made no progress."""
        failures = 0
        refuse_unusable(transfer.url)
        host = urlsplit(transfer.url).netloc
        # Who gave no answer to a whole row of attempts gets one a request from then on.
        most = 1 if host in self._silent else self._settings.attempts
        for _ in range(_MOST_ATTEMPTS):
            before = transfer.sink.position
            try:
                with self._slots:
                    self._attempt(transfer)
                self._silent.discard(host)
                return
            except _RetryError as retry:
                failures = 0 if transfer.sink.position > before else failures + 1
                last = retry
            if failures >= most:
                break
            wait = last.wait
            if wait is None:
                wait = self._settings.backoff * 2.0 ** max(failures - 1, 0)
            self._sleep(min(wait, self._settings.longest_wait))
        if isinstance(last.error, NoAnswerError):
            self._silent.add(host)
        raise last.error

    def _attempt(self, transfer: _Transfer) -> None:
        headers = dict(transfer.headers)
        start = transfer.sink.position
        validator = _strong(transfer.etag) or transfer.modified
        if start and validator:
            headers |= {"Range": f"bytes={start}-", "If-Range": validator}
        elif start and transfer.size is not None:
            # Without a validator another version may follow: length and hash will show it.
            headers["Range"] = f"bytes={start}-"
        elif start:
            transfer.sink.restart()
        with self._response(transfer.url, headers) as response:
            if response.status_code == 304 and transfer.headers:
                transfer.unchanged = True
                return
            self._begin(transfer, response)
            self._receive(transfer, response)

    def _begin(self, transfer: _Transfer, response: httpx2.Response) -> None:
        """Check status and lengths before a byte is taken."""
        status = response.status_code
        sink = transfer.sink
        if status == 416 and sink.position:
            sink.restart()
            raise _RetryError(
                NetworkError(transfer.url, "can't resume at this point", resolution="try again"),
                wait=0.0,
            )
        if status not in (200, 206):
            error = explain_status(transfer.url, response, self._settings.credentials.unread)
            if status in _RETRIED:
                raise _RetryError(error, wait=_retry_after(response))
            raise error
        if status == 206:
            start = _range_start(response.headers.get("content-range", ""))
            if start != sink.position:
                sink.restart()
                raise _RetryError(
                    NetworkError(
                        transfer.url, "resumed at the wrong place", resolution="try again"
                    ),
                    wait=0.0,
                )
        elif sink.position:
            sink.restart()
        transfer.etag = response.headers.get("etag")
        transfer.modified = response.headers.get("last-modified")
        length = response.headers.get("content-length", "")
        if length.isdigit():
            self._check_total(transfer, sink.position + int(length))

    @staticmethod
    def _check_total(transfer: _Transfer, total: int) -> None:
        if transfer.size is not None and total != transfer.size:
            raise WrongSizeError(
                transfer.url,
                f"holds {total} bytes, {transfer.size} were promised",
                resolution="the mirror is out of step or damaged: try again later or use another",
            )
        if transfer.bound is not None and total > transfer.bound:
            raise _too_long(transfer)

    def _receive(self, transfer: _Transfer, response: httpx2.Response) -> None:
        import httpx2

        sink = transfer.sink
        try:
            window, counted = time.monotonic(), sink.position
            # No block size: httpx2 would hold back, and lose in a drop, what fills no block.
            for block in response.iter_raw():
                if transfer.bound is not None and sink.position + len(block) > transfer.bound:
                    raise _too_long(transfer)
                sink.write(block)
                now = time.monotonic()
                if now - window > _SLOW_WINDOW:
                    if sink.position - counted < _SLOW_BYTES:
                        raise httpx2.ReadTimeout("too slow")
                    window, counted = now, sink.position
        except (httpx2.TransportError, httpx2.StreamError) as error:
            raise _RetryError(explain_failure(transfer.url, error)) from error
        if transfer.size is not None and sink.position < transfer.size:
            raise _RetryError(
                WrongSizeError(
                    transfer.url,
                    f"ended after {sink.position} of {transfer.size} bytes",
                    resolution="the mirror is damaged or a proxy cuts transfers; use another",
                )
            )

    @contextmanager
    def _response(self, url: str, headers: dict[str, str]) -> Iterator[httpx2.Response]:
        """Send a request and follow redirects; the body is not read yet."""
        import httpx2

        for _ in range(_MOST_REDIRECTS + 1):
            refuse_unusable(url)
            try:
                response = self._send(url, headers)
            except (httpx2.TransportError, httpx2.InvalidURL) as error:
                failure = explain_failure(url, error)
                if failure.lasting:
                    raise failure from error
                raise _RetryError(failure) from error
            if response.status_code not in _REDIRECTS:
                try:
                    yield response
                finally:
                    response.close()
                return
            location = response.headers.get("location", "")
            response.close()
            url = redirected(url, location)
        raise NetworkError(
            url,
            f"more than {_MOST_REDIRECTS} redirects",
            resolution="correct the address in the settings or the recipe",
        )

    def _send(self, url: str, headers: dict[str, str]) -> httpx2.Response:
        login = self._settings.credentials.find(url)
        # Compression by the transport would break resuming and byte limits.
        sent = {"Accept-Encoding": "identity", **headers}
        if login is not None:
            sent["Authorization"] = login.header()
        client = self._client_for(url)
        request = client.build_request("GET", bare(url), headers=sent)
        return client.send(request, stream=True)

    def _client_for(self, url: str) -> httpx2.Client:
        import httpx2

        proxy = self._settings.proxies.choose(url)
        # Reading the system's certificates takes a while: only where TLS is spoken.
        secure = url.lower().startswith("https:") or (proxy or "").lower().startswith("https:")
        with self._lock:
            if (proxy, secure) not in self._clients:
                context = self._trust() if secure else _no_trust()
                limits = httpx2.Limits(
                    max_connections=self._settings.connections,
                    max_keepalive_connections=self._settings.connections,
                )
                self._clients[proxy, secure] = httpx2.Client(
                    transport=httpx2.HTTPTransport(
                        verify=context,
                        proxy=httpx2.Proxy(proxy, ssl_context=context)
                        if proxy and proxy.lower().startswith("https:")
                        else httpx2.Proxy(proxy)
                        if proxy
                        else None,
                        limits=limits,
                        trust_env=False,
                    ),
                    trust_env=False,
                    follow_redirects=False,
                    headers={"User-Agent": self._settings.user_agent},
                    timeout=httpx2.Timeout(
                        self._settings.read_timeout, connect=self._settings.connect_timeout
                    ),
                )
            return self._clients[proxy, secure]

    def _trust(self) -> ssl.SSLContext:
        import httpx2

        context = httpx2.create_ssl_context()
        if (ca_file := self._settings.ca_file) is not None:
            try:
                context.load_verify_locations(cafile=ca_file)
            except OSError as error:
                raise UsageError(
                    f"can't read certificates from {ca_file}: {error.strerror or error}",
                    resolution="let NEVE_CA_FILE name a file of PEM certificates",
                ) from error
        return context


class _RetryError(Exception):
    """Worth another attempt; ``wait`` is the server's wish in seconds."""

    def __init__(self, error: NetworkError, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait


class _Memory:
    """A sink in memory."""

    def __init__(self) -> None:
        self.data = bytearray()

    @property
    def position(self) -> int:
        return len(self.data)

    def write(self, data: bytes) -> None:
        self.data += data

    def restart(self) -> None:
        self.data.clear()


def _no_trust() -> ssl.SSLContext:
    """A context that trusts nobody, for connections that never speak TLS."""
    import ssl

    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _strong(etag: str | None) -> str | None:
    return etag if etag and not etag.startswith("W/") else None


def _range_start(header: str) -> int | None:
    unit, _, rest = header.partition(" ")
    start = rest.partition("-")[0]
    return int(start) if unit == "bytes" and start.isdigit() else None


def _retry_after(response: httpx2.Response) -> float | None:
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdigit() and len(value) <= 9 else None


def _too_long(transfer: _Transfer) -> WrongSizeError:
    return WrongSizeError(
        transfer.url,
        f"sends more than the {transfer.bound} bytes that are expected",
        resolution="the mirror is out of step or hostile: use another",
    )
