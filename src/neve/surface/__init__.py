"""The measured attack surface of an image."""

from neve.surface.measure import (
    counted_packages,
    measure_surface,
    package_label,
    reduction,
    usable,
    weaknesses,
)
from neve.surface.types import (
    MEANING,
    NEEDS,
    REDUCED_PARTS,
    SURFACE_SCHEMA_VERSION,
    Measure,
    Part,
    Surface,
)
from neve.surface.user import RunUser, may_write, run_user

__all__ = [
    "MEANING",
    "NEEDS",
    "REDUCED_PARTS",
    "SURFACE_SCHEMA_VERSION",
    "Measure",
    "Part",
    "RunUser",
    "Surface",
    "counted_packages",
    "may_write",
    "measure_surface",
    "package_label",
    "reduction",
    "run_user",
    "usable",
    "weaknesses",
]
