"""All packages a resolution may choose from: several signed indexes seen as one, as apt does.

Owns versions, archive priorities and providers of names; chooses nothing. Order and duplicates
of the indexes never show: what a universe answers depends on their content alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Protocol

from neve.formats.deb.types import IndexPackage, Relation
from neve.formats.deb.versions import compare_versions
from neve.model import Digest
from neve.resolve.request import PackageKey

PRIORITY_DEFAULT = 500
PRIORITY_UPGRADES_ONLY = 100
PRIORITY_NOT_AUTOMATIC = 1


def archive_priority(*, not_automatic: bool, but_automatic_upgrades: bool) -> int:
    """The pin priority apt gives a release file with these fields (apt_preferences(5))."""
    if not not_automatic:
        return PRIORITY_DEFAULT
    return PRIORITY_UPGRADES_ONLY if but_automatic_upgrades else PRIORITY_NOT_AUTOMATIC


class PackageSource(Protocol):
    """One parsed ``Packages`` index; ``formats.deb.PackagesIndex`` is the real one."""

    @property
    def names(self) -> Iterable[str]:
        """Every package name of the index."""
        ...

    def get(self, name: str) -> Sequence[IndexPackage]:
        """All versions and architectures of ``name``."""
        ...

    def providers(self, name: str) -> Sequence[IndexPackage]:
        """All packages whose ``Provides`` names ``name``."""
        ...

    def essential(self) -> Sequence[str]:
        """The names of the packages that say they are essential."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """An index with its archive: ``archive`` is ``LockedArchive.id``, ``releases`` the words a
    recipe may use for it (alias, suite, codename, ``n=``/``a=`` names), ``priority`` apt's pin
    priority without any preference.
    """

    archive: str
    index: Digest
    packages: PackageSource
    priority: int = PRIORITY_DEFAULT
    releases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Available:
    """One version of a package that an index lists; compared by identity."""

    package: IndexPackage
    source: Source
    key: PackageKey

    def __str__(self) -> str:
        return f"{self.package.name} {self.package.version}"


def _newest_first(a: Available, b: Available) -> int:
    order = compare_versions(b.package.version, a.package.version)
    if order:
        return order
    one = (-a.source.priority, a.source.archive, str(a.package.digest))
    other = (-b.source.priority, b.source.archive, str(b.package.digest))
    return -1 if one < other else int(one > other)


class Universe:
    """Several indexes, a native architecture and the foreign ones that may be asked for.

    ``absent`` are sentences on archives that have nothing for the native architecture, ``unread``
    the names of suites that the distribution has beside those read, each with the alias that adds
    it to a recipe, ``scope`` sentences on what was read and what else there is: all to tell
    people who miss something.

    Answers are remembered, so that one universe serves many requests; not for concurrent use.
    """

    def __init__(
        self,
        sources: Iterable[Source],
        *,
        architecture: str,
        foreign: tuple[str, ...] = (),
        absent: tuple[str, ...] = (),
        unread: Mapping[str, str] | None = None,
        scope: tuple[str, ...] = (),
    ) -> None:
        self.scope = scope
        self.absent = absent
        self.unread = dict(unread or {})
        self.architecture = architecture
        self.architectures = (architecture, *foreign)
        self._sources = tuple(sorted(sources, key=lambda s: (s.archive, str(s.index))))
        self._available: dict[tuple[int, str, str, str], Available] = {}
        self._versions: dict[str, tuple[Available, ...]] = {}
        self._providers: dict[str, tuple[tuple[Available, Relation], ...]] = {}

    def versions(self, name: str) -> tuple[Available, ...]:
        """Every version of ``name`` on every architecture, newest first."""
        known = self._versions.get(name)
        if known is None:
            found = [
                self._intern(source, package)
                for source in self._sources
                for package in source.packages.get(name)
                if self._architecture_of(package) in self.architectures
            ]
            known = tuple(_distinct(sorted(found, key=cmp_to_key(_newest_first))))
            self._versions[name] = known
        return known

    def providers(self, name: str) -> tuple[tuple[Available, Relation], ...]:
        """Every version of a package that provides ``name``, with the relation saying so."""
        known = self._providers.get(name)
        if known is None:
            names = sorted(
                {package.name for s in self._sources for package in s.packages.providers(name)}
            )
            known = tuple(
                (version, relation)
                for provider in names
                for version in self.versions(provider)
                for relation in version.package.provides
                if relation.name == name
            )
            self._providers[name] = known
        return known

    def essential(self) -> list[str]:
        """The names of the native packages that every installation has, sorted."""
        return sorted({name for source in self._sources for name in source.packages.essential()})

    def releases(self) -> list[str]:
        """Every word that a request may name a release by, sorted."""
        return sorted({word for source in self._sources for word in source.releases})

    def names(self) -> list[str]:
        """Every package name, sorted: for suggestions, as it reads whole indexes."""
        return sorted({name for source in self._sources for name in source.packages.names})

    def _architecture_of(self, package: IndexPackage) -> str:
        return self.architecture if package.architecture == "all" else package.architecture

    def _intern(self, source: Source, package: IndexPackage) -> Available:
        identity = (id(source), package.name, package.version, package.architecture)
        known = self._available.get(identity)
        if known is None:
            key = (package.name, self._architecture_of(package))
            known = Available(package=package, source=source, key=key)
            self._available[identity] = known
        return known


def _distinct(ordered: Iterable[Available]) -> Iterable[Available]:
    """One entry for a file that several indexes list (``all`` packages, security and main)."""
    seen: set[tuple[str, str, str, int, tuple[str, ...]]] = set()
    for version in ordered:
        package = version.package
        mark = (
            version.key[1],
            package.version,
            str(package.digest),
            version.source.priority,
            version.source.releases,
        )
        if mark not in seen:
            seen.add(mark)
            yield version
