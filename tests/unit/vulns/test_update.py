"""Feeds over the network and from files: what fails leaves the old data, and says so."""

from __future__ import annotations

import gzip
import json
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.archive import Fault, Server, serve
from tests.unit.vulns.test_feeds import GRYPE
from tests.unit.vulns.worlds import (
    NOW,
    deb,
    index,
    judge,
    kev,
    osv,
    state,
    tracker,
    zipped,
)

from neve.errors import HostileInputError, StoreError, UsageError
from neve.net import HttpClient, NetSettings, OfflineClient
from neve.vulns import FeedState, State
from neve.vulns.freshness import Freshness, freshness_of, problems
from neve.vulns.index import Index, IndexMissingError
from neve.vulns.sources import FeedSource, chosen
from neve.vulns.update import Brought, bring_files, feed_states, update

WEEK = 7 * 86400
CVES = [f"CVE-2026-{number}" for number in range(1000, 1080)]


def many(*, fixed: str = "3.0-2", cves: list[str] = CVES) -> bytes:
    return tracker({"openssl": {cve: {"bookworm": state("resolved", fixed)} for cve in cves}})


class World:
    """A server with feeds, and an index filled from it."""

    def __init__(self, server: Server, root: Path, path: Path) -> None:
        self.server, self.root, self.path = server, root, path
        self.client = HttpClient(NetSettings(attempts=2), sleep=lambda _: None)

    def put(self, name: str, data: bytes) -> None:
        (self.root / name).write_bytes(data)
        stamp = 1_700_000_000 + zlib.crc32(data) % 1_000_000
        os.utime(self.root / name, (stamp, stamp))

    def update(self, *names: str, now: int = NOW, limit: int = 1 << 20) -> dict[str, Brought]:
        sources = [
            FeedSource(name=name, group="x", url=f"{self.server.url}/{name}", limit=limit)
            for name in names
        ]
        return {b.name: b for b in update(self.path, sources, self.client, now=now)}

    def feeds(self) -> dict[str, FeedState]:
        return {feed.name: feed for feed in feed_states(self.path)}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    root = tmp_path / "served"
    root.mkdir()
    with serve(root) as server:
        world = World(server, root, tmp_path / "db" / "index.sqlite")
        world.put("debian-tracker", many())
        world.put("kev", kev("CVE-2026-1000"))
        yield world
        world.client.close()


def test_what_changed_is_fetched_and_the_rest_only_confirmed(world: World) -> None:
    first = world.update("debian-tracker", "kev")
    assert {b.outcome for b in first.values()} == {"new"}
    assert first["debian-tracker"].entries == len(CVES)
    world.put("kev", kev("CVE-2026-1000", "CVE-2026-1001"))
    second = world.update("debian-tracker", "kev", now=NOW + 60)
    assert {name: b.outcome for name, b in second.items()} == {
        "debian-tracker": "unchanged",
        "kev": "new",
    }
    asked = [headers for path, headers in world.server.requests if path == "/debian-tracker"]
    assert "if-none-match" in asked[-1] or "if-modified-since" in asked[-1]
    assert {feed.fetched for feed in world.feeds().values()} == {NOW + 60}
    found = judge(world.path, deb("openssl", "3.0-1"))
    assert len(found.findings) == len(CVES)
    assert [f.id for f in found.findings if f.exploited] == ["CVE-2026-1000", "CVE-2026-1001"]


