"""Backports and foreign architectures of the real archive, in a build from recipe to image."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.support.command import command

from neve.oci.layout_source import open_image
from neve.oci.read_tree import read_tree
from neve.store import Store

pytestmark = pytest.mark.integration

RECIPE = """\
name: live
distribution: debian
release: "13"
{more}packages: [{packages}]
platforms: [linux/amd64]
"""


def lock(directory: Path, packages: str, more: str = "") -> dict[str, Any]:
    """The lock of a recipe against the archive that this machine uses."""
    (directory / "neve.yaml").write_text(RECIPE.format(packages=packages, more=more))
    done = neve(directory, "lock")
    if done.returncode == 3 and "could not" in done.stderr:
        pytest.skip(f"no archive can be reached: {done.stderr.splitlines()[0]}")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads((directory / "neve.lock").read_text())
    return found


def neve(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NEVE_STORE": str(directory / "store")}
    return subprocess.run(
        command(*arguments),
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def versions(lock: dict[str, Any]) -> dict[str, str]:
    return {row["name"]: row["version"] for row in lock["packages"]}


def test_backports_are_taken_only_where_a_request_names_them(tmp_path: Path) -> None:
    more = "repositories: [backports]\n"
    plain = versions(lock(tmp_path, "libasound2-data", more))["libasound2-data"]
    assert "~bpo13" not in plain
    asked = lock(tmp_path, "libasound2-data/backports", more)
    assert "~bpo13" in versions(asked)["libasound2-data"]
    assert "~bpo13" not in versions(asked)["base-files"]
    (row,) = [row for row in asked["packages"] if row["name"] == "libasound2-data"]
    assert row["archive"] == "debian:trixie-backports"


def test_libraries_of_two_architectures_stand_side_by_side(tmp_path: Path) -> None:
    lock(tmp_path, '"zlib1g:arm64", zlib1g')
    done = neve(tmp_path, "build", "-o", "out", "--platform", "linux/amd64")
    assert done.returncode == 0, done.stderr
    with Store.open(tmp_path / "store") as store:
        tree = read_tree(open_image(tmp_path / "out"), store)
    for triplet in ("x86_64-linux-gnu", "aarch64-linux-gnu"):
        for name in ("libc.so.6", "libz.so.1"):
            assert tree.get(tree.resolve(f"/lib/{triplet}/{name}")) is not None
    assert tree.get(tree.resolve("/lib/ld-linux-aarch64.so.1")) is not None
    assert tree.get(tree.resolve("/lib64/ld-linux-x86-64.so.2")) is not None
    for name in ("zlib1g", "zlib1g:arm64", "libc6", "libc6:arm64"):
        assert tree.get(f"/var/lib/dpkg/status.d/{name}") is not None
