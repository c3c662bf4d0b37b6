"""Building the images of a lock: recall what is in the store, make what is not.

Shared by ``neve build``, ``verify --rebuild`` and whatever else needs a built image.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from neve.build.made import LockedBuild, MadeImage, recall_image
from neve.build.rules import changed_rules
from neve.errors import UsageError
from neve.model import Digest, Platform, sha256_of
from neve.oci.codec import Compression
from neve.recipe.lock import Lock, LockedTarget
from neve.verbs.context import Workspace

if TYPE_CHECKING:
    from neve.build.answers import Answers
    from neve.build.tree import Assembly, Ingredients
    from neve.formats.deb import PackageFacts

Contents = Callable[[], Mapping[Digest, bytes]]
"""Gives the recipe's own files by digest; called only when something must be built."""

Addresses = Callable[[], Mapping[str, str]]
"""Gives where the recipe's own repositories are, by alias: no lock says it. Called only then."""


def no_addresses() -> Mapping[str, str]:
    """For images without their recipe at hand: the settings alone say where archives are."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildPlan:
    """What of a lock to build. ``assemblies`` are trees already made while locking."""

    lock: Lock
    data: bytes
    platforms: Sequence[Platform]
    variant: str
    compression: Compression
    contents: Contents
    assemblies: Mapping[tuple[Platform, str], Assembly]
    addresses: Addresses = no_addresses
    fresh: bool = False
    """Make every image and layer again, whatever the store remembers (``verify --rebuild``)."""


def build_images(plan: BuildPlan, workspace: Workspace) -> tuple[MadeImage, ...]:
    """One image a platform, from the store where an earlier build left it.

    Raises ``UsageError`` for a platform or variant that the lock lacks, and where this neve
    would give other bytes than the lock promises.
    """
    refuse_changed_rules(plan.lock)
    digest = sha256_of(plan.data)
    found = []
    for platform in plan.platforms:
        build = LockedBuild(
            lock=plan.lock,
            lock_data=plan.data,
            lock_digest=digest,
            target=find_target(plan.lock, platform, plan.variant),
            compression=plan.compression,
        )
        made = None if plan.fresh else recall_image(build, workspace.store)
        found.append(made if made is not None else _make(build, plan, workspace))
    return tuple(found)


def find_target(lock: Lock, platform: Platform, variant: str) -> LockedTarget:
    """The lock's target; raises ``UsageError`` naming those there are."""
    for target in lock.targets:
        if (target.platform, target.variant) == (platform, variant):
            return target
    known = ", ".join(f"{target.platform} {target.variant}" for target in lock.targets)
    raise UsageError(
        f"the lock has no {variant} image for {platform}",
        details=(f"it has: {known}",),
        resolution="Add the platform or variant to the recipe and run `neve lock`.",
    )


def refuse_changed_rules(lock: Lock) -> None:
    """Stop before building if the same lock would give other bytes than it did."""
    changed = changed_rules(lock.rules, services=bool(lock.recipe.services))
    if changed:
        raise UsageError(
            "this neve would build other bytes from this lock than the one that wrote it",
            details=tuple(
                f"{name}: the lock has {old or 'none'}, this neve has {new or 'none'}"
                for name, old, new in changed
            ),
            resolution="Run `neve lock --update` to lock anew, or use the neve that wrote it.",
        )


def _make(build: LockedBuild, plan: BuildPlan, workspace: Workspace) -> MadeImage:
    from neve.build.image import make_image
    from neve.oci.pack import store_reader

    key = (build.target.platform, build.target.variant)
    with workspace.store.lock(build.step.id, waiting=lambda: workspace.progress.note(_WAITING)):
        made = None if plan.fresh else recall_image(build, workspace.store)
        if made is not None:
            return made
        assembly = plan.assemblies.get(key)
        if assembly is None:
            assembly = _assemble(build.target, plan, workspace)
        read = store_reader(workspace.store)
        if plan.lock.recipe.bytecode is not False:
            _compile(build, plan, assembly, workspace)
        workspace.progress.stage("packing layers")
        return make_image(
            build,
            assembly,
            store=workspace.store,
            read=read,
            workers=workspace.settings.jobs,
            fresh=plan.fresh,
        )


def _compile(build: LockedBuild, plan: BuildPlan, assembly: Assembly, workspace: Workspace) -> None:
    """Byte-compile, and pack the layers that this leaves alone in the meantime."""
    from concurrent.futures import ThreadPoolExecutor
    from functools import partial

    from neve.build.bytecode import add_bytecode
    from neve.build.image import untouched_layers
    from neve.effects.bytecode import bytecode_plan
    from neve.oci.pack import pack_layers, store_reader

    if not bytecode_plan(assembly.tree, assembly.bytecode_directories):
        return
    workspace.progress.stage("byte-compiling")
    with ThreadPoolExecutor(1) as ahead:
        packing = ahead.submit(
            pack_layers,
            () if plan.fresh else untouched_layers(build, assembly),
            workspace.store,
            compression=build.compression,
            workers=1,
        )
        for one in (assembly.base, assembly):
            if one is not None:
                add_bytecode(
                    one,
                    store=workspace.store,
                    read=store_reader(workspace.store),
                    host=partial(_host_tree, build, plan, assembly, one, workspace),
                    jobs=workspace.settings.jobs,
                )
        packing.result()


