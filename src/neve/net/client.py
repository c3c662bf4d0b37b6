"""The only HTTP user: get, conditional get, and downloads that resume.

Everything is bounded: bytes, redirects, attempts, waiting, and time without progress. What
arrives is not trusted here; whoever asked checks it by hash or signature.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from neve.net.addresses import bare, redirected, refuse_unusable, same_server
from neve.net.attempt import (
    ChallengedError,
    Memory,
    NoLogin,
    RetryError,
    Transfer,
    range_start,
    retry_after,
    sent_headers,
    strong,
    too_long,
)
from neve.net.connect import Connections
from neve.net.exchange import Answer, Body, Guard, Request
from neve.net.explain import NoAnswerError, explain_failure, explain_status
from neve.net.failure import NetworkError, WrongSizeError, shown
from neve.net.port import Fetched, Sink
from neve.net.settings import NetSettings

if TYPE_CHECKING:
    import httpx2

_T = TypeVar("_T")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_MOST_REDIRECTS = 5
_MOST_ATTEMPTS = 50
_MOST_CHALLENGES = 3
_SLOW_WINDOW = 30.0
_SLOW_BYTES = 8 * 1024


class HttpClient:
    """An HTTP client for many threads; at most ``settings.connections`` requests at once."""

    def __init__(
        self, settings: NetSettings, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._settings = settings
        self._sleep = sleep
        self._slots = threading.BoundedSemaphore(settings.connections)
        self._connections = Connections(settings)
        self._silent: set[str] = set()

    def close(self) -> None:
        """Close idle connections."""
        self._connections.close()

    def get_bytes(self, url: str, *, limit: int) -> bytes:
        """The body of ``url``; `WrongSizeError` over ``limit`` bytes, `NetworkError` otherwise."""
        sink = Memory()
        self._transfer(Transfer(url, sink, None, limit, {}))
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
        sink = Memory()
        transfer = Transfer(url, sink, None, limit, headers)
        self._transfer(transfer)
        if transfer.unchanged:
            return None
        return Fetched(body=bytes(sink.data), etag=transfer.etag, modified=transfer.modified)

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
        """The body of ``url`` into ``sink``, resuming after a drop.

        ``size`` is the exact length if known, else ``limit`` the most that is accepted. With a
        ``guard`` its login is sent and no other; ``direct`` goes past any proxy.
        """
        if sink.position:
            sink.restart()
        self._transfer(Transfer(url, sink, size, limit, {}, guard, direct))

    def send(self, request: Request) -> Answer:
        """One request and whatever answer it gets; only 408, 425, 429 and 5xx are asked again.

        No login but the guard's is sent. Raises `NetworkError` where no answer comes or the
        server stays busy, `WrongSizeError` for a body over the request's limit.
        """
        return self._persist(
            request.url,
            lambda: self._ask(request),
            guard=request.guard or NoLogin(),
            attempts=request.attempts,
        )

    def back_off(self, failures: int, wait: float | None = None) -> None:
        """Sleep before the attempt after so many ``failures`` in a row; ``wait`` is the server's
        own wish in seconds, obeyed within the settings.
        """
        if wait is None:
            wait = self._settings.backoff * 2.0 ** max(failures - 1, 0)
        self._sleep(min(wait, self._settings.longest_wait))

    def _transfer(self, transfer: Transfer) -> None:
        self._persist(
            transfer.url,
            lambda: self._attempt(transfer),
            guard=transfer.guard,
            progress=lambda: transfer.sink.position,
        )

    def _persist(
        self,
        url: str,
        attempt: Callable[[], _T],
        *,
        guard: Guard | None,
        attempts: int | None = None,
        progress: Callable[[], int] = lambda: 0,
    ) -> _T:
        """Try until it succeeds; back off between failures that made no progress."""
        failures = challenges = 0
        refuse_unusable(url)
        host = urlsplit(url).netloc
        # Who gave no answer to a whole row of attempts gets one a request from then on.
        most = 1 if host in self._silent else attempts or self._settings.attempts
        for _ in range(_MOST_ATTEMPTS):
            before = progress()
            try:
                with self._slots:
                    found = attempt()
                self._silent.discard(host)
                return found
            except ChallengedError as challenge:
                challenges += 1
                # Outside the slot: a guard asks for its token through this client.
                if guard is None or challenges > _MOST_CHALLENGES:
                    raise challenge.error from None
                if not guard.challenged(challenge.url, challenge.used, challenge.challenges):
                    raise challenge.error from None
                continue
            except RetryError as retry:
                failures = 0 if progress() > before else failures + 1
                last = retry
            if failures >= most:
                break
            self.back_off(failures, last.wait)
        if isinstance(last.error, NoAnswerError) and failures >= self._settings.attempts:
            self._silent.add(host)
        last.error.passing, last.error.retry_after = True, last.wait
        raise last.error

    def _ask(self, request: Request) -> Answer:
        sink = Memory()
        transfer = Transfer(request.url, sink, None, request.limit, {})
        with self._response(
            request.url,
            dict(request.headers),
            method=request.method,
            body=request.body,
            length=request.length,
            guard=request.guard or NoLogin(),
            direct=request.direct,
        ) as response:
            status = response.status_code
            if status in _RETRIED:
                error = explain_status(request.url, response, ())
                raise RetryError(error, wait=retry_after(response))
            if request.method != "HEAD" and status != 204:
                self._receive(transfer, response)
            return Answer(
                url=str(response.url),
                status=status,
                headers={name.lower(): value for name, value in response.headers.items()},
                body=bytes(sink.data),
            )

    def _attempt(self, transfer: Transfer) -> None:
        headers = dict(transfer.headers)
        start = transfer.sink.position
        validator = strong(transfer.etag) or transfer.modified
        if start and validator:
            headers |= {"Range": f"bytes={start}-", "If-Range": validator}
        elif start and transfer.size is not None:
            # Without a validator another version may follow: length and hash will show it.
            headers["Range"] = f"bytes={start}-"
        elif start:
            transfer.sink.restart()
        with self._response(
            transfer.url, headers, guard=transfer.guard, direct=transfer.direct
        ) as response:
            if response.status_code == 304 and transfer.headers:
                transfer.unchanged = True
                return
            self._begin(transfer, response)
            self._receive(transfer, response)

    def _begin(self, transfer: Transfer, response: httpx2.Response) -> None:
        """Check status and lengths before a byte is taken."""
        status = response.status_code
        sink = transfer.sink
        if status == 416 and sink.position:
            sink.restart()
            raise RetryError(
                NetworkError(transfer.url, "can't resume at this point", resolution="try again"),
                wait=0.0,
            )
        if status not in (200, 206):
            error = explain_status(transfer.url, response, self._settings.credentials.unread)
            if status in _RETRIED:
                raise RetryError(error, wait=retry_after(response))
            raise error
        if status == 206:
            start = range_start(response.headers.get("content-range", ""))
            if start != sink.position:
                sink.restart()
                raise RetryError(
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
    def _check_total(transfer: Transfer, total: int) -> None:
        if transfer.size is not None and total != transfer.size:
            raise WrongSizeError(
                transfer.url,
                f"holds {total} bytes, {transfer.size} were promised",
                resolution="the mirror is out of step or damaged: try again later or use another",
            )
        if transfer.bound is not None and total > transfer.bound:
            raise too_long(transfer)

    def _receive(self, transfer: Transfer, response: httpx2.Response) -> None:
        import httpx2

        sink = transfer.sink
        try:
            window, counted = time.monotonic(), sink.position
            # No block size: httpx2 would hold back, and lose in a drop, what fills no block.
            for block in response.iter_raw():
                if transfer.bound is not None and sink.position + len(block) > transfer.bound:
                    raise too_long(transfer)
                sink.write(block)
                now = time.monotonic()
                if now - window > _SLOW_WINDOW:
                    if sink.position - counted < _SLOW_BYTES:
                        raise httpx2.ReadTimeout("too slow")
                    window, counted = now, sink.position
        except (httpx2.TransportError, httpx2.StreamError) as error:
            raise RetryError(explain_failure(transfer.url, error)) from error
        if transfer.size is not None and sink.position < transfer.size:
            raise RetryError(
                WrongSizeError(
                    transfer.url,
                    f"ended after {sink.position} of {transfer.size} bytes",
                    resolution="the mirror is damaged or a proxy cuts transfers; use another",
                )
            )

    @contextmanager
    def _response(
        self,
        url: str,
        headers: dict[str, str],
        *,
        method: str = "GET",
        body: Body | None = None,
        length: int = 0,
        guard: Guard | None = None,
        direct: bool = False,
    ) -> Iterator[httpx2.Response]:
        """Send a request and follow redirects; the body is not read yet."""
        asked = url
        for _ in range(_MOST_REDIRECTS + 1):
            refuse_unusable(url)
            login = self._login(url, asked, guard)
            sent = sent_headers(headers, login, body, length)
            response = self._send(method, url, sent, body, direct=direct)
            if response.status_code not in _REDIRECTS:
                try:
                    if response.status_code == 401 and not isinstance(guard, NoLogin | None):
                        raise ChallengedError(url, login, response)
                    yield response
                finally:
                    response.close()
                return
            target = response.headers.get("location", "")
            response.close()
            url, old = redirected(url, target), url
            if method not in ("GET", "HEAD") and not same_server(old, url):
                raise NetworkError(
                    old,
                    f"refused to send on to {shown(url)} what was meant for this server",
                    resolution="use the address of the server that takes it",
                )
        raise NetworkError(
            url,
            f"more than {_MOST_REDIRECTS} redirects",
            resolution="correct the address in the settings or the recipe",
        )

    def _login(self, url: str, asked: str, guard: Guard | None) -> str | None:
        if guard is not None:
            return guard.header(url)
        login = self._settings.credentials.find(url, asked=asked)
        return None if login is None else login.header()

    def _send(
        self, method: str, url: str, headers: dict[str, str], body: Body | None, *, direct: bool
    ) -> httpx2.Response:
        import httpx2

        client = self._connections.to(url, direct=direct)
        content = body() if callable(body) else body
        try:
            request = client.build_request(method, bare(url), headers=headers, content=content)
            return client.send(request, stream=True)
        except (httpx2.TransportError, httpx2.InvalidURL) as error:
            failure = explain_failure(url, error)
            if failure.lasting:
                raise failure from error
            raise RetryError(failure) from error
