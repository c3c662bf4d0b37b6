"""Whose package it is. A distribution's advisories speak of its own builds only, so a package of
another origin, or of none that can be told, is not judged by them.

What says "the distribution's own": a record of the build, its maintainer's address, or a source
package that its advisories know or that is known to be maintained from elsewhere. What says
"another's": a version that another builder's tools write, or none of the distribution's revisions.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Protocol

from neve.inventory import Package, PackageType
from neve.vulns.types import Doubt

_FOREIGN_DEB = re.compile(
    r"nodesource|\.pgdg|~deb\.sury|\+deb\.sury|ubuntu|~(?:jammy|noble|focal|xenial)|kali|mx\d+|"
    r"~(?:debian|ubuntu)[.~-]?\d|~raspbian|\+rpt\d|dmo\d|~(?:bookworm|bullseye|trixie|buster)\b|"
    r"-(?:bookworm|bullseye|trixie|buster)\d*$|\ddebian\d|\+maria~|percona|~stable\b"
)
"""Marks that others' build tools leave in versions (from their archives' indexes)."""
_NATIVE = re.compile(r"\d[0-9.]*(?:[+~]deb\d+u\d+|\+nmu\d+)*")
"""A version without a revision: of a package that has no upstream but Debian."""
_BACKPORT = re.compile(r"~bpo\d+\+")
_DEBIAN_ADDRESS = re.compile(
    r"@(?:[a-z0-9-]+\.)*(?:debian\.org|debian\.net)|"
    r"@lists\.alioth\.debian\.org|@alioth-lists\.debian\.net"
)
_DEBIAN_REVISION = re.compile(
    r"-(?:\d+(?:\.\d+)*)(?:\+b\d+|[+~]deb\d+u\d+|\+nmu\d+)*$|\+deb\d+u\d+|\+nmu\d+"
)
SOURCES_FILE = "data/debian-sources.txt"
"""Debian's source packages whose maintainers write from elsewhere; tools/own_sources.py."""
_RPM_OWNERS = {
    "almalinux": re.compile(r"almalinux", re.IGNORECASE),
    "rocky": re.compile(r"rocky|resf\b", re.IGNORECASE),
}
_APK_REVISION = re.compile(r"-r\d+$")


class Archive(Protocol):
    """What the feeds know of a distribution's release."""

    def knows(self, source: str) -> bool:
        """Whether an advisory names this source package in any release."""
        ...

    def versions(self, source: str) -> tuple[str, ...]:
        """The versions that the release's archives have; none where no feed tells."""
        ...


def is_debian_address(maintainer: str) -> bool:
    """Whether a ``Maintainer`` field holds an address of Debian's domains."""
    return _DEBIAN_ADDRESS.search(maintainer.lower()) is not None


@cache
def _own_sources() -> frozenset[str]:
    text = files("neve.vulns").joinpath(SOURCES_FILE).read_text("utf-8")
    return frozenset(text.split())


def doubt_of(package: Package, family: str, archive: Archive) -> tuple[Doubt, str] | None:
    """Why ``package`` can't be judged by the advisories of ``family`` (``debian``); or ``None``."""
    if package.type is PackageType.DEB:
        return _deb(package, family, archive)
    if package.type is PackageType.RPM:
        return _rpm(package, family)
    if not _APK_REVISION.search(package.version):
        return Doubt.FOREIGN, f"its version has no revision, as every package of {family} has"
    return None


def _deb(package: Package, family: str, archive: Archive) -> tuple[Doubt, str] | None:
    version = package.source_version or package.version
    if _BACKPORT.search(version):
        return Doubt.FOREIGN, f"from backports ({version}), which no advisory of {family} follows"
    mark = _FOREIGN_DEB.search(version)
    if mark is not None and not (family == "ubuntu" and "ubuntu" in mark[0]):
        return Doubt.FOREIGN, f"{mark[0]!r} in its version {version} is another builder's mark"
    own_address = is_debian_address(package.maintainer)
    if family == "ubuntu":
        own_address = own_address or "@ubuntu.com" in package.maintainer.lower()
        own_address = own_address or "ubuntu.com>" in package.maintainer.lower()
    if own_address:
        return None
    return _strange(package, version, family, archive)


def _strange(
    package: Package, version: str, family: str, archive: Archive
) -> tuple[Doubt, str] | None:
    """Of a package whose maintainer's address tells nothing."""
    source = package.source or package.name
    native = source in _own_sources() and family == "debian"
    if native and _NATIVE.fullmatch(version):
        return None
    if "-" not in version and not _DEBIAN_REVISION.search(version):
        return Doubt.FOREIGN, f"its version {version} has no revision of {family}'s"
    who = f"its maintainer is {package.maintainer or 'not named'}"
    if not native and not archive.knows(source):
        why = f"nothing says that it is {family}'s own: {who}, no advisory knows {source}"
        return Doubt.UNKNOWN_ORIGIN, why
    known = archive.versions(source)
    if known and _upstream(version) not in {_upstream(other) for other in known}:
        why = f"{who}, and {family} has {source} as {', '.join(known[:3])}, not as {version}"
        return Doubt.UNKNOWN_ORIGIN, why
    return None


def _upstream(version: str) -> str:
    """A version without the distribution's revision."""
    return re.sub(r"[+~](?:deb\d+u|nmu)\d+.*$", "", version.rpartition("-")[0] or version)


def _rpm(package: Package, family: str) -> tuple[Doubt, str] | None:
    owner = _RPM_OWNERS.get(family)
    if owner is None or owner.search(package.maintainer):
        return None
    if package.maintainer:
        return Doubt.FOREIGN, f"its packager is {package.maintainer}, not {family}"
    return Doubt.UNKNOWN_ORIGIN, "its database entry names no packager"
