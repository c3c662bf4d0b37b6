"""The worked examples build from the live archive and pass their contracts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
NEVE = Path(sys.executable).with_name("neve")

pytestmark = pytest.mark.integration


def neve(directory: Path, *words: str) -> tuple[int, dict[str, Any]]:
    finished = subprocess.run(
        [NEVE, *words, "--format", "json", "--quiet"],
        cwd=directory,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return finished.returncode, json.loads(finished.stdout or "{}")


@pytest.mark.parametrize("name", sorted(path.parent.name for path in EXAMPLES.glob("*/neve.yaml")))
def test_an_example_builds_and_passes_its_contract(name: str, tmp_path: Path) -> None:
    directory = tmp_path / name
    shutil.copytree(EXAMPLES / name, directory)

    code, built = neve(directory, "build", "-o", "image", "--tag", "example:1")
    if built.get("error") in {"NoAnswerError", "OfflineError"}:
        pytest.skip(f"no archive: {built['brief']}")
    assert code == 0, built

    code, tested = neve(directory, "test", "image")
    states = {check["verdict"]["state"] for check in tested["checks"]}
    if "skipped" in states and "fail" not in states:
        pytest.skip(f"no sandbox: {tested['sandbox']}")
    assert code == 0, [one for one in tested["checks"] if one["verdict"]["state"] == "fail"]


def test_every_example_has_a_contract_and_stands_in_the_list() -> None:
    listed = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for path in EXAMPLES.glob("*/neve.yaml"):
        assert path.with_name("contract.yaml").is_file()
        assert f"({path.parent.name}/)" in listed
