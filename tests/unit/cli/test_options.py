"""What every command does alike."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest

from neve.cli.console import Console, TerminalProgress
from neve.cli.options import Session
from neve.verbs.settings import load_settings


def test_progress_is_gone_before_a_result_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = io.StringIO()
    console = Console(out=both, err=both)
    progress = TerminalProgress(console, interactive=True)
    progress.stage("testing")
    later = time.monotonic() + 5
    monkeypatch.setattr(time, "monotonic", lambda: later)
    progress.advance(1, "ports")
    settings = load_settings({}, environment={"HOME": str(tmp_path)}, directory=tmp_path)

    Session(console, progress, settings).show("test", {}, "the result\n")

    assert both.getvalue().endswith("testing: 5 s ports\r\x1b[Kthe result\n")
