"""The attack surface as a vector of counts, each with the paths it was counted from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SURFACE_SCHEMA_VERSION = 1


class Part(StrEnum):
    """The parts of the vector, in the order they are shown."""

    PACKAGES = "packages"
    FILES = "files"
    EXECUTABLES = "executables"
    SHELLS_AND_INTERPRETERS = "shells-and-interpreters"
    PACKAGE_MANAGERS = "package-managers"
    PRIVILEGED = "privileged"
    WORLD_WRITABLE = "world-writable"
    BYTES = "bytes"


REDUCED_PARTS = (
    Part.PACKAGES,
    Part.FILES,
    Part.EXECUTABLES,
    Part.SHELLS_AND_INTERPRETERS,
    Part.PRIVILEGED,
    Part.WORLD_WRITABLE,
    Part.BYTES,
)
"""The parts that ``reduction`` averages; fixed, so that figures of two years compare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One part: its ``count``, and ``subjects``, the packages or paths it was counted from.

    Of ``bytes`` the subjects are the files that hold them.
    """

    part: Part
    count: int
    subjects: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """The measured surface of one image; ``unjudged`` paths could not be looked into."""

    schema_version: int = SURFACE_SCHEMA_VERSION
    measures: tuple[Measure, ...]
    unjudged: tuple[str, ...] = ()

    def of(self, part: Part) -> Measure:
        """The measure of one part."""
        return next(measure for measure in self.measures if measure.part is part)

    def counts(self) -> dict[str, int]:
        """Part → count, in the order of ``Part``."""
        return {measure.part.value: measure.count for measure in self.measures}
