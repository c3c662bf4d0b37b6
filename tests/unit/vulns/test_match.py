"""What is said of packages: every state apart, foreign ones never clean, feeds merged."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.vulns.worlds import (
    ALPINE,
    BOOKWORM,
    DEBIAN_MAINTAINER,
    deb,
    index,
    judge,
    kev,
    only,
    osv,
    refused,
    secdb,
    state,
    tracker,
    zipped,
)

from neve.inventory import OsRelease, Package, PackageType
from neve.vulns import SETTLED, Doubt, Level, State

CVE = "CVE-2026-1000"


def one(entry: dict[str, Any], *, source: str = "openssl") -> bytes:
    return tracker({source: {CVE: {"bookworm": entry}}})


@pytest.mark.parametrize(
    ("entry", "version", "expected"),
    [
        (state("open"), "3.0-1", State.OPEN),
        (state("resolved", "3.0-2"), "3.0-1", State.FIX_AVAILABLE),
        (state("open", nodsa="Minor issue", nodsa_reason=""), "3.0-1", State.DEFERRED),
        (state("open", nodsa="Minor", nodsa_reason="postponed"), "3.0-1", State.DEFERRED),
        (state("open", nodsa="Minor", nodsa_reason="ignored"), "3.0-1", State.IGNORED),
        (state("open", urgency="unimportant"), "3.0-1", State.UNIMPORTANT),
        (state("resolved", "3.0-2", urgency="unimportant"), "3.0-1", State.UNIMPORTANT),
        (state("open", urgency="end-of-life"), "3.0-1", State.END_OF_LIFE),
        (state("undetermined"), "3.0-1", State.UNDETERMINED),
        (state("resolved", "3.0-2"), "3.0-2", State.FIXED),
        (state("resolved", "3.0-2"), "3.0-10", State.FIXED),
        (state("resolved", "1:1.0-1"), "3.0-1", State.FIX_AVAILABLE),
        (state("resolved", "3.0-2"), "3.0-2~deb12u1", State.FIX_AVAILABLE),
        (state("resolved", "0"), "3.0-1", State.NOT_AFFECTED),
    ],
)
def test_each_state_of_the_tracker_stays_itself(
    tmp_path: Path, entry: dict[str, Any], version: str, expected: State
) -> None:
    path = index(tmp_path, one(entry))
    found = only(judge(path, deb("openssl", version), settled=True))
    assert found.state is expected
    assert found.id == CVE
    assert found.fixable == (expected is State.FIX_AVAILABLE or bool(found.fixed_versions))
    if expected in (State.FIXED, State.NOT_AFFECTED):
        assert not judge(path, deb("openssl", version)).findings


def test_a_deferral_is_told_in_the_trackers_words(tmp_path: Path) -> None:
    path = index(tmp_path, one(state("open", nodsa="Minor issue", nodsa_reason="postponed")))
    found = only(judge(path, deb("openssl", "3.0-1")))
    assert found.justification == "postponed: Minor issue"
    assert not found.fixable
    assert found.evidence[0].feed == "debian-tracker"
    assert found.evidence[0].url.endswith(CVE)


def test_a_binary_is_judged_by_its_source_and_the_sources_version(tmp_path: Path) -> None:
    path = index(tmp_path, one(state("resolved", "3.0-2"), source="openssl"))
    rebuilt = deb("libssl3", "3.0-2+b1", source="openssl", source_version="3.0-2")
    assert not judge(path, rebuilt).findings
    other_version = deb("libssl3", "2:9.9-1", source="openssl", source_version="3.0-1")
    assert only(judge(path, other_version)).fixed_versions == ("3.0-2",)


def test_an_advisory_gives_the_fix_and_the_tracker_the_state(tmp_path: Path) -> None:
    text = f"[12 Feb 2026] DSA-9000-1 openssl - security update\n\t{{{CVE}}}\n"
    text += "\t[bookworm] - openssl 3.0-5\n"
    path = index(tmp_path, one(state("open")), text.encode())
    found = only(judge(path, deb("openssl", "3.0-1")))
    assert found.state is State.FIX_AVAILABLE
    assert found.fixed_versions == ("3.0-5",)
    assert {e.feed for e in found.evidence} == {"debian-tracker", "debian-dsa"}
    assert "DSA-9000-1" in found.aliases
    still_open = only(judge(path, deb("openssl", "3.0-5")))
    assert still_open.state is State.OPEN
    cleared = index(tmp_path / "b", one(state("resolved", "0")), text.encode())
    assert not judge(cleared, deb("openssl", "3.0-1")).findings


def test_one_advisory_of_two_cves_is_two_findings(tmp_path: Path) -> None:
    record = osv(
        "DSA-9001-1",
        "Debian:12",
        "curl",
        [{"introduced": "0"}, {"fixed": "8.0-2"}],
        upstream=["CVE-2026-1", "CVE-2026-20001", "CVE-2026-20002"],
    )
    path = index(tmp_path, one(state("open")), zipped([record]))
    ids = [f.id for f in judge(path, deb("curl", "8.0-1")).findings]
    assert ids == ["CVE-2026-20001", "CVE-2026-20002"]


@pytest.mark.parametrize(
    ("version", "maintainer", "doubt"),
    [
        ("5:27.3.1-1~debian.12~bookworm", "Docker <support@docker.com>", Doubt.FOREIGN),
        ("20.18.0-1nodesource1", "NodeSource <gpg@nodesource.com>", Doubt.FOREIGN),
        ("16.4-1.pgdg120+2", DEBIAN_MAINTAINER, Doubt.FOREIGN),
        ("1.27.3-1~bookworm", "NGINX Packaging <nginx-packaging@f5.com>", Doubt.FOREIGN),
        ("3.0.2-0ubuntu1.18", "Ubuntu Developers <x@lists.ubuntu.com>", Doubt.FOREIGN),
        ("2.9-1~bpo12+1", DEBIAN_MAINTAINER, Doubt.FOREIGN),
        ("7.0.14", "MongoDB <packaging@mongodb.com>", Doubt.FOREIGN),
        ("1.0-1", "Corp Ops <ops@corp.example>", Doubt.UNKNOWN_ORIGIN),
    ],
)
def test_a_foreign_package_is_not_judged_and_never_clean(
    tmp_path: Path, version: str, maintainer: str, doubt: Doubt
) -> None:
    path = index(tmp_path, one(state("resolved", "99-1"), source="thing"))
    package = deb("tool", version, maintainer=maintainer)
    item = refused(judge(path, package))
    assert item.doubt is doubt
    assert item.reason
    trusted = judge(path, package, trusted={("tool", version)})
    assert trusted.judged == 1
    assert not trusted.not_judged


@pytest.mark.parametrize(
    ("name", "version", "source", "maintainer"),
    [
        ("libcrypt1", "1:4.4.33-2", "libxcrypt", "Marco d'Itri <md@linux.it>"),
        ("kmod", "30+20221128-1", "kmod", "Marco d'Itri <md@linux.it>"),
        ("usr-is-merged", "37~deb12u1", "usrmerge", "Marco d'Itri <md@linux.it>"),
        ("netbase", "6.4", "netbase", "Marco d'Itri <md@linux.it>"),
        ("apt", "2.6.1", "apt", "APT Development Team <deity@lists.debian.org>"),
        ("libperl", "5.36-7+deb12u1", "perl", "Niko Tyni <ntyni@debian.org>"),
    ],
)
def test_debian_s_own_packages_are_known_wherever_they_are_maintained(
    tmp_path: Path, name: str, version: str, source: str, maintainer: str
) -> None:
    path = index(tmp_path, one(state("open"), source="thing"))
    package = deb(name, version, source=source, source_version=version, maintainer=maintainer)
    assert judge(path, package).judged == 1
    vendor = replace(package, version=f"{version}.vendor~bookworm", source_version="")
    assert refused(judge(path, vendor)).doubt is Doubt.FOREIGN


def test_the_same_name_at_another_upstream_version_is_of_unknown_origin(tmp_path: Path) -> None:
    repositories = {"bookworm": "3.10.8-1.1"}
    entry = {**state("open"), "repositories": repositories}
    path = index(tmp_path, one(entry, source="rabbitmq-server"))
    vendor = deb("rabbitmq-server", "3.13.7-1", maintainer="RabbitMQ <info@rabbitmq.com>")
    assert refused(judge(path, vendor)).doubt is Doubt.UNKNOWN_ORIGIN
    own = deb("rabbitmq-server", "3.10.8-1.1+deb12u1", maintainer="A Person <a@person.example>")
    assert only(judge(path, own)).state is State.OPEN


def test_a_derivative_is_not_judged_by_its_parents_feeds(tmp_path: Path) -> None:
    path = index(tmp_path, one(state("open")))
    kali = OsRelease(id="kali", version_id="2026.3", like=("debian",), name="Kali")
    result = judge(path, deb("openssl", "3.0-1"), os_release=kali)
    assert refused(result).doubt is Doubt.DISTRIBUTION


def test_a_release_that_no_feed_covers_is_missing_and_not_clean(tmp_path: Path) -> None:
    path = index(tmp_path, one(state("open")))
    stretch = OsRelease(id="debian", version_id="9", codename="stretch")
    result = judge(path, deb("openssl", "1.1-1"), os_release=stretch)
    assert result.missing == ("debian-tracker for debian:stretch",)
    assert refused(result).doubt is Doubt.FEED


def test_advisories_alone_find_and_still_miss_the_tracker(tmp_path: Path) -> None:
    text = f"[12 Feb 2026] DSA-9000-1 x - y\n\t{{{CVE}}}\n\t[bookworm] - openssl 3.0-5\n"
    result = judge(index(tmp_path, text.encode()), deb("openssl", "3.0-1"))
    assert only(result).state is State.FIX_AVAILABLE
    assert result.missing == ("debian-tracker for debian:bookworm",)
    assert result.judged == 0


def test_a_language_package_of_a_distributions_package_is_covered_by_it(tmp_path: Path) -> None:
    record = osv("PYSEC-1", "PyPI", "Jinja2", [{"introduced": "0"}, {"fixed": "3.1.6"}])
    path = index(tmp_path, one(state("open")), zipped([record]))
    library = Package(type=PackageType.PYPI, name="jinja2", version="3.1.2")
    owned = replace(library, owner="python3-jinja2")
    owner = deb("python3-jinja2", "3.1.2-1+deb12u2", source="jinja2")
    result = judge(path, owner, owned)
    assert [c.owner for c in result.covered] == ["python3-jinja2"]
    assert not result.findings
    assert only(judge(path, library)).id == "PYSEC-1"
    foreign = replace(owner, version="3.1.2-1~bookworm", maintainer="V <v@vendor.example>")
    assert only(judge(path, foreign, owned)).package == owned


def test_records_of_one_vulnerability_become_one_finding(tmp_path: Path) -> None:
    events = [{"introduced": "0"}, {"fixed": "2.0"}]
    feed = zipped(
        [
            osv("PYSEC-2026-1", "PyPI", "thing", events, aliases=["CVE-2026-5", "GHSA-a-b-c"]),
            osv("GHSA-a-b-c", "PyPI", "thing", events, severity=[{"type": "CVSS_V3", "score": V}]),
        ]
    )
    path = index(tmp_path, feed)
    found = only(judge(path, Package(type=PackageType.PYPI, name="Thing", version="1.0")))
    assert found.id == "CVE-2026-5" or set(found.aliases) >= {"PYSEC-2026-1"}
    assert found.severity.level is Level.CRITICAL
    assert found.severity.score == 9.8


V = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"


def test_a_language_without_its_feed_is_missing(tmp_path: Path) -> None:
    path = index(tmp_path, one(state("open")))
    result = judge(path, Package(type=PackageType.NPM, name="left-pad", version="1.0.0"))
    assert result.missing == ("osv-npm",)
    assert refused(result).doubt is Doubt.FEED
    nix = judge(path, Package(type=PackageType.NIX, name="x", version="1"))
    assert refused(nix).doubt is Doubt.ECOSYSTEM
    binary = judge(path, Package(type=PackageType.GENERIC, name="node", version="20.1.0"))
    assert refused(binary).doubt is Doubt.ECOSYSTEM


def test_a_version_without_order_is_not_judged(tmp_path: Path) -> None:
    feed = zipped([osv("GO-1", "Go", "example.org/x", [{"introduced": "0"}], kind="SEMVER")])
    path = index(tmp_path, feed)
    odd = Package(type=PackageType.GOLANG, name="example.org/x", version="(devel)")
    assert refused(judge(path, odd)).doubt is Doubt.VERSION
    for version in ("v1.2.3", "v0.0.0-20240101000000-abcdefabcdef", "v2.0.0+incompatible"):
        assert only(judge(path, replace(odd, version=version))).state is State.OPEN


@pytest.mark.parametrize(
    ("events", "affected"),
    [
        ("i0 f3.1 i3.2 f3.4 i3.1 f3.2", ["0.1", "1.0", "3.1", "3.2", "3.3"]),
        ("i3.1 f3.3 i1.0 f3.1", ["1.0", "3.1", "3.2"]),
        ("i3.1 f3.1", []),
        ("f3.1 i3.1", []),
        ("i1.0 f3.1 f3.2", ["1.0"]),
        ("i3.1", ["3.1", "3.2", "3.3", "3.4"]),
        ("i1.0 l3.1", ["1.0", "3.1"]),
        ("i0 m3.2", ["0.1", "1.0", "3.1"]),
    ],
)
def test_events_in_any_order_are_the_same_ranges(
    tmp_path: Path, events: str, affected: list[str]
) -> None:
    words = {"i": "introduced", "f": "fixed", "l": "last_affected", "m": "limit"}
    steps = [{words[step[0]]: step[1:]} for step in events.split()]
    path = index(tmp_path, zipped([osv("GHSA-1", "PyPI", "x", steps)]))
    found = [
        version
        for version in ("0.1", "1.0", "3.1", "3.2", "3.3", "3.4")
        if judge(path, Package(type=PackageType.PYPI, name="x", version=version)).findings
    ]
    assert found == affected


def test_a_version_without_order_is_still_found_where_a_record_names_it(tmp_path: Path) -> None:
    events = [{"introduced": "0"}, {"fixed": "0.8"}]
    record = osv("PYSEC-1", "PyPI", "buildbot", events, versions=["0.7.10p1", "0.7.9"])
    path = index(tmp_path, zipped([record]))
    old = Package(type=PackageType.PYPI, name="buildbot", version="0.7.10p1")
    result = judge(path, old)
    assert only(result).state is State.OPEN
    assert [item.doubt for item in result.not_judged] == [Doubt.VERSION]
    assert refused(judge(path, replace(old, version="0.7.11p1"))).doubt is Doubt.VERSION


def test_the_toolchain_is_go_s_standard_library(tmp_path: Path) -> None:
    events = [{"introduced": "0"}, {"fixed": "1.21.8"}, {"introduced": "1.22.0-0"}]
    record = osv("GO-2", "Go", "stdlib", [*events, {"fixed": "1.22.1"}], kind="SEMVER")
    path = index(tmp_path, zipped([record]))
    states = {}
    for version in ("go1.21.7", "go1.21.8", "go1.22rc1", "go1.22", "go1.22.1"):
        package = Package(type=PackageType.GOLANG, name="stdlib", version=version)
        states[version] = [f.fixed_versions for f in judge(path, package).findings]
    assert states == {
        "go1.21.7": [("1.21.8",)],
        "go1.21.8": [],
        "go1.22rc1": [("1.22.1",)],
        "go1.22": [("1.22.1",)],
        "go1.22.1": [],
    }


def test_maven_s_group_comes_from_the_package_url(tmp_path: Path) -> None:
    name = "org.apache.logging.log4j:log4j-core"
    record = osv("GHSA-jfh8", "Maven", name, [{"introduced": "2.0-beta9"}, {"fixed": "2.15.0"}])
    path = index(tmp_path, zipped([record]))
    purl = "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1"
    jar = Package(type=PackageType.MAVEN, name="log4j-core", version="2.14.1", purl=purl)
    assert only(judge(path, jar)).id == "GHSA-jfh8"
    assert not judge(path, replace(jar, version="2.15.0")).findings


def test_alpine_s_zero_means_never_affected(tmp_path: Path) -> None:
    feed = secdb("v3.22", {"openssl": {"0": ["CVE-2026-1"], "3.5.1-r2": ["CVE-2026-2 GHSA-x-y"]}})
    path = index(tmp_path, feed)
    library = Package(type=PackageType.APK, name="libssl3", version="3.5.1-r1", source="openssl")
    found = only(judge(path, library, os_release=ALPINE))
    assert (found.id, found.fixed_versions) == ("CVE-2026-2", ("3.5.1-r2",))
    assert found.aliases == ("GHSA-x-y",)
    assert not judge(path, replace(library, version="3.5.1-r2"), os_release=ALPINE).findings
    older = replace(ALPINE, version_id="3.21.0")
    assert judge(path, library, os_release=older).missing == ("a feed for alpine:v3.21",)


def test_a_module_s_fix_speaks_of_its_own_stream(tmp_path: Path) -> None:
    def advisory(number: int, fixed: str) -> dict[str, Any]:
        events = [{"introduced": "0"}, {"fixed": fixed}]
        return osv(f"ALSA-2026:{number}", "AlmaLinux:8", "nodejs", events, related=[CVE])

    feed = zipped(
        [
            advisory(1, "1:18.12.1-2.module_el8.7.0+3343"),
            advisory(2, "1:16.18.1-3.module_el8.7.0+3342"),
        ]
    )
    path = index(tmp_path, feed)
    alma = OsRelease(id="almalinux", version_id="8.9")

    def node(version: str) -> list[tuple[str, ...]]:
        package = Package(
            type=PackageType.RPM, name="nodejs", version=version, maintainer="AlmaLinux"
        )
        return [f.fixed_versions for f in judge(path, package, os_release=alma).findings]

    assert node("1:16.18.1-3.module_el8.7.0+3342") == []
    assert node("1:16.1.0-1.module_el8.6.0+1") == [("1:16.18.1-3.module_el8.7.0+3342",)]
    assert node("1:16.1.0-1.el8") == []
    epel = Package(
        type=PackageType.RPM, name="htop", version="3.2-1.el8", maintainer="Fedora Project"
    )
    assert refused(judge(path, epel, os_release=alma)).doubt is Doubt.FOREIGN


def test_kev_epss_and_cvss_are_joined_by_the_cve(tmp_path: Path) -> None:
    epss = "#model_version:v1,score_date:2026-11-20T00:00:00+0000\n"
    epss += f"cve,epss,percentile\n{CVE},0.5,0.99\n"
    ratings = json.dumps({"id": CVE, "cvss": [{"by": "CISA-ADP", "vector": V}], "ssvc": {}})
    path = index(
        tmp_path, one(state("open")), kev(CVE), gzip.compress(epss.encode()), ratings.encode()
    )
    result = judge(path, deb("openssl", "3.0-1"))
    found = only(result)
    assert found.exploited is not None
    assert found.exploited.ransomware
    assert found.exploited.added.isoformat() == "2024-05-01"
    assert found.exploitability is not None
    assert (found.exploitability.score, found.exploitability.percentile) == (0.5, 0.99)
    assert found.severity.source == "CVSS 3.1, CISA-ADP"
    assert {"kev", "epss"} <= {feed.name for feed in result.feeds}


def test_a_release_s_own_word_goes_before_the_general_score(tmp_path: Path) -> None:
    ratings = json.dumps({"id": CVE, "cvss": [{"by": "x", "vector": V}], "ssvc": {}})
    path = index(tmp_path, one(state("open", urgency="low**")), ratings.encode())
    found = only(judge(path, deb("openssl", "3.0-1")))
    assert found.severity.level is Level.LOW
    assert found.severity.own
    assert [s.level for s in found.severities] == [Level.LOW, Level.CRITICAL]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_is_settled_can_be_left_out_without_changing_the_rest(data: st.DataObject) -> None:
    """The quick way over settled claims and the whole way agree on what is left."""
    fixed = st.sampled_from(["0", "1.0-1", "1.0-2", "1.0-3"])
    entries = st.one_of(
        st.builds(state, st.just("resolved"), fixed),
        st.builds(state, st.sampled_from(["open", "undetermined"])),
        st.just(state("open", nodsa="Minor", nodsa_reason="ignored")),
        st.just(state("resolved", "1.0-2", urgency="unimportant")),
    )
    cves = st.sampled_from([f"CVE-2026-{number}" for number in range(1000, 1005)])
    told = data.draw(st.dictionaries(cves, entries, max_size=5))
    told["CVE-2026-9999"] = state("open")
    advisories = [
        osv(
            f"DSA-{number}-1",
            "Debian:12",
            "a",
            [{"introduced": "0"}, {"fixed": data.draw(fixed.filter(lambda v: v != "0"))}],
            upstream=data.draw(st.lists(cves, unique=True, max_size=3)),
        )
        for number in range(data.draw(st.integers(1, 3)))
    ]
    feed = tracker({"a": {cve: {"bookworm": entry} for cve, entry in told.items()}})
    with TemporaryDirectory() as directory:
        path = index(Path(directory), feed, zipped(advisories))
        package = deb("a", data.draw(st.sampled_from(["1.0-1", "1.0-2", "1.0-3"])))
        quick = {(f.id, f.state, f.fixed_versions) for f in judge(path, package).findings}
        whole = judge(path, package, settled=True).findings
    assert quick == {(f.id, f.state, f.fixed_versions) for f in whole if f.state not in SETTLED}


def test_order_of_packages_does_not_matter(tmp_path: Path) -> None:
    path = index(tmp_path, one(state("open")))
    packages = [deb(name, "3.0-1", source="openssl") for name in ("c", "a", "b")]
    assert judge(path, *packages) == judge(path, *reversed(packages))


def test_bookworm_is_found_by_its_number_too(tmp_path: Path) -> None:
    path = index(tmp_path, one(state("open")))
    plain = replace(BOOKWORM, codename="")
    assert only(judge(path, deb("openssl", "3.0-1"), os_release=plain)).state is State.OPEN
