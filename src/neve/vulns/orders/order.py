"""Which order versions of an ecosystem have. A version that has no place in it is an error here
and *undetermined* for whoever judges, never equal to anything.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cmp_to_key, lru_cache
from typing import Any

from neve.errors import NeveError
from neve.inventory import PackageType
from neve.vulns.ecosystems import package_type

_LONGEST = 300


class UnorderedError(ValueError):
    """The text is no version of that ecosystem."""


Order = Callable[[str], Any]
"""The sort key of a version; `UnorderedError` for what is none."""


@lru_cache(maxsize=32)
def order_of(ecosystem: str) -> Order:
    """The order of an ecosystem's versions; `UnorderedError` for one neve does not match."""
    kind = package_type(ecosystem)
    if kind is None:
        raise UnorderedError(f"no known order for {ecosystem}")
    inner = _plain(kind)

    @lru_cache(maxsize=1 << 15)
    def keyed(version: str) -> Any:  # noqa: ANN401 - whatever sorts
        if len(version) > _LONGEST:
            raise UnorderedError("longer than any version")
        try:
            return inner(version)
        except (NeveError, ValueError, RecursionError) as error:
            raise UnorderedError(f"no version of {ecosystem}: {version[:80]!r}") from error

    return keyed


def _plain(kind: PackageType) -> Order:
    match kind:
        case PackageType.DEB:
            from neve.formats.deb.versions import version_key

            return version_key
        case PackageType.APK:
            from neve.formats import apk

            return _compared(apk.compare_versions, apk.is_version)
        case PackageType.RPM:
            from neve.formats import rpm

            return _compared(rpm.compare_versions, rpm.is_version)
        case PackageType.PYPI:
            from packaging.version import Version

            return Version
        case PackageType.MAVEN:
            from neve.vulns.orders.maven import maven_key

            return maven_key
        case PackageType.GEM:
            from neve.vulns.orders.gem import gem_key

            return gem_key
        case PackageType.COMPOSER:
            from neve.vulns.orders.composer import composer_key

            return composer_key
        case PackageType.GOLANG:
            from neve.vulns.orders.semver import go_key

            return go_key
        case PackageType.NPM | PackageType.CARGO | PackageType.NUGET | PackageType.GENERIC:
            from neve.vulns.orders.semver import semver_key

            return semver_key
        case _:
            raise UnorderedError(f"no known order for versions of {kind}")


def _compared(compare: Callable[[str, str], int], is_version: Callable[[str], bool]) -> Order:
    """The order of a family that compares two versions instead of making keys."""
    key = cmp_to_key(compare)

    def keyed(version: str) -> Any:  # noqa: ANN401 - whatever sorts
        if not is_version(version):
            raise UnorderedError("no version of that family")
        return key(version)

    return keyed
