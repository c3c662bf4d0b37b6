"""``neve scan`` on the command line: fetched or imported feeds, every exit code, every format."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tests.support.archive import Fault, Server, serve
from tests.support.command import Desk
from tests.support.registry import fake_registry

pytestmark = pytest.mark.integration

STATUS = """Package: {name}
Status: install ok installed
Version: {version}
Architecture: amd64
Source: {source}
Maintainer: Somebody <somebody@debian.org>

"""


def tracked(status: str, fixed: str | None = None, urgency: str = "high") -> dict[str, Any]:
    entry: dict[str, Any] = {"status": status, "urgency": urgency}
    return {"releases": {"trixie": entry | ({"fixed_version": fixed} if fixed else {})}}


TRACKER = {
    "openssl": {
        "CVE-2026-1000": tracked("resolved", "3.5.1-2"),
        "CVE-2026-1001": tracked("open", urgency="low"),
    }
}
KEV = {
    "catalogVersion": "2026.11.20",
    "dateReleased": "2026-11-20T00:00:00Z",
    "count": 1,
    "vulnerabilities": [{"cveID": "CVE-2026-7777", "dateAdded": "2026-11-01"}],
}
WAIVERS = """waivers:
  - vulnerability: CVE-2026-1000
    package: openssl
    reason: the service speaks no TLS
    owner: team-a
    expires: 2099-01-31
"""


@pytest.fixture
def feeds(tmp_path: Path) -> Iterator[tuple[Path, Server]]:
    root = tmp_path / "feeds"
    root.mkdir()
    (root / "tracker").write_text(json.dumps(TRACKER))
    (root / "kev").write_text(json.dumps(KEV))
    with serve(root) as server:
        yield root, server


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An unpacked Debian with two packages, one of them vulnerable."""
    root = tmp_path / "image"
    (root / "etc").mkdir(parents=True)
    (root / "var/lib/dpkg").mkdir(parents=True)
    (root / "etc/os-release").write_text(
        'ID=debian\nVERSION_ID="13"\nVERSION_CODENAME=trixie\nPRETTY_NAME="Debian 13"\n'
    )
    (root / "var/lib/dpkg/status").write_text(
        STATUS.format(name="libssl3t64", version="3.5.1-1", source="openssl")
        + STATUS.format(name="zlib1g", version="1:1.3-1", source="zlib")
    )
    return root


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
        'feeds = ["debian-tracker", "kev"]\n[feed_sources]\n'
        f'debian-tracker = "{server.url}/tracker"\nkev = "{server.url}/kev"\n',
    )
    return desk


@pytest.fixture
def ready(closed: Desk) -> Desk:
    """A desk with its feeds fetched."""
    closed.neve("db", "update")
    return closed


def test_without_an_index_nothing_is_said_to_be_clean(closed: Desk, image: Path) -> None:
    for offline in ((), ("--offline",)):
        done = closed.neve("scan", image, *offline, "--format", "json", expect=3)
        assert done.document["kind"] == "error"
        assert "neve db update" in done.document["resolution"]


def test_a_feed_that_never_came_is_exit_3_and_named(
    closed: Desk, image: Path, feeds: tuple[Path, Server]
) -> None:
    closed.server.faults["/tracker"] = Fault(times=9, status=404)
    closed.neve("db", "update", expect=3)
    done = closed.neve("scan", image, "--fail-on", "low", expect=3)
    assert "debian-tracker for debian:trixie" in done.out
    assert "neve db update debian-tracker" in done.out
    assert "nothing known is open" not in done.out
    sarif = closed.neve("scan", image, "--format", "sarif", "--offline", expect=3)
    assert "neve db update debian-tracker" in sarif.err
    assert sarif.document["runs"][0]["invocations"][0]["executionSuccessful"] is False


