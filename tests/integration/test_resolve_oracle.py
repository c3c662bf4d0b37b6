"""Agreement with apt: the same names, the same index files, an empty dpkg status.

The default run takes a sample; ``NEVE_ORACLE=full`` (marked slow) solves every name and arm64
too, and writes its result to ``tests/acceptance/resolver.json``.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from neve.formats.deb.index import PackagesIndex
from neve.model import sha256_of
from neve.recipe.types import PackageRequest
from neve.resolve import Explanation, Request, Source, Universe, resolve

ROOT = Path(__file__).parents[2]
NAMES = ROOT / ".." / "shared" / "data" / "debian" / "server-packages.txt"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
RESULT = ROOT / "tests" / "acceptance" / "resolver.json"
SAMPLE = 26

EXPLAINED = {
    "php-redis": "phpapi-* has several providers that are equal by every rule of apt but its last,"
    " the position of a name's first mention in the whole index; neve takes the one with the"
    " fewest dependencies (libphp*-embed), apt php*-phpdbg",
}
"""Every known difference, with its cause."""

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not NAMES.exists(), reason="the list of server packages is not here"),
    pytest.mark.skipif(
        shutil.which("apt-get") is None or not KEYRING.exists(),
        reason="apt and Debian's keyring are not here",
    ),
]


@dataclass
class Comparison:
    """What came out for one release and architecture."""

    names: int = 0
    equal: int = 0
    both_refuse: int = 0
    different: dict[str, str] = field(default_factory=dict)
    milliseconds: list[float] = field(default_factory=list)

    @property
    def resolvable(self) -> int:
        return self.names - self.both_refuse

    def document(self) -> dict[str, Any]:
        return {
            "names": self.names,
            "resolved_by_apt": self.resolvable,
            "equal_sets_and_versions": self.equal,
            "refused_by_both": self.both_refuse,
            "different": dict(sorted(self.different.items())),
            "agreement": round(self.equal / max(1, self.resolvable), 4),
            "median_milliseconds": round(statistics.median(self.milliseconds), 2),
        }


class Apt:
    """apt with a root of its own, fed from the host's mirror, its dpkg status empty."""

    def __init__(self, directory: Path, release: str, architecture: str) -> None:
        self.directory = directory
        for below in ("etc/preferences.d", "etc/sources.d", "state/lists/partial", "cache"):
            (directory / below).mkdir(parents=True)
        (directory / "status").touch()
        main, security = host_mirrors()
        suites = ((main, release), (main, f"{release}-updates"), (security, f"{release}-security"))
        (directory / "etc/sources.list").write_text(
            "".join(f"deb [signed-by={KEYRING}] {uri} {suite} main\n" for uri, suite in suites)
        )
        self.options = [
            f"Dir::Etc::sourcelist={directory}/etc/sources.list",
            f"Dir::Etc::sourceparts={directory}/etc/sources.d",
            f"Dir::Etc::preferences={directory}/etc/preferences",
            f"Dir::Etc::preferencesparts={directory}/etc/preferences.d",
            f"Dir::State={directory}/state",
            f"Dir::State::status={directory}/status",
            f"Dir::Cache={directory}/cache",
            f"APT::Architecture={architecture}",
            f"APT::Architectures::={architecture}",
            "APT::Default-Release=",
            "Acquire::GzipIndexes=false",
            "Acquire::Languages=none",
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
            "Acquire::IndexTargets::deb::CNF::DefaultEnabled=false",
            "APT::Sandbox::User=root",
        ]
        self.run("-q", "update", check=True)

    def run(self, *words: str, check: bool = False) -> subprocess.CompletedProcess[str]:
        options = [part for option in self.options for part in ("-o", option)]
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        return subprocess.run(
            ["apt-get", *options, *words],
            capture_output=True,
            text=True,
            check=check,
            env=environment,
        )

    def solve(self, name: str) -> set[tuple[str, str]] | None:
        """The (name, version) pairs apt would install, or ``None`` when it refuses."""
        done = self.run("-qq", "-s", "install", "--no-install-recommends", name)
        if done.returncode:
            return None
        installs = [line.split() for line in done.stdout.splitlines() if line.startswith("Inst ")]
        return {(words[1].split(":")[0], words[2].lstrip("(")) for words in installs}

    def indexes(self) -> list[Path]:
        return sorted((self.directory / "state/lists").glob("*_Packages"))


