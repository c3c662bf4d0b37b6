"""What ``neve init`` writes is a recipe that reads as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from neve.errors import UsageError
from neve.recipe.edit import apply_edit
from neve.recipe.edits import AddPackage
from neve.recipe.initial import KINDS, initial_recipe
from neve.recipe.read import read_recipe


@pytest.mark.parametrize("kind", KINDS)
def test_a_first_recipe_reads(tmp_path: Path, kind: str) -> None:
    text = initial_recipe(kind, schema="recipe.json")
    assert text.startswith("# yaml-language-server: $schema=recipe.json\n")
    (tmp_path / "neve.yaml").write_text(text)
    recipe = read_recipe(tmp_path / "neve.yaml").recipe
    assert recipe.base.release == "13"
    assert recipe.packages
    assert recipe.run.entrypoint
    assert apply_edit(text, AddPackage(request="curl")).changed


def test_the_base_image_asks_for_openssl_by_the_name_every_release_answers_to() -> None:
    """Debian 12 has the package, Debian 13 has libssl3t64, which provides it."""
    assert "  - libssl3\n" in initial_recipe("base", release="12")
    assert "  - libssl3\n" in initial_recipe("base", release="13")


def test_its_commented_examples_are_sound(tmp_path: Path) -> None:
    lines = initial_recipe("python").splitlines()
    start = lines.index("# files:")
    body = [
        line[2:] for line in lines[start:] if line.startswith(("# files", "# loosened", "#   "))
    ]
    (tmp_path / "app").mkdir()
    (tmp_path / "neve.yaml").write_text(
        "\n".join(["distribution: debian", "release: 13", *body]) + "\n"
    )
    recipe = read_recipe(tmp_path / "neve.yaml").recipe
    assert [file.path for file in recipe.files] == ["/app", "/etc/app.conf"]
    assert recipe.loosened[0].rule == "no-shell"


def test_an_unknown_kind_suggests_one() -> None:
    with pytest.raises(UsageError) as caught:
        initial_recipe("pyhton")
    assert caught.value.resolution == "Did you mean python?"
