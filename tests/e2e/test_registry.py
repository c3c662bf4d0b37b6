"""From a recipe into a registry and back, by the command line alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.command import Desk
from tests.support.registry import FakeRegistry, digest_of, fake_registry


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with fake_registry() as running:
        yield running


def test_a_build_goes_straight_into_registries(desk: Desk, registry: FakeRegistry) -> None:
    name = f"{registry.host}/team/small"
    done = desk.neve(
        *("build", "--tag", "app:7", "--push", name, "--push", f"{name}:stable"),
        *("--platform", "linux/amd64,linux/arm64", "--format", "json"),
    ).document
    assert done["output"] is None
    assert [row["tags"] for row in done["pushed"]] == [["7"], ["stable"]]
    assert done["pushed"][0]["platforms"] == ["linux/amd64", "linux/arm64"]
    assert done["pushed"][1]["blobs_moved"] == 0
    for tag in ("7", "stable"):
        assert digest_of(registry.manifests["team/small", tag][1]) == done["root"]
    assert not (desk.directory / "small").exists()
    pulled = desk.neve("pull", f"{name}:7", "-o", "back", "--format", "json").document
    assert pulled["digest"] == done["root"]
    assert pulled["referrers"] == done["pushed"][0]["referrers"] > 0
    desk.neve("verify", "back")
    desk.neve("verify", f"{name}:stable", "--platform", "linux/arm64")
    assert "tool" in desk.neve("why", f"{name}:7", "/usr/bin/tool").out
    assert desk.neve("tags", name).out.split() == ["7", "stable"]


def test_a_wrong_name_is_told_before_anything_is_built(desk: Desk) -> None:
    done = desk.neve("build", "--push", "registry.example/Team/app", expect=2)
    assert "no repository" in done.err
    assert "packages" not in done.err


def test_an_unreachable_registry_is_a_tool_failure(desk: Desk) -> None:
    done = desk.neve("push", "./missing", "127.0.0.1:9/team/app", expect=2)
    assert "missing" in done.err
    desk.neve("build", "-o", "out")
    done = desk.neve("push", "out", "127.0.0.1:9/team/app", expect=3)
    assert "could not connect" in done.err
