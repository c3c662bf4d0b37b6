"""Making a lock in memory: resolve, fetch, drop, answer scripts, assemble and judge.

Used by ``neve lock``, and by ``neve build`` and ``plan`` where a recipe has no lock yet. What
was read on the way (facts, trees) is handed on, so that a build does not do it again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from difflib import get_close_matches

from neve.archive import Archives
from neve.build.answers import Answers, UnknownScriptsError, answer_scripts, tools_of
from neve.build.development import assemble_variant
from neve.build.facts import FactsReader
from neve.build.rules import rule_versions
from neve.build.tree import Assembly, Ingredients, commands_of
from neve.build.variant_kinds import DEV, RUNTIME, is_layered
from neve.build.variants import on_top_of
from neve.distro import Release
from neve.effects.database import EffectsDatabase
from neve.effects.harden import HARDEN_RULES
from neve.effects.prune import prunable
from neve.errors import DeniedError, FieldError, UsageError
from neve.formats.deb import PackageFacts
from neve.model import Digest, Platform
from neve.oci.pack import store_reader
from neve.recipe.lock import Lock, LockedArchive, LockedPackage, LockedTarget
from neve.recipe.types import ReadRecipe, Recipe
from neve.resolve import Chosen, Solution
from neve.resolve.drop import Reduced, drop_maintainer_only
from neve.tree import FileEntry
from neve.verbs.context import Workspace
from neve.verbs.holding import Hold
from neve.verbs.pointing import at_place, denied_at, with_places
from neve.verbs.resolving import (
    Resolved,
    addresses_of,
    find_variant,
    resolve_recipe,
    variants_of,
)
from neve.verbs.settings import EPOCH_VARIABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """A lock and, by (platform, variant), the trees it was judged on; ``indexes`` are the
    inflated package indexes it was resolved against.
    """

    lock: Lock
    release: Release
    indexes: tuple[Digest, ...]
    assemblies: Mapping[tuple[Platform, str], Assembly]


def make_lock(
    read: ReadRecipe,
    workspace: Workspace,
    *,
    platforms: Sequence[Platform],
    variants: Sequence[str] | None,
    hold: Hold | None = None,
) -> Locked:
    """Lock ``read`` for ``platforms`` × ``variants`` (``None``: all the recipe has).

    Raises ``SourceError`` for requests that can't be met, ``TrustError`` for archives that can't
    be trusted, ``DeniedError`` for scripts nobody answers and for what hardening would break.
    """
    _known_rules(read)
    resolved = resolve_recipe(
        read,
        workspace,
        platforms=platforms,
        variants=_with_runtime(read.recipe, variants or variants_of(read.recipe)),
        hold=hold,
    )
    rows = [locked_package(chosen) for chosen in _all_chosen(resolved)]
    archives = [archive.locked for archive in resolved.archives]
    source = workspace.archives(resolved.release, addresses_of(read.recipe))
    facts = fetch_facts(workspace, source, rows, archives)
    time = lock_time(archives)
    judged = _on_runtime(
        read.recipe,
        {
            key: _judge(read, workspace, resolved, key, facts=facts, time=time)
            for key in resolved.solutions
        },
    )
    _require(read, judged)
    packages, targets = _targets(judged)
    lock = Lock(
        recipe=read.recipe,
        sources=read.sources,
        rules=rule_versions(services=bool(read.recipe.services)),
        time=time,
        archives=tuple(archives),
        packages=packages,
        targets=targets,
    )
    return Locked(
        lock=lock,
        release=resolved.release,
        indexes=tuple(i.data for archive in resolved.archives for i in archive.indexes),
        assemblies={key: one.assembly for key, one in judged.items()},
    )


def _with_runtime(recipe: Recipe, variants: Sequence[str]) -> tuple[str, ...]:
    """``variants``, and the runtime image first where one of them lies on it."""
    layered = any(is_layered(recipe, name) for name in variants)
    return tuple(dict.fromkeys((RUNTIME, *variants))) if layered else tuple(variants)


def _require(read: ReadRecipe, judged: Mapping[tuple[Platform, str], _Judged]) -> None:
    """Raise ``DeniedError`` for the first image that hardening would break."""
    for (_, variant), one in judged.items():
        try:
            one.assembly.hardened.require(variant=None if variant == RUNTIME else variant)
        except DeniedError as error:
            raise denied_at(read, error) from error


def _on_runtime(
    recipe: Recipe, judged: Mapping[tuple[Platform, str], _Judged]
) -> dict[tuple[Platform, str], _Judged]:
    """``judged`` with every layered variant on its platform's runtime image."""
    found = dict(judged)
    for (platform, variant), one in judged.items():
        if is_layered(recipe, variant):
            kind = find_variant(recipe, variant).kind
            runtime = judged[platform, RUNTIME].assembly
            found[platform, variant] = replace(one, assembly=on_top_of(runtime, one.assembly, kind))
    return found


def fetch_facts(
    workspace: Workspace,
    source: Archives,
    packages: Sequence[LockedPackage],
    archives: Sequence[LockedArchive],
) -> dict[Digest, PackageFacts]:
    """Fetch what the store lacks and read each package as soon as it is there."""
    with FactsReader(workspace.store, workers=workspace.settings.jobs) as reader:
        source.fetch(packages, archives, progress=workspace.progress, arrived=reader.begin)
        workspace.progress.stage("reading packages")
        return reader.finish()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    reduced: Reduced
    answers: Answers
    assembly: Assembly


