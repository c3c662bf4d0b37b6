"""From a recipe to solutions: indexes fetched and verified, one solution per platform × variant.

Shared by lock, build and plan; writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from neve.archive import VerifiedArchive
from neve.build.steps import Step, StepKind
from neve.build.variant_kinds import DEV, RUNTIME
from neve.distro import Release, find_distro
from neve.errors import NeveError, UsageError
from neve.formats.deb import PackagesIndex
from neve.formats.deb.index import OFFSETS_VERSION
from neve.model import Digest, Platform
from neve.recipe.services import supervisor_requests
from neve.recipe.types import PackageRequest, ReadRecipe, Recipe, Variant
from neve.resolve import (
    Explanation,
    Request,
    Solution,
    Source,
    Universe,
    archive_priority,
    resolve,
)
from neve.store import Store
from neve.verbs.context import Workspace
from neve.verbs.holding import Hold, Holding
from neve.verbs.pointing import at_place
from neve.verbs.reading import scope_of, suite_requests, unread_suites

_APT = ("apt", "ca-certificates", "debian-archive-keyring")
IDENTITY = PackageRequest(name="base-files")
"""Every image says what it is: ``/etc/os-release`` and the layout come from this package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What a recipe resolved to, per platform and variant, and the archives that said so."""

    release: Release
    archives: tuple[VerifiedArchive, ...]
    solutions: Mapping[tuple[Platform, str], Solution]


def variants_of(recipe: Recipe) -> tuple[str, ...]:
    """The runtime image first, then the recipe's variants by name."""
    return (RUNTIME, *sorted(variant.name for variant in recipe.variants))


def find_variant(recipe: Recipe, name: str) -> Variant:
    """The variant called ``name``; the runtime image adds nothing to the recipe."""
    if name == RUNTIME:
        return Variant(name=RUNTIME)
    for variant in recipe.variants:
        if variant.name == name:
            return variant
    raise UsageError(
        f"the recipe has no variant {name!r}",
        resolution=f"It has {', '.join(variants_of(recipe))}; others are added under `variants:`.",
    )


def release_of(read: ReadRecipe) -> Release:
    """The distribution's release that the recipe names, an unknown one at its place."""
    base = read.recipe.base
    try:
        return find_distro(base.name, base.release)
    except NeveError as error:
        raise at_place(read, ("release", "distribution"), error) from error


def resolve_recipe(
    read: ReadRecipe,
    workspace: Workspace,
    *,
    platforms: Sequence[Platform],
    variants: Sequence[str],
    hold: Hold | None = None,
) -> Resolved:
    """Resolve ``read`` for ``platforms`` × ``variants`` against verified indexes.

    ``hold`` keeps packages at a lock's versions (``--update PACKAGE``: all others stay). Raises
    ``SourceError`` at the request that can't be met.
    """
    release = release_of(read)
    architectures = [release.architecture(platform) for platform in platforms]
    foreign = _foreign_architectures(read, release)
    wanted = tuple(dict.fromkeys((*architectures, *foreign)))
    archives = workspace.archives(release, addresses_of(read.recipe)).indexes(
        suite_requests(read, release), wanted, progress=workspace.progress
    )
    solutions: dict[tuple[Platform, str], Solution] = {}
    universes = []
    for platform, architecture in zip(platforms, architectures, strict=True):
        others = tuple(name for name in foreign if name != architecture)
        universe = make_universe(archives, workspace.store, architecture, others, release=release)
        universes.append(universe)
        holdings = tuple(hold.on(platform, architecture)) if hold is not None else ()
        runtime = solve(read, universe, RUNTIME, within=None, holdings=holdings)
        for variant in variants:
            solutions[platform, variant] = (
                runtime
                if variant == RUNTIME
                else solve(read, universe, variant, within=runtime, holdings=holdings)
            )
    _known_names(read, universes)
    _known_exclusions(read, universes)
    return Resolved(release=release, archives=tuple(archives), solutions=solutions)


