"""Which one version of each package a request may use, and what satisfies a relation.

The rules of apt_preferences(5) and of the Multi-Arch specification; one object per request.
Searching among what is offered here is ``resolve.search``'s work.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from neve.formats.deb.types import Clause, Relation
from neve.formats.deb.versions import satisfies
from neve.recipe.types import PackageRequest
from neve.resolve.request import PackageKey, Request
from neve.resolve.universe import Available, Universe

_PRIORITY_RANK = {"required": 0, "important": 1, "standard": 2, "optional": 3, "extra": 4}


def matches_version(version: str, wanted: str) -> bool:
    """Whether ``version`` is the exact version or matches the glob ``wanted``."""
    return fnmatchcase(version, wanted) if any(c in wanted for c in "*?[") else version == wanted


class Candidates:
    """The candidate version of every package under one request's pins and exclusions."""

    def __init__(self, request: Request, universe: Universe) -> None:
        self.universe = universe
        self.excluded = frozenset(request.exclude)
        self._pins: dict[str, list[PackageRequest]] = {}
        for wanted in request.requests:
            self._pins.setdefault(wanted.name, []).append(wanted)
        self._fixed: dict[PackageKey, str] = {}
        for chosen in request.within.packages if request.within else ():
            self._fixed[self.key(chosen.package.name, chosen.package.architecture)] = (
                chosen.package.version
            )
        self._held = dict(request.held)
        self._candidates: dict[PackageKey, Available | None] = {}
        self._options: dict[tuple[Relation, str], tuple[Available, ...]] = {}
        self._follow_releases()
        if request.held:
            self._follow_updates(request.moving)

    def key(self, name: str, architecture: str | None) -> PackageKey:
        """The key of ``name`` on ``architecture``; ``None`` and ``all`` mean the native one."""
        if architecture is None or architecture == "all":
            return name, self.universe.architecture
        return name, architecture

    def of(self, key: PackageKey) -> Available | None:
        """The candidate of ``key``, or ``None`` where there is none or it is excluded."""
        if key not in self._candidates:
            self._candidates[key] = None if key[0] in self.excluded else self._choose(key)
        return self._candidates[key]

    def _choose(self, key: PackageKey) -> Available | None:
        versions = [v for v in self.universe.versions(key[0]) if v.key == key]
        if key in self._fixed:
            versions = [v for v in versions if v.package.version == self._fixed[key]]
        for pin in self._pins.get(key[0], ()):
            versions = [v for v in versions if matches_pin(v, pin)]
        kept = self._held.get(key)
        versions = [v for v in versions if v.package.version == kept] or versions
        best: Available | None = None
        for version in versions:  # newest first: a later one wins by priority alone
            if best is None or version.source.priority > best.source.priority:
                best = version
        return best

    def _follow_releases(self) -> None:
        """What only a pinned package's own release can give it becomes a candidate too, as
        ``apt-get install name/release`` does.
        """
        todo = [
            (version, pin.release)
            for pins in self._pins.values()
            for pin in pins
            if pin.release is not None
            if (version := self.of(self.key(pin.name, pin.architecture))) is not None
        ]
        while todo:
            version, release = todo.pop()
            for clause in (*version.package.pre_depends, *version.package.depends):
                if self.clause(clause, version.key[1]):
                    continue
                taken = self._released(clause, version.key[1], release)
                if taken is not None:
                    self._candidates[taken.key] = taken
                    self._options.clear()
                    todo.append((taken, release))

    def _follow_updates(self, moving: Iterable[PackageKey]) -> None:
        """What only a newer version can give a moving package leaves its hold, and so on."""
        todo = list(moving)
        while todo:
            version = self.of(todo.pop())
            if version is None:
                continue
            for clause in (*version.package.pre_depends, *version.package.depends):
                if not self.clause(clause, version.key[1]):
                    todo += self._let_go(clause, version.key[1])

    def _let_go(self, clause: Clause, architecture: str) -> list[PackageKey]:
        """The first held package of ``clause`` whose newest version satisfies it, now not held."""
        for relation in clause:
            qualified = relation.architecture in self.universe.architectures
            key = self.key(relation.name, relation.architecture if qualified else architecture)
            kept = self._held.pop(key, None)
            if kept is None:
                continue
            self._forget(key)
            version = self.of(key)
            if version is not None and _serves(relation, architecture, version):
                return [key]
            self._held[key] = kept
            self._forget(key)
        return []

    def _forget(self, key: PackageKey) -> None:
        self._candidates.pop(key, None)
        self._options.clear()

    def _released(self, clause: Clause, architecture: str, release: str) -> Available | None:
        for relation in clause:
            if relation.name in self.excluded or relation.name in self._pins:
                continue
            for version in self.universe.versions(relation.name):
                if (
                    release in version.source.releases
                    and version.key not in self._fixed
                    and _serves(relation, architecture, version)
                ):
                    return version
        return None

    def options(self, relation: Relation, architecture: str) -> tuple[Available, ...]:
        """What may satisfy ``relation`` of a package of ``architecture``, in apt's order of
        preference: the package itself, then providers by essential, native, priority.

        apt's last word among equals is whose name the whole index mentions last, so that any
        unrelated package can turn it. Here it is who depends on less, then the name.
        """
        mark = (relation, architecture)
        known = self._options.get(mark)
        if known is None:
            found = self._real(relation, architecture) + self._virtual(relation, architecture)
            known = tuple(sorted(dict.fromkeys(found), key=lambda a: self._rank(a, relation.name)))
            self._options[mark] = known
        return known

    def clause(self, clause: Clause, architecture: str) -> tuple[Available, ...]:
        """What may satisfy any alternative, in order and without repetition."""
        if len(clause) == 1:
            return self.options(clause[0], architecture)
        offered = (self.options(relation, architecture) for relation in clause)
        return tuple(dict.fromkeys(option for options in offered for option in options))

    def _real(self, relation: Relation, architecture: str) -> list[Available]:
        keys = ((relation.name, other) for other in self.universe.architectures)
        return [
            version
            for key in keys
            if (version := self.of(key)) is not None and _serves(relation, architecture, version)
        ]

    def _virtual(self, relation: Relation, architecture: str) -> list[Available]:
        return [
            version
            for version, provided in self.universe.providers(relation.name)
            if self.of(version.key) is version
            and arch_fits(relation, architecture, version)
            and provides(provided, relation)
        ]

    def _rank(self, option: Available, name: str) -> tuple[object, ...]:
        package = option.package
        return (
            package.name != name,
            not package.essential,
            self.universe.architectures.index(option.key[1]),
            _PRIORITY_RANK.get(package.priority, len(_PRIORITY_RANK)),
            len(package.pre_depends) + len(package.depends),
            package.name,
        )


def provides(provided: Relation, relation: Relation) -> bool:
    """Whether ``Provides: provided`` satisfies ``relation``; versioned ones need a version."""
    if not relation.operator:
        return True
    return provided.operator == "=" and satisfies(
        provided.version, relation.operator, relation.version
    )


def arch_fits(relation: Relation, architecture: str, option: Available) -> bool:
    """Whether Multi-Arch lets ``option`` serve a package of ``architecture`` (deb-control(5))."""
    if relation.architecture == "any":
        return option.package.multi_arch in ("allowed", "foreign") or option.key[1] == architecture
    if relation.architecture:
        wanted = relation.architecture
        return option.key[1] == wanted or wanted in ("native", "all")
    return option.package.multi_arch == "foreign" or option.key[1] == architecture


def _serves(relation: Relation, architecture: str, option: Available) -> bool:
    return arch_fits(relation, architecture, option) and satisfies(
        option.package.version, relation.operator, relation.version
    )


def matches_pin(version: Available, pin: PackageRequest) -> bool:
    """Whether ``version`` is one that the request ``pin`` allows."""
    if pin.version is not None and not matches_version(version.package.version, pin.version):
        return False
    return pin.release is None or pin.release in version.source.releases
