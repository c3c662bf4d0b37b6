"""How to reach the network: what the environment and the caller decided, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from neve.errors import UsageError
from neve.net.credentials import Credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxies:
    """Proxy addresses by scheme of the target, and the hosts that are reached directly.

    As curl reads the environment: ``http_proxy``, ``https_proxy``, ``all_proxy``, ``no_proxy``,
    the lower-case name first. ``no_proxy`` holds ``*``, host names (which cover their
    subdomains, with or without a leading dot), addresses, networks, each with an optional port.
    """

    http: str | None = None
    https: str | None = None
    no_proxy: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Proxies:
        """Read the proxy variables; `UsageError` for an address that can't be one."""

        def value(name: str) -> str | None:
            return environment.get(name) or environment.get(name.upper()) or None

        either = value("all_proxy")
        return cls(
            http=_proxy_url("HTTP_PROXY", value("http_proxy") or either),
            https=_proxy_url("HTTPS_PROXY", value("https_proxy") or either),
            no_proxy=tuple(
                word for word in (value("no_proxy") or "").replace(",", " ").split() if word
            ),
        )

    def choose(self, url: str) -> str | None:
        """The proxy for ``url``; ``None`` to go directly."""
        parts = urlsplit(url)
        proxy = self.https if parts.scheme == "https" else self.http
        if proxy is None or self._direct(parts.hostname or "", parts.port, parts.scheme):
            return None
        return proxy

    def _direct(self, host: str, port: int | None, scheme: str) -> bool:
        port = port or (443 if scheme == "https" else 80)
        return any(_matches(word.lower(), host.lower().rstrip("."), port) for word in self.no_proxy)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetSettings:
    """Settings of the HTTP client. Times in seconds; ``attempts`` counts the first one too.

    ``ca_file`` (PEM) is trusted in addition to the system's certificates.
    """

    ca_file: Path | None = None
    proxies: Proxies = field(default_factory=Proxies)
    credentials: Credentials = field(default_factory=Credentials)
    connect_timeout: float = 15.0
    read_timeout: float = 30.0
    attempts: int = 5
    backoff: float = 0.5
    longest_wait: float = 30.0
    connections: int = 6
    user_agent: str = "neve"

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str], *, ca_file: Path | None = None
    ) -> NetSettings:
        """Proxies, ``NEVE_CA_FILE`` and credential files as ``environment`` says."""
        from_variable = environment.get("NEVE_CA_FILE")
        chosen = Path(from_variable) if from_variable else ca_file
        return cls(
            ca_file=chosen,
            proxies=Proxies.from_environment(environment),
            credentials=Credentials.from_environment(environment),
        )


def _proxy_url(variable: str, value: str | None) -> str | None:
    if value is None:
        return None
    url = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(
            f"{variable} is not the address of an HTTP proxy",
            resolution=f"set {variable} as http://HOST:PORT, or unset it",
        )
    return url


def _matches(word: str, host: str, port: int) -> bool:
    if word == "*":
        return True
    word, wanted_port = _split_port(word)
    if wanted_port is not None and wanted_port != port:
        return False
    try:
        address = ip_address(host)
    except ValueError:
        word = word.lstrip(".").removeprefix("*.")
        return bool(word) and (host == word or host.endswith(f".{word}"))
    try:
        return address in ip_network(word, strict=False)
    except (ValueError, TypeError):
        return False


def _split_port(word: str) -> tuple[str, int | None]:
    if word.startswith("["):
        address, _, rest = word[1:].partition("]")
        return address, int(rest[1:]) if rest[:1] == ":" and rest[1:].isdigit() else None
    head, separator, tail = word.rpartition(":")
    if separator and tail.isdigit() and ":" not in head:
        return head, int(tail)
    return word, None
