"""Where each archive is: the caller's word first, then the host's apt sources, then official.

An address never reaches a lock; there archives are named by alias.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from neve.archive.apt_sources import AptSource, read_apt_sources
from neve.distro import ArchiveHost, Release, releases
from neve.errors import HostileInputError, UsageError

SNAPSHOT = "snapshot"
"""The alias under which ``overrides`` may name another snapshot service of the same layout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrors:
    """Base addresses by alias.

    ``overrides`` are the caller's (``neve.toml``), by alias or by the name of the archive's last
    path part (``ubuntu-ports``); ``repositories`` are addresses that a recipe gives for its own
    aliases; ``hosts`` and ``sources`` fill in the rest.
    """

    overrides: Mapping[str, Sequence[str]]
    repositories: Mapping[str, str]
    hosts: tuple[ArchiveHost, ...]
    sources: tuple[AptSource, ...] = ()

    @classmethod
    def of_host(
        cls,
        *,
        overrides: Mapping[str, Sequence[str]] | None = None,
        repositories: Mapping[str, str] | None = None,
        release: Release | None = None,
        apt_directory: Path = Path("/etc/apt"),
    ) -> Mirrors:
        """The mirrors as this machine sees them; ``release`` ``None`` for every known one."""
        known = (release,) if release is not None else releases()
        return cls(
            overrides=dict(overrides or {}),
            repositories=dict(repositories or {}),
            hosts=tuple(dict.fromkeys(host for one in known for host in one.hosts)),
            sources=read_apt_sources(apt_directory),
        )

    def urls(self, alias: str, architecture: str) -> tuple[str, ...]:
        """Base addresses of ``alias`` for ``architecture``, the first one to be tried first.

        `UsageError` when nobody said where it is.
        """
        if alias in self.repositories and alias not in self.overrides:
            return (self.repositories[alias].rstrip("/"),)
        found: list[str] = []
        for host in self._hosts(alias, architecture):
            found += self._host_urls(host)
        if not found:
            found += self.overrides.get(alias, ())
        if not found:
            raise UsageError(
                f"nobody said where the archive {alias!r} is",
                resolution=f"add an address under [mirrors] in neve.toml: {alias} = "
                '["https://HOST/PATH"]',
            )
        return tuple(dict.fromkeys(url.rstrip("/") for url in found))

    def snapshot_urls(self, alias: str, timestamp: str) -> tuple[str, ...]:
        """Base addresses of ``alias`` as it was at ``timestamp``; empty if there is no service."""
        if SNAPSHOT in self.overrides:
            return tuple(
                f"{base.rstrip('/')}/archive/{alias}/{timestamp}"
                for base in self.overrides[SNAPSHOT]
            )
        templates = [host.snapshot for host in self._hosts(alias, "") if host.snapshot]
        return tuple(dict.fromkeys(t.format(timestamp=timestamp) for t in templates))

    def snapshot_apis(self, alias: str) -> tuple[str, ...]:
        """Bases of services that find a package by name and version; empty if there is none."""
        if SNAPSHOT in self.overrides:
            return tuple(base.rstrip("/") for base in self.overrides[SNAPSHOT])
        apis = [host.snapshot_api for host in self._hosts(alias, "") if host.snapshot_api]
        return tuple(dict.fromkeys(apis))

    def _hosts(self, alias: str, architecture: str) -> list[ArchiveHost]:
        """The hosts of ``alias`` for ``architecture``; packages for ``all`` are on every one."""
        hosts = [host for host in self.hosts if host.alias == alias]
        if architecture in ("", "all"):
            return hosts
        claimed = [host for host in hosts if architecture in host.architectures]
        return claimed or [host for host in hosts if not host.architectures]

    def _host_urls(self, host: ArchiveHost) -> Iterable[str]:
        for key in (host.name, host.alias):
            if self.overrides.get(key):
                return self.overrides[key]
        chosen = [source.url for source in self.sources if _carries(source, host)]
        return chosen or host.urls


def join_url(base: str, path: str) -> str:
    """The address of ``path`` below ``base``; `HostileInputError` for a path that leads out."""
    parts = path.split("/")
    if not path or any(part in ("", ".", "..") for part in parts) or not path.isprintable():
        raise HostileInputError(
            f"{path!r} can't be a path in an archive",
            resolution="the index or lock that holds it was not made by an honest tool: "
            "do not use it",
        )
    return f"{base}/{quote(path, safe='/+~:')}"


def _carries(source: AptSource, host: ArchiveHost) -> bool:
    """Whether ``source`` looks like a mirror of ``host``. A wrong guess is caught by signatures."""
    ours = not source.signed_by or f"{host.alias.partition('-')[0]}-archive" in source.signed_by
    last = urlsplit(source.url).path.rstrip("/").rpartition("/")[2]
    return ours and last == host.name and "main" in source.components
