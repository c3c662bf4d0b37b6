"""What images share: layers of a package are the same bytes in every image that has it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.images import Image, Works

pytestmark = pytest.mark.integration

RECIPE = """\
extends: catalogue:debian-13/static
files:
  /etc/app.conf: {content: "one\\n"}
  /etc/other.conf: {content: "other\\n"}
"""


def layers(image: Image) -> list[dict[str, Any]]:
    """The manifest's layers, lowest first, each with what its history calls it."""
    history = [row for row in image.configuration["history"] if not row.get("empty_layer")]
    return [
        {"digest": str(layer.digest), "diff_id": str(layer.diff_id), "history": json.dumps(row)}
        for layer, row in zip(image.source.layers, history, strict=True)
    ]


def layer_of(image: Image, path: str) -> str:
    """The digest of the layer that brings ``path``."""
    subject = image.tree[image.tree.resolve(path)].reason.subject
    (found,) = (row["digest"] for row in layers(image) if subject in row.values())
    return str(found)


@pytest.mark.parametrize(
    "path",
    ["/lib/x86_64-linux-gnu/libc.so.6", "/lib/x86_64-linux-gnu/libssl.so.3"],
)
def test_libraries_lie_in_the_same_layer_everywhere(works: Works, path: str) -> None:
    images = [works.image(works.catalogue(name)) for name in ("python", "nginx", "postgres")]
    owner = images[0].record.paths[images[0].tree.resolve(path)].owners[0]
    assert len({layer_of(image, path) for image in images}) == 1
    for image in images:
        (row,) = (r for r in layers(image) if r["digest"] == layer_of(image, path))
        assert owner in row["history"]


def test_changing_one_recipe_file_changes_only_the_last_layer(works: Works) -> None:
    before = layers(works.made("sharing", RECIPE))
    after = layers(works.made("sharing", RECIPE.replace("one", "two")))
    assert [row["digest"] for row in after[:-1]] == [row["digest"] for row in before[:-1]]
    assert after[-1]["digest"] != before[-1]["digest"]
    assert len(after) == len(before) > 2


def test_what_a_recipe_adds_costs_one_small_layer(works: Works) -> None:
    base = {row["digest"] for row in layers(works.image(works.catalogue("static")))}
    own = works.made("sharing", RECIPE)
    fresh = [layer for layer in own.source.layers if str(layer.digest) not in base]
    assert len(fresh) == 1
    assert fresh[0].size < 300_000