def test_exit_codes_follow_the_threshold(ready: Desk, image: Path) -> None:
    assert "CVE-2026-1000" in ready.neve("scan", image).out
    ready.neve("scan", image, "--fail-on", "high", expect=1)
    ready.neve("scan", image, "--fail-on", "critical")
    ready.neve("scan", image, "--fail-on", "low", "--state", "open", "--offline", expect=1)
    ready.neve("scan", image, "--fail-on", "high", "--state", "open")
    fixable = ready.neve("scan", image, "--fixable-only", "--format", "json").document
    assert [item["finding"]["id"] for item in fixable["findings"]] == ["CVE-2026-1000"]
    ready.neve("scan", image, "--fail-on", "hihg", expect=2)
    ready.neve("scan", image, "--state", "opne", expect=2)
    ready.neve("scan", image, "--allow-unjudged", "--fail-on-unjudged", expect=2)
    ready.neve("scan", image.parent / "none.tar", expect=2)


def test_a_fixed_package_is_clean_and_a_foreign_one_is_counted(ready: Desk, image: Path) -> None:
    status = image / "var/lib/dpkg/status"
    text = status.read_text().replace("3.5.1-1", "3.5.1-2")
    status.write_text(
        text + STATUS.format(name="docker-ce", version="5:28.0.0-1~debian.13~trixie", source="x")
    )
    done = ready.neve("scan", image, "--fail-on", "high", "--format", "json").document
    assert [item["finding"]["id"] for item in done["findings"]] == ["CVE-2026-1001"]
    assert [item["package"]["name"] for item in done["not_judged"]] == ["docker-ce"]
    ready.neve("scan", image, "--fail-on-unjudged", expect=3)


def test_stale_feeds_are_exit_3_unless_allowed(
    closed: Desk, image: Path, feeds: tuple[Path, Server]
) -> None:
    root, _ = feeds
    os.utime(root / "tracker", (1_700_000_000, 1_700_000_000))
    closed.neve("db", "import", root / "tracker")
    stale = closed.neve("scan", image, expect=3)
    assert "days old" in stale.out
    allowed = closed.neve("scan", image, "--allow-stale")
    assert "which was accepted" in allowed.out
    closed.neve("scan", image, "--allow-stale", "--fail-on", "high", expect=1)


def test_waivers_beside_the_call_are_taken_and_those_in_an_image_are_not(
    ready: Desk, image: Path
) -> None:
    (image / "waivers.yaml").write_text(WAIVERS)
    ready.neve("scan", image, "--fail-on", "high", expect=1)
    ready.write("waivers.yaml", WAIVERS)
    done = ready.neve("scan", image, "--fail-on", "high")
    assert "team-a, until 2099-01-31" in done.out
    ready.write("waivers.yaml", WAIVERS.replace("2099", "2020"))
    assert "expired" in ready.neve("scan", image, "--fail-on", "high", expect=1).out
    ready.write("other.yaml", WAIVERS.replace("owner", "ownr"))
    wrong = ready.neve("scan", image, "--waivers", "other.yaml", expect=2)
    assert "other.yaml:5:5" in wrong.err
    ready.neve("scan", image, "--waivers", "missing.yaml", expect=2)


def test_every_format_and_a_vex_document_that_comes_back(ready: Desk, image: Path) -> None:
    schema = ready.neve("schema", "scan").document
    found = ready.neve("scan", image, "--all", "--format", "json").document
    Draft202012Validator(schema).validate(found)
    assert "| `CVE-2026-1000` |" in ready.neve("scan", image, "--format", "markdown").out
    ready.neve("scan", image, "--format", "sarif", "-o", "out.sarif", "--fail-on", "high", expect=1)
    log = json.loads((ready.directory / "out.sarif").read_text())
    assert {row["ruleId"] for row in log["runs"][0]["results"]} == {
        "CVE-2026-1000",
        "CVE-2026-1001",
    }
    vex = ready.neve("scan", image, "--format", "openvex").document
    for statement in vex["statements"]:
        statement["status"] = "not_affected"
        statement["justification"] = "vulnerable_code_not_in_execute_path"
    ready.write("app.vex.json", json.dumps(vex))
    done = ready.neve("scan", image, "--vex", "app.vex.json", "--fail-on", "low")
    assert "settled by VEX statements" in done.out
    assert ready.neve("scan", image, "--vex", "neve.toml", expect=3).err


def test_what_no_feed_covers_is_exit_3(ready: Desk, image: Path) -> None:
    release = image / "etc/os-release"
    release.write_text("ID=kali\nID_LIKE=debian\nPRETTY_NAME=Kali\n")
    done = ready.neve("scan", image, expect=3)
    assert "no feed neve knows covers Kali" in done.out
    ready.neve("scan", image, "--allow-unjudged")
    (image / "var/lib/dpkg/status").unlink()
    assert "no package was found" in ready.neve("scan", image, expect=3).out


