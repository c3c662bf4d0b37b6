"""Matching packages against the index: who judges which package, and what all say together.

Owns the rules of precedence: a distribution's packages are judged by its own advisories, its
tracker's word on the state goes before an advisory's, and what nobody can judge is said so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, fields

from neve.inventory import DISTRIBUTION_TYPES, OsRelease, Package, PackageType
from neve.vulns.combine import Combined, combine, listed
from neve.vulns.ecosystems import from_os_release, normal_name, package_type
from neve.vulns.index import Index
from neve.vulns.orders.order import UnorderedError, order_of
from neve.vulns.origin import doubt_of
from neve.vulns.purl import advisory_name
from neve.vulns.types import (
    SETTLED,
    Covered,
    Doubt,
    FeedState,
    Finding,
    Matched,
    NotJudged,
)
from neve.vulns.vex import Products, apply_statements

_TRACKER = "debian-tracker"
_LANGUAGE_FEEDS = {
    PackageType.PYPI: "osv-pypi",
    PackageType.NPM: "osv-npm",
    PackageType.MAVEN: "osv-maven",
    PackageType.GOLANG: "osv-go",
    PackageType.GEM: "osv-rubygems",
    PackageType.COMPOSER: "osv-packagist",
    PackageType.CARGO: "osv-crates.io",
    PackageType.NUGET: "osv-nuget",
}
_BY_BINARY = frozenset(("almalinux", "rocky"))
"""Families whose advisories name binary packages."""


def match(
    packages: Iterable[Package],
    os_release: OsRelease,
    index: Index,
    *,
    trusted: Collection[tuple[str, str]] = (),
    products: Collection[str] = (),
    settled: bool = False,
) -> Matched:
    """Judge every package of an image by the feeds of ``index``.

    ``trusted`` are (name, version) of packages whose origin a build record proves. ``products``
    are names of the image itself (package-urls, digests) that VEX statements may use.
    ``settled`` also returns what is fixed or not affected. The order of ``packages`` does not
    matter; the same input gives the same result.
    """
    matching = _Matching(
        index=index,
        os_release=os_release,
        distribution=from_os_release(os_release),
        trusted=frozenset(trusted),
        settled=settled,
    )
    matching.run(sorted(set(packages)))
    where = Products(os_release=os_release, names=frozenset(products))
    findings = apply_statements(matching.findings, index.statements, where)
    if not settled:
        findings = [finding for finding in findings if finding.state not in SETTLED]
    findings.sort(key=lambda f: (f.package, f.id))
    return Matched(
        findings=tuple(findings),
        not_judged=tuple(matching.not_judged),
        covered=tuple(matching.covered),
        feeds=_used(index, matching.used | {e.feed for f in findings for e in f.evidence}),
        missing=tuple(sorted(matching.missing)),
        judged=matching.judged,
    )


def _used(index: Index, names: set[str]) -> tuple[FeedState, ...]:
    general = {feed.name for feed in index.feeds if feed.kind in ("kev", "epss", "cve")}
    return tuple(feed for feed in index.feeds if feed.name in names | general)


@dataclass(slots=True, kw_only=True)
class _Matching:
    index: Index
    os_release: OsRelease
    distribution: str | None
    trusted: frozenset[tuple[str, str]]
    settled: bool
    findings: list[Finding] = field(default_factory=list)
    not_judged: list[NotJudged] = field(default_factory=list)
    covered: list[Covered] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    judged: int = 0
    _combined: dict[tuple[str, str, str], tuple[Combined, ...]] = field(default_factory=dict)

    def run(self, packages: list[Package]) -> None:
        """The distribution's packages first: whether an owner was judged decides for the rest."""
        owners: set[str] = set()
        for package in packages:
            if package.type in DISTRIBUTION_TYPES and self._distributed(package):
                owners.add(package.name)
        for package in packages:
            if package.type in DISTRIBUTION_TYPES:
                continue
            if package.owner in owners:
                self.covered.append(Covered(package=package, owner=package.owner))
            else:
                self._language(package)
        self.not_judged.sort(key=lambda item: item.package)

    def _doubt(self, package: Package, doubt: Doubt, reason: str) -> None:
        self.not_judged.append(NotJudged(package=package, doubt=doubt, reason=reason))

    def _distributed(self, package: Package) -> bool:
        """Judge a distribution's package; whether its advisories speak for it."""
        ecosystem = self.distribution
        if ecosystem is None or package_type(ecosystem) is not package.type:
            name = self.os_release.name or self.os_release.id or "an unnamed distribution"
            self._doubt(package, Doubt.DISTRIBUTION, f"no feed neve knows covers {name}")
            return False
        family = ecosystem.partition(":")[0]
        if (package.name, package.version) not in self.trusted:
            doubt = doubt_of(package, family, _Archive(self.index, ecosystem))
            if doubt is not None:
                self._doubt(package, *doubt)
                return False
        covering = self.index.scopes.get(ecosystem, ())
        self.used.update(covering)
        binary = family in _BY_BINARY or not package.source
        name = package.name if binary else package.source
        version = package.version if binary else package.source_version or package.version
        judged = self._judge(package, ecosystem, name, version)
        lacking = self._lacking(ecosystem, covering)
        if lacking:
            self.missing.add(lacking)
            self._doubt(package, Doubt.FEED, f"the index lacks {lacking}")
        elif judged:
            self.judged += 1
        return judged

    def _lacking(self, ecosystem: str, covering: tuple[str, ...]) -> str:
        """The feed that must be there to judge the ecosystem, if it is not.

        Debian's advisories alone tell of fixes, never of what is still open.
        """
        kinds = {feed.name: feed.kind for feed in self.index.feeds}
        if ecosystem.startswith("debian:"):
            complete = any(kinds.get(name) == _TRACKER for name in covering)
            return "" if complete else f"{_TRACKER} for {ecosystem}"
        return "" if covering else f"a feed for {ecosystem}"

    def _language(self, package: Package) -> None:
        ecosystem = package.type.value
        name = normal_name(package.type, advisory_name(package))
        if package.type is PackageType.GENERIC and not self.index.knows(ecosystem, name):
            why = "a program of no package, which no feed in the index knows"
            self._doubt(package, Doubt.ECOSYSTEM, why)
            return
        covering = self.index.scopes.get(ecosystem, ())
        if not covering:
            feed = _LANGUAGE_FEEDS.get(package.type)
            if feed is None:
                why = f"no feed neve knows covers packages of type {ecosystem}"
                self._doubt(package, Doubt.ECOSYSTEM, why)
            else:
                self.missing.add(feed)
                self._doubt(package, Doubt.FEED, f"the index lacks {feed}")
            return
        self.used.update(covering)
        if self._judge(package, ecosystem, name, package.version):
            self.judged += 1

    def _judge(self, package: Package, ecosystem: str, name: str, version: str) -> bool:
        try:
            order_of(ecosystem)(version)
        except UnorderedError:
            shown = version[:60] or "none"
            self._doubt(package, Doubt.VERSION, f"its version can't be ordered: {shown}")
            for combined in listed(self.index, ecosystem, name, version):
                self.findings.append(_finding(package, combined))
            return False
        key = (ecosystem, name, version)
        if key not in self._combined:
            self._combined[key] = combine(self.index, *key, settled=self.settled)
        for combined in self._combined[key]:
            self.findings.append(_finding(package, combined))
        return True


def _finding(package: Package, combined: Combined) -> Finding:
    values = {item.name: getattr(combined, item.name) for item in fields(combined)}
    return Finding(package=package, **values)


class _Archive:
    """What the index knows of the release's archives."""

    def __init__(self, index: Index, ecosystem: str) -> None:
        self._index = index
        self._ecosystem = ecosystem
        family = ecosystem.partition(":")[0] + ":"
        self._releases = [name for name in index.scopes if name.startswith(family)]

    def knows(self, source: str) -> bool:
        return any(self._index.knows(release, source) for release in self._releases)

    def versions(self, source: str) -> tuple[str, ...]:
        return self._index.archived(self._ecosystem, source)
