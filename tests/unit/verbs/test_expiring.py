"""Debug variants whose last day is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from neve.errors import DeniedError
from neve.recipe.read import read_recipe
from neve.recipe.types import ReadRecipe
from neve.verbs.expiring import refuse_expired

HEAD = "distribution: debian\nrelease: 13\npackages: [libc6]\n"


def read(tmp_path: Path, variants: str) -> ReadRecipe:
    recipe = tmp_path / "neve.yaml"
    recipe.write_text(HEAD + variants)
    return read_recipe(recipe)


def seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def test_the_day_itself_still_counts_and_the_next_is_refused_at_its_line(tmp_path: Path) -> None:
    recipe = read(tmp_path, "variants:\n  debug:\n    expires: 2026-06-30\n    packages: [bash]\n")
    refuse_expired(recipe, "debug", time=0, clock=seconds("2026-06-30T23:59:59"))
    with pytest.raises(DeniedError, match=r"neve\.yaml:6:14: .* until 2026-06-30") as caught:
        refuse_expired(recipe, "debug", time=0, clock=seconds("2026-07-01T00:00:00"))
    assert caught.value.exit_code == 4
    assert "a later day there" in caught.value.resolution


def test_without_a_day_it_is_90_after_the_lock(tmp_path: Path) -> None:
    recipe = read(tmp_path, "variants:\n  debug: {packages: [bash]}\n")
    locked = seconds("2026-01-01T12:00:00")
    last = int(timedelta(days=90).total_seconds())
    refuse_expired(recipe, "debug", time=locked, clock=locked + last)
    with pytest.raises(DeniedError, match=r"neve\.yaml:5:\d+: .* until 2026-04-01") as caught:
        refuse_expired(recipe, "debug", time=locked, clock=locked + last + 86400)
    assert "neve lock --update" in caught.value.resolution


def test_other_variants_do_not_expire(tmp_path: Path) -> None:
    recipe = read(tmp_path, "variants: {dev: {packages: [make]}}\n")
    for name in ("dev", "runtime"):
        refuse_expired(recipe, name, time=0, clock=1 << 32)
