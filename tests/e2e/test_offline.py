"""Without the network: enough once the store is warm, and a clear word where it is not."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from tests.support.archive import serve
from tests.support.command import Desk, Mirror


def test_a_warm_store_needs_no_network(desk: Desk) -> None:
    desk.neve("lock")
    digest = desk.build()
    asked = len(desk.server.requests)
    assert desk.build("again", "--offline") == digest
    assert desk.build("fresh", "--offline", "--compression", "zstd") != digest
    assert len(desk.server.requests) == asked


def test_locking_works_offline_from_indexes_in_the_store(desk: Desk) -> None:
    desk.neve("lock")
    asked = len(desk.server.requests)
    desk.neve("lock", "--offline", "-o", "again.lock")
    written = (desk.directory / "again.lock").read_bytes()
    assert written == (desk.directory / "neve.lock").read_bytes()
    assert len(desk.server.requests) == asked


@pytest.mark.parametrize("verb", ["lock", "build", "plan"])
def test_a_cold_store_offline_says_what_is_missing(desk: Desk, verb: str) -> None:
    done = desk.neve(verb, expect=3, env={"NEVE_OFFLINE": "1"})
    assert "offline" in done.err
    assert "next:" in done.err
    assert desk.server.requests == []
    assert not (desk.directory / "neve.lock").exists()


def test_a_plan_says_what_it_has_to_fetch_with_and_without_a_lock(desk: Desk) -> None:
    first = desk.neve("plan", "--format", "json").document
    assert not any(package["stored"] for package in first["packages"])
    assert all(one["stored"] for one in desk.neve("plan", "--format", "json").document["packages"])
    desk.neve("lock")
    assert all(one["stored"] for one in desk.neve("plan", "--format", "json").document["packages"])


def test_a_package_missing_offline_is_named(desk: Desk) -> None:
    desk.neve("lock")
    desk.store("empty")
    done = desk.neve("build", "--offline", expect=3)
    assert "offline" in done.err
    assert any(name in done.err for name in ("tool", "plain", "libsmall1", "dash", "base-files"))
    assert not (desk.directory / "small").exists()


def test_a_network_that_is_gone_does_not_stop_a_warm_build(desk: Desk) -> None:
    desk.neve("lock")
    digest = desk.build()
    desk.point_at("http://127.0.0.1:9")
    assert desk.build("again") == digest


def test_a_package_the_mirror_lost_is_found_in_the_snapshot_service(
    desk: Desk, mirror: Mirror, tmp_path: Path
) -> None:
    desk.neve("lock")
    digest = desk.build()
    lost = next(mirror.archive.root.glob("pool/main/t/tool/*_amd64.deb"))
    service = tmp_path / "snapshot"
    _keep_in_snapshot(service, lost, name="tool", version="1:2.0-1")
    lost.unlink()
    with serve(service) as snapshot:
        desk.point_at(mirror.server.url, snapshot=snapshot.url)
        desk.store("cold")
        assert desk.build("again") == digest
        assert any(path.startswith("/file/") for path in snapshot.paths())


def test_a_package_that_nobody_holds_any_more_is_named(desk: Desk, mirror: Mirror) -> None:
    desk.neve("lock")
    next(mirror.archive.root.glob("pool/main/t/tool/*_amd64.deb")).unlink()
    desk.store("cold")
    done = desk.neve("build", expect=3)
    assert "tool 1:2.0-1" in done.err
    assert "neve lock --update" in done.err
    assert not (desk.directory / "small").exists()


def test_bytes_from_a_snapshot_service_are_held_against_the_lock(
    desk: Desk, mirror: Mirror, tmp_path: Path
) -> None:
    desk.neve("lock")
    lost = next(mirror.archive.root.glob("pool/main/t/tool/*_amd64.deb"))
    other = tmp_path / "other.deb"
    other.write_bytes(bytes(lost.stat().st_size))
    service = tmp_path / "snapshot"
    _keep_in_snapshot(service, other, name="tool", version="1:2.0-1")
    lost.unlink()
    with serve(service) as snapshot:
        desk.point_at(mirror.server.url, snapshot=snapshot.url)
        desk.store("cold")
        done = desk.neve("build", expect=3)
    assert "tool" in done.err
    assert "SHA-256" in done.err


def test_another_mirror_builds_the_same_lock(desk: Desk, mirror: Mirror, tmp_path: Path) -> None:
    """A lock names archives, never addresses."""
    desk.neve("lock")
    digest = desk.build()
    text = (desk.directory / "neve.lock").read_text()
    assert mirror.server.url not in text
    assert "127.0.0.1" not in text
    moved = tmp_path / "moved"
    shutil.copytree(mirror.archive.root, moved)
    with serve(moved) as server:
        desk.point_at(server.url)
        desk.store("cold")
        assert desk.build("again") == digest
        assert server.requests


def _keep_in_snapshot(service: Path, deb: Path, *, name: str, version: str) -> None:
    """What snapshot.debian.org answers for one package."""
    data = deb.read_bytes()
    sha1 = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    listing = service / "mr" / "binary" / name / version / "binfiles"
    listing.parent.mkdir(parents=True)
    listing.write_text(json.dumps({"result": [{"architecture": "amd64", "hash": sha1}]}))
    (service / "file").mkdir()
    (service / "file" / sha1).write_bytes(data)