_WAITING = "another neve is building the same image: waiting for it"


def _assemble(target: LockedTarget, plan: BuildPlan, workspace: Workspace) -> Assembly:
    return assemble_target(
        plan.lock, target, workspace, contents=plan.contents, addresses=plan.addresses
    )


def assemble_target(
    lock: Lock,
    target: LockedTarget,
    workspace: Workspace,
    *,
    contents: Contents,
    addresses: Addresses = no_addresses,
) -> Assembly:
    """The tree of one target of a lock; fetches the packages that the store lacks.

    Raises ``UsageError`` where this neve answers scripts otherwise than the lock says.
    """
    from neve.build.development import assemble_variant
    from neve.build.variant_kinds import RUNTIME, is_layered
    from neve.build.variants import on_top_of
    from neve.verbs.resolving import find_variant

    assembly = assemble_variant(_ingredients(lock, target, workspace, contents, addresses))
    assembly.hardened.require()
    if not is_layered(lock.recipe, target.variant):
        return assembly
    runtime = assemble_target(
        lock,
        find_target(lock, target.platform, RUNTIME),
        workspace,
        contents=contents,
        addresses=addresses,
    )
    return on_top_of(runtime, assembly, find_variant(lock.recipe, target.variant).kind)


def _ingredients(
    lock: Lock, target: LockedTarget, workspace: Workspace, contents: Contents, addresses: Addresses
) -> Ingredients:
    """What the tree of one target is made of, its packages fetched and read."""
    from neve.build.tree import Ingredients
    from neve.distro import find_distro
    from neve.verbs.locking import bytes_reader, fetch_facts, requested_names
    from neve.verbs.resolving import find_variant

    release = find_distro(lock.recipe.base.name, lock.recipe.base.release)
    packages = [lock.packages[index] for index in target.packages]
    repositories = addresses() if lock.recipe.repositories else {}
    source = workspace.archives(release, repositories)
    facts = fetch_facts(workspace, source, packages, lock.archives)
    answers = _locked_answers(
        lock, target, [facts[package.digest] for package in packages], workspace
    )
    return Ingredients(
        recipe=lock.recipe,
        variant=find_variant(lock.recipe, target.variant),
        release=release,
        architecture=release.architecture(target.platform),
        packages=answers.packages,
        because={package.name: package.because for package in packages},
        requested=requested_names(packages),
        contents=contents() if any(file.digest for file in lock.recipe.files) else {},
        time=lock.time,
        read=bytes_reader(workspace),
    )


def _locked_answers(
    lock: Lock, target: LockedTarget, packages: Sequence[PackageFacts], workspace: Workspace
) -> Answers:
    """The effects that the lock names, found again; ``UsageError`` where this neve has others."""
    from neve.build.answers import answer_scripts
    from neve.distro import find_distro
    from neve.verbs.locking import effects_database

    release = find_distro(lock.recipe.base.name, lock.recipe.base.release)
    answers = answer_scripts(
        packages,
        database=effects_database(workspace, release),
        architecture=release.architecture(target.platform),
        acknowledged=lock.recipe.acknowledged,
        today=None,
        tools=target.tools,
    )
    if answers.unknown or answers.locked != target.effects:
        raise UsageError(
            "the effects database of this neve does not have the effects that the lock names",
            details=_different_effects(target, answers.locked),
            resolution="Run `neve lock --update` to lock anew, or bring in the database that the "
            "lock was made with (`neve effects update`).",
        )
    return answers


def _different_effects(target: LockedTarget, own: Sequence[object]) -> tuple[str, ...]:
    found = set(own)
    return tuple(
        f"{effect.package}: {effect.provenance} {effect.effect}"
        for effect in target.effects
        if effect not in found
    )


def _host_tree(
    build: LockedBuild, plan: BuildPlan, whole: Assembly, own: Assembly, workspace: Workspace
) -> Assembly | None:
    """The lock's tree for this machine's architecture, whose interpreter can run here: of the
    same image, or of the runtime image below it, as ``own`` is of ``whole``.
    """
    from neve.verbs.platforms import host_platform

    key = (host_platform(), build.target.variant)
    if build.target.platform == key[0]:
        return own
    found = plan.assemblies.get(key)
    if found is None:
        targets = (t for t in plan.lock.targets if (t.platform, t.variant) == key)
        found = next((_assemble(target, plan, workspace) for target in targets), None)
    if found is None or own is whole:
        return found
    return found.base
