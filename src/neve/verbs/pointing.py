"""Refusals at their place in the recipe: file, line and column of the field that is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from neve.errors import DeniedError, NeveError, SourceError
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


def with_places(read: ReadRecipe, lines: Iterable[str]) -> Iterator[str]:
    """``lines`` of a chain, each that begins with a field of the recipe with its place:
    ``packages[0]: git (neve.yaml:4:12)``.
    """
    for line in lines:
        place = read.places.get(line.partition(": ")[0])
        yield line if place is None else f"{line} ({place})"


def denied_at(read: ReadRecipe, error: DeniedError) -> DeniedError:
    """``error`` with the places of the fields that its chains lead to."""
    return DeniedError(
        error.brief,
        details=tuple(with_places(read, error.details)),
        resolution=error.resolution,
        docs=error.docs,
    )
