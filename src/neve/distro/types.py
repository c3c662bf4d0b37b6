"""What a distribution's release is, as frozen data: suites, keys, names, paths, addresses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from neve.errors import UsageError
from neve.model import Platform


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One signed suite. ``role`` is ``main``, ``updates``, ``security`` or ``backports``.

    ``alias`` names the archive in locks, ``suite`` is the directory below ``dists/``,
    ``signers`` are fingerprints (upper case) of primary keys that may sign it, ``keyring`` the
    shipped file that holds them. ``default`` suites are part of every lock.
    """

    role: str
    alias: str
    suite: str
    codename: str
    signers: tuple[str, ...]
    keyring: str
    origin: str
    label: str
    components: tuple[str, ...] = ("main",)
    default: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveHost:
    """Where an alias lives officially. ``name`` is the last part of its path at any mirror.

    ``architectures`` empty means all that no other host of the alias claims. ``snapshot`` is an
    address with ``{timestamp}`` (``20261101T000000Z``), ``None`` where there is no such service.
    """

    alias: str
    name: str
    urls: tuple[str, ...]
    architectures: tuple[str, ...] = ()
    snapshot: str | None = None
    snapshot_api: str | None = None
    """Base of a service with snapshot.debian.org's ``/mr/`` interface and ``/file/SHA1``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One release of a distribution.

    ``architectures`` pairs OCI platforms with the distribution's names, ``triplets`` pairs those
    with multiarch triplets. ``aliases`` are merged-/usr links, path → target, for each
    architecture (``""`` for all). ``alias_owner`` is the package that ships these links, ``None``
    where only an installer makes them. ``eol`` is the end of free security support (LTS).
    """

    id: str
    version: str
    codename: str
    title: str
    suites: tuple[Suite, ...]
    hosts: tuple[ArchiveHost, ...]
    architectures: tuple[tuple[Platform, str], ...]
    triplets: tuple[tuple[str, str], ...]
    aliases: tuple[tuple[str, str, str], ...]
    alias_owner: str | None
    eol: date

    def architecture(self, platform: Platform) -> str:
        """The distribution's name for ``platform``; `UsageError` if it has none."""
        for known, name in self.architectures:
            if known == platform:
                return name
        known_names = ", ".join(str(known) for known, _ in self.architectures)
        raise UsageError(
            f"{self.title} is not built for {platform}",
            resolution=f"choose among {known_names}",
        )

    def triplet(self, architecture: str) -> str:
        """The multiarch triplet of ``architecture``, as ``x86_64-linux-gnu``."""
        return dict(self.triplets)[architecture]

    def alias_links(self, architecture: str) -> tuple[tuple[str, str], ...]:
        """Merged-/usr links on ``architecture``: absolute path and relative target."""
        return tuple(
            (path, target) for path, target, only in self.aliases if only in ("", architecture)
        )

    def suite(self, name: str) -> Suite:
        """The suite with this role or name; `UsageError` if there is none."""
        for suite in self.suites:
            if name in (suite.role, suite.suite):
                return suite
        names = ", ".join(suite.role for suite in self.suites)
        raise UsageError(f"{self.title} has no suite {name!r}", resolution=f"choose among {names}")

    def host(self, alias: str, architecture: str) -> ArchiveHost | None:
        """Where ``alias`` lives for ``architecture``; ``None`` if it is not the distribution's."""
        hosts = [host for host in self.hosts if host.alias == alias]
        for host in hosts:
            if architecture in host.architectures:
                return host
        return next((host for host in hosts if not host.architectures), None)


LINUX_ARCHITECTURES = (
    (Platform("linux", "amd64"), "amd64"),
    (Platform("linux", "arm64"), "arm64"),
    (Platform("linux", "arm", "v7"), "armhf"),
    (Platform("linux", "386"), "i386"),
    (Platform("linux", "ppc64le"), "ppc64el"),
    (Platform("linux", "riscv64"), "riscv64"),
    (Platform("linux", "s390x"), "s390x"),
)
"""OCI platforms and what the Debian family calls them (dpkg's cputable and ostable)."""

TRIPLETS = (
    ("amd64", "x86_64-linux-gnu"),
    ("arm64", "aarch64-linux-gnu"),
    ("armhf", "arm-linux-gnueabihf"),
    ("i386", "i386-linux-gnu"),
    ("ppc64el", "powerpc64le-linux-gnu"),
    ("riscv64", "riscv64-linux-gnu"),
    ("s390x", "s390x-linux-gnu"),
)
"""``dpkg-architecture -qDEB_HOST_MULTIARCH`` for each."""

MERGED_USR = (
    ("/bin", "usr/bin", ""),
    ("/lib", "usr/lib", ""),
    ("/sbin", "usr/sbin", ""),
    ("/lib64", "usr/lib64", "amd64"),
    ("/lib64", "usr/lib64", "ppc64el"),
)
"""What merged-/usr systems have as links at the root; ``lib64`` only where the ABI names it."""
