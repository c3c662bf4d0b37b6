"""The workspace of one command: settings made into ports, opened when first needed.

The only place that decides which adapter stands behind a port.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from neve.store import Store
from neve.verbs.progress import Progress
from neve.verbs.settings import Settings

if TYPE_CHECKING:
    from neve.archive import Archives
    from neve.distro import Release
    from neve.net import Exchanger
    from neve.oci.registry import Registries


class Workspace:
    """Store, network and archives for one command; a context manager that closes them."""

    def __init__(self, settings: Settings, progress: Progress) -> None:
        self.settings = settings
        self.progress = progress
        self._opened: Store | None = None
        self._client: Exchanger | None = None

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._client is not None:
            close = getattr(self._client, "close", None)
            if close is not None:
                close()
        if self._opened is not None:
            self._opened.close()

    @property
    def store(self) -> Store:
        """The content store, opened when first asked for."""
        if self._opened is None:
            self._opened = Store.open(self.settings.store)
        return self._opened

    @property
    def client(self) -> Exchanger:
        """The HTTP client; offline it refuses everything and says so."""
        if self._client is None:
            from neve.net import HttpClient, NetSettings, OfflineClient

            if self.settings.offline:
                self._client = OfflineClient()
            else:
                self._client = HttpClient(
                    NetSettings.from_environment(os.environ, ca_file=self.settings.ca_file)
                )
        return self._client

    @cached_property
    def registries(self) -> Registries:
        """Registries, with the logins that Docker's and Podman's files hold."""
        from neve.oci.registry import Registries
        from neve.oci.registry_credentials import RegistryCredentials

        credentials = RegistryCredentials(os.environ)
        return Registries(self.client, credentials, plain_http=self.settings.plain_http)

    @property
    def effects_directory(self) -> Path:
        """Where newer effects databases lie that the user brought in (``neve effects update``)."""
        base = os.environ.get("XDG_DATA_HOME")
        root = Path(base) if base else Path.home() / ".local" / "share"
        return root / "neve" / "effects"

    @cached_property
    def clock(self) -> int:
        """Now, in seconds: for judging expiry dates, never for artefacts."""
        return int(time.time())

    def archives(self, release: Release, repositories: Mapping[str, str] | None = None) -> Archives:
        """The archives as this machine reaches them; ``repositories`` are a recipe's own ones,
        alias → address.
        """
        from neve.archive import Archives, Mirrors

        mirrors = Mirrors.of_host(
            overrides=self.settings.mirrors, repositories=repositories, release=release
        )
        return Archives(
            store=self.store,
            client=self.client,
            mirrors=mirrors,
            clock=self.clock,
            max_age=self.settings.max_index_age,
        )
