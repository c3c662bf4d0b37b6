"""From lock to image through a proxy that opens TLS, as corporate networks have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.support.archive import ArchiveBuilder, Server, SigningKey, serve
from tests.support.command import Desk
from tests.support.tls import Authority, Proxy, intercepting_proxy

HOST = "mirror.example.org"
"""A name that leads nowhere: whoever reached it went through the proxy."""


@pytest.fixture
def network(
    small_archive: tuple[ArchiveBuilder, SigningKey], tmp_path: Path
) -> Iterator[tuple[Server, Proxy, Authority]]:
    authority = Authority(tmp_path)
    with serve(small_archive[0].root) as server:
        address = urlsplit(server.url)
        with intercepting_proxy(authority, ("127.0.0.1", address.port or 0)) as proxy:
            yield server, proxy, authority


@pytest.fixture
def desk(
    network: tuple[Server, Proxy, Authority],
    small_archive: tuple[ArchiveBuilder, SigningKey],
    tmp_path: Path,
) -> Desk:
    server, proxy, _ = network
    found = Desk.lay(tmp_path / "desk", server, small_archive[1])
    found.point_at(f"https://{HOST}/")
    found.environment["HTTPS_PROXY"] = proxy.url
    return found


def test_lock_and_cold_build_go_through_the_proxy(
    desk: Desk, network: tuple[Server, Proxy, Authority], tmp_path: Path
) -> None:
    _, proxy, authority = network
    desk.environment["NEVE_CA_FILE"] = str(authority.file)
    desk.neve("lock")
    asked = len(proxy.connects)
    assert asked > 0
    assert desk.build(env={"NEVE_STORE": str(tmp_path / "cold")}) == desk.build()
    assert len(proxy.connects) > asked
    assert set(proxy.connects) == {f"{HOST}:443"}


def test_the_setting_names_the_ca_as_well(
    desk: Desk, network: tuple[Server, Proxy, Authority]
) -> None:
    path = desk.directory / "neve.toml"
    path.write_text(f'ca_file = "{network[2].file}"\n' + path.read_text())
    desk.neve("lock")


def test_an_unknown_ca_is_refused_with_the_setting_that_names_it(desk: Desk) -> None:
    done = desk.neve("lock", expect=3)
    assert HOST in done.err
    assert "NEVE_CA_FILE" in done.err
    assert not (desk.directory / "neve.lock").exists()


def test_no_proxy_goes_directly(desk: Desk, network: tuple[Server, Proxy, Authority]) -> None:
    server, proxy, _ = network
    desk.point_at(server.url)
    desk.environment |= {"HTTP_PROXY": proxy.url, "NO_PROXY": "127.0.0.0/8"}
    desk.neve("lock")
    assert server.requests
    assert not proxy.connects
