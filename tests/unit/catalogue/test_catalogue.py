"""What every recipe and contract of the catalogue promises, without building anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from neve.contract.read import read_contract
from neve.contract.types import Contract, Presence
from neve.recipe.read import read_recipe
from neve.recipe.types import Recipe

CATALOGUE = Path(__file__).parents[3] / "src" / "neve" / "catalogue"
RECIPES = sorted(p for p in CATALOGUE.glob("*/*.yaml") if ".contract." not in p.name)
NAMES = {
    *("static", "base", "cc", "python", "node", "java", "ruby", "php-fpm", "perl"),
    *("nginx", "apache", "haproxy", "postgres", "redis", "memcached"),
}
RUNS_NOTHING = {"static", "base", "cc"}

every_recipe = pytest.mark.parametrize("path", RECIPES, ids=lambda p: f"{p.parent.name}/{p.stem}")


def _recipe(path: Path) -> Recipe:
    return read_recipe(path).recipe


def _contract(path: Path) -> Contract:
    return read_contract(path.with_name(f"{path.stem}.contract.yaml"))


def test_both_releases_have_every_image() -> None:
    found = {release: set[str]() for release in ("debian-12", "debian-13")}
    for path in RECIPES:
        found[path.parent.name].add(path.stem)
    assert found["debian-13"] == NAMES | {"valkey"}
    assert found["debian-12"] == NAMES


@every_recipe
def test_name_release_and_description_fit_the_place(path: Path) -> None:
    recipe = _recipe(path)
    assert recipe.name == path.stem
    assert f"{recipe.base.name}-{recipe.base.release}" == path.parent.name
    assert recipe.title
    assert recipe.description
    assert {str(p) for p in recipe.platforms} == {"linux/amd64", "linux/arm64"}


@every_recipe
def test_no_image_runs_as_root_or_needs_a_privileged_port(path: Path) -> None:
    recipe, contract = _recipe(path), _contract(path)
    assert recipe.run.user is None
    assert contract.runs_as == 65532
    assert all(int(port.partition("/")[0]) >= 1024 for port in recipe.run.ports)


@every_recipe
def test_every_loosening_is_narrow_and_its_contract_knows_of_it(path: Path) -> None:
    recipe, contract = _recipe(path), _contract(path)
    assert all(loosened.subject for loosened in recipe.loosened)
    loosens_shell = any(loosened.rule == "no-shell" for loosened in recipe.loosened)
    assert contract.shell is (Presence.PRESENT if loosens_shell else Presence.ABSENT)


@every_recipe
def test_declared_ports_are_tested_and_services_are_stopped(path: Path) -> None:
    recipe, contract = _recipe(path), _contract(path)
    tested = contract.service.ports if contract.service else ()
    declared = {int(port.partition("/")[0]) for port in recipe.run.ports}
    assert declared <= set(tested)
    if contract.service is not None:
        assert contract.service.stop is not None
        assert contract.service.http or contract.service.tcp or contract.service.commands


@every_recipe
def test_every_image_that_holds_a_program_runs_it(path: Path) -> None:
    contract = _contract(path)
    if path.stem in RUNS_NOTHING:
        assert contract.files
    else:
        assert contract.commands


@every_recipe
def test_a_contract_holds_no_secret_value(path: Path) -> None:
    text = path.with_name(f"{path.stem}.contract.yaml").read_text()
    for marker in ("PRIVATE KEY", "password:", "token:"):
        assert marker not in text
