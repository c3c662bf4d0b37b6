"""Every image of the catalogue, built from the live archive and judged by its own contract."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from neve.model import Check, Pass
from neve.verbs import test as contracts
from neve.verbs.build import BuildRequest, build_image
from neve.verbs.context import Workspace
from neve.verbs.places import catalogue_recipes, find_recipe
from neve.verbs.progress import Silent
from neve.verbs.settings import load_settings

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed"),
]


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """One store for all images, shared by the workers of a run."""
    base = tmp_path_factory.getbasetemp()
    return (base if worker_id == "master" else base.parent) / "catalogue-store"


@pytest.mark.parametrize("name", catalogue_recipes())
def test_an_image_of_the_catalogue_keeps_its_contract(
    name: str, store: Path, tmp_path: Path
) -> None:
    settings = load_settings(
        {"engine": "bubblewrap"}, environment={"NEVE_STORE": str(store)}, directory=tmp_path
    )
    with Workspace(settings, Silent()) as workspace:
        layout = tmp_path / "image"
        built = build_image(BuildRequest(place=find_recipe(name), output=layout), workspace)
        assert built.platforms[0].facts.user == "65532:65532"
        result = contracts.test_image(contracts.TestRequest(image=layout), workspace)
    assert Path(result.contract).name == f"{Path(name).stem}.contract.yaml"
    assert [_shown(check) for check in result.checks if not isinstance(check.verdict, Pass)] == []
    assert result.exit_code == 0


def _shown(check: Check) -> str:
    return f"{check.rule} {check.subject}: {check.verdict}"
