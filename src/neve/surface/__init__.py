"""The measured attack surface of an image."""

from neve.surface.measure import measure_surface, reduction
from neve.surface.types import (
    REDUCED_PARTS,
    SURFACE_SCHEMA_VERSION,
    Measure,
    Part,
    Surface,
)

__all__ = [
    "REDUCED_PARTS",
    "SURFACE_SCHEMA_VERSION",
    "Measure",
    "Part",
    "Surface",
    "measure_surface",
    "reduction",
]
