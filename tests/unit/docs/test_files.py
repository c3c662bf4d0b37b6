"""What the pages say of files: names, the store's directories, labels, forms of an image."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from neve.attest import cyclonedx, provenance, record, spdx
from neve.cli.commands.images import ImageFormat
from neve.oci import config
from neve.store import Store
from neve.verbs.places import CONTRACT_NAME, LOCK_NAME, RECIPE_NAME
from neve.verbs.recipes import write_first_recipe
from neve.verbs.settings import FILE_NAME

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "docs" / "reference"
FILES = (REFERENCE / "files.md").read_text(encoding="utf-8")
IMAGE = (REFERENCE / "image.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [RECIPE_NAME, LOCK_NAME, CONTRACT_NAME, FILE_NAME])
def test_each_file_beside_a_recipe_is_listed(name: str) -> None:
    assert f"| `{name}` |" in FILES


def test_each_file_that_init_writes_is_listed(tmp_path: Path) -> None:
    write_first_recipe(tmp_path, kind="python", distribution="debian", release="13")
    for path in tmp_path.iterdir():
        assert f"`{path.name}`" in FILES


def test_each_directory_of_the_store_is_listed(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store") as store:
        store.put(b"content")
        for path in store.directory.iterdir():
            assert re.search(rf"`{re.escape(path.name)}[/`]", FILES), path.name


def test_each_label_is_listed() -> None:
    labels = [value for name, value in vars(config).items() if name.startswith("LABEL_")]
    assert labels
    for label in labels:
        assert f"| `{label}` |" in IMAGE


@pytest.mark.parametrize(
    "document", [cyclonedx, provenance, record, spdx], ids=lambda m: m.__name__
)
def test_each_attached_document_is_listed(document: object) -> None:
    assert f"| `{vars(document)['MEDIA_TYPE']}` |" in IMAGE


@pytest.mark.parametrize("form", ImageFormat)
def test_each_form_of_an_image_is_listed(form: ImageFormat) -> None:
    assert f"| `{form}` |" in IMAGE


def test_each_page_that_an_error_names_is_there() -> None:
    named = set()
    for path in (ROOT / "src" / "neve").rglob("*.py"):
        named.update(re.findall(r'docs="([^"]+)"', path.read_text(encoding="utf-8")))
    assert named
    assert [name for name in sorted(named) if not (ROOT / "docs" / name).is_file()] == []


def test_each_changelog_fragment_has_a_kind_and_a_text() -> None:
    fragments = [path for path in (ROOT / "changelog.d").iterdir() if path.suffix == ".md"]
    for path in fragments:
        assert re.fullmatch(r"\+[a-z0-9-]+\.(feature|bugfix|doc|removal)\.md", path.name)
        assert path.read_text(encoding="utf-8").strip()
