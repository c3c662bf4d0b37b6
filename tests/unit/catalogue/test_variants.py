"""The catalogue's debug and dev variants: the same image, and what is needed beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from neve.recipe.read import read_recipe
from neve.verbs.debug_tools import DEFAULT_TOOLS
from neve.verbs.places import catalogue_file, catalogue_recipes, catalogue_variants

CATALOGUE = Path(__file__).parents[3] / "src" / "neve" / "catalogue"
LANGUAGES = {"base", "cc", "python", "node", "java", "ruby", "php-fpm"}
every_one = pytest.mark.parametrize("name", catalogue_variants())


def test_both_releases_have_variants_of_every_language() -> None:
    found = {name.removeprefix("catalogue/").removesuffix(".yaml") for name in catalogue_variants()}
    assert found == {
        f"debian-{release}/dev/{name}"
        for release in (12, 13)
        for name in (*LANGUAGES, "debug-tools")
    }
    assert DEFAULT_TOOLS in catalogue_variants()


@every_one
def test_it_is_the_image_it_is_named_after(name: str) -> None:
    path = catalogue_file(name)
    recipe = read_recipe(path, catalogue=catalogue_file).recipe
    assert recipe.name == path.stem
    if path.stem == "debug-tools":
        assert [one.kind for one in recipe.variants] == ["debug"]
        return
    own = read_recipe(path.parents[1] / path.name).recipe
    assert replace(recipe, variants=(), description=own.description) == own
    assert {one.name: one.kind for one in recipe.variants} == {"debug": "debug", "dev": "dev"}


@every_one
def test_a_shipped_variant_has_no_day_of_its_own_and_loosens_no_more(name: str) -> None:
    recipe = read_recipe(catalogue_file(name), catalogue=catalogue_file).recipe
    assert all(one.expires is None for one in recipe.variants)
    assert all(not one.loosened and not one.keep for one in recipe.variants)


def test_who_extends_an_image_locks_no_compiler() -> None:
    for name in catalogue_recipes():
        assert read_recipe(catalogue_file(name), catalogue=catalogue_file).recipe.variants == ()
