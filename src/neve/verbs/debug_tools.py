"""Which image of tools to look with: the one asked for, the debug variant of the image's own
recipe where that is known here, or the catalogue's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from neve.build.variant_kinds import DEBUG
from neve.errors import NeveError
from neve.oci.config import LABEL_RECIPE
from neve.verbs.lock import read_recipe_at
from neve.verbs.places import RECIPE_NAME, catalogue_variants, find_recipe

DEFAULT_TOOLS = "catalogue/debian-13/dev/debug-tools.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolsRecipe:
    """A recipe whose variant ``variant`` holds the tools; ``own`` says that it is, or extends, the
    recipe of the image that is looked into.
    """

    recipe: str
    variant: str
    name: str
    own: bool

    @property
    def tag(self) -> str:
        """What its image is called in a local engine."""
        return f"{self.name}:{self.variant}"

    def build_command(self, *more: str) -> tuple[str, ...]:
        """The ``neve build`` that makes its image."""
        return ("neve", "build", self.recipe, "--variant", self.variant, *more)


def tools_recipe(labels: Mapping[str, str]) -> ToolsRecipe:
    """The tools that fit an image with ``labels``: its own recipe's debug variant, found by the
    recipe's digest in this directory and in the catalogue, else the catalogue's own.
    """
    digest = labels.get(LABEL_RECIPE)
    for recipe in _candidates() if digest else ():
        found = _fitting(recipe, digest)
        if found is not None:
            return found
    return ToolsRecipe(recipe=DEFAULT_TOOLS, variant=DEBUG, name="debug-tools", own=False)


def _candidates() -> Iterator[str]:
    if Path(RECIPE_NAME).is_file():
        yield RECIPE_NAME
    yield from catalogue_variants()


def _fitting(recipe: str, digest: str | None) -> ToolsRecipe | None:
    try:
        read = read_recipe_at(find_recipe(recipe))
    except NeveError:
        return None  # a recipe that can't be read has no tools to offer; building it says why
    if all(str(source.digest) != digest for source in read.sources):
        return None
    for variant in read.recipe.variants:
        if variant.kind == DEBUG:
            return ToolsRecipe(recipe=recipe, variant=variant.name, name=read.recipe.name, own=True)
    return None
