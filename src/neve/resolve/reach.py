"""What of a set of packages serves a dependency, and what all some of them need. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from neve.formats.deb.types import Clause, IndexPackage, Relation
from neve.formats.deb.versions import satisfies
from neve.resolve.candidates import provides

Offers = Mapping[str, list[tuple[int, Relation | None]]]
"""Name → the positions of who bears it (``None``) or provides it (the Provides relation)."""


def offers_of(packages: Sequence[IndexPackage]) -> Offers:
    """Every name that ``packages`` answer to."""
    offers: dict[str, list[tuple[int, Relation | None]]] = {}
    for i, package in enumerate(packages):
        offers.setdefault(package.name, []).append((i, None))
        for provided in package.provides:
            offers.setdefault(provided.name, []).append((i, provided))
    return offers


def targets_of(clause: Clause, packages: Sequence[IndexPackage], offers: Offers) -> list[int]:
    """The members that satisfy the first alternative that any member satisfies."""
    for relation in clause:
        found = [
            i
            for i, provided in offers.get(relation.name, ())
            if (
                satisfies(packages[i].version, relation.operator, relation.version)
                if provided is None
                else provides(provided, relation)
            )
        ]
        if found:
            return found
    return []


def closure(packages: Sequence[IndexPackage], roots: Iterable[int]) -> frozenset[int]:
    """``roots`` and every member that they depend on, however far. What no member serves is left
    out: it was there once, and nothing that is kept needs it.
    """
    offers = offers_of(packages)
    reached = set(roots)
    todo = list(reached)
    while todo:
        package = packages[todo.pop()]
        for clause in (*package.pre_depends, *package.depends):
            for target in targets_of(clause, packages, offers):
                if target not in reached:
                    reached.add(target)
                    todo.append(target)
    return frozenset(reached)
