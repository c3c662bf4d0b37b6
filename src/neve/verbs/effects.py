"""``neve effects list`` and ``update``: what is known of maintainer scripts, and bringing more."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from neve.distro import find_distro
from neve.effects.codec import effect_id, operation_to_json
from neve.effects.database import EffectsDatabase, import_update
from neve.errors import UsageError
from neve.model import Digest
from neve.verbs.atomic import write_atomically
from neve.verbs.context import Workspace

_MAX_FILE = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEffect:
    """One effect of a suite's database. ``operations`` are as the database writes them."""

    package: str
    id: Digest
    provenance: str
    conditions: int
    operations: tuple[dict[str, object], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectsList:
    """What a suite's database holds; ``digest`` is its id, ``kinds`` counts operations."""

    codename: str
    digest: Digest
    effects: tuple[KnownEffect, ...]
    kinds: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectsUpdate:
    """An updated database that was checked and put where locks look for it."""

    path: Path
    effects: int


def list_effects(
    workspace: Workspace, *, distribution: str, release: str, package: str | None
) -> EffectsList:
    """The database of one release, of one package if named; ``UsageError`` for an unknown one."""
    codename = find_distro(distribution, release).codename
    database = EffectsDatabase.load(codename, updates=workspace.effects_directory)
    chosen = [e for e in database.effects() if package in (None, e.package)]
    if package is not None and not chosen:
        raise UsageError(
            f"{package}: no effect of it is known for {codename}",
            resolution=f"Trace its scripts: `neve effects trace {package} --release {codename}`.",
        )
    rows = tuple(
        KnownEffect(
            package=effect.package,
            id=effect_id(effect),
            provenance=effect.provenance,
            conditions=len(effect.preconditions) + len(effect.reads),
            operations=tuple(operation_to_json(one) for one in effect.operations),
        )
        for effect in chosen
    )
    kinds = Counter(str(one["op"]) for row in rows for one in row.operations)
    return EffectsList(
        codename=codename,
        digest=database.digest,
        effects=rows,
        kinds=dict(sorted(kinds.items())),
    )


def update_effects(path: Path, workspace: Workspace) -> EffectsUpdate:
    """Check the database file at ``path`` whole, then lay it over the shipped one."""
    try:
        if path.stat().st_size > _MAX_FILE:
            raise UsageError(f"{path}: too large for a database", resolution="Name another file.")
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path}: not readable ({error.strerror})", resolution="Name a database file."
        ) from error
    target = import_update(data, workspace.effects_directory, write=write_atomically)
    return EffectsUpdate(path=target, effects=len(EffectsDatabase.parse(data)))
