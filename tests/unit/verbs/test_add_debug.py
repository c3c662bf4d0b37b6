"""``neve add debug``: one command gives a recipe its debug variant."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from neve.errors import UsageError
from neve.recipe.read import read_recipe
from neve.recipe.types import Variant
from neve.verbs.add_debug import USUAL, AddDebugRequest, add_debug

HEAD = "distribution: debian  # ours\nrelease: 13\npackages: [libc6] # all\n"


def variants(recipe: Path) -> dict[str, Variant]:
    return {one.name: one for one in read_recipe(recipe).recipe.variants}


def packages(variant: Variant) -> list[str]:
    return [request.name for request in variant.packages]


def test_one_command_adds_the_usual_tools_and_a_second_one_nothing(tmp_path: Path) -> None:
    recipe = tmp_path / "neve.yaml"
    recipe.write_text(HEAD)
    assert add_debug(AddDebugRequest(recipe=recipe)).changed
    assert recipe.read_text().startswith(HEAD)
    found = variants(recipe)["debug"]
    assert (found.kind, packages(found)) == ("debug", list(USUAL))
    again = add_debug(AddDebugRequest(recipe=recipe))
    assert (again.changed, again.difference) == (False, "")


def test_named_packages_and_a_last_day_join_what_is_there(tmp_path: Path) -> None:
    recipe = tmp_path / "neve.yaml"
    recipe.write_text(HEAD + "variants:\n  debug:\n    packages: [bash]  # a shell\n")
    day = date(2027, 1, 31)
    add_debug(AddDebugRequest(recipe=recipe, packages=("bash", "strace"), expires=day))
    found = variants(recipe)["debug"]
    assert (packages(found), found.expires) == (["bash", "strace"], day)
    assert "# a shell" in recipe.read_text()
    add_debug(AddDebugRequest(recipe=recipe, expires=date(2027, 2, 1)))
    assert variants(recipe)["debug"].expires == date(2027, 2, 1)
    assert recipe.read_text().count("expires") == 1


def test_another_name_says_its_kind_and_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    recipe = tmp_path / "neve.yaml"
    recipe.write_text(HEAD)
    request = AddDebugRequest(recipe=recipe, packages=("bash",), variant="look", dry_run=True)
    assert "+    kind: debug" in add_debug(request).difference
    assert recipe.read_text() == HEAD
    add_debug(AddDebugRequest(recipe=recipe, packages=("bash",), variant="look"))
    assert variants(recipe)["look"].kind == "debug"


def test_a_variant_of_another_kind_is_left_alone(tmp_path: Path) -> None:
    recipe = tmp_path / "neve.yaml"
    recipe.write_text(HEAD + "variants: {dev: {packages: [make]}}\n")
    with pytest.raises(UsageError, match=r"variants\.dev is of kind dev"):
        add_debug(AddDebugRequest(recipe=recipe, variant="dev"))