def addresses_of(recipe: Recipe) -> dict[str, str]:
    """Where the recipe's own repositories are, by alias."""
    return {r.name: r.url for r in recipe.repositories if r.url is not None}


def _foreign_architectures(read: ReadRecipe, release: Release) -> tuple[str, ...]:
    """What ``name:architecture`` asks for, in the recipe and its variants."""
    found: set[str] = set()
    known = [name for name, _ in release.triplets]
    for label, request in _labelled(read.recipe):
        name = request.architecture
        if name is not None and name not in known:
            near = get_close_matches(name, known, n=1)
            error = UsageError(
                f"{request.name}:{name}: {release.title} has no architecture {name}",
                resolution=f"Did you mean {near[0]}?" if near else f"It has {', '.join(known)}.",
            )
            raise at_place(read, (label,), error)
        found |= {name} if name is not None else set()
    return tuple(sorted(found))


def _labelled(recipe: Recipe) -> Iterator[tuple[str, PackageRequest]]:
    """Every request of the recipe and its variants with the field it stands in."""
    for number, request in enumerate(recipe.packages):
        yield f"packages[{number}]", request
    for variant in recipe.variants:
        for number, request in enumerate(variant.packages):
            yield f"variants.{variant.name}.packages[{number}]", request


def make_universe(
    archives: Sequence[VerifiedArchive],
    store: Store,
    architecture: str,
    foreign: tuple[str, ...],
    *,
    release: Release,
) -> Universe:
    """The indexes of one architecture (and the foreign ones asked for) as one universe.

    A suite of ``release`` is also known by its role, the word people write: ``git/backports``.
    """
    roles = {(suite.alias, suite.suite): suite.role for suite in release.suites}
    wanted = {architecture, "all", *foreign}
    sources = []
    for archive in archives:
        priority = archive_priority(
            not_automatic=archive.not_automatic,
            but_automatic_upgrades=archive.but_automatic_upgrades,
        )
        locked = archive.locked
        words = (locked.alias, locked.suite, archive.suite, archive.codename)
        role = roles.get((archive.locked.alias, archive.locked.suite))
        for index in archive.indexes:
            if index.locked.architecture in wanted:
                sources.append(
                    Source(
                        archive=archive.locked.id,
                        index=index.locked.digest,
                        packages=open_index(store, index.data),
                        priority=priority,
                        releases=tuple(dict.fromkeys(w for w in (*words, role) if w)),
                    )
                )
    absent = tuple(
        f"{archive.locked.id} has nothing for {architecture}"
        for archive in archives
        if all(index.locked.architecture != architecture for index in archive.indexes)
    )
    return Universe(
        sources,
        architecture=architecture,
        foreign=foreign,
        absent=absent,
        unread=unread_suites(archives, release),
        scope=scope_of(archives, release),
    )


def open_index(store: Store, digest: Digest) -> PackagesIndex:
    """The inflated index ``digest``, from offsets an earlier lock noted where there are any."""
    data = store.mapped(digest)
    noted = store.action(_index_step(digest).id)
    if noted is not None:
        try:
            return PackagesIndex.restore(data, noted)
        except ValueError:
            pass  # of another version or damaged: made anew below
    return PackagesIndex.parse(data)


def note_indexes(store: Store, digests: Iterable[Digest]) -> None:
    """Note the offsets of those inflated indexes that nobody has noted yet.

    Costs more than one scan, so only a lock does it: the next lock is what profits.
    """
    for digest in digests:
        step = _index_step(digest)
        if store.action(step.id) is None:
            store.remember(step.id, PackagesIndex.parse(store.mapped(digest)).dump())


def _index_step(digest: Digest) -> Step:
    return Step(kind=StepKind.READ_INDEX, inputs=(OFFSETS_VERSION, str(digest)))


