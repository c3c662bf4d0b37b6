"""The search: first alternative first, depth first, as apt does, with conflict-directed
backjumping where a choice turns out to be impossible.

Owns the search state only. Which versions are candidates is ``resolve.candidates``'s affair,
words for people are ``resolve.explain``'s.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from neve.formats.deb.types import Clause, Relation
from neve.formats.deb.versions import satisfies
from neve.resolve.candidates import Candidates, arch_fits, provides
from neve.resolve.request import PackageKey
from neve.resolve.universe import Available

_MAX_STEPS = 20_000
"""Choices tried before the search gives up: real requests take a few hundred."""

_MAX_DEAD_ENDS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """``option`` can't be had because of ``other``, which is chosen: ``relation`` of ``owner``
    (one of the two) forbids it; no relation means Multi-Arch (one version, one architecture).
    """

    option: Available
    other: Available
    owner: Available
    relation: Relation | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadEnd:
    """A clause that nothing could satisfy where the search stood; ``parent`` ``None`` is a
    request. ``path`` leads from a requested package to ``parent`` by the clauses taken.
    """

    parent: Available | None
    clause: Clause
    path: tuple[tuple[Available, Clause], ...]
    clashes: tuple[Clash, ...]


@dataclass(frozen=True, slots=True)
class _Goal:
    """A clause to satisfy, asked for by ``parent``."""

    parent: Available
    clause: Clause
    options: tuple[Available, ...]
    then: _Goal | None


@dataclass(slots=True)
class _ChoicePoint:
    goal: _Goal
    rest: tuple[Available, ...]
    height: int
    blame: int


@dataclass(frozen=True, slots=True)
class _Member:
    version: Available
    blame: int
    parent: Available | None
    clause: Clause


@dataclass(slots=True)
class Search:
    """One search for a set of packages that contains ``roots``.

    ``blame`` masks name the choice points something depends on, one bit each.
    """

    candidates: Candidates
    members: dict[PackageKey, _Member] = field(default_factory=dict)
    dead_ends: list[DeadEnd] = field(default_factory=list)
    gave_up: bool = False
    _trail: list[_Member] = field(default_factory=list)
    _points: list[_ChoicePoint] = field(default_factory=list)
    _forbidden: dict[str, list[tuple[Relation, Available]]] = field(default_factory=dict)
    _named: dict[str, list[Available]] = field(default_factory=dict)
    _provided: dict[str, list[tuple[Relation, Available]]] = field(default_factory=dict)
    _steps: int = 0
    _failed: bool = False

    def run(self, roots: Iterable[Available]) -> bool:
        """Find the packages; ``members`` holds them in the order of choice, or ``dead_ends`` why
        there are none.
        """
        ordered = list(dict.fromkeys(roots))
        for root in ordered:
            clash = self.clash(root)
            if clash is not None:
                here = ((Relation(root.package.name),),)
                self.dead_ends.append(
                    DeadEnd(parent=None, clause=here[0], path=(), clashes=(clash,))
                )
                return False
            self._add(_Member(root, 0, None, ()))
        goal: _Goal | None = None
        for root in reversed(ordered):
            goal = self._goals(root, goal)
        while goal is not None:
            goal = self._satisfy(goal)
        return not self._failed

    def _goals(self, version: Available, then: _Goal | None) -> _Goal | None:
        package = version.package
        goal = then
        for clause in reversed((*package.depends, *package.pre_depends)):
            options = self.candidates.clause(clause, version.key[1])
            goal = _Goal(version, clause, options, goal)
        return goal

    def _satisfy(self, goal: _Goal) -> _Goal | None:
        """The goal to go on with: the next one or those of the option taken; ``None`` at the end,
        good or (``_failed``) bad.
        """
        members = self.members
        for option in goal.options:
            member = members.get(option.key)
            if member is not None and member.version is option:
                return goal.then
        blame = members[goal.parent.key].blame
        return self._take(goal, goal.options, blame)

    def _take(self, goal: _Goal, rest: tuple[Available, ...], blame: int) -> _Goal | None:
        """Take the first of ``rest`` that clashes with nothing; else return to the latest choice
        that the failure depends on and try its next option.
        """
        while True:
            clashes: list[Clash] = []
            for position, option in enumerate(rest):
                clash = self.clash(option)
                if clash is None:
                    self._choose(goal, option, rest[position + 1 :], blame)
                    return self._goals(option, goal.then)
                clashes.append(clash)
                blame |= self.members[clash.other.key].blame
            self._record(goal, clashes)
            point = self._latest(blame)
            if point is None:
                self._failed = True
                return None
            self._undo(point.height)
            goal, rest = point.goal, point.rest
            blame = point.blame | (blame & ~(1 << len(self._points)))
            self._steps += 1
            if self._steps > _MAX_STEPS:
                self._failed = self.gave_up = True
                return None

    def _choose(
        self, goal: _Goal, option: Available, rest: tuple[Available, ...], blame: int
    ) -> None:
        if rest:
            self._points.append(_ChoicePoint(goal, rest, len(self._trail), blame))
            blame |= 1 << (len(self._points) - 1)
        self._add(_Member(option, blame, goal.parent, goal.clause))

    def _latest(self, blame: int) -> _ChoicePoint | None:
        while self._points:
            point = self._points.pop()
            if blame & (1 << len(self._points)):
                return point
        return None

    def _record(self, goal: _Goal, clashes: list[Clash]) -> None:
        if len(self.dead_ends) < _MAX_DEAD_ENDS:
            self.dead_ends.append(
                DeadEnd(
                    parent=goal.parent,
                    clause=goal.clause,
                    path=self.path(goal.parent),
                    clashes=tuple(clashes),
                )
            )

    def path(self, version: Available) -> tuple[tuple[Available, Clause], ...]:
        """How the search came to the member ``version``: requested package first."""
        steps: list[tuple[Available, Clause]] = []
        member = self.members[version.key]
        while True:
            steps.append((member.version, member.clause))
            if member.parent is None:
                return tuple(reversed(steps))
            member = self.members[member.parent.key]

    def _add(self, member: _Member) -> None:
        version = member.version
        package = version.package
        self.members[version.key] = member
        self._trail.append(member)
        self._named.setdefault(package.name, []).append(version)
        for provided in package.provides:
            self._provided.setdefault(provided.name, []).append((provided, version))
        for relation in _negative(version):
            self._forbidden.setdefault(relation.name, []).append((relation, version))

    def _undo(self, height: int) -> None:
        while len(self._trail) > height:
            version = self._trail.pop().version
            del self.members[version.key]
            self._named[version.package.name].pop()
            for provided in version.package.provides:
                self._provided[provided.name].pop()
            for relation in _negative(version):
                self._forbidden[relation.name].pop()

    def clash(self, option: Available) -> Clash | None:
        """The first chosen package that ``option`` can't stand beside, or ``None``."""
        package = option.package
        for other in self._named.get(package.name, ()):
            same = other.package.multi_arch == package.multi_arch == "same"
            if other is not option and not (same and other.package.version == package.version):
                return Clash(option=option, other=other, owner=option, relation=None)
        for relation, owner in self._forbidden.get(package.name, ()):
            if owner.package.name != package.name and hits(relation, owner, option):
                return Clash(option=option, other=owner, owner=owner, relation=relation)
        for provided in package.provides:
            for relation, owner in self._forbidden.get(provided.name, ()):
                if owner.package.name != package.name and provides(provided, relation):
                    return Clash(option=option, other=owner, owner=owner, relation=relation)
        return self._own_clash(option)

    def _own_clash(self, option: Available) -> Clash | None:
        for relation in _negative(option):
            for other in self._named.get(relation.name, ()):
                if other.package.name != option.package.name and hits(relation, option, other):
                    return Clash(option=option, other=other, owner=option, relation=relation)
            for provided, other in self._provided.get(relation.name, ()):
                if other.package.name != option.package.name and provides(provided, relation):
                    return Clash(option=option, other=other, owner=option, relation=relation)
        return None


def hits(relation: Relation, owner: Available, other: Available) -> bool:
    """Whether the Conflicts or Breaks ``relation`` of ``owner`` forbids ``other`` by its own name.

    Without a qualifier it means every architecture (deb-control(5)).
    """
    qualified = relation.architecture not in ("", "any")
    if qualified and not arch_fits(relation, owner.key[1], other):
        return False
    return satisfies(other.package.version, relation.operator, relation.version)


def _negative(version: Available) -> list[Relation]:
    package = version.package
    return [relation for clause in (*package.conflicts, *package.breaks) for relation in clause]
