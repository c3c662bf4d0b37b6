"""Holding what a lock has while named packages move: ``neve lock --update PACKAGE``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from neve.model import Platform
from neve.recipe.lock import Lock, LockedPackage
from neve.resolve.request import PackageKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Versions to stay at on one architecture, and the packages that may move all the same."""

    versions: dict[PackageKey, str]
    moving: tuple[PackageKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A lock whose packages stay, but for those called ``moving``."""

    lock: Lock
    moving: frozenset[str]

    def on(self, platform: Platform, architecture: str) -> Iterator[Holding]:
        """What to hold, in the order to try: all others; all but those built from the same
        sources as what moves, since these often need each other at one version.
        """
        rows: dict[PackageKey, LockedPackage] = {}
        for target in self.lock.targets:
            if target.platform == platform:
                for package in (self.lock.packages[index] for index in target.packages):
                    own = package.architecture if package.architecture != "all" else architecture
                    rows[package.name, own] = package
        sources = {row.source for row in rows.values() if row.name in self.moving}
        named = tuple(key for key in rows if key[0] in self.moving)
        related = tuple(key for key, row in rows.items() if row.source in sources)
        for moving in dict.fromkeys((named, related)):
            held = {key: row.version for key, row in rows.items() if key not in moving}
            yield Holding(versions=held, moving=moving)