def solve(
    read: ReadRecipe,
    universe: Universe,
    variant: str,
    *,
    within: Solution | None,
    holdings: Sequence[Holding] = (),
) -> Solution:
    """One solution, or the explanation as an error at the request that can't be met.

    Of several ``holdings`` the first one that allows a solution counts.
    """
    recipe = read.recipe
    if IDENTITY.name in recipe.exclude:
        error = UsageError(
            f"{IDENTITY.name} can't be excluded: what the image is stands in it",
            resolution="Remove it from exclude.",
        )
        raise at_place(read, (f"exclude[{recipe.exclude.index(IDENTITY.name)}]",), error)
    extra = find_variant(recipe, variant).packages
    own = [(request, f"packages[{i}]") for i, request in enumerate(recipe.packages)]
    more = [(request, f"variants.{variant}.packages[{i}]") for i, request in enumerate(extra)]
    added = (*supervisor_requests(recipe), *_installation(recipe, variant, universe))
    asked = [*own, *more, (IDENTITY, "distribution"), *added]
    wanted = Request(
        requests=tuple(request for request, _ in asked),
        labels=tuple(label for _, label in asked),
        exclude=recipe.exclude,
        within=within,
    )
    answer: Solution | Explanation | None = None
    for holding in holdings:
        answer = resolve(replace(wanted, held=holding.versions, moving=holding.moving), universe)
        if isinstance(answer, Solution):
            return answer
    free = resolve(wanted, universe)
    if isinstance(free, Explanation):
        raise at_place(read, (free.label,), _without_supervisor(free) or free.error())
    if isinstance(answer, Explanation):
        raise at_place(read, (answer.label,), _held_back(answer))
    return free


def _installation(
    recipe: Recipe, variant: str, universe: Universe
) -> list[tuple[PackageRequest, str]]:
    """What a dev variant needs to install packages: the essential ones and apt."""
    found = find_variant(recipe, variant)
    if found.kind != DEV:
        return []
    named = {request.name for request in (*recipe.packages, *found.packages)}
    names = [name for name in (*universe.essential(), *_APT) if name not in named]
    return [(PackageRequest(name=name), f"variants.{variant}") for name in dict.fromkeys(names)]


def _known_names(read: ReadRecipe, universes: Sequence[Universe]) -> None:
    """What a variant asks for exists, even if nobody asked for that variant now: a plan of one
    image would else say nothing of a name that no lock can ever have.
    """
    for label, request in _labelled(read.recipe):
        for universe in universes:
            if universe.versions(request.name) or universe.providers(request.name):
                continue
            answer = resolve(Request(requests=(request,), labels=(label,)), universe)
            if isinstance(answer, Explanation):
                raise at_place(read, (label,), answer.error())


def _known_exclusions(read: ReadRecipe, universes: Sequence[Universe]) -> None:
    """An exclusion of what no archive has is a misspelt one: it would keep nothing out."""
    for number, name in enumerate(read.recipe.exclude):
        if any(universe.versions(name) or universe.providers(name) for universe in universes):
            continue
        near = get_close_matches(name, universes[0].names(), n=1)
        error = UsageError(
            f"exclude: there is no package {name} in the archive",
            details=universes[0].scope,
            resolution=f"Did you mean {near[0]}?" if near else "Remove it.",
        )
        raise at_place(read, (f"exclude[{number}]",), error)


def _without_supervisor(answer: Explanation) -> UsageError | None:
    """Nobody wrote these packages into the recipe, so the advice is not to correct their names."""
    if answer.label != "services":
        return None
    return UsageError(
        f"services: {answer.brief}",
        details=answer.chain,
        resolution="Services are supervised by s6 with execline: take them out of exclude, or name "
        "a repository that has them.",
    )


def _held_back(answer: Explanation) -> UsageError:
    """The recipe can be solved, but not with everything else at its locked version."""
    return UsageError(
        f"{answer.label}: with all other packages at their locked versions: {answer.brief}",
        details=answer.chain,
        resolution="Name the packages above after --update as well, or none to update all.",
    )
