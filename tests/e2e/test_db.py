"""``neve db`` on the command line: update, import and status, with their exit codes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.archive import Fault, Server, serve
from tests.support.command import Desk

pytestmark = pytest.mark.integration

TRACKER = {
    "openssl": {
        "CVE-2026-1000": {
            "releases": {"trixie": {"status": "open", "urgency": "not yet assigned"}}
        },
        "CVE-2026-1001": {"releases": {"trixie": {"status": "surprise"}}},
    }
}
KEV = {
    "catalogVersion": "2026.11.20",
    "dateReleased": "2026-11-20T00:00:00Z",
    "count": 1,
    "vulnerabilities": [{"cveID": "CVE-2026-1000", "dateAdded": "2026-11-01"}],
}


@pytest.fixture
def feeds(tmp_path: Path) -> Iterator[tuple[Path, Server]]:
    root = tmp_path / "feeds"
    root.mkdir()
    (root / "tracker").write_text(json.dumps(TRACKER))
    (root / "kev").write_text(json.dumps(KEV))
    with serve(root) as server:
        yield root, server


@pytest.fixture
def closed(tmp_path: Path, feeds: tuple[Path, Server]) -> Desk:
    """A desk whose settings name two feeds, both on loopback."""
    _, server = feeds
    directory = tmp_path / "desk"
    (directory / "home").mkdir(parents=True)
    desk = Desk(directory, server)
    desk.environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(directory / "home")}
    desk.write(
        "neve.toml",
        f'feeds = ["debian-tracker", "kev"]\n[feed_sources]\n'
        f'debian-tracker = "{server.url}/tracker"\nkev = "{server.url}/kev"\n',
    )
    return desk


def test_missing_then_fetched_then_fresh(closed: Desk) -> None:
    missing = closed.neve("db", "status", "--format", "json", expect=3).document
    assert {feed["name"]: feed["freshness"] for feed in missing["feeds"]} == {
        "debian-tracker": "missing",
        "kev": "missing",
    }
    updated = closed.neve("db", "update", "--format", "json").document
    assert [feed["outcome"] for feed in updated["feeds"]] == ["new", "new"]
    status = closed.neve("db", "status", "--format", "json").document
    tracker = status["feeds"][0]
    assert (tracker["freshness"], tracker["entries"], tracker["unread"]) == ("fresh", 1, 1)
    assert "surprise" in tracker["unread_records"][0]["reason"]
    assert Path(status["index"]).is_relative_to(closed.directory / "home")
    text = closed.neve("db", "status").out
    assert "not understood: openssl CVE-2026-1001" in text
    again = closed.neve("db", "update", "--format", "json").document
    assert [feed["outcome"] for feed in again["feeds"]] == ["unchanged", "unchanged"]


def test_a_failing_feed_is_exit_3_and_the_other_is_brought_in(closed: Desk) -> None:
    closed.server.faults["/kev"] = Fault(times=9, status=404)
    done = closed.neve("db", "update", expect=3)
    assert "FAILED kev" in done.out
    names = {
        feed["name"]: feed["freshness"]
        for feed in closed.neve("db", "status", "--format", "json", expect=3).document["feeds"]
    }
    assert names == {"debian-tracker": "fresh", "kev": "missing"}


def test_offline_fetches_nothing_and_says_so(closed: Desk) -> None:
    done = closed.neve("db", "update", "--offline", expect=3)
    assert "network" in done.out
    assert not closed.server.requests


def test_files_are_read_where_there_is_no_network(
    closed: Desk, feeds: tuple[Path, Server], tmp_path: Path
) -> None:
    root, server = feeds
    db = tmp_path / "elsewhere"
    done = closed.neve(
        "db", "import", root / "kev", root / "tracker", "--db", db, "--format", "json"
    )
    assert [feed["name"] for feed in done.document["feeds"]] == ["kev", "debian-tracker"]
    assert not server.requests
    closed.neve("db", "status", env={"NEVE_DB": str(db)})
    (root / "kev").write_text("no feed")
    refused = closed.neve("db", "import", root / "kev", "--db", db, expect=2)
    assert "is no feed that neve reads" in refused.err
    closed.neve("db", "status", "--db", db)


def test_a_stale_feed_is_exit_3(closed: Desk, feeds: tuple[Path, Server]) -> None:
    root, _ = feeds
    os.utime(root / "tracker", (1_700_000_000, 1_700_000_000))
    closed.neve("db", "import", root / "tracker")
    done = closed.neve("db", "status", "debian-tracker", expect=3)
    assert "stale" in done.out
    env = {"NEVE_MAX_FEED_AGE": "0"}
    assert "fresh" in closed.neve("db", "status", "debian-tracker", env=env).out
    assert closed.neve("db", "status", "debain", expect=2).err