def test_a_lock_is_judged_as_the_image_that_is_built_from_it(desk: Desk, tmp_path: Path) -> None:
    tracker = {"toolbox": {"CVE-2026-1000": tracked("resolved", "2.0-2")}}
    feed = tmp_path / "tracker.json"
    feed.write_text(json.dumps(tracker))
    desk.neve("db", "import", feed, "--db", tmp_path / "db")
    db = ("--db", tmp_path / "db", "--format", "json")
    assert "neve lock" in desk.neve("scan", "neve.yaml", *db, expect=2).document["resolution"]
    desk.neve("lock")
    desk.neve("build", "-o", "out", "--platform", "linux/amd64")
    subjects = (("neve.yaml", "--platform", "linux/amd64"), ("neve.lock",), (".",), ("out",))
    documents = [desk.neve("scan", *words, *db).document for words in subjects]
    found = [
        [(i["finding"]["id"], i["finding"]["package"]["name"]) for i in document["findings"]]
        for document in documents
    ]
    assert found == [[("CVE-2026-1000", "tool")]] * 4
    assert [document["digest"] != "" for document in documents] == [False, False, False, True]
    desk.write("waivers.yaml", WAIVERS.replace("package: openssl", "package: toolbox"))
    waived = desk.neve("scan", "neve.yaml", *db, "--fail-on", "low").document
    assert waived["findings"][0]["waiver"]["owner"] == "team-a"
    desk.write("neve.yaml", (desk.directory / "neve.yaml").read_text() + "exclude: [dash]\n")
    assert "no longer matches" in desk.neve("scan", ".", *db, expect=2).document["brief"]


def test_an_image_in_a_registry_is_what_vex_and_reports_call_it(desk: Desk, tmp_path: Path) -> None:
    tracker = {"toolbox": {"CVE-2026-1000": tracked("resolved", "2.0-2")}}
    (tmp_path / "tracker.json").write_text(json.dumps(tracker))
    db = ("--db", tmp_path / "db")
    desk.neve("db", "import", tmp_path / "tracker.json", *db)
    with fake_registry() as registry:
        name = f"{registry.host}/team/small"
        platforms = ("--platform", "linux/amd64,linux/arm64")
        built = desk.neve("build", "--tag", "x:1", "--push", name, *platforms, "--format", "json")
        found = desk.neve("scan", f"{name}:1", *db, "--fail-on", "low", expect=1)
        assert "CVE-2026-1000" in found.out
        product = f"pkg:oci/small@{built.document['root'].replace(':', '%3A')}"
        vex = {
            "@context": "https://openvex.dev/ns/v0.2.0",
            "@id": "https://example.org/small",
            "author": "team-a",
            "timestamp": "2026-01-01T00:00:00Z",
            "statements": [
                {
                    "vulnerability": {"name": "CVE-2026-1000"},
                    "products": [{"@id": product}],
                    "status": "not_affected",
                    "justification": "vulnerable_code_not_present",
                }
            ],
        }
        desk.write("small.vex.json", json.dumps(vex))
        settled = desk.neve("scan", f"{name}:1", *db, "--vex", "small.vex.json", "--fail-on", "low")
        assert "settled by VEX statements: 1 finding " in settled.out
        vex["statements"][0]["products"][0]["@id"] += "0"  # type: ignore[index]  # JSON
        desk.write("other.vex.json", json.dumps(vex))
        desk.neve("scan", f"{name}:1", *db, "--vex", "other.vex.json", "--fail-on", "low", expect=1)
        offline = desk.neve("scan", f"{name}:1", *db, "--offline", expect=3)
        assert "CVE" not in offline.out


def test_a_failed_update_is_told_as_long_as_the_data_before_is_young(
    ready: Desk, image: Path
) -> None:
    ready.server.faults["/tracker"] = Fault(times=9, status=404)
    ready.neve("db", "update", expect=3)
    done = ready.neve("scan", image)
    assert "debian-tracker: its last update failed" in done.out
