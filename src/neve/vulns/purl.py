"""Reading package-urls, and whether one names what another is (purl-spec; OpenVEX's matching)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from neve.inventory import OsRelease, Package, PackageType


@dataclass(frozen=True, slots=True, kw_only=True)
class Purl:
    """A package-url in its parts, percent-encoding undone."""

    type: str
    namespace: str
    name: str
    version: str = ""
    qualifiers: Mapping[str, str] = field(default_factory=dict)


def parse(text: str) -> Purl | None:
    """``pkg:type/namespace/name@version?qualifiers#subpath``; ``None`` for what is none."""
    if not text.startswith("pkg:"):
        return None
    rest = text[4:].partition("#")[0].lstrip("/")
    rest, _, query = rest.partition("?")
    head, _, tail = rest.rpartition("/")
    # An unencoded @ may open a namespace (npm's scopes), never a name.
    name, _, version = tail.partition("@")
    type_, _, namespace = head.partition("/")
    if not type_ or not name:
        return None
    pairs = (part.partition("=") for part in query.split("&") if part)
    return Purl(
        type=type_.lower(),
        namespace=unquote(namespace),
        name=unquote(name),
        version=unquote(version),
        qualifiers={key.lower(): unquote(value) for key, _, value in pairs},
    )


def advisory_name(package: Package) -> str:
    """The name that advisories of the package's world use: ``group:artifact`` for Maven."""
    if package.type not in (PackageType.MAVEN, PackageType.COMPOSER, PackageType.NPM):
        return package.name
    found = parse(package.purl)
    if found is None or not found.namespace:
        return package.name.replace("/", ":") if package.type is PackageType.MAVEN else package.name
    if package.type is PackageType.NPM and package.name.startswith("@"):
        return package.name
    separator = ":" if package.type is PackageType.MAVEN else "/"
    return f"{found.namespace}{separator}{found.name}"


def names(statement: str, package: Package, os_release: OsRelease) -> bool:
    """Whether a product of a VEX statement is this package.

    Type, namespace and name must be equal, the version where the statement gives one, and every
    qualifier of the statement must hold; one that can't be checked does not.
    """
    wanted, own = parse(statement), parse(package.purl)
    if wanted is None or own is None:
        return False
    if (wanted.type, wanted.namespace) != (own.type, own.namespace):
        return False
    version = own.version
    if wanted.name != own.name:
        if wanted.name != package.source:
            return False
        version = package.source_version or package.version
    if wanted.version and wanted.version.removeprefix("v") != version.removeprefix("v"):
        return False
    return _qualified(wanted, own, os_release)


def _qualified(wanted: Purl, own: Purl, os_release: OsRelease) -> bool:
    known = {
        "os_name": os_release.id,
        "os_distro": os_release.codename,
        "os_version": os_release.version_id,
        "distro": f"{os_release.id}-{os_release.version_id}",
    }
    for key, value in wanted.qualifiers.items():
        if key == "arch" and value in ("source", "all", "noarch"):
            continue
        if own.qualifiers.get(key) == value or (known.get(key) and known[key] == value):
            continue
        if key == "distro" and value in (os_release.codename, os_release.version_id):
            continue
        return False
    return True