def host_mirrors() -> tuple[str, str]:
    """The main and the security archive as the host's apt is configured."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    uris = [uri.rstrip("/") for uri in dict.fromkeys(listed)]
    main = [uri for uri in uris if uri.endswith("/debian")]
    security = [uri for uri in uris if uri.endswith("/debian-security")]
    return (
        main[0] if main else "http://ftp.debian.org/debian",
        security[0] if security else "http://security.debian.org/debian-security",
    )


def universe_of(apt: Apt, architecture: str) -> Universe:
    sources = []
    for path in apt.indexes():
        data = path.read_bytes()
        suite = path.name.partition("_dists_")[2].partition("_")[0]
        sources.append(
            Source(archive=suite, index=sha256_of(data), packages=PackagesIndex.parse(data))
        )
    return Universe(sources, architecture=architecture)


def compare(apt: Apt, architecture: str, names: list[str]) -> Comparison:
    with ThreadPoolExecutor(2) as pool:
        apts = dict(zip(names, pool.map(apt.solve, names), strict=True))
    universe = universe_of(apt, architecture)
    found = Comparison(names=len(names))
    for name in names:
        start = time.perf_counter()
        answer = resolve(Request(requests=(PackageRequest(name=name),)), universe)
        found.milliseconds.append((time.perf_counter() - start) * 1000)
        expected = apts[name]
        if isinstance(answer, Explanation):
            if expected is None:
                found.both_refuse += 1
            else:
                found.different[name] = f"neve refuses: {answer.brief}"
            continue
        ours = {(chosen.package.name, chosen.package.version) for chosen in answer.packages}
        if expected is None:
            found.different[name] = "apt refuses, neve does not"
        elif ours == expected:
            found.equal += 1
        else:
            more = " ".join(sorted(name for name, _ in ours - expected)) or "nothing"
            less = " ".join(sorted(name for name, _ in expected - ours)) or "nothing"
            found.different[name] = f"neve alone: {more}; apt alone: {less}"
    return found


def server_packages() -> list[str]:
    lines = NAMES.read_text().splitlines()
    return [name for line in lines if (name := line.partition("#")[0].strip())]


def judge(found: Comparison) -> None:
    unexplained = {k: v for k, v in found.different.items() if k not in EXPLAINED}
    assert not unexplained
    assert found.equal >= 0.99 * found.resolvable - 1e-9 or found.names < 250


@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_a_sample_agrees_with_apt(release: str, tmp_path: Path) -> None:
    names = server_packages()
    step = len(names) // (SAMPLE // 2)
    sample = sorted({*names[::step], "php-redis", "skopeo"})
    found = compare(Apt(tmp_path / "apt", release, "amd64"), "amd64", sample)
    judge(found)
    assert found.equal > len(sample) // 2


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("NEVE_ORACLE") != "full", reason="set NEVE_ORACLE=full")
def test_every_name_agrees_with_apt(tmp_path: Path) -> None:
    names = server_packages()
    results: dict[str, Any] = {}
    for release in ("bookworm", "trixie"):
        for architecture, asked in (("amd64", names), ("arm64", names[::5])):
            apt = Apt(tmp_path / f"{release}-{architecture}", release, architecture)
            found = compare(apt, architecture, asked)
            results[f"{release}/{architecture}"] = found.document()
            judge(found)
    version = subprocess.run(["apt-get", "--version"], capture_output=True, text=True, check=True)
    document = {
        "schema_version": 1,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "oracle": " ".join(version.stdout.split()[:2]),
        "explained": EXPLAINED,
        "results": results,
    }
    RESULT.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")
