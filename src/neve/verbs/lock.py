"""``neve lock``: resolve, fetch, judge, and write the whole input of a build.

A lock is written only if it can be built: every script answered, every hardening rule either
held or loosened by the recipe.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from neve.errors import UsageError
from neve.model import Check, Digest, Platform, sha256_of
from neve.recipe.lock import Lock
from neve.recipe.lockdiff import LockDiff, diff_locks
from neve.recipe.lockfile import dump_lock, load_lock, recipe_matches
from neve.recipe.types import ReadRecipe
from neve.verbs.atomic import write_atomically
from neve.verbs.context import Workspace
from neve.verbs.holding import Hold
from neve.verbs.places import RecipePlace, catalogue_file

if TYPE_CHECKING:
    from neve.verbs.locking import Locked


@dataclass(frozen=True, slots=True, kw_only=True)
class LockRequest:
    """What to lock. ``only`` (with ``update``) names the packages that may change version."""

    place: RecipePlace
    update: bool = False
    only: tuple[str, ...] = ()
    dry_run: bool = False
    output: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSummary:
    """One platform × variant of a lock. Sizes in bytes."""

    platform: Platform
    variant: str
    packages: int
    download_size: int
    installed_size: int
    dropped: tuple[str, ...]
    effects: Mapping[str, int]
    """How many packages' scripts are answered by what: ``traced``, ``static``, ``acknowledged``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockResult:
    """What was locked and what changed; ``written`` is false for a dry run or when nothing did.

    ``replaced`` is false for a first lock: then everything is new.
    """

    path: Path
    digest: Digest
    written: bool
    replaced: bool
    changes: LockDiff
    targets: tuple[TargetSummary, ...]
    archives: tuple[tuple[str, date], ...]
    certificates: tuple[Check, ...] = ()
    """What is worth knowing about the recipe's certificates: a failure is a warning. Judged when
    a lock is made, not when an unchanged one is kept."""
    notes: tuple[Check, ...] = ()
    """What the recipe says in vain, or what only a runtime decides (a port below 1024), at its
    place; told when a lock is made."""


def write_lock(
    request: LockRequest,
    workspace: Workspace,
    *,
    show: Callable[[LockDiff], None] = lambda changes: None,
) -> LockResult:
    """Make the lock of a recipe, and write it unless that was not wanted.

    ``show`` is told what changes against the lock that was there, before anything is written.
    An existing lock whose recipe is unchanged is kept unless ``update`` asks for newer packages.
    Raises what reading, resolving, trust and hardening raise; nothing is written then.
    """
    path = _output(request)
    old = read_lock(path) if path.is_file() else None
    read = read_recipe_at(request.place)
    if old is not None and not request.update and _unchanged(old, read):
        return _result(path, old, dump_lock(old), old, written=False)
    from neve.verbs.locking import make_lock
    from neve.verbs.resolving import note_indexes

    hold = _hold(old, request)
    locked = make_lock(read, workspace, platforms=read.recipe.platforms, variants=None, hold=hold)
    data = dump_lock(locked.lock)
    written = not request.dry_run and (old is None or locked.lock != old)
    result = replace(
        _result(path, locked.lock, data, old, written=written),
        certificates=_certificates(locked),
        notes=_notes(locked, read),
    )
    if old is not None:
        show(result.changes)
    if written:
        write_atomically(path, data)
    note_indexes(workspace.store, locked.indexes)
    return result


def _certificates(locked: Locked) -> tuple[Check, ...]:
    """The checks of all targets' certificates, each once."""
    every = (check for one in locked.assemblies.values() for check in one.certificates)
    return tuple(dict.fromkeys(every))


def _notes(locked: Locked, read: ReadRecipe) -> tuple[Check, ...]:
    """What the runtime images' checks left open about the recipe's own lines, each once."""
    from neve.build.variant_kinds import RUNTIME
    from neve.verbs.noted import at_places

    every = (
        check
        for (_, variant), one in locked.assemblies.items()
        if variant == RUNTIME
        for check in one.unmet
    )
    return at_places(dict.fromkeys(every), lambda: read)