def _judge(
    read: ReadRecipe,
    workspace: Workspace,
    resolved: Resolved,
    key: tuple[Platform, str],
    *,
    facts: Mapping[Digest, PackageFacts],
    time: int,
) -> _Judged:
    platform, variant = key
    solution = resolved.solutions[key]
    reduced = (
        Reduced(kept=solution.packages, dropped=())
        if find_variant(read.recipe, variant).kind == DEV
        else reduce_solution(read, solution, facts)
    )
    architecture = resolved.release.architecture(platform)
    kept_digests = {chosen.package.digest for chosen in reduced.kept}
    dropped = [c for c in solution.packages if c.package.digest not in kept_digests]
    answers = answer_scripts(
        [facts[chosen.package.digest] for chosen in reduced.kept],
        database=effects_database(workspace, resolved.release),
        architecture=architecture,
        acknowledged=read.recipe.acknowledged,
        today=datetime.fromtimestamp(workspace.clock, UTC).date(),
        tools=tools_of(facts[chosen.package.digest] for chosen in dropped),
    )
    if answers.unknown:
        chains = {c.package.name: tuple(with_places(read, c.because)) for c in reduced.kept}
        raise UnknownScriptsError(answers.unknown, resolved.release, platform, because=chains)
    kept = [locked_package(chosen) for chosen in reduced.kept]
    ingredients = Ingredients(
        recipe=read.recipe,
        variant=find_variant(read.recipe, variant),
        release=resolved.release,
        architecture=architecture,
        packages=answers.packages,
        because={package.name: package.because for package in kept},
        requested=requested_names(kept),
        contents=read.contents,
        time=time,
        read=bytes_reader(workspace),
    )
    try:
        assembly = assemble_variant(ingredients)
    except FieldError as error:
        raise at_place(read, (error.field,), error) from error
    return _Judged(reduced=reduced, answers=answers, assembly=assembly)


def _known_rules(read: ReadRecipe) -> None:
    """A loosening of a rule that does not exist would loosen nothing: it is a misspelt one."""
    rules = [rule.id for rule in HARDEN_RULES]
    recipe = read.recipe
    asked = [(f"loosened[{i}].rule", one) for i, one in enumerate(recipe.loosened)]
    for variant in recipe.variants:
        at = f"variants.{variant.name}.loosened"
        asked += [(f"{at}[{i}].rule", one) for i, one in enumerate(variant.loosened)]
    for field, loosening in asked:
        if loosening.rule not in rules:
            near = get_close_matches(loosening.rule, rules, n=1)
            advice = f"Did you mean {near[0]}? " if near else ""
            error = FieldError(
                f"no hardening rule is called {loosening.rule}",
                field=field,
                resolution=f"{advice}The rules are {', '.join(rules)}.",
            )
            raise at_place(read, (field,), error)


def reduce_solution(
    read: ReadRecipe, solution: Solution, facts: Mapping[Digest, PackageFacts]
) -> Reduced:
    """The solution without what only maintainer scripts need."""
    return drop_maintainer_only(solution, facts, pruned=prunable, used=commands_of(read.recipe))


def effects_database(workspace: Workspace, release: Release) -> EffectsDatabase:
    """The effects of a release: shipped, with the user's newer file over it if there is one."""
    return EffectsDatabase.load(release.codename, updates=workspace.effects_directory)


def bytes_reader(workspace: Workspace) -> Callable[[FileEntry], bytes]:
    """Reads the bytes of tree entries from the store."""
    read = store_reader(workspace.store)
    return lambda entry: bytes(read(entry))


def requested_names(packages: Sequence[LockedPackage]) -> frozenset[str]:
    """The packages that a request names: their chain has one link."""
    return frozenset(package.name for package in packages if len(package.because) == 1)


def lock_time(archives: Sequence[LockedArchive]) -> int:
    """The time of everything made from a lock: the newest signed index date, in seconds.

    ``SOURCE_DATE_EPOCH`` overrides it (reproducible-builds.org's specification).
    """
    chosen = os.environ.get(EPOCH_VARIABLE, "")
    if chosen:
        if not chosen.isdecimal():
            raise UsageError(
                f"{EPOCH_VARIABLE}={chosen!r} is no number of seconds since 1970",
                resolution="Unset it, or give a whole number.",
            )
        return int(chosen)
    return max(archive.date for archive in archives)


def _all_chosen(resolved: Resolved) -> Iterable[Chosen]:
    """Every package file of the solutions once."""
    found: dict[Digest, Chosen] = {}
    for solution in resolved.solutions.values():
        for chosen in solution.packages:
            found.setdefault(chosen.package.digest, chosen)
    return found.values()


def _targets(
    judged: Mapping[tuple[Platform, str], _Judged],
) -> tuple[tuple[LockedPackage, ...], tuple[LockedTarget, ...]]:
    """Every kept package file once, in a stable order, and the targets that point at them."""
    kept: dict[Digest, LockedPackage] = {}
    for one in judged.values():
        for chosen in one.reduced.kept:
            kept.setdefault(chosen.package.digest, locked_package(chosen))
    packages = sorted(kept.values(), key=lambda p: (p.name, p.architecture, p.version))
    position = {package.digest: i for i, package in enumerate(packages)}
    targets = tuple(
        LockedTarget(
            platform=platform,
            variant=variant,
            packages=tuple(position[c.package.digest] for c in one.reduced.kept),
            dropped=one.reduced.dropped,
            effects=one.answers.locked,
            tools=one.answers.tools,
        )
        for (platform, variant), one in judged.items()
    )
    return tuple(packages), targets


def locked_package(chosen: Chosen) -> LockedPackage:
    """A chosen package as a lock has it."""
    package = chosen.package
    return LockedPackage(
        name=package.name,
        version=package.version,
        architecture=package.architecture,
        digest=package.digest,
        size=package.size,
        installed_size=package.installed_size,
        path=package.filename,
        source=package.source,
        source_version=package.source_version,
        archive=chosen.archive,
        index=chosen.index,
        section=package.section,
        because=chosen.because,
    )
