"""What a resolution is asked and what it answers, as data.

Owns the request, the solution and the explanation of a request that can't be met; knows
nothing of how either is found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from neve.errors import UsageError
from neve.formats.deb.types import IndexPackage
from neve.model import Digest
from neve.recipe.types import PackageRequest

PackageKey = tuple[str, str]
"""Package name and architecture; packages for all architectures carry the native one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """One package of a solution.

    ``archive`` and ``index`` name the signed index that lists it (``LockedArchive.id`` and the
    index file's digest). ``because`` is the shortest chain from a request to it:
    ``("packages[0]: python3", "python3 → libpython3-stdlib (= 3.13.5-1)")``. ``requested`` says
    that a request names it (or a virtual package that only it provides).
    """

    package: IndexPackage
    archive: str
    index: Digest
    because: tuple[str, ...]
    requested: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """The packages of an image in configuration order: dependencies first, cycles broken the
    same way every time.
    """

    packages: tuple[Chosen, ...]

    @property
    def names(self) -> frozenset[str]:
        """The names of all packages."""
        return frozenset(chosen.package.name for chosen in self.packages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a request can't be met, as a person would say it.

    ``brief`` is one line; ``chain`` leads from a request to what is impossible; ``resolution`` is
    the next step. ``label`` is the recipe field to point at (``packages[3]``), ``request`` what
    stands there.
    """

    brief: str
    chain: tuple[str, ...]
    resolution: str
    label: str
    request: PackageRequest

    def error(self) -> UsageError:
        """This explanation as the error to raise where no recipe place is known."""
        told = len(self.chain) == 1 and self.chain[0] in self.brief
        return UsageError(
            f"{self.label}: {self.brief}",
            details=() if told else self.chain,
            resolution=self.resolution,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to resolve.

    ``labels`` name the recipe field of each request and default to ``packages[0]`` …;
    ``exclude`` are package names that must not be chosen, whatever asks for them; ``within`` is
    a solution that this one must contain at the same versions (a variant over its runtime).
    ``held`` are versions to stay at wherever an index still lists them; what the new versions of
    ``moving`` packages need leaves its hold too.
    """

    requests: tuple[PackageRequest, ...]
    labels: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    within: Solution | None = None
    held: Mapping[PackageKey, str] = field(default_factory=dict)
    moving: tuple[PackageKey, ...] = ()

    def label(self, position: int) -> str:
        """The recipe field of the request at ``position``."""
        return self.labels[position] if position < len(self.labels) else f"packages[{position}]"
