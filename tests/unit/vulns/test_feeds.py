"""Feeds in their own forms, and feeds that no honest publisher sends."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.vulns.worlds import kev, osv, secdb, state, tracker, zipped

from neve.errors import HostileInputError, NeveError, UsageError
from neve.vulns import ImportedReport, State
from neve.vulns.bounded import Blob, inflated
from neve.vulns.records import Claim, Estimate, Item, Record, Scope, Standing, Unread, VexStatement
from neve.vulns.sniff import Format, recognise


def read(data: bytes, name: str = "file") -> tuple[Format, list[Item]]:
    blob = inflated(Blob(name=name, data=data))
    form = recognise(blob)
    return form, list(form.read(blob))


def claims(items: list[Item]) -> list[Claim]:
    return [item for item in items if isinstance(item, Claim)]


def unread(items: list[Item]) -> list[Unread]:
    return [item for item in items if isinstance(item, Unread)]


TRACKER = tracker({"openssl": {"CVE-2026-1001": {"bookworm": state("open")}}})
DSA = b"""[12 Feb 2025] DSA-5865-1 webkit2gtk - security update
\t{CVE-2025-24143 CVE-2025-24150}
\t[bookworm] - webkit2gtk 2.46.6-1~deb12u1
[05 Feb 2025] DSA-5859-1 chromium - security update
        {CVE-2025-0444}
