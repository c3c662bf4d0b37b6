"""Counts an inventory into a surface, and says by how much one is smaller than another."""

from __future__ import annotations

from neve.inventory import Inventory, Role
from neve.surface.types import REDUCED_PARTS, Measure, Part, Surface
from neve.tree import Kind

_COUNTED_KINDS = (Kind.FILE, Kind.HARDLINK, Kind.SYMLINK)


def measure_surface(inventory: Inventory) -> Surface:
    """The surface of one image; each count with what it was counted from."""
    packages = (f"{item.name}:{item.architecture}={item.version}" for item in inventory.packages)
    files = inventory.files
    runners = (Role.SHELL, Role.INTERPRETER)
    subjects: dict[Part, tuple[str, ...]] = {
        Part.PACKAGES: tuple(packages),
        Part.FILES: tuple(item.path for item in files if item.kind in _COUNTED_KINDS),
        Part.EXECUTABLES: tuple(item.path for item in files if item.executable),
        Part.SHELLS_AND_INTERPRETERS: tuple(
            program.path for program in inventory.programs if program.role in runners
        ),
        Part.PACKAGE_MANAGERS: tuple(
            program.path for program in inventory.programs if program.role is Role.PACKAGE_MANAGER
        ),
        Part.PRIVILEGED: tuple(item.path for item in files if item.privileged),
        Part.WORLD_WRITABLE: tuple(item.path for item in files if item.world_writable),
        Part.BYTES: tuple(item.path for item in files if item.kind is Kind.FILE),
    }
    size = sum(item.size for item in files if item.kind is Kind.FILE)
    return Surface(
        measures=tuple(
            Measure(
                part=part,
                count=size if part is Part.BYTES else len(subjects[part]),
                subjects=subjects[part],
            )
            for part in Part
        ),
        unjudged=tuple(f"{item.path}: {item.reason}" for item in inventory.unjudged),
    )


def reduction(before: Surface, after: Surface) -> float:
    """By how much ``after`` is smaller than ``before``, between −∞ and 1 (nothing is left).

    The mean of ``1 − after/before`` over those of ``REDUCED_PARTS`` that are not zero before;
    0 where all of them are.
    """
    shares = [
        1 - after.of(part).count / before.of(part).count
        for part in REDUCED_PARTS
        if before.of(part).count
    ]
    return sum(shares) / len(shares) if shares else 0.0