def test_the_same_bytes_from_a_server_without_validators_are_unchanged(world: World) -> None:
    world.server.validators = False
    world.update("kev")
    assert world.update("kev", now=NOW + 5)["kev"].outcome == "unchanged"
    assert world.feeds()["kev"].fetched == NOW + 5


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (Fault(times=9, status=404), "404|not|no longer"),
        (Fault(times=9, status=500), "500"),
        (Fault(times=9, cut=0), ""),
        (Fault(times=9, body=b"<html>please log in</html>"), "no feed"),
        (Fault(times=9, body=b"{}"), "no feed"),
        (Fault(times=9, body=many()[:900]), "JSON"),
        (Fault(times=9, body=kev("CVE-2026-1000")), "now is kev"),
        (Fault(times=9, body=many(cves=CVES[:3])), "shrank from 80 to 3"),
        (Fault(times=9, body=gzip.compress(many())[:-9]), "gzip"),
        (Fault(times=9, body=tracker({"a": {"b": {"bookworm": {}}}})), "holds nothing"),
        (Fault(times=9, endless=True), "more than"),
    ],
    ids=[
        "404",
        "500",
        "dropped",
        "a page",
        "empty",
        "cut",
        "another feed",
        "shrunk",
        "cut gzip",
        "nothing understood",
        "endless",
    ],
)
def test_a_failing_feed_leaves_the_old_one(world: World, fault: Fault, cause: str) -> None:
    world.update("debian-tracker", "kev")
    world.put("debian-tracker", many(fixed="9.9-9"))
    world.server.faults["/debian-tracker"] = fault
    world.put("kev", kev("CVE-2026-1001"))
    found = world.update("debian-tracker", "kev", now=NOW + WEEK + 9)
    assert found["kev"].outcome == "new"
    failed = found["debian-tracker"]
    assert failed.outcome == "failed"
    assert failed.resolution
    assert re.search(cause, failed.cause)
    feed = world.feeds()["debian-tracker"]
    assert (feed.fetched, feed.entries) == (NOW, len(CVES))
    assert feed.failure == failed.cause
    assert freshness_of(feed, now=NOW + WEEK + 9, limit=WEEK) is Freshness.STALE
    assert only_fix(world) == ("3.0-2",)
    world.server.faults.clear()
    assert world.update("debian-tracker")["debian-tracker"].outcome == "new"
    assert not world.feeds()["debian-tracker"].failure
    assert only_fix(world) == ("9.9-9",)


def only_fix(world: World) -> tuple[str, ...]:
    (fixes,) = {f.fixed_versions for f in judge(world.path, deb("openssl", "3.0-1")).findings}
    return fixes


def test_a_drop_in_the_middle_is_resumed(world: World) -> None:
    world.server.faults["/debian-tracker"] = Fault(cut=3000)
    assert world.update("debian-tracker")["debian-tracker"].entries == len(CVES)
    assert any("range" in headers for _, headers in world.server.requests)


def test_older_data_is_not_taken_for_newer(world: World) -> None:
    world.update("kev")
    older = kev("CVE-2026-1000", "CVE-2026-1001").replace(b"2026-11-20T", b"2026-11-01T")
    world.put("kev", older)
    assert "older" in world.update("kev")["kev"].cause
    assert world.feeds()["kev"].entries == 1


def test_an_endless_or_exploding_body_is_bounded(world: World) -> None:
    world.put("debian-tracker", zlib.compress(b""))
    found = world.update("debian-tracker", limit=64)
    assert found["debian-tracker"].outcome == "failed"
    world.put("debian-tracker", many())
    found = world.update("debian-tracker", limit=64)
    assert "more than" in found["debian-tracker"].cause


def test_offline_is_a_failure_and_no_empty_index(world: World) -> None:
    source = FeedSource(name="kev", group="x", url="https://kev.example/kev.json")
    (brought,) = update(world.path, [source], OfflineClient(), now=NOW)
    assert brought.outcome == "failed"
    result = judge(world.path, deb("openssl", "3.0-1"))
    assert result.missing


def test_a_refused_import_changes_nothing(tmp_path: Path) -> None:
    path = index(tmp_path, many())
    before = path.read_bytes()
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_bytes(kev("CVE-2026-1000"))
    for data, error in ((b"nothing", UsageError), (many()[:500], HostileInputError)):
        bad.write_bytes(data)
        with pytest.raises(error):
            bring_files(path, [good, bad], now=NOW)
        assert path.read_bytes() == before
    with pytest.raises(UsageError, match="two of the files"):
        bring_files(path, [good, good], now=NOW)
    with pytest.raises(UsageError, match="can't be read"):
        bring_files(path, [tmp_path / "none"], now=NOW)
    assert [p.name for p in tmp_path.glob(".index*")] == []


