"""What a recipe says in vain, or what only a runtime decides, at its place in the recipe."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from neve.model import Check, Skipped
from neve.recipe.types import ReadRecipe


def at_places(checks: Iterable[Check], read: ReadRecipe) -> tuple[Check, ...]:
    """``checks``, the subject of each skipped one that names a field of ``read`` with its file,
    line and column: ``run.ports[0] (neve.yaml:7:11)``.
    """
    return tuple(
        replace(check, subject=f"{check.subject} ({read.places[check.subject]})")
        if isinstance(check.verdict, Skipped) and check.subject in read.places
        else check
        for check in checks
    )
