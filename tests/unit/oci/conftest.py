"""A registry on loopback and neve's client of it, without waiting and with logins of the test."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.registry import FakeRegistry, fake_registry

from neve.net import HttpClient, NetSettings
from neve.oci.reference import Reference
from neve.oci.registry import Registries
from neve.oci.registry_credentials import RegistryCredentials
from neve.oci.repository import Repository
from neve.store import Store

Connect = Callable[..., Repository]


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with fake_registry() as running:
        yield running


@pytest.fixture
def waits() -> list[float]:
    """How long the client would have slept."""
    return []


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store") as opened:
        yield opened


@pytest.fixture
def connect(waits: list[float], tmp_path: Path) -> Iterator[Connect]:
    """The repository ``name`` of a registry; ``auths`` as in Podman's file."""
    clients: list[HttpClient] = []

    def connected(
        registry: FakeRegistry,
        name: str = "team/app",
        *,
        auths: dict[str, object] | None = None,
        ca_file: Path | None = None,
    ) -> Repository:
        logins = tmp_path / "logins.json"
        logins.write_text(json.dumps({"auths": auths or {}}))
        settings = NetSettings(
            attempts=3, read_timeout=5.0, connect_timeout=2.0, ca_file=ca_file, longest_wait=30.0
        )
        client = HttpClient(settings, sleep=waits.append)
        clients.append(client)
        credentials = RegistryCredentials({"REGISTRY_AUTH_FILE": str(logins)})
        reference = Reference.parse(f"{registry.host}/{name}")
        return Registries(client, credentials).repository(reference)

    yield connected
    for client in clients:
        client.close()
