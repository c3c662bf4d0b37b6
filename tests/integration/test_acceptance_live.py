"""Two images compared with live installations: what `make accept` does for all of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMAGES = ("debian-13/base", "debian-13/redis")

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.xdist_group("trace"),
    pytest.mark.skipif(shutil.which("mmdebstrap") is None, reason="mmdebstrap is not installed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="installing with scripts needs root"),
]


def test_trees_equal_real_installations(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "tools" / "accept.py"),
            "--only",
            ",".join(IMAGES),
            "--output",
            str(tmp_path / "reports"),
        ],
        env=dict(os.environ, NEVE_STORE=str(tmp_path / "store")),
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for image in IMAGES:
        report = json.loads(
            (tmp_path / "reports" / f"{image.replace('/', '-')}.json").read_text(encoding="utf-8")
        )
        assert report["differences"] == []
        assert report["compared"] > 1000
