"""The committed comparison with apt holds what the resolver promises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

RESULT = Path(__file__).parents[2] / "acceptance" / "resolver.json"
DOCUMENT = json.loads(RESULT.read_text())


@pytest.mark.parametrize("target", sorted(DOCUMENT["results"]))
def test_agreement_with_apt_and_every_difference_explained(target: str) -> None:
    found = DOCUMENT["results"][target]
    assert found["equal_sets_and_versions"] >= 0.99 * found["resolved_by_apt"]
    assert set(found["different"]) <= set(DOCUMENT["explained"])
    everything = found["equal_sets_and_versions"] + found["refused_by_both"]
    assert everything + len(found["different"]) == found["names"]


def test_both_releases_are_measured_on_all_names() -> None:
    for release in ("bookworm", "trixie"):
        assert DOCUMENT["results"][f"{release}/amd64"]["names"] >= 250
        assert f"{release}/arm64" in DOCUMENT["results"]
