"""What a recipe says in vain, or what only a runtime decides, at its place in the recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from neve.model import Check
from neve.recipe.types import ReadRecipe

_OF_LINES = frozenset(
    ("program-missing", "low-port", "volume-not-writable", "keep-unused", "loosening-unused")
)
"""The rules whose subject is a field of the recipe."""


def at_places(checks: Iterable[Check], read: Callable[[], ReadRecipe]) -> tuple[Check, ...]:
    """``checks``, the subject of each one about a field of the recipe with its file, line and
    column: ``run.ports[0] (neve.yaml:7:11)``. ``read`` is called only if there is one.
    """
    every = tuple(checks)
    if not any(check.rule in _OF_LINES for check in every):
        return every
    places = read().places
    return tuple(
        replace(check, subject=f"{check.subject} ({places[check.subject]})")
        if check.rule in _OF_LINES and check.subject in places
        else check
        for check in every
    )
