"""Judging a thousand packages by an index of full size: matching alone, and ``neve scan`` whole."""

from __future__ import annotations

import gzip
import statistics
import subprocess
import sys
from pathlib import Path

from bench.accuracy import DATA, NOW
from bench.measure import Contestant, neve, run_once
from bench.vulnerabilities import FEEDS, MATCH, full_tracker, packages_of

_STATUS = """Package: {name}
Status: install ok installed
Version: {version}
Architecture: amd64
Source: {source}
Maintainer: {maintainer}

"""
_RELEASE = 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian 12"\n'


def measure(folder: Path, rounds: int) -> tuple[float, float, int]:
    """Seconds of opening the index and matching after start, seconds and peak bytes of the whole
    command; medians.
    """
    from neve.inventory import Package
    from neve.vulns.index import INDEX_NAME
    from neve.vulns.update import bring_files

    tracker, index = folder / "tracker.json.gz", folder / INDEX_NAME
    tracker.write_bytes(gzip.compress(full_tracker(), 1))
    bring_files(index, [tracker, *(DATA / feed for feed in FEEDS)], now=NOW)
    root = folder / "root"
    (root / "etc").mkdir(parents=True)
    (root / "var/lib/dpkg").mkdir(parents=True)
    (root / "etc/os-release").write_text(_RELEASE)
    packages = [item for item in packages_of(tracker) if isinstance(item, Package)]
    (root / "var/lib/dpkg/status").write_text(
        "".join(
            _STATUS.format(name=p.name, version=p.version, source=p.source, maintainer=p.maintainer)
            for p in packages
        )
    )
    command = [sys.executable, "-c", MATCH, str(index), str(tracker)]
    matched = [
        float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0])
        for _ in range(rounds)
    ]
    whole = Contestant(
        name="neve scan",
        argv=[neve(), "scan", str(root), "--format", "json", "--quiet"],
        environment={"NEVE_DB": str(folder), "NEVE_MAX_FEED_AGE": "0"},
    )
    samples = [run_once(whole) for _ in range(rounds)]
    return (
        statistics.median(matched),
        statistics.median(sample.seconds for sample in samples),
        int(statistics.median(sample.peak for sample in samples)),
    )
