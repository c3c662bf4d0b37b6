"""From a recipe to solutions: indexes fetched and verified, one solution per platform × variant.

Shared by lock, build, plan and why; writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from neve.archive import VerifiedArchive
from neve.distro import Release
from neve.model import Platform
from neve.resolve import (
    Solution,
)

RUNTIME = "runtime"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What a recipe resolved to, per platform and variant, and the archives that said so."""

    release: Release
    archives: tuple[VerifiedArchive, ...]
    solutions: Mapping[tuple[Platform, str], Solution]
