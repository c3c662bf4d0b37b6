"""Names of images in registries: ``registry/repository:tag@digest``.

The grammar and Docker Hub's defaults are those of github.com/distribution/reference; the hosts
behind ``docker.io`` are Docker's own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from ipaddress import ip_address

from neve.errors import UsageError
from neve.model import Digest

DEFAULT_REGISTRY = "docker.io"
DEFAULT_TAG = "latest"
_OFFICIAL = "library"
_HUB_HOST = "registry-1.docker.io"
_HUB_NAMES = ("docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com")
_MAX_REPOSITORY = 255
_MAX_TEXT = 1024

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{{1,5}})?")
_WORD = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_WORD}(?:/{_WORD})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Reference:
    """An image in a registry. ``registry`` is its host as people write it (``docker.io``,
    ``localhost:5000``); with a ``digest`` the tag is only for people.
    """

    registry: str
    repository: str
    tag: str | None = None
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read ``[docker://][registry/]repository[:tag][@digest]``; raises ``UsageError``.

        Without a registry Docker Hub is meant, and there ``library/`` for a single word.
        """
        bare = text.removeprefix("docker://")
        if len(bare) > _MAX_TEXT:
            raise _refused(f"{text[:60]}…", "it is too long")
        name, separator, digest_text = bare.partition("@")
        digest = _digest(text, digest_text) if separator else None
        name, tag = _split_tag(name)
        if tag is not None and not _TAG.fullmatch(tag):
            raise _refused(text, f"{tag!r} is no tag")
        registry, repository = _split_registry(name)
        return cls(
            registry=_checked_registry(text, registry),
            repository=_checked_repository(text, registry, repository),
            tag=tag,
            digest=digest,
        )

    @property
    def name(self) -> str:
        """Registry and repository, in full."""
        return f"{self.registry}/{self.repository}"

    @property
    def wanted(self) -> str:
        """What to ask the registry for: the digest, else the tag, else ``latest``."""
        return str(self.digest) if self.digest else self.tag or DEFAULT_TAG

    @property
    def host(self) -> str:
        """Host and port to connect to."""
        return _HUB_HOST if self.registry == DEFAULT_REGISTRY else self.registry

    def at(self, digest: Digest) -> Reference:
        """The same name fixed to ``digest``."""
        return replace(self, digest=digest)

    def tagged(self, tag: str) -> Reference:
        """The same repository under ``tag``; raises ``UsageError`` for what is none."""
        if not _TAG.fullmatch(tag):
            raise _refused(tag, "it is no tag")
        return replace(self, tag=tag, digest=None)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.name}{tag}{digest}"


def names_registry(text: str) -> bool:
    """Whether ``text`` begins with a registry's host: a first part with a dot, a port or
    upper case, or ``localhost``.
    """
    first, separator, _ = text.partition("/")
    return bool(separator) and _is_host(first)


def is_loopback(host: str) -> bool:
    """Whether ``host`` (with or without a port) is this machine's own loopback interface."""
    name = _without_port(host)
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name.lower().rstrip(".") == "localhost"


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _split_tag(name: str) -> tuple[str, str | None]:
    head, separator, tail = name.rpartition(":")
    if separator and "/" not in tail:
        return head, tail
    return name, None


def _is_host(first: str) -> bool:
    return first == "localhost" or any(c in first for c in ".:[") or first != first.lower()


def _split_registry(name: str) -> tuple[str, str]:
    first, separator, rest = name.partition("/")
    if separator and _is_host(first):
        return first, rest
    return DEFAULT_REGISTRY, name


def _checked_registry(text: str, registry: str) -> str:
    if not _HOST.fullmatch(registry):
        raise _refused(text, f"{registry!r} is no host")
    name = _without_port(registry)
    port = registry[len(name) + (2 if registry.startswith("[") else 0) :].removeprefix(":")
    if port and not 0 < int(port) < 65536:
        raise _refused(text, f"{port} is no port")
    if registry.startswith("["):
        try:
            ip_address(name)
        except ValueError:
            raise _refused(text, f"{registry!r} is no host") from None
    lower = registry.lower()
    return DEFAULT_REGISTRY if lower in _HUB_NAMES else lower


def _checked_repository(text: str, registry: str, repository: str) -> str:
    if not _REPOSITORY.fullmatch(repository) or len(repository) > _MAX_REPOSITORY:
        raise _refused(text, f"{repository!r} is no repository (lower case, parts joined by /)")
    hub = registry.lower() in _HUB_NAMES
    return f"{_OFFICIAL}/{repository}" if hub and "/" not in repository else repository


def _digest(text: str, digest: str) -> Digest:
    try:
        found = Digest.parse(digest)
    except ValueError:
        raise _refused(text, f"{digest!r} is no digest") from None
    if found.algorithm != "sha256":
        raise _refused(text, f"a {found.algorithm} digest; neve names content by sha256")
    return found


def _refused(text: str, cause: str) -> UsageError:
    return UsageError(
        f"{text}: not a name that a registry takes: {cause}",
        resolution="Write it as registry.example/team/app:1.0 or app@sha256:….",
    )