def test_the_same_feeds_give_the_same_bytes_whatever_was_before(tmp_path: Path) -> None:
    feeds = [many(), kev(*CVES), zipped([osv("GHSA-1", "PyPI", "x", [{"introduced": "0"}])])]
    files = []
    for number, data in enumerate(feeds):
        file = tmp_path / f"feed-{number}"
        file.write_bytes(data)
        os.utime(file, (NOW, NOW))
        files.append(file)
    one, two = tmp_path / "one.sqlite", tmp_path / "two.sqlite"
    bring_files(one, files, now=NOW)
    for file in reversed(files):
        bring_files(two, [file], now=NOW)
    bring_files(two, [files[1]], now=NOW)
    assert one.read_bytes() == two.read_bytes()


def test_an_imported_feed_is_as_old_as_its_data(tmp_path: Path) -> None:
    file = tmp_path / "tracker.json"
    file.write_bytes(many())
    os.utime(file, (NOW - WEEK - 60, NOW - WEEK - 60))
    path = tmp_path / "index.sqlite"
    bring_files(path, [file], now=NOW)
    (feed,) = feed_states(path)
    assert freshness_of(feed, now=NOW, limit=WEEK) is Freshness.STALE
    assert freshness_of(feed, now=NOW, limit=0) is Freshness.FRESH
    result = judge(path, deb("openssl", "3.0-1"))
    (problem,) = problems(result.feeds, result.missing, now=NOW, limit=WEEK)
    assert (problem.name, problem.freshness) == ("debian-tracker", Freshness.STALE)


def test_a_damaged_or_foreign_index_is_never_an_empty_one(tmp_path: Path) -> None:
    path = index(tmp_path, many())
    data = path.read_bytes()
    with pytest.raises(IndexMissingError):
        Index.open(tmp_path / "none")
    (tmp_path / "garbage").write_bytes(b"garbage" * 1000)
    with pytest.raises(StoreError):
        Index.open(tmp_path / "garbage")
    torn = bytearray(data)
    torn[4096:] = b"\xff" * (len(data) - 4096)
    (tmp_path / "torn").write_bytes(torn)
    with pytest.raises(StoreError):
        judge(tmp_path / "torn", deb("openssl", "3.0-1"))


def test_a_report_is_found_by_the_image_s_digest(tmp_path: Path) -> None:
    path = index(tmp_path, json.dumps(GRYPE).encode())
    with Index.open(path) as opened:
        ((feed, report),) = opened.reports("sha256:" + "b" * 64)
        assert feed.startswith("grype-")
        assert report.findings[0].state is State.FIX_AVAILABLE
        assert report.target == "app:1"
        assert not opened.reports("sha256:" + "d" * 64)


def test_feeds_are_chosen_by_name_and_group() -> None:
    names = [source.name for source in chosen(("debian", "kev"), {})]
    assert names == ["debian-tracker", "debian-dsa", "debian-dla", "kev"]
    (own,) = chosen(("corp",), {"corp": "https://corp.example/feed"})
    assert own.url == "https://corp.example/feed"
    (moved,) = chosen(("kev",), {"kev": "https://mirror.example/kev"})
    assert moved.url == "https://mirror.example/kev"
    with pytest.raises(UsageError, match="debain"):
        chosen(("debain",), {})


def test_every_official_source_has_a_name_of_its_own() -> None:
    from neve.vulns.sources import DEFAULT_GROUPS, OFFICIAL, groups

    assert len({source.name for source in OFFICIAL}) == len(OFFICIAL)
    assert all(source.url.startswith("https://") for source in OFFICIAL)
    assert set(DEFAULT_GROUPS) <= set(groups())
