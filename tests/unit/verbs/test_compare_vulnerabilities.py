"""Vulnerabilities of compared images: counted beside the surface, or said not to be known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from tests.support.seen import EMPTY, seen
from tests.unit.vulns.worlds import BOOKWORM, deb, index, kev, state, tracker

from neve.inventory import OsRelease
from neve.report.compare import compare_markdown, compare_text
from neve.report.document import document
from neve.report.html_compare import compare_html
from neve.verbs.compare import CompareResult, compare_seen
from neve.verbs.compare_vulnerabilities import vulnerabilities_of
from neve.verbs.context import Workspace
from neve.verbs.progress import Silent
from neve.verbs.schemas import schema_text
from neve.verbs.settings import Settings
from neve.vulns import Level, State
from neve.vulns.index import INDEX_NAME

NAMES = ("openssl", "zlib", "curl")
FEED = tracker(
    {
        name: {f"CVE-2026-100{n}": {"bookworm": {**state("open"), "urgency": "high"}}}
        for n, name in enumerate(NAMES)
    }
)


def compared(db: Path | None, *, release: OsRelease = BOOKWORM) -> CompareResult:
    """Three vulnerable packages against one."""
    images = []
    for count in (3, 1):
        packages = tuple(deb(name, "1-1", source=name) for name in NAMES[:count])
        held = replace(EMPTY, packages=packages, os_release=release)
        images.append(seen(f"image-{count}", held))
    settings = Settings(store=Path("store"), db=db, max_feed_age=0)
    with Workspace(settings, Silent()) as workspace:
        found = vulnerabilities_of(images, workspace)
    return replace(compare_seen(images[:-1], images[-1], now=1), vulnerabilities=found)


@pytest.fixture
def db(tmp_path: Path) -> Path:
    path = index(tmp_path, FEED, kev("CVE-2020-0001"))
    return path.rename(tmp_path / INDEX_NAME).parent


def test_each_image_has_its_counts_in_every_report(db: Path) -> None:
    result = compared(db)
    assert [v.count(State.OPEN, Level.HIGH) for v in result.vulnerabilities] == [3, 1]
    assert "| open | 3 &#40;3 high".replace("&#40;", "(") in compare_markdown(result)
    assert "3 (3 high or critical)" in compare_text(result, 120)
    assert "3 (3 high or critical)" in compare_html(result)
    Draft202012Validator(json.loads(schema_text("comparison"))).validate(
        json.loads(document("comparison", result))
    )


def test_the_reduction_does_not_know_of_them(db: Path) -> None:
    with_them, without = compared(db), replace(compared(db), vulnerabilities=())
    assert with_them.differences == without.differences
    assert "vulnerabilities" not in compare_text(without, 100)


def test_without_feeds_no_number_is_shown(tmp_path: Path, db: Path) -> None:
    for result in (compared(tmp_path / "none"), compared(db, release=OsRelease(id="kali"))):
        for text in (compare_text(result, 400), compare_html(result), compare_markdown(result)):
            assert "known vulnerabilities" in text.lower()
            assert "high or critical" not in text
    missing = compare_text(compared(tmp_path / "none"), 400)
    assert "not judged" in missing
    assert "neve db update" in missing
    assert "no feed neve knows covers" in compare_text(
        compared(db, release=OsRelease(id="kali")), 400
    )
