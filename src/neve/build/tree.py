"""From locked packages to the image's tree: plant, effects, recipe, prune, harden, settle.

The same steps serve lock (which judges), plan and why (which explain) and build (which packs).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from neve.build.plant import Diversion, plant
from neve.distro import Release
from neve.effects.apply import apply_effects
from neve.effects.bench import EffectContext
from neve.effects.ops import Divert, Effect
from neve.effects.script import Parameters
from neve.formats.deb import PackageFacts
from neve.model import Check, Digest
from neve.recipe.types import Recipe
from neve.tree import FileEntry, Tree

ContentReader = Callable[[FileEntry], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingredients:
    """All that one platform's tree is made of.

    ``packages`` come in configuration order, each with the effect that answers its scripts
    (``None``: it has none). ``contents`` are the recipe's own files by digest; ``time`` is in
    seconds since the epoch.
    """

    recipe: Recipe
    variant: str
    release: Release
    architecture: str
    packages: Sequence[tuple[PackageFacts, Effect | None]]
    contents: Mapping[Digest, bytes]
    time: int
    read: ContentReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """A finished tree and what was judged on the way."""

    tree: Tree
    checks: tuple[Check, ...]
    user: str
    """The numeric ``uid:gid`` the image runs as."""


def plant_and_configure(ingredients: Ingredients) -> tuple[Tree, object]:
    """The tree as a real installation would leave it: planted, effects applied, nothing pruned.

    This is what acceptance compares with mmdebstrap.
    """
    tree = plant(
        [facts for facts, _ in ingredients.packages],
        aliases=_aliases(ingredients),
        diversions=_diversions(ingredients),
    )
    context = EffectContext(
        read=ingredients.read,
        parameters=Parameters.of(ingredients.architecture),
        time=ingredients.time,
    )
    applied = apply_effects(tree, ingredients.packages, context)
    return tree, applied


def _aliases(ingredients: Ingredients) -> dict[str, str]:
    links = ingredients.release.alias_links(ingredients.architecture)
    return {path: "/" + target.lstrip("/") for path, target in links}


def _diversions(ingredients: Ingredients) -> dict[str, Diversion]:
    found: dict[str, Diversion] = {}
    parameters = Parameters.of(ingredients.architecture)
    for facts, effect in ingredients.packages:
        for operation in effect.operations if effect is not None else ():
            if isinstance(operation, Divert):
                name = dict(facts.control)["Package"]
                path = parameters.fill(operation.path)
                found[path] = Diversion(to=parameters.fill(operation.to), by=name)
    return found
