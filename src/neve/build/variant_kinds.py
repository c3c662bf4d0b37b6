"""The kinds of variant, and what each one loosens by itself."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from neve.recipe.types import Loosening, Recipe, Variant

RUNTIME = "runtime"
DEBUG = "debug"
DEV = "dev"
LAYERED = frozenset((DEBUG, DEV))
"""The kinds of variant whose image begins with the runtime image's layers."""

_DEFAULT_LIFE = timedelta(days=90)
_DEBUG_RULES = ("no-shell", "no-package-manager", "script-without-interpreter")


def loosened_by(variant: Variant) -> tuple[Loosening, ...]:
    """The hardening that a variant's kind loosens by itself."""
    if variant.kind != DEBUG:
        return ()
    reason = f"the variant {variant.name} is for looking into the image"
    return tuple(Loosening(rule=rule, reason=reason) for rule in _DEBUG_RULES)


def expiry(variant: Variant, time: int) -> date | None:
    """The last day on which an image of ``variant`` may be used; ``time`` is its lock's, in
    seconds.
    """
    if variant.kind != DEBUG:
        return None
    return variant.expires or (datetime.fromtimestamp(time, UTC) + _DEFAULT_LIFE).date()


def is_layered(recipe: Recipe, name: str) -> bool:
    """Whether the image of the variant ``name`` lies on the runtime image."""
    return any(one.name == name and one.kind in LAYERED for one in recipe.variants)
