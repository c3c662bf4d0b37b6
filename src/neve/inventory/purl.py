"""Package-urls: how any tool names a package of any kind.

Writes them only. Source: the package-url specification (PURL-SPECIFICATION.rst, PURL-TYPES.rst)
and, for what distributions add to it, the qualifiers that syft and trivy write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

from neve.inventory.types import DISTRIBUTION_TYPES, OsRelease, Package, PackageType

_LOWER_NAMES = frozenset(("pypi", "composer", "npm", "apk", "hex", "pub", "bitnami"))
_NAMESPACES = {"rhel": "redhat", "opensuse-leap": "opensuse", "opensuse-tumbleweed": "opensuse"}
_LOWER_NAMESPACES = frozenset(("pypi", "composer", "apk", "hex"))


def package_url(
    type_: str,
    name: str,
    version: str = "",
    *,
    namespace: str = "",
    qualifiers: Mapping[str, str] | None = None,
    subpath: str = "",
) -> str:
    """``pkg:type/namespace/name@version?qualifiers#subpath`` in its one canonical form.

    ``namespace`` may have several segments (``@scope``, ``github.com/owner``). Qualifiers
    without a value are left out, the others sorted. "" for a package without a name.
    """
    if type_ in _LOWER_NAMES:
        name = name.lower()
    if type_ in _LOWER_NAMESPACES:
        namespace = namespace.lower()
    if type_ == "pypi":
        name = name.replace("_", "-")
    name = _quoted(name.strip().strip("/"))
    if not name:
        return ""
    segments = [_quoted(part) for part in namespace.strip().split("/") if part.strip()]
    text = "/".join((f"pkg:{type_}", *segments, name))
    if version.strip():
        text += f"@{_quoted(version.strip())}"
    pairs = sorted((key, value) for key, value in (qualifiers or {}).items() if value.strip())
    if pairs:
        text += "?" + "&".join(f"{key}={_quoted(value)}" for key, value in pairs)
    parts = [_quoted(part) for part in subpath.split("/") if part not in ("", ".", "..")]
    return text + (f"#{'/'.join(parts)}" if parts else "")


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogateescape"), safe=":")


def distribution_url(package: Package, release: OsRelease) -> Package:
    """``package`` with its package-url; those of a distribution name it, as syft and trivy do.

    Other types keep the one their reader gave them.
    """
    if package.type not in DISTRIBUTION_TYPES:
        return package
    version, epoch = package.version, ""
    if package.type is PackageType.RPM and ":" in version:
        epoch, _, version = version.partition(":")
    qualifiers = {
        "arch": package.architecture,
        "distro": "-".join(part for part in (release.id, release.version_id) if part),
        "epoch": epoch if epoch != "0" else "",
        "upstream": _upstream(package),
    }
    namespace = _NAMESPACES.get(release.id, release.id)
    url = package_url(
        package.type.value, package.name, version, namespace=namespace, qualifiers=qualifiers
    )
    return replace(package, purl=url)


def _upstream(package: Package) -> str:
    source, version = package.source, package.source_version
    if not source or (source == package.name and version in ("", package.version)):
        return ""
    return f"{source}@{version}" if version not in ("", package.version) else source
