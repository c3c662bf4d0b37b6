"""``neve plan``: what a build would do, with reasons and sizes; nothing is written."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from neve.build.steps import Step, StepKind
from neve.build.variant_kinds import RUNTIME
from neve.errors import UsageError
from neve.model import Check, Digest, Origin, Platform
from neve.recipe.lock import DroppedPackage
from neve.tree import Kind
from neve.verbs.context import Workspace
from neve.verbs.lock import read_recipe_at
from neve.verbs.noted import at_places
from neve.verbs.places import RecipePlace
from neve.verbs.platforms import host_platform
from neve.verbs.records import Recorded, recipe_record

if TYPE_CHECKING:
    from neve.verbs.costs import Costs


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """What to plan; one platform, this machine's unless another is named. ``costs`` prices each
    line of the recipe, which takes an image put together in memory a line.
    """

    place: RecipePlace
    variant: str = RUNTIME
    platforms: tuple[Platform, ...] = ()
    costs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPackage:
    """One package: why it is there, how its scripts are answered, what it weighs.

    ``size`` is the download, ``kept`` the bytes of its files that stay, ``stored`` whether the
    store holds it already.
    """

    name: str
    version: str
    architecture: str
    archive: str
    because: tuple[str, ...]
    scripts: str
    size: int
    kept: int
    stored: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCount:
    """How many paths one rule, effect or the recipe added or removed."""

    origin: Origin
    subject: str
    paths: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanResult:
    """The plan of one image. ``steps`` are what has to be fetched or read first, as data;
    ``costs`` is what each line of the recipe brings, where that was asked for. The subject of a
    check that a line of the recipe made ends in that line's place.
    """

    name: str
    platform: Platform
    variant: str
    lock: Digest
    packages: tuple[PlannedPackage, ...]
    dropped: tuple[DroppedPackage, ...]
    added: tuple[RuleCount, ...]
    removed: tuple[RuleCount, ...]
    checks: tuple[Check, ...]
    files: int
    installed_size: int
    download_size: int
    steps: tuple[Step, ...]
    costs: Costs | None = None


def plan_image(request: PlanRequest, workspace: Workspace) -> PlanResult:
    """Assemble the image's tree in memory and tell what is in it and why."""
    if request.costs and request.variant != RUNTIME:
        raise UsageError(
            f"--costs prices the runtime image, not {request.variant}",
            resolution="Leave out --variant: each variant has a line of its own among the prices.",
        )
    platform = request.platforms[0] if request.platforms else host_platform()
    stored = _stored(request, workspace)
    found = recipe_record(request.place, workspace, platform=platform, variant=request.variant)
    kept: Counter[str] = Counter()
    for entry in found.record.paths.values():
        if entry.reason.origin is Origin.PACKAGE:
            kept[entry.reason.subject] += entry.size
    packages = tuple(
        PlannedPackage(
            name=package.name,
            version=package.version,
            architecture=package.architecture,
            archive=package.archive,
            because=package.because,
            scripts=_scripts(found, package.name),
            size=package.size,
            kept=kept[package.name],
            stored=package.digest in stored,
        )
        for package in found.packages.values()
    )
    files = [e for e in found.record.paths.values() if e.kind is not Kind.DIRECTORY]
    return PlanResult(
        name=found.record.image,
        platform=platform,
        variant=request.variant,
        lock=found.record.lock_digest,
        packages=packages,
        dropped=found.target.dropped,
        added=_added(found),
        removed=_removed(found),
        checks=at_places(found.record.checks, lambda: read_recipe_at(request.place)),
        files=len(files),
        installed_size=sum(entry.size for entry in files),
        download_size=sum(package.size for package in packages),
        steps=_steps(found, stored),
        costs=_costs(found, request, workspace) if request.costs else None,
    )


def _costs(found: Recorded, request: PlanRequest, workspace: Workspace) -> Costs:
    from neve.verbs.costs import price_lines
    from neve.verbs.resolving import addresses_of

    read = read_recipe_at(request.place)
    return price_lines(
        read, found.lock, found.target, workspace, addresses=addresses_of(read.recipe)
    )


def _stored(request: PlanRequest, workspace: Workspace) -> frozenset[Digest]:
    """What needs no download; asked before anything is fetched."""
    from neve.verbs.lock import matching_lock

    existing = matching_lock(request.place)
    if existing is None:
        read_recipe_at(request.place)
        return workspace.store.digests()
    return frozenset(p.digest for p in existing[0].packages if workspace.store.has(p.digest))


def _scripts(found: Recorded, package: str) -> str:
    for effect in found.target.effects:
        if effect.package == package:
            return effect.provenance
    return "none"


def _added(found: Recorded) -> tuple[RuleCount, ...]:
    counts: Counter[tuple[Origin, str]] = Counter()
    for entry in found.record.paths.values():
        if entry.reason.origin is not Origin.PACKAGE:
            counts[entry.reason.origin, entry.reason.subject] += 1
    return _counts(counts)


def _removed(found: Recorded) -> tuple[RuleCount, ...]:
    return _counts(
        Counter((reason.origin, reason.subject) for reason in found.record.removed.values())
    )


def _counts(counts: Counter[tuple[Origin, str]]) -> tuple[RuleCount, ...]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(RuleCount(origin=o, subject=s, paths=number) for (o, s), number in ordered)


def _steps(found: Recorded, stored: frozenset[Digest]) -> tuple[Step, ...]:
    return tuple(
        Step(
            kind=StepKind.FETCH,
            inputs=(str(package.digest),),
            reason=f"{package.name} {package.version}, {package.size} bytes",
        )
        for package in found.packages.values()
        if package.digest not in stored
    )