\t[bullseye] - chromium <end-of-life> (see DSA 5046)
\t[bookworm] - chromium  133.0.6943.53-1~deb12u1
\tNOTE: something
"""
VEX: dict[str, Any] = {
    "@context": "https://openvex.dev/ns/v0.2.0",
    "@id": "https://example.org/vex-1",
    "author": "Somebody",
    "timestamp": "2026-01-01T00:00:00.123456789Z",
    "statements": [
        {
            "vulnerability": {"name": "CVE-2026-1001", "aliases": ["GHSA-1"]},
            "products": [{"@id": "pkg:deb/debian/openssl@3.0-1"}],
            "status": "not_affected",
            "justification": "vulnerable_code_not_in_execute_path",
        }
    ],
}
GRYPE = {
    "matches": [
        {
            "vulnerability": {
                "id": "GHSA-1",
                "severity": "High",
                "fix": {"versions": ["2.0"], "state": "fixed"},
            },
            "relatedVulnerabilities": [{"id": "CVE-2026-1001"}],
            "artifact": {"name": "thing", "version": "1.0", "type": "python"},
        }
    ],
    "source": {
        "type": "image",
        "target": {
            "userInput": "app:1",
            "imageID": "sha256:" + "a" * 64,
            "manifestDigest": "sha256:" + "b" * 64,
            "repoDigests": ["registry.example/app@sha256:" + "c" * 64],
        },
    },
    "descriptor": {"name": "grype", "version": "0.90", "db": {"built": "2026-11-20T01:02:03Z"}},
}
TRIVY = {
    "SchemaVersion": 2,
    "CreatedAt": "2026-11-20T01:02:03.123456789+02:00",
    "ArtifactName": "app:1",
    "Metadata": {"ImageID": "sha256:" + "a" * 64, "RepoDigests": []},
    "Results": [
        {
            "Type": "debian",
            "Vulnerabilities": [
                {
                    "VulnerabilityID": "CVE-2026-1001",
                    "PkgName": "openssl",
                    "InstalledVersion": "3.0-1",
                    "Status": "fix_deferred",
                    "Severity": "LOW",
                },
                {"VulnerabilityID": "CVE-2026-1002", "PkgName": "x", "Status": "surprise"},
            ],
        }
    ],
}
SINGLE = osv("GHSA-1", "PyPI", "thing", [{"introduced": "0"}])
RECORD = {
    "dataType": "CVE_RECORD",
    "cveMetadata": {"cveId": "CVE-2026-1001", "dateUpdated": "2026-01-01T00:00:00.000Z"},
    "containers": {
        "cna": {"providerMetadata": {"shortName": "corp"}, "metrics": []},
        "adp": [
            {
                "providerMetadata": {"shortName": "CISA-ADP"},
                "metrics": [
                    {"cvssV3_1": {"vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}}
                ],
            }
        ],
    },
}


@pytest.mark.parametrize(
    ("data", "kind", "name"),
    [
        (TRACKER, "debian-tracker", "debian-tracker"),
        (DSA, "debian-advisories", "debian-dsa"),
        (DSA.replace(b"DSA-", b"DLA-"), "debian-advisories", "debian-dla"),
        (zipped([SINGLE]), "osv", "osv-pypi"),
        (json.dumps(SINGLE).encode(), "osv", "osv-GHSA-1"),
        (secdb("v3.22", {"a": {"1-r0": ["CVE-2026-1001"]}}), "secdb", "alpine-v3.22-main"),
        (kev("CVE-2026-1001"), "kev", "kev"),
        (b"cve,epss\nCVE-2026-1001,0.5\n", "epss", "epss"),
        (json.dumps(RECORD).encode(), "cve", "cve-CVE-2026-1001"),
        (json.dumps(GRYPE).encode(), "grype", None),
        (json.dumps(TRIVY).encode(), "trivy", None),
        (json.dumps(VEX).encode(), "openvex", None),
        (b"\xef\xbb\xbf" + kev("CVE-2026-1001"), "kev", "kev"),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress], ids=["as is", "gz", "xz"])
def test_a_format_is_told_from_the_content(
    data: bytes, kind: str, name: str | None, pack: Callable[[bytes], bytes]
) -> None:
    form, items = read(pack(data), name="all.zip.json.misleading")
    assert form.kind == kind
    assert name is None or form.name == name
    assert items
    assert not unread(items) or kind == "trivy"


def test_a_list_of_advisories_keeps_versions_and_words() -> None:
    _, items = read(DSA)
    found = {(c.record, c.ecosystem, c.name): (c.standing, c.fixed) for c in claims(items)}
    assert found == {
        ("DSA-5865-1", "debian:bookworm", "webkit2gtk"): (
            Standing.RESOLVED,
            "2.46.6-1~deb12u1",
        ),
        ("DSA-5859-1", "debian:bullseye", "chromium"): (Standing.END_OF_LIFE, ""),
        ("DSA-5859-1", "debian:bookworm", "chromium"): (
            Standing.RESOLVED,
            "133.0.6943.53-1~deb12u1",
        ),
    }
    records = {i.id: i.vulnerabilities for i in items if isinstance(i, Record)}
    assert records["DSA-5865-1"] == ("CVE-2025-24143", "CVE-2025-24150")


def test_a_line_that_is_not_understood_is_counted() -> None:
    _, items = read(DSA + b"\twhat is this\n\t[bookworm] - x not a version!\n")
    assert len(unread(items)) == 2
    assert unread(items)[0].record == "line 9"


def test_records_that_are_not_understood_are_counted_and_the_others_kept() -> None:
    good = osv("GHSA-good", "PyPI", "thing", [{"introduced": "0"}])
    bad = [
        osv("GHSA-a", "PyPI", "x", []),
        osv("GHSA-b", "PyPI", "x", [{"introduced": "0", "fixed": "1"}]),
        osv("GHSA-c", "PyPI", "x", [{"fixed": "1"}]),
        osv("GHSA-d", "PyPI", "x", [{"surprise": "1"}]),
        osv("GHSA-e", "PyPI", "x", [{"introduced": "0"}], versions=[1, None]),
        {**good, "id": 7},
    ]
    _, items = read(zipped([good, *bad]))
    assert [c.record for c in claims(items)] == ["GHSA-good"]
    assert len(unread(items)) == len(bad)


def test_a_withdrawn_record_says_nothing() -> None:
    record = osv("GHSA-1", "PyPI", "x", [{"introduced": "0"}], withdrawn="2026-01-01T00:00:00Z")
    _, items = read(zipped([record]))
    assert not claims(items)
    assert not unread(items)


def test_paid_and_unknown_ecosystems_are_outside() -> None:
    record = osv("USN-1", "Ubuntu:Pro:16.04:LTS", "x", [{"introduced": "0"}])
    record["affected"] += osv("USN-1", "Ubuntu:24.04:LTS", "x", [{"introduced": "0"}])["affected"]
    _, items = read(zipped([record]))
    assert [c.ecosystem for c in claims(items)] == ["ubuntu:24.04"]
    assert [i.ecosystem for i in items if isinstance(i, Scope)] == ["ubuntu:24.04"]


def test_grype_s_and_trivy_s_findings_keep_their_states() -> None:
    _, (report, *_) = read(json.dumps(GRYPE).encode())
    assert isinstance(report, ImportedReport)
    assert report.digests == tuple("sha256:" + c * 64 for c in "bac")
    (finding,) = report.findings
    assert (finding.id, finding.aliases) == ("CVE-2026-1001", ("GHSA-1",))
    assert (finding.state, finding.fixed_versions) == (State.FIX_AVAILABLE, ("2.0",))
    _, (report, left, *_) = read(json.dumps(TRIVY).encode())
    assert isinstance(report, ImportedReport)
    assert [f.state for f in report.findings] == [State.DEFERRED]
    assert isinstance(left, Unread)


def test_a_vex_statement_that_the_specification_forbids_is_counted() -> None:
    statements: list[dict[str, Any]] = [dict(VEX["statements"][0]) for _ in range(5)]
    document = {**VEX, "statements": statements}
    del statements[0]["justification"]
    statements[1]["products"] = []
    statements[2]["status"] = "fine"
    del statements[3]["vulnerability"]
    _, items = read(json.dumps(document).encode())
    assert len(unread(items)) == 4
    (kept,) = (i for i in items if isinstance(i, VexStatement))
    assert kept.time == 1767225600


def test_old_epss_has_no_percentile_and_bad_rows_are_counted() -> None:
    _, items = read(b"cve,epss\nCVE-2020-1001,0.5\nCVE-2020-1002,1.5\nCVE-2020-1003,nan\nx,0.1\n")
    assert [i for i in items if isinstance(i, Estimate)] == [
        Estimate(cve="CVE-2020-1001", score=0.5, percentile=None)
    ]
    assert len(unread(items)) == 3


def test_secdb_s_slips_of_the_pen_are_read_as_meant() -> None:
    fixes = {
        "1.7.5.-r1": ["CVE-2016-7945.patch", "CVE-2017-17434-1"],
        "10.2.22.r0": ["CVE_2019-2510", "CVE-2019-1111 (+ regression fix) XSA-9"],
        "1.0-r0": ["wnpa-sec-2017-18", ""],
    }
    _, items = read(secdb("v3.8", {"a": fixes}))
    assert {(c.record, c.fixed) for c in claims(items)} == {
        ("CVE-2016-7945", "1.7.5-r1"),
        ("CVE-2017-17434", "1.7.5-r1"),
        ("CVE-2019-2510", "10.2.22-r0"),
        ("CVE-2019-1111", "10.2.22-r0"),
    }
    assert len(unread(items)) == 2


def test_secdb_in_yaml_is_read_and_its_bombs_are_not() -> None:
    text = "distroversion: v3.9\nreponame: main\npackages:\n  - pkg:\n      name: a\n"
    text += "      secfixes:\n        1.0-r0:\n          - CVE-2019-1001\n"
    form, items = read(text.encode())
    assert form.name == "alpine-v3.9-main"
    assert [c.fixed for c in claims(items)] == ["1.0-r0"]
    bomb = text + "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
    with pytest.raises(HostileInputError, match="anchors"):
        read(bomb.encode())


def archive(*members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in members:
            out.writestr(name, data)
    return buffer.getvalue()


GOOD = json.dumps(SINGLE).encode()


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
        TRACKER[: len(TRACKER) // 2],
        TRACKER + b"{}",
        TRACKER[:-1] + b"," + TRACKER[1:],
        kev("CVE-2026-1001").replace(b'"count": 1', b'"count": 2'),
        kev("CVE-2026-1001").replace(b'"count"', b'"catalogVersion"'),
        kev("CVE-2026-1001").replace(b'"count": 1', b'"count": NaN'),
        kev("CVE-2026-1001").replace(b'"count": 1', b'"count": ' + b"9" * 5000),
        kev("CVE-2026-1001").replace(b"Known", b"\xff\xfe"),
        gzip.compress(kev("CVE-2026-1001"))[:-12],
        lzma.compress(kev("CVE-2026-1001"))[:-12],
        archive(("a.json", GOOD))[:-30],
        archive(("a.json", b" " * 60_000_000 + GOOD)),
        archive(("a.json", GOOD), ("a.json", GOOD)),
    ],
    ids=[
        "deep",
        "cut",
        "goes on",
        "a package twice",
        "fewer than promised",
        "a key twice",
        "no number",
        "a huge number",
        "no text",
        "cut gzip",
        "cut xz",
        "cut zip",
        "zip bomb",
        "a name twice",
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_hostile_feed_is_refused_whole(data: bytes) -> None:
    with pytest.raises((HostileInputError, UsageError)):
        read(data)


def test_a_bomb_is_refused_before_it_goes_off() -> None:
    bomb = gzip.compress(b"\0" * 30_000_000)
    with pytest.raises(HostileInputError, match="more than"):
        inflated(Blob(name="bomb", data=bomb), limit=1_000_000)
    with pytest.raises(HostileInputError, match="more than"):
        inflated(Blob(name="bomb", data=lzma.compress(b"\0" * 30_000_000)), limit=1_000_000)


def test_names_inside_an_archive_are_never_paths() -> None:
    _, items = read(archive(("../../etc/passwd.json", GOOD), ("/abs.json", b"{")))
    assert [c.record for c in claims(items)] == ["GHSA-1"]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as out:
        link = tarfile.TarInfo("link.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        out.addfile(link)
        info = tarfile.TarInfo("../x.json")
        info.size = len(GOOD)
        out.addfile(info, io.BytesIO(GOOD))
    _, items = read(buffer.getvalue())
    assert [c.record for c in claims(items)] == ["GHSA-1"]


@pytest.mark.parametrize(
    "data", [b"", b"<html>", b"{}", b"[]", b"\x00" * 600, b"PK\x05\x06" + b"\0" * 18, b'{"a": 1}']
)
def test_what_is_no_feed_is_told_what_would_be(data: bytes) -> None:
    with pytest.raises((UsageError, HostileInputError)) as caught:
        read(data)
    assert caught.value.resolution


def test_csaf_is_named() -> None:
    document = {"document": {"csaf_version": "2.0"}, "vulnerabilities": []}
    with pytest.raises(UsageError, match="CSAF"):
        read(json.dumps(document).encode())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("0"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
SEEDS: list[dict[str, Any]] = [
    json.loads(TRACKER),
    json.loads(kev("CVE-2026-1001")),
    json.loads(secdb("v3.22", {"a": {"1-r0": ["CVE-2026-1001"]}})),
    SINGLE,
    VEX,
    GRYPE,
    TRIVY,
    RECORD,
]


@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_a_value_of_any_other_type_is_an_error_or_counted(data: st.DataObject) -> None:
    """Replace one value anywhere in a good document: never a traceback."""
    document = json.loads(json.dumps(data.draw(st.sampled_from(SEEDS))))
    node, path = document, []
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            break
        key = data.draw(st.sampled_from(keys))
        path.append(key)
        if not isinstance(node[key], dict | list) or data.draw(st.booleans()):
            node[key] = data.draw(JSON)
            break
        node = node[key]
    with contextlib.suppress(NeveError):
        read(json.dumps(document).encode())