def read_recipe_at(place: RecipePlace) -> ReadRecipe:
    """The recipe with everything it extends and names."""
    from neve.recipe.read import read_recipe

    return read_recipe(place.recipe, catalogue=catalogue_file)


def repository_addresses(place: RecipePlace) -> dict[str, str]:
    """Where the recipe's own repositories are: a lock names them without address."""
    from neve.verbs.resolving import addresses_of

    return addresses_of(read_recipe_at(place).recipe)


def read_lock(path: Path) -> Lock:
    """The lock in a file; raises ``UsageError`` for anything else."""
    return load_lock(_bytes(path), path.name)


def matching_lock(place: RecipePlace) -> tuple[Lock, bytes] | None:
    """The lock beside a recipe, checked against the recipe's files; ``None`` if there is none.

    Raises ``UsageError`` when the recipe no longer matches: a build from it would be of
    something else than what is written.
    """
    if not place.lock.is_file():
        return None
    data = _bytes(place.lock)
    lock = load_lock(data, place.lock.name)
    changed = recipe_matches(lock, place.recipe, catalogue=catalogue_file)
    if changed:
        raise UsageError(
            f"{place.lock}: the recipe no longer matches its lock",
            details=changed,
            resolution=f"Run `neve lock {place.recipe}` to lock the recipe as it is now.",
        )
    return lock, data


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path}: not readable ({os.strerror(error.errno or 0)})",
            resolution="Check the path and its permissions.",
        ) from error


def _output(request: LockRequest) -> Path:
    if request.output is not None:
        return request.output
    if request.place.shipped and not request.dry_run:
        raise UsageError(
            f"{request.place.recipe.name}: the catalogue's recipes are not locked in place",
            resolution="Say where the lock goes: `--output neve.lock`, or copy the recipe first.",
        )
    return request.place.lock


def _unchanged(old: Lock, read: ReadRecipe) -> bool:
    from neve.build.rules import rule_versions

    return old.sources == read.sources and old.rules == rule_versions(
        services=bool(read.recipe.services)
    )


def _hold(old: Lock | None, request: LockRequest) -> Hold | None:
    """With names after ``--update``, everything else stays at its locked version."""
    if old is None or not request.update or not request.only:
        return None
    known = {package.name for package in old.packages}
    unknown = sorted(set(request.only) - known)
    if unknown:
        raise UsageError(
            f"--update {unknown[0]}: the lock has no such package",
            resolution="Name packages as the lock does, or none to update all.",
        )
    return Hold(lock=old, moving=frozenset(request.only))


def _result(path: Path, lock: Lock, data: bytes, old: Lock | None, *, written: bool) -> LockResult:
    return LockResult(
        path=path,
        digest=sha256_of(data),
        written=written,
        replaced=old is not None,
        changes=diff_locks(old, lock),
        targets=summaries(lock),
        archives=tuple(
            (archive.id, datetime.fromtimestamp(archive.date, UTC).date())
            for archive in lock.archives
        ),
    )


def summaries(lock: Lock) -> tuple[TargetSummary, ...]:
    """One summary a target, for people."""
    found = []
    for target in lock.targets:
        packages = [lock.packages[index] for index in target.packages]
        effects: dict[str, int] = {}
        for effect in target.effects:
            effects[effect.provenance] = effects.get(effect.provenance, 0) + 1
        found.append(
            TargetSummary(
                platform=target.platform,
                variant=target.variant,
                packages=len(packages),
                download_size=sum(package.size for package in packages),
                installed_size=sum(package.installed_size for package in packages),
                dropped=tuple(dropped.name for dropped in target.dropped),
                effects=dict(sorted(effects.items())),
            )
        )
    return tuple(found)
