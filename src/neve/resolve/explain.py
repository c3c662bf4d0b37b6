"""Words for a request that can't be met: the chain that makes it impossible, for people.

Reads candidates and the search's dead ends; decides nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from neve.formats.deb.types import Clause, Relation
from neve.recipe.types import PackageRequest
from neve.resolve.candidates import Candidates, arch_fits
from neve.resolve.request import Explanation, Request
from neve.resolve.search import Clash, DeadEnd, Search
from neve.resolve.universe import Available

_MAX_LISTED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why one request names nothing that can be chosen."""

    brief: str
    chain: tuple[str, ...] = ()
    resolution: str

    def explanation(self, label: str, request: PackageRequest) -> Explanation:
        """This refusal, pointing at the request."""
        return Explanation(
            brief=self.brief,
            chain=self.chain,
            resolution=self.resolution,
            label=label,
            request=request,
        )


def describe_clause(clause: Clause) -> str:
    """``a (>= 1) | b``."""
    return " | ".join(str(relation) for relation in clause)


def near_names(name: str, candidates: Candidates) -> list[str]:
    """Up to three names of the archive that ``name`` may have been meant as."""
    names = candidates.universe.names()
    likely = [other for other in names if other[:1] == name[:1] and abs(len(other) - len(name)) < 4]
    close = difflib.get_close_matches(name, likely, n=3, cutoff=0.75)
    return close or [other for other in names if len(name) > 3 and other.startswith(name)][:3]


def explain_request(wanted: PackageRequest, candidates: Candidates) -> Refusal:
    """Why ``wanted``, which has no candidate, can't be had."""
    name = wanted.name
    universe = candidates.universe
    if name in candidates.excluded:
        return Refusal(
            brief=f"{name} is asked for and excluded by the recipe",
            resolution=f"Remove {name} from packages or from exclude.",
        )
    versions = universe.versions(name)
    if not versions:
        return _unknown(name, candidates)
    architecture = candidates.key(name, wanted.architecture)[1]
    here = [version for version in versions if version.key[1] == architecture]
    if not here:
        return Refusal(
            brief=f"{name} is not in the archive for {architecture}",
            chain=(f"it is there for {_listed({v.key[1] for v in versions})}",),
            resolution="Leave the platform out of the recipe or ask for another package.",
        )
    if wanted.release is not None and wanted.release not in universe.releases():
        return _unknown_release(wanted.release, candidates)
    asked = f"{name} {wanted.version}" if wanted.version else name
    if wanted.release:
        asked += f" from {wanted.release}"
    return Refusal(
        brief=f"no version of {name} fits what is asked for: {asked}",
        chain=tuple(f"{v} is in {v.source.archive}" for v in here[:_MAX_LISTED]),
        resolution="Ask for a version or release listed above, or for none.",
    )


def _unknown_release(release: str, candidates: Candidates) -> Refusal:
    known = candidates.universe.releases()
    unread = candidates.universe.unread
    brief = f"no archive that is read is called {release}"
    near = difflib.get_close_matches(release, [*unread, *known], n=1)
    if near and near[0] in unread:
        meant = "" if near[0] == release else f"Did you mean {near[0]}? "
        add = f"{meant}Add the suite to the recipe: `repositories: [{unread[near[0]]}]`."
        return Refusal(brief=brief, resolution=add)
    return Refusal(
        brief=brief,
        chain=(f"known are {_listed(known)}",),
        resolution=f"Did you mean {near[0]}?" if near else "Name the archive under repositories.",
    )


def _whose(candidates: Candidates) -> str:
    """The architecture, where an archive was seen that has nothing for it."""
    return f" for {candidates.universe.architecture}" if candidates.universe.absent else ""


def _unknown(name: str, candidates: Candidates) -> Refusal:
    providers = sorted({v.package.name for v, _ in candidates.universe.providers(name)})
    allowed = [provider for provider in providers if provider not in candidates.excluded]
    if len(allowed) > 1:
        return Refusal(
            brief=f"{name} is a virtual package with {len(allowed)} providers",
            chain=(f"it is provided by {_listed(allowed)}",),
            resolution="Ask for one of its providers by name.",
        )
    if providers:
        return Refusal(
            brief=f"{name} is a virtual package and can't be provided",
            chain=tuple(f"{p} is excluded by the recipe" for p in providers if p not in allowed),
            resolution=f"Ask for another package than {name}, or exclude less.",
        )
    near = near_names(name, candidates)
    return Refusal(
        brief=f"there is no package {name} in the archive{_whose(candidates)}",
        chain=(*candidates.universe.absent, *candidates.universe.scope),
        resolution=f"Did you mean {_or(near)}?" if near else "Check the name and the release.",
    )


