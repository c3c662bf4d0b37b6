"""From a request and a universe of packages to a solution, or to the reason there is none."""

from __future__ import annotations

from collections import deque

from neve.formats.deb.types import Clause
from neve.recipe.types import PackageRequest
from neve.resolve.candidates import Candidates
from neve.resolve.explain import Refusal, describe_clause, explain_dead_ends, explain_request
from neve.resolve.order import configuration_order
from neve.resolve.request import Chosen, Explanation, Request, Solution
from neve.resolve.search import Search
from neve.resolve.universe import Available, Universe


def resolve(request: Request, universe: Universe) -> Solution | Explanation:
    """The packages that ``apt-get install --no-install-recommends`` would put on an empty
    system, Essential packages not added, or why that can't be done.

    Pure and deterministic; the order of indexes and of their stanzas does not matter.
    """
    candidates = Candidates(request, universe)
    roots: list[tuple[Available, str]] = []
    for position, wanted in enumerate(request.requests):
        root = _root(wanted, candidates)
        if isinstance(root, Refusal):
            return root.explanation(request.label(position), wanted)
        version = f" (= {wanted.version})" if wanted.version else ""
        release = f" from {wanted.release}" if wanted.release else ""
        roots.append((root, f"{request.label(position)}: {wanted.name}{version}{release}"))
    search = Search(candidates)
    within = _within(request, candidates)
    if not search.run([*within, *(root for root, _ in roots)]):
        return explain_dead_ends(search, request, roots)
    known = dict(within)
    for root, text in roots:
        known.setdefault(root, (text,))
    return _solution(search, known, {root for root, _ in roots})


def _root(wanted: PackageRequest, candidates: Candidates) -> Available | Refusal:
    key = candidates.key(wanted.name, wanted.architecture)
    candidate = candidates.of(key)
    if candidate is not None:
        return candidate
    plain = wanted.version is None and wanted.release is None
    if plain and not candidates.universe.versions(wanted.name):
        providers = {
            version.key: version
            for version, _ in candidates.universe.providers(wanted.name)
            if candidates.of(version.key) is version and version.key[1] == key[1]
        }
        if len(providers) == 1 and wanted.name not in candidates.excluded:
            return next(iter(providers.values()))
    return explain_request(wanted, candidates)


def _within(request: Request, candidates: Candidates) -> dict[Available, tuple[str, ...]]:
    """The packages of the solution to contain, each with the reason it has there."""
    found: dict[Available, tuple[str, ...]] = {}
    for chosen in request.within.packages if request.within else ():
        key = candidates.key(chosen.package.name, chosen.package.architecture)
        version = candidates.of(key)
        if version is not None:
            found[version] = chosen.because
    return found


def _solution(
    search: Search, known: dict[Available, tuple[str, ...]], requested: set[Available]
) -> Solution:
    chosen = [member.version for member in search.members.values()]
    members = set(chosen)
    edges: dict[Available, list[tuple[Available, Clause]]] = {}
    pre_depends: dict[Available, list[Available]] = {}
    for version in chosen:
        package = version.package
        ahead = [t for c in package.pre_depends for t in _served(search, version, c, members)]
        rest = [t for c in package.depends for t in _served(search, version, c, members)]
        edges[version] = ahead + rest
        pre_depends[version] = [target for target, _ in ahead]
    targets = {version: [target for target, _ in edges[version]] for version in chosen}
    ordered = configuration_order(chosen, targets, pre_depends)
    for member in search.members.values():
        if member.parent is not None:
            edges[member.parent].append((member.version, member.clause))
    because = _reasons(known, edges)
    return Solution(
        packages=tuple(
            Chosen(
                package=version.package,
                archive=version.source.archive,
                index=version.source.index,
                because=because[version],
                requested=version in requested,
            )
            for version in ordered
        )
    )


def _served(
    search: Search, version: Available, clause: Clause, members: set[Available]
) -> list[tuple[Available, Clause]]:
    """The members that satisfy ``clause``: the first alternative that has any decides."""
    for option in search.candidates.clause(clause, version.key[1]):
        if option in members and option is not version:
            return [(option, clause)]
    return []


def _reasons(
    known: dict[Available, tuple[str, ...]],
    edges: dict[Available, list[tuple[Available, Clause]]],
) -> dict[Available, tuple[str, ...]]:
    """The shortest chain from a request to each package (breadth first, requests in order)."""
    reasons = dict(known)
    todo = deque(reasons)
    while todo:
        version = todo.popleft()
        for target, clause in edges[version]:
            if target not in reasons:
                reasons[target] = (
                    *reasons[version],
                    f"{version.package.name} → {describe_clause(clause)}",
                )
                todo.append(target)
    return reasons
