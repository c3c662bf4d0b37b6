"""Registries by host: how each is reached, and whose login it gets.

TLS everywhere, but for a registry on this machine's loopback that does not speak it, and for
hosts that a person listed as ``plain_http``.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from functools import partial

from neve.net import Exchanger, NetworkError, Request
from neve.oci.reference import Reference, is_loopback
from neve.oci.registry_auth import RegistryAuth
from neve.oci.registry_credentials import RegistryCredentials
from neve.oci.repository import Repository

_SPOKEN = (200, 401, 403, 404)


class Registries:
    """Every registry that one command talks to; safe for many threads."""

    def __init__(
        self,
        client: Exchanger,
        credentials: RegistryCredentials,
        *,
        plain_http: Collection[str] = (),
    ) -> None:
        self._client = client
        self._credentials = credentials
        self._plain = frozenset(host.lower() for host in plain_http)
        self._lock = threading.Lock()
        self._opened: dict[str, RegistryAuth] = {}

    def repository(self, reference: Reference) -> Repository:
        """The repository of ``reference``, without its tag and digest. Asks a loopback host
        once whether it speaks TLS; nothing else is asked of the network here.
        """
        with self._lock:
            auth = self._opened.get(reference.registry)
            if auth is None:
                direct = is_loopback(reference.host)
                auth = self._opened[reference.registry] = RegistryAuth(
                    self._base(reference.host),
                    self._client,
                    partial(self._credentials.find, reference.registry),
                    direct=direct,
                )
        return Repository(
            client=self._client,
            auth=auth,
            name=reference.repository,
            where=reference.name,
            direct=is_loopback(reference.host),
        )

    def _base(self, host: str) -> str:
        if host in self._plain:
            return f"http://{host}"
        if not is_loopback(host):
            return f"https://{host}"
        try:
            answer = self._client.send(
                Request(method="GET", url=f"http://{host}/v2/", attempts=1, direct=True)
            )
        except NetworkError:
            return f"https://{host}"
        return f"http://{host}" if answer.status in _SPOKEN else f"https://{host}"
