"""The lock: what a recipe resolved to, and the whole input of a build (``neve.lock``, JSON).

No address of a mirror ever stands here: archives are named by their alias and suite.
"""

from __future__ import annotations

from dataclasses import dataclass

from neve.model import Digest, Platform
from neve.recipe.types import Recipe, RecipeSource

LOCK_SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedIndex:
    """One package index that a signed release file vouched for."""

    component: str
    architecture: str
    path: str
    digest: Digest
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedArchive:
    """One signed release file: which suite, when, by whom. ``id`` is ``alias:suite``.

    ``date`` and ``valid_until`` are seconds since the epoch; ``signers`` are fingerprints of
    the primary keys whose signature was good and allowed; ``snapshot`` is the archive time
    asked for, ``None`` for the live archive.
    """

    id: str
    alias: str
    suite: str
    codename: str
    date: int
    valid_until: int | None
    release: Digest
    signers: tuple[str, ...]
    snapshot: str | None
    indexes: tuple[LockedIndex, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPackage:
    """One package file. ``path`` is relative to its archive's root; sizes in bytes.

    ``because`` is the chain from a request to this package: ``("packages[0]: python3",
    "python3 → libpython3-stdlib (= 3.13.5-1)")``.
    """

    name: str
    version: str
    architecture: str
    digest: Digest
    size: int
    installed_size: int
    path: str
    source: str
    source_version: str
    archive: str
    index: Digest
    section: str
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedPackage:
    """A package the resolver chose that no kept file needs, with the rule and evidence."""

    name: str
    version: str
    rule: str
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedEffect:
    """How one package's maintainer scripts are answered: the effect's id and where it comes from
    (``traced``, ``static``, ``acknowledged``).
    """

    package: str
    effect: Digest
    provenance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedTarget:
    """One platform × variant. ``packages`` are indexes into ``Lock.packages`` in configuration
    order (dependencies first, the order in which effects apply). ``tools`` are programs of the
    dropped packages that some script looked for: its effect holds as if they were there.
    """

    platform: Platform
    variant: str
    packages: tuple[int, ...]
    dropped: tuple[DroppedPackage, ...] = ()
    effects: tuple[LockedEffect, ...] = ()
    tools: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """The whole input of a build.

    ``rules`` are (name, version) of everything that shapes bytes: planting, effects database,
    hardening, pruning, packing, codecs. ``time`` is the newest signed index date, in seconds.
    """

    schema_version: int = LOCK_SCHEMA_VERSION
    recipe: Recipe
    sources: tuple[RecipeSource, ...]
    rules: tuple[tuple[str, str], ...]
    time: int
    archives: tuple[LockedArchive, ...]
    packages: tuple[LockedPackage, ...]
    targets: tuple[LockedTarget, ...]