def explain_dead_ends(
    search: Search, request: Request, roots: list[tuple[Available, str]]
) -> Explanation:
    """Why the search for ``roots`` found nothing: the first dead end, then other ways tried."""
    if search.gave_up or not search.dead_ends:
        return Explanation(
            brief="the search for a consistent set of packages was given up",
            chain=tuple(_dead_end_lines(search.dead_ends[0], search)) if search.dead_ends else (),
            resolution="Exclude or pin one of the packages named, to leave fewer choices.",
            label=request.label(0),
            request=request.requests[0],
        )
    first, *others = search.dead_ends
    position = _position(first, search, roots)
    lines = _dead_end_lines(first, search)
    for other in others:
        lines += [line for line in _dead_end_lines(other, search) if line not in lines]
    return Explanation(
        brief=f"{request.requests[position].name} can't be installed: {lines[-1]}"
        if len(search.dead_ends) == 1
        else f"{request.requests[position].name} can't be installed in any way",
        chain=tuple(lines) if len(lines) > 1 else (),
        resolution=_resolution(first, search),
        label=request.label(position),
        request=request.requests[position],
    )


def _position(end: DeadEnd, search: Search, roots: list[tuple[Available, str]]) -> int:
    origin = end.path[0][0] if end.path else None
    names = [root for root, _ in roots]
    if origin in names:
        return names.index(origin)
    if end.clashes and end.clashes[0].option in names:
        return names.index(end.clashes[0].option)
    return 0


def _dead_end_lines(end: DeadEnd, search: Search) -> list[str]:
    lines = [
        f"{before} needs {describe_clause(clause)}"
        for (before, _), (_, clause) in pairwise(end.path)
    ]
    if end.parent is None:
        return lines + [_clash_line(clash) for clash in end.clashes]
    candidates = search.candidates
    reasons = [_why_not(relation, end, candidates) for relation in end.clause]
    described = describe_clause(end.clause)
    if len(reasons) == 1:
        lines.append(f"{end.parent} needs {described}, {reasons[0]}")
    else:
        lines.append(f"{end.parent} needs {described}, of which none can be had")
        lines += [f"{relation}: {why}" for relation, why in zip(end.clause, reasons, strict=True)]
    for clash in end.clashes:
        lines += _origin_lines(clash, search)
    return lines


def _origin_lines(clash: Clash, search: Search) -> list[str]:
    """How the package in the way came to be chosen; empty where the search has moved on."""
    member = search.members.get(clash.other.key)
    if member is None or member.version is not clash.other:
        return []
    path = search.path(clash.other)
    return [
        f"{before} needs {describe_clause(clause)}" for (before, _), (_, clause) in pairwise(path)
    ]


def _why_not(relation: Relation, end: DeadEnd, candidates: Candidates) -> str:
    architecture = end.parent.key[1] if end.parent else candidates.universe.architecture
    offered = candidates.options(relation, architecture)
    for clash in end.clashes:
        if clash.option in offered:
            return f"but {_clash_line(clash)}"
    if relation.name in candidates.excluded:
        return f"but {relation.name} is excluded by the recipe"
    versions = candidates.universe.versions(relation.name)
    fitting = [v for v in versions if arch_fits(relation, architecture, v)]
    if fitting:
        candidate = candidates.of(fitting[0].key)
        if candidate is None:
            return f"but the recipe's pin leaves no version of {relation.name}"
        others = [v for v in fitting if v.package.version != candidate.package.version]
        also = f" (also {_listed(v.package.version for v in others)})" if others else ""
        return f"the archive has {candidate.package.version}{also}"
    if versions:
        return f"but {relation.name} is there for {_listed({v.key[1] for v in versions})} only"
    providers = {v.package.name for v, _ in candidates.universe.providers(relation.name)}
    gone = _excluded_providers(relation, candidates)
    if gone:
        verbs = "which provides it, is" if len(gone) == 1 else "which provide it, are"
        return f"but {_listed(gone)}, {verbs} excluded by the recipe"
    if providers:
        return f"but what {_listed(providers)} provides does not fit"
    return f"but no package {relation.name} is in the archive"


def _excluded_providers(relation: Relation, candidates: Candidates) -> list[str]:
    providers = {v.package.name for v, _ in candidates.universe.providers(relation.name)}
    return sorted(providers & candidates.excluded)


def _clash_line(clash: Clash) -> str:
    if clash.relation is None:
        other = clash.other
        return f"{clash.option} ({clash.option.key[1]}) can't stand beside {other} ({other.key[1]})"
    victim = clash.other if clash.owner is clash.option else clash.option
    role = "is one" if victim.package.name == clash.relation.name else "provides it"
    return f"{clash.owner} conflicts with {clash.relation}, and {victim} {role}"


def _resolution(end: DeadEnd, search: Search) -> str:
    if end.clashes:
        return "Ask for packages that can be installed together, or exclude one of those named."
    for relation in end.clause:
        if relation.name in search.candidates.excluded:
            return f"Remove {relation.name} from exclude, or what needs it from packages."
        gone = _excluded_providers(relation, search.candidates)
        if gone:
            return f"Remove one of {_listed(gone)} from exclude, or what needs it from packages."
    names = ", ".join(dict.fromkeys(relation.name for relation in end.clause))
    return f"Add the repository or release that has {names}, or ask for another package."


def _listed(words: Iterable[str]) -> str:
    listed = sorted(words)
    more = len(listed) - _MAX_LISTED
    return ", ".join(listed[:_MAX_LISTED]) + (f" and {more} more" if more > 0 else "")


def _or(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
