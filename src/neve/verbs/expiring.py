"""Debug variants whose last day is over are not built: they were made for one occasion."""

from __future__ import annotations

from datetime import UTC, datetime

from neve.build.variant_kinds import expiry
from neve.errors import DeniedError
from neve.recipe.read import place_of
from neve.recipe.types import ReadRecipe
from neve.verbs.resolving import find_variant


def refuse_expired(read: ReadRecipe, variant: str, *, time: int, clock: int) -> None:
    """Raise ``DeniedError`` where ``variant``'s last day was before ``clock``'s (UTC).

    ``time`` is the lock's, from which the default life counts; both in seconds. Only building is
    refused: what was built can be verified by building it again at any time.
    """
    found = find_variant(read.recipe, variant)
    last = expiry(found, time)
    if last is None or datetime.fromtimestamp(clock, UTC).date() <= last:
        return
    key = f"variants.{variant}"
    place = place_of(read, f"{key}.expires") or place_of(read, key) or read.recipe.name
    if found.expires is None:
        raise DeniedError(
            f"{place}: the {variant} variant could be used until {last}",
            details=("it has no `expires:`, so that is 90 days after the lock's time",),
            resolution="Run `neve lock --update`, or write `expires:` with a later day there.",
        )
    raise DeniedError(
        f"{place}: the {variant} variant could be used until {last}",
        resolution="If it is still needed, write a later day there and run `neve lock`.",
    )
