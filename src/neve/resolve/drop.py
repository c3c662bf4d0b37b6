"""Dropping packages that only maintainer scripts need, on evidence.

Pure: a solution and the facts of its packages in, kept and dropped packages out. Conservative
by construction: a row of ``drop_rules`` only makes a dependency *doubtful*; a kept file that
names an interpreter, a soname or a program interpreter of a doubtful package keeps it, and
everything it really depends on. What is asked for is never dropped.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from neve.formats.deb.types import Clause, IndexPackage, PackageFacts
from neve.model import Digest
from neve.recipe.lock import DroppedPackage
from neve.resolve.drop_rules import DROP_RULES, ORPHAN_RULE, DropRule
from neve.resolve.explain import describe_clause
from neve.resolve.reach import Offers, offers_of, targets_of
from neve.resolve.request import Chosen, Solution
from neve.tree import Kind

_ENV = ("/usr/bin/env", "/bin/env")
_SEARCHED = ("/usr/bin", "/usr/sbin", "/usr/local/bin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduced:
    """``kept`` in the solution's order, ``dropped`` sorted by name."""

    kept: tuple[Chosen, ...]
    dropped: tuple[DroppedPackage, ...]


@dataclass(frozen=True, slots=True)
class _Edge:
    target: int
    rule: DropRule | None
    clause: Clause


def drop_maintainer_only(
    solution: Solution,
    facts: Mapping[Digest, PackageFacts],
    *,
    pruned: Callable[[str], bool] = lambda path: False,
    used: Iterable[str] = (),
) -> Reduced:
    """Split ``solution`` into what the image needs and what only maintainer scripts would.

    ``facts`` are by package digest; a package without facts counts as needing nothing and is
    itself dropped only by its row. ``pruned`` says which paths will not be in the image, so that
    their interpreters don't count; ``used`` are commands the recipe runs (entrypoint, command,
    health check): whoever owns one is kept.
    """
    packages = solution.packages
    members = [chosen.package for chosen in packages]
    offers = offers_of(members)
    edges = [_edges(chosen.package, members, offers) for chosen in packages]
    files = [_Files.of(facts.get(chosen.package.digest), pruned) for chosen in packages]
    kept = _reach((i for i, chosen in enumerate(packages) if chosen.requested), edges, set())
    owners = _owners(files)
    wanted = [_normal(path) for path in used] + [
        f"{folder}/{path}" for path in used if "/" not in path for folder in _SEARCHED
    ]
    kept = _reach((owners[path] for path in wanted if path in owners), edges, kept)
    while True:
        more = _needed(kept, files, owners, edges)
        if more <= kept:
            break
        kept = _reach(more - kept, edges, kept)
    because = _reasons(packages, kept, edges)
    return Reduced(
        kept=tuple(
            replace(chosen, because=because.get(i, chosen.because))
            for i, chosen in enumerate(packages)
            if i in kept
        ),
        dropped=tuple(
            sorted(
                (_dropped(i, packages, edges) for i in range(len(packages)) if i not in kept),
                key=lambda dropped: (dropped.name, dropped.version),
            )
        ),
    )


def _reasons(
    packages: tuple[Chosen, ...], kept: set[int], edges: list[list[_Edge]]
) -> dict[int, tuple[str, ...]]:
    """The shortest chain to each kept package that leads through kept ones alone.

    The resolver's own chain may lead through a package that is not in the image. What is here on
    the evidence of a file only is left out.
    """
    starts = [i for i, chosen in enumerate(packages) if chosen.requested and i in kept]
    starts.sort(key=lambda i: [(len(link), link) for link in packages[i].because])
    found = {i: packages[i].because for i in starts}
    todo = deque(found)
    while todo:
        i = todo.popleft()
        for edge in edges[i]:
            if edge.target in kept and edge.target not in found:
                step = f"{packages[i].package.name} → {describe_clause(edge.clause)}"
                found[edge.target] = (*found[i], step)
                todo.append(edge.target)
    return found


def _edges(package: IndexPackage, packages: Sequence[IndexPackage], offers: Offers) -> list[_Edge]:
    found: list[_Edge] = []
    for clause in (*package.pre_depends, *package.depends):
        names = frozenset(relation.name for relation in clause)
        for target in targets_of(clause, packages, offers):
            if packages[target] is package:
                continue
            other = packages[target].name
            rule = next((r for r in DROP_RULES if r.covers(package.name, other, names)), None)
            found.append(_Edge(target, rule, clause))
    return found


