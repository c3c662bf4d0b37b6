"""Refusals at their place in the recipe: file, line and column of the field that is wrong."""

from __future__ import annotations

from collections.abc import Sequence

from neve.errors import NeveError, SourceError
from neve.recipe.types import ReadRecipe


def at_place(read: ReadRecipe, keys: Sequence[str], error: NeveError) -> NeveError:
    """``error`` at the place in the recipe that the first known of ``keys`` has, or what is
    around it.
    """
    from neve.recipe.read import place_of

    for key in keys:
        place = place_of(read, key)
        if place is not None:
            return SourceError(
                error.brief.removeprefix(f"{key}: "),
                place=place,
                resolution=error.resolution,
                details=error.details,
                docs=error.docs,
            )
    return error
