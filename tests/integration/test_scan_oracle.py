"""Scans of Debian 12 against the real lists, counted a second time by dpkg itself.

The lists of advisories are read here by a dozen lines of this test and their versions compared by
``dpkg --compare-versions``: none of neve's readers, orders or matching take part.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.command import command

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
DATA = ROOT / "../shared/data/vulns"
DEBIAN = DATA / "debian"
FEEDS = ("tracker-subset.derived.json.gz", "DSA.list.2025-02-13.gz", "DLA.list.2025-02-13.gz")
RELEASE = "bookworm"
_HEAD = re.compile(r"\[[^]]+\] (D[SL]A-\S+)")
_FIX = re.compile(r"\t\[(\S+)\] - (\S+) (\S+)")

if not DEBIAN.is_dir() or shutil.which("dpkg") is None:
    pytest.skip("needs ../shared/data/vulns and dpkg", allow_module_level=True)


def neve(*arguments: object, db: Path, expect: int = 0) -> Any:
    done = subprocess.run(
        command(*(str(argument) for argument in arguments)),
        env={**os.environ, "NEVE_DB": str(db), "NEVE_MAX_FEED_AGE": "0"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == expect, done.stdout[-2000:] + done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("db")
    neve("db", "import", *(DEBIAN / name for name in FEEDS), "--format", "json", db=path)
    return path


@pytest.fixture(scope="module")
def tracked() -> set[tuple[str, str]]:
    """(source, CVE) of which the tracker says something in this release: it decides these."""
    document = json.loads(gzip.decompress((DEBIAN / FEEDS[0]).read_bytes()))
    return {
        (source, cve)
        for source, cves in document.items()
        for cve, entry in cves.items()
        if RELEASE in entry["releases"]
    }


@pytest.fixture(scope="module")
def fixes() -> dict[str, dict[str, set[str]]]:
    """Source → CVE → the versions that the lists say fix it in this release."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for name in FEEDS[1:]:
        cves: list[str] = []
        for line in gzip.decompress((DEBIAN / name).read_bytes()).decode().splitlines():
            if _HEAD.match(line):
                cves = []
            elif line.startswith("\t{"):
                cves = line.strip().strip("{}").split()
            elif (match := _FIX.match(line)) and match[1] == RELEASE:
                for cve in cves:
                    found[match[2]][cve].add(match[3])
    return found


def below(one: str, other: str) -> bool:
    done = subprocess.run(["dpkg", "--compare-versions", one, "lt", other], check=False)
    return done.returncode == 0


def expected(
    installed: dict[str, str], fixes: dict[str, dict[str, set[str]]], tracked: set[tuple[str, str]]
) -> set[tuple[str, str, str]]:
    """(source, CVE, fixed version) that the lists alone say the installed versions still have."""
    return {
        (source, cve, next(iter(versions)))
        for source, version in installed.items()
        for cve, versions in fixes.get(source, {}).items()
        if len(versions) == 1 and (source, cve) not in tracked and cve.startswith("CVE-")
        if below(version, next(iter(versions)))
    }


def decided(
    document: Any, fixes: dict[str, dict[str, set[str]]], tracked: set[tuple[str, str]]
) -> Iterator[tuple[str, str, str]]:
    """What neve found of the pairs that the lists decide, in the same form."""
    for item in document["findings"]:
        finding = item["finding"]
        source, cve = finding["package"]["source"], finding["id"]
        versions = fixes.get(source, {}).get(cve, set())
        if len(versions) == 1 and (source, cve) not in tracked:
            assert finding["state"] == "fix-available"
            yield source, cve, finding["fixed_versions"][0]


def test_an_outdated_debian_has_exactly_what_dpkg_says_it_has(
    db: Path, tmp_path: Path, fixes: dict[str, dict[str, set[str]]], tracked: set[tuple[str, str]]
) -> None:
    """Eighty source packages, each at one of the versions that some advisory brought."""
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "var/lib/dpkg").mkdir(parents=True)
    (root / "etc/os-release").write_text(
        'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian 12"\n'
    )
    chosen = [name for name in sorted(fixes) if len(fixes[name]) <= 25][::2][:80]
    assert len(chosen) == 80
    installed = {}
    for number, source in enumerate(chosen):
        versions = sorted({v for found in fixes[source].values() for v in found})
        version = versions[number % len(versions)]
        installed[source] = version if number % 3 else f"{version}~"
    (root / "var/lib/dpkg/status").write_text(
        "".join(
            f"Package: lib{source}\nStatus: install ok installed\nVersion: {version}\n"
            f"Architecture: amd64\nSource: {source}\nMaintainer: A <a@debian.org>\n\n"
            for source, version in installed.items()
        )
    )
    document = neve("scan", root, "--format", "json", db=db)
    assert document["judged"] == 80
    wanted = expected(installed, fixes, tracked)
    assert len(wanted) > 100
    assert set(decided(document, fixes, tracked)) == wanted


def test_a_catalogue_image_has_exactly_what_lists_and_tracker_say(
    db: Path, tmp_path: Path, fixes: dict[str, dict[str, set[str]]], tracked: set[tuple[str, str]]
) -> None:
    """The image as it is built today: what the tracker calls open is found, deferrals stay so."""
    image = tmp_path / "image"
    recipe = "catalogue/debian-12/python.yaml"
    neve("build", recipe, "-o", image, "--platform", "linux/amd64", "--format", "json", db=db)
    document = neve("scan", image, "--format", "json", db=db)
    assert not document["not_judged"]
    packages = neve("inspect", image, "--depth", "packages", "--format", "json", db=db)["packages"]
    installed = {
        p["source"]: p["source_version"] or p["version"] for p in packages if p["type"] == "deb"
    }
    assert set(decided(document, fixes, tracked)) == expected(installed, fixes, tracked)
    tracker = json.loads(gzip.decompress((DEBIAN / FEEDS[0]).read_bytes()))
    said = {
        (item["finding"]["package"]["source"], item["finding"]["id"]): item["finding"]["state"]
        for item in document["findings"]
    }
    wanted = {}
    for source in installed:
        for cve, entry in tracker.get(source, {}).items():
            release = entry["releases"].get(RELEASE, {})
            if release.get("status") == "open":
                wanted[source, cve] = _state(release)
    assert {pair: state for pair, state in said.items() if pair in tracked} == wanted
    counted = sum(total["count"] for total in document["totals"])
    assert counted == len(said)


def _state(release: dict[str, Any]) -> str:
    if release.get("urgency") == "unimportant":
        return "unimportant"
    if "nodsa" in release:
        return "ignored" if release.get("nodsa_reason") == "ignored" else "deferred"
    return "end-of-life" if "end-of-life" in release.get("urgency", "") else "open"