def _reach(starts: Iterable[int], edges: list[list[_Edge]], kept: set[int]) -> set[int]:
    """``kept`` with ``starts`` and all that they depend on beyond doubt."""
    reached = set(kept)
    todo = [start for start in starts if start not in reached]
    reached.update(todo)
    while todo:
        for edge in edges[todo.pop()]:
            if edge.rule is None and edge.target not in reached:
                reached.add(edge.target)
                todo.append(edge.target)
    return reached


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    """What one package's files offer and ask for."""

    paths: frozenset[str]
    sonames: frozenset[str]
    interpreters: frozenset[str]
    needed: frozenset[str]

    @classmethod
    def of(cls, facts: PackageFacts | None, pruned: Callable[[str], bool]) -> _Files:
        if facts is None:
            empty: frozenset[str] = frozenset()
            return cls(paths=empty, sonames=empty, interpreters=empty, needed=empty)
        kept = {e.path for e in facts.entries if e.kind is not Kind.DIRECTORY}
        kept = {path for path in kept if not pruned(_normal(path))}
        elf = [(path, seen) for path, seen in facts.elf if path in kept]
        interpreters = {
            program
            for path, words in facts.interpreters
            if path in kept
            for program in _programs(words)
        }
        interpreters.update(_normal(seen.interpreter) for _, seen in elf if seen.interpreter)
        return cls(
            paths=frozenset(_normal(path) for path in kept),
            sonames=frozenset(
                {posixpath.basename(path) for path in kept if ".so" in path}
                | {seen.soname for _, seen in elf if seen.soname}
            ),
            interpreters=frozenset(interpreters),
            needed=frozenset(soname for _, seen in elf for soname in seen.needed),
        )


def _normal(path: str) -> str:
    """``path`` after the merge of ``/bin``, ``/sbin`` and ``/lib*`` into ``/usr``."""
    first = path.split("/", 2)[1] if path.count("/") > 1 else ""
    return f"/usr{path}" if first in ("bin", "sbin") or first.startswith("lib") else path


def _programs(words: tuple[str, ...]) -> list[str]:
    """The programs a shebang's words may start."""
    if not words:
        return []
    programs = [_normal(words[0])]
    if words[0] in _ENV:
        for word in words[1:]:
            if not word.startswith("-") and "=" not in word:
                programs += [f"{folder}/{word}" for folder in _SEARCHED]
                break
    return programs


def _owners(files: list[_Files]) -> dict[str, int]:
    return {path: i for i, offered in reversed(list(enumerate(files))) for path in offered.paths}


def _needed(
    kept: set[int], files: list[_Files], owners: dict[str, int], edges: list[list[_Edge]]
) -> set[int]:
    """Doubtful packages that a file of ``kept`` needs after all."""
    have = {soname for i in kept for soname in files[i].sonames}
    missing = {soname for i in kept for soname in files[i].needed} - have
    found = {i for i, offered in enumerate(files) if i not in kept and offered.sonames & missing}
    asked = {program for i in kept for program in files[i].interpreters}
    found |= {owners[program] for program in asked if program in owners}
    for i in kept:
        for edge in edges[i]:
            if edge.rule is not None and edge.rule.unless and edge.target not in kept:
                witness = re.compile("|".join(map(fnmatch.translate, edge.rule.unless)))
                if any(witness.match(path) for member in kept for path in files[member].paths):
                    found.add(edge.target)
    return found | kept


def _dropped(i: int, packages: tuple[Chosen, ...], edges: list[list[_Edge]]) -> DroppedPackage:
    package = packages[i].package
    askers = [
        (packages[j].package.name, edge.rule)
        for j, asked in enumerate(edges)
        for edge in asked
        if edge.target == i
    ]
    names = sorted({name for name, _ in askers})
    rules = [rule for _, rule in askers if rule is not None]
    listed = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    if rules:
        rule, why = rules[0].id, rules[0].why
        evidence = f"{why}; asked for by {listed}; no kept file names its programs or libraries"
    else:
        rule = ORPHAN_RULE
        evidence = f"only dropped packages depend on it ({listed}); no kept file needs it"
    return DroppedPackage(name=package.name, version=package.version, rule=rule, evidence=evidence)
