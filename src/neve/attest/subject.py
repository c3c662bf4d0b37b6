"""What attestations are about: one built image with the lock it came from.

Nothing in the documents that a configuration label names by digest (SPDX, CycloneDX, build
record) may hold the image's digest, which covers that label, nor the version of neve, which
would give every release of it other image digests from the same lock. Their identity is the
image's ChainID; their tool version is ``ATTEST_VERSION``.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from neve.distro import find_distro
from neve.model import Digest
from neve.recipe.lock import Lock, LockedPackage, LockedTarget
from neve.tree import FileEntry, Kind, Tree

ATTEST_VERSION = "3"
"""Changes whenever the same input would give other bytes; belongs into a lock's rules."""

ReadContent = Callable[[FileEntry], "bytes | memoryview"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestedImage:
    """One image. ``identity`` is its ChainID; ``lock_data`` the lock file's bytes;
    ``recipe_digest`` and ``lock_digest`` are those of the configuration labels; ``read`` gives
    the bytes of a file of ``tree`` (copyright files are read for licences).
    """

    name: str
    identity: Digest
    lock: Lock
    lock_data: bytes
    lock_digest: Digest
    recipe_digest: Digest
    target: LockedTarget
    tree: Tree
    read: ReadContent

    @property
    def title(self) -> str:
        """Name, variant and platform in one word, as ``python-debug-linux-arm64``."""
        platform = str(self.target.platform).replace("/", "-")
        variant = f"-{self.target.variant}" if self.target.variant else ""
        return f"{self.name}{variant}-{platform}"

    @property
    def packages(self) -> tuple[LockedPackage, ...]:
        """The image's packages by name, then architecture."""
        chosen = (self.lock.packages[index] for index in self.target.packages)
        return tuple(sorted(chosen, key=lambda p: (p.name, p.architecture, p.version)))

    @property
    def distro(self) -> str:
        """The purl qualifier naming distribution and release, as ``debian-13``."""
        return f"{self.lock.recipe.base.name}-{self.version}"

    @property
    def version(self) -> str:
        """The release as ``os-release`` and scanners name it, even if the recipe says its
        codename.
        """
        base = self.lock.recipe.base
        return find_distro(base.name, base.release).version

    def purl(self, package: LockedPackage) -> str:
        """The package's purl (package-url, type ``deb``)."""
        return self._purl(package.name, package.version, package.architecture)

    def source_purl(self, package: LockedPackage) -> str:
        """The purl of the source package it was built from."""
        return self._purl(package.source, package.source_version, "source")

    def _purl(self, name: str, version: str, architecture: str) -> str:
        vendor = quote(self.lock.recipe.base.name, safe="")
        return (
            f"pkg:deb/{vendor}/{quote(name, safe='')}@{quote(version, safe=':')}"
            f"?arch={architecture}&distro={quote(self.distro, safe='')}"
        )

    def uuid(self, purpose: str) -> uuid.UUID:
        """An id that is the same for the same image and purpose."""
        return uuid.uuid5(uuid.NAMESPACE_OID, f"{purpose} {self.title} {self.identity}")


def timestamp(seconds: int) -> str:
    """Seconds since the epoch as RFC 3339."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def written(path: str) -> str:
    """``path`` as JSON can hold it: bytes that are no UTF-8 appear as ``\\xNN``."""
    if path.isascii():
        return path
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def regular_files(tree: Tree) -> list[tuple[FileEntry, FileEntry]]:
    """Every regular file, hard links included, as (entry, entry holding the content)."""
    found = []
    for entry in tree:
        if entry.kind is Kind.FILE:
            found.append((entry, entry))
        elif entry.kind is Kind.HARDLINK:
            found.append((entry, tree.content_entry(entry)))
    return found
