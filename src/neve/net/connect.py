"""Connections: one pool for each proxy and kind of transport, with the certificates trusted."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from neve.errors import UsageError
from neve.net.settings import NetSettings

if TYPE_CHECKING:
    import ssl

    import httpx2


class Connections:
    """Pools of connections, opened when first needed; safe for many threads."""

    def __init__(self, settings: NetSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._clients: dict[tuple[str | None, bool], httpx2.Client] = {}

    def close(self) -> None:
        """Close idle connections."""
        with self._lock:
            clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            client.close()

    def to(self, url: str, *, direct: bool = False) -> httpx2.Client:
        """The pool for ``url``; ``direct`` goes past any proxy."""
        proxy = None if direct else self._settings.proxies.choose(url)
        # Reading the system's certificates takes a while: only where TLS is spoken.
        secure = url.lower().startswith("https:") or (proxy or "").lower().startswith("https:")
        with self._lock:
            if (proxy, secure) not in self._clients:
                self._clients[proxy, secure] = self._opened(proxy, secure=secure)
            return self._clients[proxy, secure]

    def _opened(self, proxy: str | None, *, secure: bool) -> httpx2.Client:
        import httpx2

        context = self._trust() if secure else _no_trust()
        through = None
        if proxy and proxy.lower().startswith("https:"):
            through = httpx2.Proxy(proxy, ssl_context=context)
        elif proxy:
            through = httpx2.Proxy(proxy)
        limits = httpx2.Limits(
            max_connections=self._settings.connections,
            max_keepalive_connections=self._settings.connections,
        )
        return httpx2.Client(
            transport=httpx2.HTTPTransport(
                verify=context, proxy=through, limits=limits, trust_env=False
            ),
            trust_env=False,
            follow_redirects=False,
            headers={"User-Agent": self._settings.user_agent},
            timeout=httpx2.Timeout(
                self._settings.read_timeout, connect=self._settings.connect_timeout
            ),
        )

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


def _no_trust() -> ssl.SSLContext:
    """A context that trusts nobody, for connections that never speak TLS."""
    import ssl

    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
