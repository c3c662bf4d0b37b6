"""Ecosystem keys: what a feed, an ``os-release`` and a package call the same world.

A key is ``debian:bookworm``, ``ubuntu:24.04``, ``alpine:v3.22``, ``almalinux:9``, ``wolfi`` or the
package-url type of a language (``pypi``). Owns no version order (``orders``) and no feed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from neve.inventory import DISTRIBUTION_TYPES, OsRelease, PackageType

CODENAMES: Mapping[str, str] = {
    "3.0": "woody",
    "3.1": "sarge",
    "4.0": "etch",
    "5.0": "lenny",
    "6.0": "squeeze",
    "7": "wheezy",
    "8": "jessie",
    "9": "stretch",
    "10": "buster",
    "11": "bullseye",
    "12": "bookworm",
    "13": "trixie",
    "14": "forky",
    "15": "duke",
}
"""Debian's releases (debian.org/releases): OSV names numbers, the tracker names code names."""

_OSV_PLAIN: Mapping[str, str] = {
    "PyPI": PackageType.PYPI,
    "npm": PackageType.NPM,
    "Go": PackageType.GOLANG,
    "Maven": PackageType.MAVEN,
    "RubyGems": PackageType.GEM,
    "Packagist": PackageType.COMPOSER,
    "crates.io": PackageType.CARGO,
    "NuGet": PackageType.NUGET,
    "DHI": PackageType.GENERIC,
    "Wolfi": "wolfi",
    "Chainguard": "chainguard",
}
_ROLLING = frozenset(("wolfi", "chainguard"))
_RPM_FAMILY = frozenset(("almalinux", "rocky"))
_NUMBER = re.compile(r"[0-9]{1,4}(\.[0-9]{1,4}){0,2}")


def from_osv(ecosystem: str) -> str | None:
    """The key for an OSV ecosystem (ossf.github.io/osv-schema, "Defined Ecosystems").

    ``None`` for one neve does not match: other languages, paid extensions (``Ubuntu:Pro:…``).
    """
    base, _, rest = ecosystem.partition(":")
    if not rest:
        return _OSV_PLAIN.get(base)
    if base == "Debian":
        return f"debian:{CODENAMES.get(rest.removesuffix('.0'), CODENAMES.get(rest, rest))}"
    if base == "Ubuntu":
        number = rest.removesuffix(":LTS")
        return f"ubuntu:{number}" if _NUMBER.fullmatch(number) else None
    family = {"Alpine": "alpine", "AlmaLinux": "almalinux", "Rocky Linux": "rocky"}.get(base)
    return f"{family}:{rest}" if family and len(rest) < 16 else None


def from_os_release(os_release: OsRelease) -> str | None:
    """The key of an image's distribution; ``None`` where no feed speaks of it, derivatives
    included: a derivative's packages are not its parent's.
    """
    identifier, version = os_release.id.lower(), os_release.version_id
    if identifier == "debian":
        # Testing and unstable have no number, and one os-release for both (base-files).
        name = os_release.codename or CODENAMES.get(version, "")
        return f"debian:{name}" if name else None
    if identifier == "ubuntu":
        return f"ubuntu:{version}" if version else None
    if identifier == "alpine":
        parts = version.split(".")
        if "_alpha" in version or "edge" in os_release.name.lower():
            return "alpine:edge"
        return f"alpine:v{parts[0]}.{parts[1]}" if len(parts) > 1 else None
    if identifier in _RPM_FAMILY:
        return f"{identifier}:{version.partition('.')[0]}" if version else None
    return identifier if identifier in _ROLLING else None


def package_type(ecosystem: str) -> PackageType | None:
    """Which kind of package an ecosystem holds, and with that its version order."""
    family = ecosystem.partition(":")[0]
    if family in ("debian", "ubuntu"):
        return PackageType.DEB
    if family in ("alpine", "wolfi", "chainguard"):
        return PackageType.APK
    if family in _RPM_FAMILY:
        return PackageType.RPM
    try:
        return PackageType(family)
    except ValueError:
        return None


def is_distribution(ecosystem: str) -> bool:
    """Whether the key names a distribution's release and not a language."""
    return package_type(ecosystem) in DISTRIBUTION_TYPES


def normal_name(kind: PackageType, name: str) -> str:
    """``name`` as advisories and packages both come down to: PEP 503 for Python, lower case for
    Composer and NuGet, as it stands for all others.
    """
    if kind is PackageType.PYPI:
        return re.sub(r"[-_.]+", "-", name).lower()
    if kind in (PackageType.COMPOSER, PackageType.NUGET):
        return name.lower()
    return name
