"""``python -m bench.vulnerabilities``: building the index and matching against it, at full size.

The tracker's document is made to the size of the real one from the advisories in
``../shared/data/vulns`` (every source and CVE there, in five releases, with descriptions); all
other feeds are the real ones. Prints times, sizes and peak memory.
"""

from __future__ import annotations

import gzip
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import truth
from bench.accuracy import DATA, NOW

_RELEASES = ("bookworm", "bullseye", "trixie", "sid", "forky")
FEEDS = (
    "debian/DSA.list.2025-02-13.gz",
    "debian/DLA.list.2025-02-13.gz",
    "debian/debian-advisories-osv.zip",
    "almalinux/almalinux-osv.zip",
    "pypi/pypi-osv.zip",
    "go/go-vulndb-osv.zip",
    "kev/known_exploited_vulnerabilities.json.gz",
    "cve/vulnrichment-compact.jsonl.gz",
)
MATCH = """
import sys, time
from pathlib import Path
from bench.vulnerabilities import packages_of
from bench.accuracy import os_release_of
from neve.vulns.index import Index
from neve.vulns.match import match
packages = packages_of(Path(sys.argv[2]))
start = time.perf_counter()
with Index.open(Path(sys.argv[1])) as index:
    result = match(packages, os_release_of("debian:bookworm"), index)
print(time.perf_counter() - start, len(packages), len(result.findings), result.judged)
"""


def full_tracker() -> bytes:
    """A tracker document of real size: about 60,000 pairs of source and CVE, five releases each."""
    sources: dict[str, dict[str, object]] = {}
    rows = list(truth.lines(DATA / "debian" / "advisories.jsonl.gz"))
    for row in rows:
        for fix in row.get("fixed", ()):
            for cve in row.get("cves") or ():
                releases = {
                    release: {
                        "status": "resolved",
                        "repositories": {release: fix["version"]},
                        "fixed_version": fix["version"],
                        "urgency": "not yet assigned",
                    }
                    for release in _RELEASES
                    if not fix["version"].startswith("<")
                }
                entry = {"description": "x" * 260, "scope": "local", "releases": releases}
                sources.setdefault(fix["package"], {})[cve] = entry
    return json.dumps(sources).encode()


def packages_of(tracker: Path) -> list[object]:
    """A thousand packages of 420 sources, as an image of that size has them: sources with few and
    with many vulnerabilities (the kernel's headers among them), one in ten behind by a fix.
    """
    from neve.formats.deb import version_key
    from neve.inventory import Package, PackageType

    every = sorted(json.loads(gzip.decompress(tracker.read_bytes())).items(), key=_weight)
    step = len(every) // 420
    found: list[object] = []
    for number in range(1000):
        name, cves = every[number % 420 * step]
        fixes = {
            release["fixed_version"]
            for entry in cves.values()
            for release in entry["releases"].values()
        }
        ordered = sorted(fixes, key=version_key) or ["1.0-1"]
        version = ordered[-1] + ("~" if number % 420 % 10 == 9 else "")
        package = Package(
            type=PackageType.DEB,
            name=f"{name}-{number // 420}",
            version=version,
            source=name,
            source_version=version,
            maintainer="Somebody <somebody@debian.org>",
        )
        found.append(package)
    return found


def _weight(item: tuple[str, dict[str, object]]) -> tuple[int, str]:
    return -len(item[1]), item[0]


def main() -> None:
    """Build, measure, print."""
    from neve.vulns.update import bring_files

    with tempfile.TemporaryDirectory(prefix="neve-vulns-") as scratch:
        tracker = Path(scratch) / "tracker.json.gz"
        document = full_tracker()
        tracker.write_bytes(gzip.compress(document, 1))
        index = Path(scratch) / "index.sqlite"
        started = time.perf_counter()
        brought = bring_files(index, [tracker, *(DATA / feed for feed in FEEDS)], now=NOW)
        built = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        entries = sum(feed.entries for feed in brought)
        print(f"tracker: {len(document) >> 20} MiB; all feeds: {entries} entries")
        print(f"index: {index.stat().st_size >> 20} MiB, built in {built:.1f} s, peak {peak} MiB")
        started = time.perf_counter()
        bring_files(index, [DATA / FEEDS[6]], now=NOW + 1)
        print(f"one small feed anew: {time.perf_counter() - started:.1f} s")
        for _ in range(3):
            command = [sys.executable, "-c", MATCH, str(index), str(tracker)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            seconds, packages, findings, judged = done.stdout.split()
            print(
                f"match {packages} packages ({judged} judged): {float(seconds):.3f} s, "
                f"{findings} findings"
            )


if __name__ == "__main__":
    main()
