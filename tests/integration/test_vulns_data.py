"""Real feeds and upstream-format fixtures: everything is read or refused in words."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
import tarfile
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from neve.errors import NeveError
from neve.formats.deb import compare_versions
from neve.inventory import OsRelease, Package, PackageType
from neve.vulns import State
from neve.vulns.bounded import Blob, inflated
from neve.vulns.index import Index
from neve.vulns.match import match
from neve.vulns.records import Unread
from neve.vulns.sniff import recognise
from neve.vulns.update import bring_files

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "vulns"
NOW = 1_795_392_000

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not DATA.is_dir(), reason="no data beside the project"),
]

READ = {
    "debian/debian_security_tracker_mock.json": "debian-tracker",
    "debian/test-fixtures/input/DSA": "debian-advisories",
    "osv/DLA-3623-1.json": "osv",
    "UBUNTU-CVE-2015-0209.json": "osv",
    "github_osv_test_1.json": "osv",
    "debian/osv/testdata/fixtures/all.zip": "osv",
    "alma/osv/testdata/fixtures/all.zip": "osv",
    "rocky/osv/testdata/fixtures/all.zip": "osv",
    "alpine/osv/testdata/fixtures/all.zip": "osv",
    "secdb/testdata/fixtures/v3.16/main.json": "secdb",
    "secdb/testdata/fixtures/edge/community.json": "secdb",
    "secdb/v3.15/main.yaml": "secdb",
    "alpine/v3.11/main.json": "secdb",
    "epss_scores-2021-04-14.csv.gz": "epss",
    "epss_scores-2023-03-07.csv.gz": "epss",
    "enricher/kev/testdata/known_exploited_vulnerabilities.json": "kev",
}
"""Files of the fixtures by the end of their names, and what they are."""


@pytest.fixture(scope="module")
def fixtures() -> dict[str, bytes]:
    """Every upstream-format fixture: name → bytes."""
    found = {}
    with tarfile.open(DATA / "fixtures" / "upstream-format-fixtures.tar.gz") as archive:
        for info in archive:
            file = archive.extractfile(info) if info.isreg() else None
            if file is not None:
                found[info.name] = file.read()
    return found


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of the smaller real feeds."""
    path = tmp_path_factory.mktemp("db") / "index.sqlite"
    names = (
        "debian/tracker-subset.derived.json.gz",
        "debian/DSA.list.2025-02-13.gz",
        "debian/DLA.list.2025-02-13.gz",
        "alpine/v3.22-main.excerpt.json",
        "pypi/pypi-osv.zip",
        "go/go-vulndb-osv.zip",
        "kev/known_exploited_vulnerabilities.json.gz",
        "epss/epss-subset.csv.gz",
    )
    bring_files(path, [DATA / name for name in names], now=NOW)
    return path


@pytest.mark.parametrize("ending", sorted(READ))
def test_upstream_s_own_fixtures_are_read(fixtures: dict[str, bytes], ending: str) -> None:
    (name,) = [name for name in fixtures if name.endswith(ending)]
    blob = inflated(Blob(name=name, data=fixtures[name]))
    form = recognise(blob)
    assert form.kind == READ[ending]
    items = list(form.read(blob))
    left = [item for item in items if isinstance(item, Unread)]
    assert len(items) > len(left)


def test_every_other_fixture_is_read_or_refused_in_words(fixtures: dict[str, bytes]) -> None:
    """No traceback for any of the 324 files, CSAF, OVAL, HTML and SQL among them."""
    outcomes: Counter[str] = Counter()
    errors: list[NeveError] = []
    for name, data in sorted(fixtures.items()):
        try:
            blob = inflated(Blob(name=name, data=data))
            form = recognise(blob)
            assert list(form.read(blob)), name
            outcomes[form.kind] += 1
        except NeveError as error:
            errors.append(error)
    assert outcomes["osv"] > 30
    assert len(errors) > 100
    assert all(error.brief and error.resolution for error in errors)


def test_known_images_of_the_past_are_judged_right(index: Path) -> None:
    """Facts that anybody can look up."""
    bookworm = OsRelease(id="debian", version_id="12", codename="bookworm")

    def states(source: str, version: str) -> dict[str, State]:
        package = Package(
            type=PackageType.DEB, name=source, version=version, maintainer="x@debian.org"
        )
        with Index.open(index) as opened:
            found = match([package], bookworm, opened, settled=True).findings
        return {finding.id: finding.state for finding in found}

    # DSA-5532-1: openssl 3.0.11-1~deb12u2 fixes CVE-2023-5363 in bookworm.
    assert states("openssl", "3.0.11-1~deb12u1")["CVE-2023-5363"] is State.FIX_AVAILABLE
    assert states("openssl", "3.0.11-1~deb12u2")["CVE-2023-5363"] is State.FIXED
    assert states("tar", "1.34+dfsg-1.2+deb12u1")["CVE-2005-2541"] is State.UNIMPORTANT
    assert states("xz-utils", "5.4.1-1")["CVE-2024-3094"] is State.NOT_AFFECTED


def test_the_known_exploited_are_marked(index: Path) -> None:
    with Index.open(index) as opened:
        # Log4Shell: added 2021-12-10, used by ransomware.
        found = opened.exploited("CVE-2021-44228")
    assert found is not None
    assert found.added.isoformat() == "2021-12-10"
    assert found.ransomware


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="dpkg is not installed")
def test_fixed_versions_are_ordered_as_dpkg_orders_them() -> None:
    """Neighbours among the fixed versions of one package, against dpkg itself."""
    fixed: dict[str, set[str]] = {}
    with gzip.open(DATA / "debian" / "advisories.jsonl.gz", "rt") as file:
        for line in file:
            for fix in json.loads(line).get("fixed", ()):
                if re.match(r"\d", fix["version"]):
                    fixed.setdefault(fix["package"], set()).add(fix["version"])
    pairs = [pair for versions in fixed.values() for pair in pairwise(sorted(versions))]
    for one, two in pairs[:: len(pairs) // 250]:
        done = subprocess.run(["dpkg", "--compare-versions", one, "lt", two], check=False)
        assert (compare_versions(one, two) < 0) == (done.returncode == 0), (one, two)
