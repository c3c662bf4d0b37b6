"""What the environment and credential files say."""

from __future__ import annotations

from pathlib import Path

import pytest

from neve.errors import UsageError
from neve.net import Credentials, NetSettings, Proxies
from neve.net.failure import shown


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("example.org", "http://example.org/x", True),
        ("example.org", "http://deb.example.org/x", True),
        ("example.org", "http://badexample.org/x", False),
        (".example.org", "http://deb.example.org/", True),
        (".example.org", "http://example.org/", True),
        ("*.example.org", "http://deb.example.org/", True),
        ("EXAMPLE.org", "http://Example.ORG/", True),
        ("*", "https://anything/", True),
        ("a, b c", "http://c/", True),
        ("example.org:8080", "http://example.org:8080/", True),
        ("example.org:8080", "http://example.org/", False),
        ("example.org:443", "https://example.org/", True),
        ("10.0.0.0/8", "http://10.1.2.3/", True),
        ("10.0.0.0/8", "http://11.1.2.3/", False),
        ("127.0.0.1", "http://127.0.0.1:99/", True),
        ("::1", "http://[::1]/", True),
        ("[::1]", "http://[::1]:80/", True),
        ("fd00::/8", "http://[fd00::5]/", True),
        ("", "http://example.org/", False),
        ("0.0.1", "http://127.0.0.1/", False),
    ],
)
def test_no_proxy(no_proxy: str, url: str, direct: bool) -> None:
    environment = {"http_proxy": "http://p:1", "https_proxy": "http://p:1", "no_proxy": no_proxy}
    chosen = Proxies.from_environment(environment).choose(url)
    assert chosen == (None if direct else "http://p:1")


def test_proxies_by_scheme() -> None:
    proxies = Proxies.from_environment({"HTTP_PROXY": "p:1", "HTTPS_PROXY": "https://q:2"})
    assert proxies.choose("http://x/") == "http://p:1"
    assert proxies.choose("https://x/") == "https://q:2"
    assert (
        Proxies.from_environment({"ALL_PROXY": "http://r:3"}).choose("https://x/") == "http://r:3"
    )
    assert Proxies.from_environment({}).choose("https://x/") is None


@pytest.mark.parametrize("value", ["socks5://x:1", "http://", "http://x:notaport", "http://x:0"])
def test_a_proxy_that_can_not_be_one_is_told_without_its_value(value: str) -> None:
    with pytest.raises(UsageError, match="HTTPS_PROXY") as caught:
        Proxies.from_environment({"https_proxy": value})
    assert value not in str(caught.value)


def test_the_ca_file_of_the_environment_comes_first(tmp_path: Path) -> None:
    environment = {"NEVE_CA_FILE": "/env.pem", "HOME": str(tmp_path)}
    assert NetSettings.from_environment(environment).ca_file == Path("/env.pem")
    settings = NetSettings.from_environment({"HOME": str(tmp_path)}, ca_file=Path("/set.pem"))
    assert settings.ca_file == Path("/set.pem")


AUTH = """
# a comment with machine example.com login x password y
machine example.org
login apt
password debian
machine http://plain.example.org login p password q
machine https://port.example.org:8443/private/ login r password s
machine deep.example.org/debian login t password u
machine quoted.example.org login "v w
machine last.example.org login "x" password "y"
"""


@pytest.mark.parametrize(
    ("url", "login"),
    [
        ("https://example.org/debian/dists", ("apt", "debian")),
        ("https://example.org:8443/", ("apt", "debian")),
        ("http://example.org/debian", None),
        ("https://sub.example.org/", None),
        ("https://example.orga/", None),
        ("https://example.com/", None),
        ("http://plain.example.org/x", ("p", "q")),
        ("https://plain.example.org/x", None),
        ("https://port.example.org:8443/private/x", ("r", "s")),
        ("https://port.example.org:8443/public/x", None),
        ("https://port.example.org/private/x", None),
        ("https://deep.example.org/debian-security/x", ("t", "u")),
        ("https://deep.example.org/ubuntu", None),
        ("https://last.example.org/", ("x", "y")),
        ("https://user:p%40ss@example.org/", ("user", "p@ss")),
    ],
)
def test_apt_auth_rules(tmp_path: Path, url: str, login: tuple[str, str] | None) -> None:
    (tmp_path / "auth.conf").write_text(AUTH)
    found = Credentials.from_files([tmp_path / "auth.conf", tmp_path / "absent"]).find(url)
    assert (found and (found.name, found.password)) == login


def test_netrc_macros_and_default(tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text(
        "machine a login b password c\nmacdef init\nmachine evil login x password y\n\n"
        "default login d password e\n"
    )
    credentials = Credentials.from_files([tmp_path / "netrc"])
    for host, name in (("a", "b"), ("evil", "d"), ("other", "d")):
        found = credentials.find(f"https://{host}/")
        assert found is not None
        assert found.name == name
    assert credentials.find("http://other/") is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"machine",
        b"\xff\xfe\0machine \0",
        b"machine [x login a password b",
        b"login x password y",
    ],
)
def test_odd_files_harm_nobody(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "netrc").write_bytes(data)
    assert Credentials.from_files([tmp_path / "netrc"]).find("https://x/") is None


def test_netrc_of_the_environment(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine a login home password c")
    (tmp_path / "other").write_text("machine a login other password c")
    home = {"HOME": str(tmp_path)}
    for environment, name in ((home, "home"), (home | {"NETRC": str(tmp_path / "other")}, "other")):
        found = Credentials.from_environment(environment).find("https://a/")
        assert found is not None
        assert found.name == name


def test_secrets_do_not_show(tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine a login somebody password sw0rdf1sh")
    credentials = Credentials.from_files([tmp_path / "netrc"])
    shown_anywhere = f"{credentials!r} {credentials.find('https://a/')!r} "
    shown_anywhere += repr(NetSettings(credentials=credentials))
    assert "sw0rdf1sh" not in shown_anywhere
    assert "somebody" not in shown_anywhere


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://u:p@h:1/x?sig=1#f", "https://h:1/x?…"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
        ("http://[x", "(an address that can't be read)"),
    ],
)
def test_addresses_are_shown_without_secrets(url: str, text: str) -> None:
    assert shown(url) == text
