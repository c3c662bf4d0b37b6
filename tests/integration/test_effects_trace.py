"""Tracing real packages from the real archive, in the real sandbox."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from neve.effects.database import EffectsDatabase
from neve.verbs.context import Workspace
from neve.verbs.effects_trace import TraceRequest, TraceResult, trace_effects
from neve.verbs.progress import Silent
from neve.verbs.settings import load_settings

NAMES = ("netbase", "libwrap0")
MISSING = [name for name in ("bwrap", "strace", "unshare", "tar") if shutil.which(name) is None]

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.xdist_group("trace"),
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
    pytest.mark.skipif(os.geteuid() != 0, reason="mounts overlays, which needs root here"),
]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trace")


def trace(scratch: Path, output: str) -> TraceResult:
    environment = dict(os.environ, NEVE_STORE=str(scratch / "store"))
    settings = load_settings({"max_index_age": 86400}, environment=environment, directory=scratch)
    request = TraceRequest(
        names=NAMES,
        release="13",
        only=frozenset(NAMES),
        architectures=("amd64",),
        output=scratch / output,
        scratch=scratch / "packages",
        jobs=1,
    )
    with Workspace(settings, Silent()) as workspace:
        return trace_effects(request, workspace)


@pytest.fixture(scope="module")
def traced(scratch: Path) -> TraceResult:
    return trace(scratch, "first.json")


def test_every_script_asked_for_is_traced(traced: TraceResult) -> None:
    assert [package.package for package in traced.packages] == sorted(NAMES)
    assert traced.failed == ()
    assert traced.added == tuple(sorted(NAMES))


def test_tracing_again_gives_the_same_bytes(traced: TraceResult, scratch: Path) -> None:
    again = trace(scratch, "second.json")
    assert again.output.read_bytes() == traced.output.read_bytes()


def test_a_fresh_trace_agrees_with_the_shipped_database(traced: TraceResult) -> None:
    shipped = EffectsDatabase.load(traced.codename)
    for package in traced.packages:
        known = shipped.candidates(package.package, package.key)
        if not known:
            pytest.skip(f"{package.package} {package.version}: newer than the database")
        assert set(known) == set(package.effects)


def test_what_a_script_writes_is_in_its_effect(traced: TraceResult) -> None:
    database = EffectsDatabase.parse(traced.output.read_bytes())
    paths = {
        getattr(operation, "path", "")
        for effect in database.effects()
        for operation in effect.operations
    }
    assert {"/etc/networks", "/etc/hosts.allow", "/etc/hosts.deny"} <= paths


def test_nothing_is_left_mounted_or_behind(traced: TraceResult, scratch: Path) -> None:
    assert str(scratch) not in Path("/proc/self/mounts").read_text()
    assert list((scratch / "packages" / "runs").iterdir()) == []
