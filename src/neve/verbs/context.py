"""The workspace of one command: settings made into ports, opened when first needed.

The only place that decides which adapter stands behind a port.
"""

from __future__ import annotations

import os
import time
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING

from neve.store import Store
from neve.verbs.progress import Progress
from neve.verbs.settings import Settings

if TYPE_CHECKING:
    from neve.archive import Archives
    from neve.net import Client


class Workspace:
    """Store, network and archives for one command; a context manager that closes them."""

    def __init__(self, settings: Settings, progress: Progress) -> None:
        self.settings = settings
        self.progress = progress
        self._opened: Store | None = None
        self._client: Client | None = None

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
    def client(self) -> Client:
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
    def clock(self) -> int:
        """Now, in seconds: for judging expiry dates, never for artefacts."""
        return int(time.time())
