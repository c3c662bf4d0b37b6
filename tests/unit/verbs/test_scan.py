"""A scan: what fails, what is unknown, what counts once, and what never looks like nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.scans import DIGEST, scanned, subject
from tests.unit.vulns.worlds import (
    ALPINE,
    NOW,
    deb,
    index,
    kev,
    osv,
    secdb,
    state,
    tracker,
    zipped,
)

from neve.errors import ExitCode, UsageError
from neve.inventory import OsRelease, Package, PackageType
from neve.report.scan import scan_text
from neve.verbs.scan import parse_states
from neve.verbs.scanned import JudgedBy, ProblemKind, ScanResult
from neve.verbs.trusted import day_of
from neve.vulns import Level, State

DAY = 86400
OPENSSL = deb("libssl3", "3.0-1", source="openssl", source_version="3.0-1")
TOOL = deb("openssl", "3.0-1", source="openssl", source_version="3.0-1")
STRETCH = OsRelease(id="debian", version_id="9")
JINJA = Package(type=PackageType.PYPI, name="jinja2", version="3.1")
GLIBC = deb("libc6", "2.36-9", source="glibc", source_version="2.36-9")


def entry(status: str, fixed: str | None = None, urgency: str = "high", **more: str) -> Any:
    return {"bookworm": {**state(status, fixed, **more), "urgency": urgency}}


FEED = tracker(
    {
        "openssl": {
            "CVE-2026-1000": entry("resolved", "3.0-2"),
            "CVE-2026-1001": entry("open", urgency="low"),
            "CVE-2026-1002": entry("open", nodsa="Minor issue", nodsa_reason="postponed"),
            "CVE-2026-1003": entry("open", urgency="unimportant"),
            "CVE-2026-1004": entry("open", urgency="not yet assigned"),
            "CVE-2026-1005": entry("resolved", "2.9-1"),
            "CVE-2026-1006": entry("undetermined"),
        },
        "glibc": {"CVE-2026-2000": entry("open", urgency="medium")},
    }
)


def ids(result: ScanResult) -> list[str]:
    return [item.finding.id for item in result.findings]


def kinds(result: ScanResult) -> list[ProblemKind]:
    return [item.kind for item in result.problems]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return index(tmp_path / "small", FEED, kev("CVE-2020-0001"))


def test_findings_are_in_the_order_of_what_to_do(tmp_path: Path) -> None:
    path = index(tmp_path, FEED, kev("CVE-2026-1001"))
    result = scanned(path, subject(OPENSSL, GLIBC))
    assert ids(result) == [
        "CVE-2026-1001",
        "CVE-2026-1000",
        "CVE-2026-2000",
        "CVE-2026-1004",
        "CVE-2026-1002",
        "CVE-2026-1006",
        "CVE-2026-1003",
    ]
    assert result.exit_code is ExitCode.OK
    assert result.judged == result.packages == 2


@pytest.mark.parametrize(
    ("level", "failing"),
    [
        (Level.CRITICAL, 0),
        (Level.HIGH, 2),
        (Level.LOW, 3),
        (Level.UNKNOWN, 4),
    ],
)
def test_the_threshold_counts_what_is_affected_and_not_unimportant(
    small: Path, level: Level, failing: int
) -> None:
    result = scanned(small, subject(OPENSSL), fail_on=level)
    assert len(result.failing) == failing
    assert result.exit_code is (ExitCode.FINDINGS if failing else ExitCode.OK)
    assert result.unrated == (0 if level is Level.UNKNOWN else 1)


def test_what_is_exploited_fails_whatever_its_severity(tmp_path: Path) -> None:
    path = index(tmp_path, FEED, kev("CVE-2026-1001", "CVE-2026-1004"))
    result = scanned(path, subject(OPENSSL), fail_on=Level.CRITICAL)
    assert {item.finding.id for item in result.failing} == {"CVE-2026-1001", "CVE-2026-1004"}
    assert result.unrated == 0


def test_states_and_fixable_only_choose_what_is_shown_and_counted(small: Path) -> None:
    image = subject(OPENSSL)
    fixable = scanned(small, image, fixable_only=True, fail_on=Level.UNKNOWN)
    assert ids(fixable) == ["CVE-2026-1000"]
    assert (fixable.filtered, len(fixable.failing)) == (5, 1)
    chosen = parse_states(["unimportant,undetermined"])
    named = scanned(small, image, states=chosen, fail_on=Level.UNKNOWN)
    assert ids(named) == ["CVE-2026-1006", "CVE-2026-1003"]
    assert named.exit_code is ExitCode.FINDINGS
    assert sum(total.count for total in named.totals) == 6
    with pytest.raises(UsageError, match="no such state"):
        parse_states(["opne"])


def test_settled_ones_are_shown_when_asked_for(small: Path) -> None:
    result = scanned(small, subject(OPENSSL), every=True, fail_on=Level.UNKNOWN)
    assert ids(result)[-1] == "CVE-2026-1005"
    assert result.findings[-1].finding.state is State.FIXED
    assert not result.findings[-1].fails
    fixed = scanned(small, subject(OPENSSL), states=(State.FIXED,))
    assert ids(fixed) == ["CVE-2026-1005"]


def test_a_vulnerability_counts_once_for_a_source_package(small: Path) -> None:
    result = scanned(small, subject(OPENSSL, TOOL))
    fix = next(total for total in result.totals if total.state is State.FIX_AVAILABLE)
    assert (fix.count, fix.findings, fix.waived) == (1, 2, 0)
    assert fix.level is Level.HIGH


def test_a_stale_feed_is_exit_3_unless_it_is_allowed(small: Path) -> None:
    later = NOW + 400 * DAY
    result = scanned(small, subject(OPENSSL), now=later, fail_on=Level.HIGH)
    assert ProblemKind.STALE_FEED in kinds(result)
    assert result.exit_code is ExitCode.TOOL
    assert ids(result), "what was found is shown all the same"
    assert "neve db update debian-tracker" in " ".join(p.resolution for p in result.problems)
    allowed = scanned(small, subject(OPENSSL), now=later, allow_stale=True)
    assert allowed.exit_code is ExitCode.OK
    assert all(problem.allowed for problem in allowed.problems)
    failing = scanned(small, subject(OPENSSL), now=later, allow_stale=True, fail_on=Level.HIGH)
    assert failing.exit_code is ExitCode.FINDINGS


@pytest.mark.parametrize(
    ("image", "command"),
    [
        (subject(OPENSSL, os_release=STRETCH), "debian-tracker"),
        (
            subject(
                Package(type=PackageType.APK, name="musl", version="1.2.5-r1"),
                os_release=replace(ALPINE, version_id="3.99.0"),
            ),
            "alpine",
        ),
        (subject(OPENSSL, JINJA), "osv-pypi"),
    ],
)
def test_a_missing_feed_is_exit_3_and_names_the_command(
    tmp_path: Path, image: Any, command: str
) -> None:
    path = index(tmp_path, FEED, secdb("v3.22", {"musl": {"1.2.5-r0": ["CVE-2026-3000"]}}))
    result = scanned(path, image, allow_stale=True, allow_unjudged=True)
    assert ProblemKind.MISSING_FEED in kinds(result)
    assert result.exit_code is ExitCode.TOOL
    assert f"neve db update {command}" in " ".join(p.resolution for p in result.blocking)


def test_a_distribution_or_kind_of_package_without_feeds_is_exit_3(small: Path) -> None:
    fedora = OsRelease(id="fedora", version_id="44", name="Fedora Linux 44")
    rpm = Package(type=PackageType.RPM, name="bash", version="5.3-1.fc44")
    result = scanned(small, subject(rpm, os_release=fedora))
    assert kinds(result) == [ProblemKind.NO_FEED]
    assert "Fedora" in result.problems[0].text
    assert result.exit_code is ExitCode.TOOL
    assert scanned(small, subject(rpm, os_release=fedora), allow_unjudged=True).exit_code == 0
    conan = Package(type=PackageType.CONAN, name="zlib", version="1.3")
    assert scanned(small, subject(OPENSSL, conan)).exit_code is ExitCode.TOOL


def test_single_foreign_packages_and_programs_are_counted_only(small: Path) -> None:
    foreign = deb("docker-ce", "5:28.0~debian", maintainer="Docker <support@docker.com>")
    program = Package(type=PackageType.GENERIC, name="node", version="24.1.0")
    image = subject(OPENSSL, foreign, program)
    result = scanned(small, image)
    assert result.exit_code is ExitCode.OK
    assert sum(item.packages for item in result.doubts) == len(result.not_judged) == 2
    strict = scanned(small, image, fail_on_unjudged=True)
    assert kinds(strict) == [ProblemKind.UNJUDGED]
    assert strict.exit_code is ExitCode.TOOL


def test_an_image_without_packages_or_with_an_unread_database_is_not_clean(small: Path) -> None:
    assert kinds(scanned(small, subject())) == [ProblemKind.NO_PACKAGES]
    unread = (("/var/lib/rpm/Packages", "in an older form"), ("/srv/app.jar", "damaged"))
    result = scanned(small, subject(OPENSSL, unread=unread))
    assert kinds(result) == [ProblemKind.UNREAD_DATABASE]
    assert result.exit_code is ExitCode.TOOL
    assert len(result.unread) == 2
    accepted = scanned(small, subject(OPENSSL, unread=unread), allow_unjudged=True)
    assert accepted.exit_code is ExitCode.OK


def test_a_language_package_of_a_judged_owner_is_counted_apart(tmp_path: Path) -> None:
    record = osv("PYSEC-1", "PyPI", "jinja2", [{"introduced": "0"}, {"fixed": "4"}])
    path = index(tmp_path, FEED, zipped([record]))
    owned = Package(type=PackageType.PYPI, name="jinja2", version="3.1", owner="libssl3")
    result = scanned(path, subject(OPENSSL, owned))
    assert [item.owner for item in result.covered] == ["libssl3"]
    assert "PYSEC-1" not in ids(result)
    assert "kev is not in the index" in result.notes[0]


def waiver_file(tmp_path: Path, *, expires: str = "2027-01-01", package: str = "openssl") -> Path:
    path = tmp_path / "waivers.yaml"
    path.write_text(
        f"waivers:\n  - vulnerability: CVE-2026-1000\n    package: {package}\n"
        f"    reason: not reachable here\n    owner: platform-team\n    expires: {expires}\n"
        "  - {vulnerability: CVE-1999-1, reason: gone, owner: a, expires: 2027-01-01}\n"
    )
    return path


def test_a_waived_finding_does_not_fail_and_stays_in_sight(tmp_path: Path, small: Path) -> None:
    image = subject(OPENSSL, TOOL, GLIBC)
    result = scanned(small, image, waivers=waiver_file(tmp_path), fail_on=Level.HIGH)
    waived = [item for item in result.findings if item.waiver is not None]
    assert len(waived) == 2
    assert waived[0].waiver is not None
    assert waived[0].waiver.owner == "platform-team"
    assert not any(item.fails for item in waived)
    assert [use.standing.value for use in result.waivers] == ["used", "unused"]
    assert next(t for t in result.totals if t.state is State.FIX_AVAILABLE).waived == 1
    binary = scanned(small, image, waivers=waiver_file(tmp_path, package="libssl3"))
    fix = next(t for t in binary.totals if t.state is State.FIX_AVAILABLE)
    assert (fix.findings, fix.waived) == (2, 0), "one binary package of the source is not waived"
    assert sum(item.waiver is not None for item in binary.findings) == 1


def test_an_expired_waiver_does_not_count_and_is_shown(tmp_path: Path, small: Path) -> None:
    today = day_of(NOW)
    last = scanned(small, subject(TOOL), waivers=waiver_file(tmp_path, expires=str(today)))
    assert last.waivers[0].standing.value == "used"
    result = scanned(
        small,
        subject(TOOL),
        waivers=waiver_file(tmp_path, expires=str(today)),
        now=NOW + DAY,
        fail_on=Level.HIGH,
    )
    assert result.waivers[0].standing.value == "expired"
    assert result.waivers[0].findings == 1
    assert "CVE-2026-1000" in {item.finding.id for item in result.failing}


def vex_file(tmp_path: Path, product: object, status: str = "not_affected") -> Path:
    document = {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://example.org/vex",
        "author": "A Team",
        "timestamp": "2026-01-01T00:00:00Z",
        "statements": [
            {
                "vulnerability": {"name": "CVE-2026-1000"},
                "products": [product],
                "status": status,
                "justification": "vulnerable_code_not_in_execute_path",
            },
            {"vulnerability": {"name": "CVE-2026-1000"}, "products": [], "status": "fixed"},
        ],
    }
    path = tmp_path / "statement.json"
    path.write_text(json.dumps(document))
    return path


def test_a_vex_file_settles_a_finding_in_sight(tmp_path: Path, small: Path) -> None:
    purl = "pkg:deb/debian/libssl3@3.0-1"
    product = {
        "@id": "pkg:oci/x",
        "hashes": {"sha-256": DIGEST[7:]},
        "subcomponents": [{"@id": "pkg:deb/debian/libssl3"}],
    }
    image = subject(replace(OPENSSL, purl=purl))
    vex = (vex_file(tmp_path, product),)
    result = scanned(small, image, vex=vex, fail_on=Level.HIGH)
    assert "CVE-2026-1000" not in ids(result)
    assert result.settled == 1
    assert any("not understood" in note for note in result.notes)
    whole = scanned(small, image, vex=vex, every=True)
    finding = next(i.finding for i in whole.findings if i.finding.id == "CVE-2026-1000")
    assert (finding.state, finding.before) == (State.NOT_AFFECTED, State.FIX_AVAILABLE)
    assert finding.evidence[0].statement.startswith("A Team: not_affected")
    other = scanned(small, replace(image, names=frozenset(("sha256:" + "c" * 64,))), vex=vex)
    assert "CVE-2026-1000" in ids(other)
    with pytest.raises(UsageError, match="--vex"):
        scanned(small, image, vex=(tmp_path / "none.json",))


def grype(*found: tuple[str, str, str], digest: str = DIGEST, built: str = "2026-11-17") -> bytes:
    matches = [
        {
            "vulnerability": {
                "id": cve, "severity": "Critical", "fix": {"versions": [], "state": status},
            },
            "artifact": {"name": name, "version": "3.0-1", "type": "deb"},
        }
        for cve, name, status in found
    ]  # fmt: skip
    return json.dumps(
        {
            "matches": matches,
            "source": {"type": "image", "target": {"userInput": "app:1", "manifestDigest": digest}},
            "descriptor": {
                "name": "grype", "version": "0.90", "db": {"built": f"{built}T00:00:00Z"},
            },
        }
    ).encode()  # fmt: skip


def test_reports_of_another_scanner_are_shown_or_judge(tmp_path: Path) -> None:
    report = grype(
        ("CVE-2026-1000", "libssl3", "fixed"),
        ("CVE-2026-1005", "libssl3", "not-fixed"),
        ("CVE-2026-9999", "libssl3", "wont-fix"),
    )
    path = index(tmp_path, FEED, kev("CVE-2020-0001"), report)
    image = subject(OPENSSL)
    feeds = scanned(path, image)
    assert "CVE-2026-9999" not in ids(feeds)
    assert [(r.tool, r.findings, r.more) for r in feeds.reports] == [("grype", 3, 1)]
    both = scanned(path, image, judged_by=JudgedBy.BOTH)
    assert set(ids(both)) - set(ids(feeds)) == {"CVE-2026-9999"}, "what Debian fixed stays fixed"
    alone = scanned(path, image, judged_by=JudgedBy.REPORTS, fail_on=Level.CRITICAL)
    assert sorted(ids(alone)) == ["CVE-2026-1000", "CVE-2026-1005", "CVE-2026-9999"]
    assert alone.exit_code is ExitCode.FINDINGS
    assert alone.reports[0].more is None
    other = scanned(path, subject(OPENSSL, digests=()), judged_by=JudgedBy.REPORTS)
    assert kinds(other) == [ProblemKind.NO_REPORT]
    assert other.exit_code is ExitCode.TOOL
    old = scanned(path, image, judged_by=JudgedBy.REPORTS, now=NOW + 30 * DAY)
    assert kinds(old) == [ProblemKind.STALE_REPORT]
    assert old.exit_code is ExitCode.TOOL


def test_a_clean_report_is_clean_and_no_empty_feed(tmp_path: Path) -> None:
    path = index(tmp_path, grype())
    result = scanned(path, subject(OPENSSL), judged_by=JudgedBy.REPORTS, fail_on=Level.UNKNOWN)
    assert (result.findings, result.exit_code) == ((), ExitCode.OK)
    assert "nothing known is open in what was judged" in scan_text(result, 100)
    both = scanned(path, subject(OPENSSL), judged_by=JudgedBy.BOTH)
    assert both.exit_code is ExitCode.TOOL, "the report stands in for no feed that is missing"


def test_what_of_a_report_was_not_understood_is_told(tmp_path: Path) -> None:
    report = grype(("CVE-2026-1000", "libssl3", "fixed"), ("CVE-2026-1001", "libssl3", "surprise"))
    result = scanned(index(tmp_path, report), subject(OPENSSL), judged_by=JudgedBy.REPORTS)
    assert any("1 of its records were not understood" in note for note in result.notes)


def test_the_order_of_packages_changes_nothing(small: Path) -> None:
    packages = (OPENSSL, TOOL, GLIBC, deb("x", "1-1", source="x"))
    assert scanned(small, subject(*packages)) == scanned(small, subject(*packages[::-1])), "same"
