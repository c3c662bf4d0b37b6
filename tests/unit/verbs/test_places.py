"""Finding a recipe, its lock and its contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from neve.errors import UsageError
from neve.verbs.places import (
    catalogue_directory,
    catalogue_file,
    catalogue_recipe,
    catalogue_recipes,
    find_recipe,
)


def test_a_directory_stands_for_its_recipe(tmp_path: Path) -> None:
    (tmp_path / "neve.yaml").write_text("")
    place = find_recipe(str(tmp_path))
    assert place.recipe == tmp_path / "neve.yaml"
    assert place.lock == tmp_path / "neve.lock"
    assert place.contract == tmp_path / "contract.yaml"
    assert not place.shipped


def test_a_recipe_of_another_name_has_its_own_lock_and_contract(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text("")
    place = find_recipe(str(tmp_path / "web.yaml"))
    assert place.lock == tmp_path / "web.lock"
    assert place.contract == tmp_path / "web.contract.yaml"


@pytest.mark.parametrize(
    "name",
    [
        "catalogue/debian-13/static.yaml",
        "debian-13/static.yaml",
        "debian-13/static",
        "catalogue/debian-13/static",
    ],
)
def test_the_catalogue_is_named_with_and_without_its_ends(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = find_recipe(name)
    assert place.shipped
    assert place.recipe == catalogue_directory() / "debian-13" / "static.yaml"
    assert place.contract.is_file()


def test_the_catalogue_given_as_a_path_is_shipped_too() -> None:
    assert find_recipe(str(catalogue_directory() / "debian-13" / "static.yaml")).shipped


def test_a_file_of_ones_own_wins_over_the_catalogue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "debian-13" / "static.yaml"
    own.parent.mkdir()
    own.write_text("")
    assert not find_recipe("debian-13/static.yaml").shipped


@pytest.mark.parametrize("name", ["../../pyproject", "/etc/passwd", "debian-13/../../x", ""])
def test_nothing_outside_the_catalogue_is_of_the_catalogue(name: str) -> None:
    assert catalogue_recipe(name) is None


def test_what_is_nowhere_is_refused_with_what_is_near(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        find_recipe("catalogue/debian-13/pyhton.yaml")
    assert any("catalogue/debian-13/python.yaml" in line for line in caught.value.details)
    assert "neve init" in caught.value.resolution


def test_a_directory_without_a_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such recipe"):
        find_recipe(str(tmp_path))


def test_extending_what_the_catalogue_lacks_names_what_it_has() -> None:
    with pytest.raises(UsageError) as caught:
        catalogue_file("debian-13/moon")
    assert "catalogue/debian-13/python.yaml" in caught.value.resolution
    with pytest.raises(UsageError) as caught:
        catalogue_file("debian-13/pyton")
    assert caught.value.resolution.startswith("Did you mean catalogue/debian-13/python.yaml? ")


def test_contracts_are_no_recipes() -> None:
    names = catalogue_recipes()
    assert names == tuple(sorted(names))
    assert not any(name.endswith(".contract.yaml") for name in names)
    assert all(catalogue_recipe(name) for name in names)


def test_a_lock_is_not_taken_for_a_recipe(tmp_path: Path) -> None:
    (tmp_path / "neve.lock").write_text("{}")
    with pytest.raises(UsageError, match="this is a lock") as caught:
        find_recipe(str(tmp_path / "neve.lock"))
    assert "neve.yaml" in caught.value.resolution
