"""``python -m bench.accuracy``: right and wrong over every pair whose answer is known.

Reads ``../shared/data/vulns`` beside the checkout. Feeds go through neve's own readers into an
index; what neve says is held against `bench.truth`. Every wrong answer is printed with its reason.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench import truth
from bench.truth import CLOSED, Fork, Truth
from neve.inventory import OsRelease, Package, PackageType
from neve.vulns.index import Index
from neve.vulns.match import match
from neve.vulns.severity import base_score
from neve.vulns.update import bring_files
from neve.vulns.vex import Products, apply_statements

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "vulns"
NOW = 1795392000
_BATCH = 400
_SHOWN = 60
_KINDS = {"debian": PackageType.DEB, "alpine": PackageType.APK, "almalinux": PackageType.RPM}


@dataclass(slots=True)
class Score:
    """Right and wrong of one part, the wrong ones told one by one."""

    name: str
    right: int = 0
    unjudged: int = 0
    """What neve says it can't judge, with the package: neither right nor wrong."""
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def count(self, ok: bool, text: str) -> None:  # noqa: FBT001 - the answer itself
        """Note one answer."""
        if ok:
            self.right += 1
        else:
            self.wrong.append(text)


Said = dict[tuple[str, str, str], dict[str, str]]
"""(world, name, version) → every name of a vulnerability → its state."""


def answers(
    index: Index, asked: Iterable[tuple[str, str, str]]
) -> Iterator[tuple[Said, dict[tuple[str, ...], str]]]:
    """What neve says of packages and by which record, a batch at a time."""
    by_world: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for key in sorted(set(asked)):
        by_world[key[0]].append(key)
    for world, keys in by_world.items():
        for start in range(0, len(keys), _BATCH):
            batch = keys[start : start + _BATCH]
            said: Said = {key: {} for key in batch}
            reasons: dict[tuple[str, ...], str] = {}
            packages = [package_of(*key) for key in batch]
            trusted = {(package.name, package.version) for package in packages}
            result = match(packages, os_release_of(world), index, trusted=trusted)
            for finding in result.findings:
                names = said[world, finding.package.name, finding.package.version]
                for name in (finding.id, *finding.aliases):
                    # An advisory's own name stands for all it fixes: the worst counts.
                    if name not in names:
                        names[name] = finding.state.value
                        reasons[world, finding.package.name, finding.package.version, name] = (
                            finding.evidence[0].record + ", " + finding.evidence[0].statement
                        )
            for item in result.not_judged:
                if item.doubt.value == "version":
                    said[world, item.package.name, item.package.version]["*"] = item.reason
            yield said, reasons


def package_of(world: str, name: str, version: str) -> Package:
    """The package of a truth, as an inventory would show it."""
    family = world.partition(":")[0]
    kind = _KINDS.get(family) or PackageType(family)
    return Package(type=kind, name=name, version=version)


def os_release_of(world: str) -> OsRelease:
    """The ``os-release`` of a world that is a distribution's release."""
    family, _, release = world.partition(":")
    if family == "debian":
        return OsRelease(id="debian", codename=release)
    version = release.removeprefix("v")
    return OsRelease(id=family, version_id=f"{version}.0" if family == "alpine" else version)


def hold(name: str, index: Index, facts: Iterable[Truth | Fork]) -> Score:
    """Hold what neve says against the truth."""
    started = time.monotonic()
    score = Score(name)
    every = list(facts)
    by_key: dict[tuple[str, str, str], list[Truth]] = defaultdict(list)
    forks: dict[tuple[str, str, str], list[Fork]] = defaultdict(list)
    closed: set[Fork] = set()
    for fact in every:
        if isinstance(fact, Truth):
            by_key[fact.world, fact.name, fact.version].append(fact)
        else:
            for version in fact.versions:
                forks[fact.world, fact.name, version].append(fact)
    for said, reasons in answers(index, [*by_key, *forks]):
        for key, states in said.items():
            for fact in by_key.get(key, ()):
                state = states.get(fact.vulnerability) or states.get("*") or "nothing"
                if state == states.get("*"):
                    score.unjudged += 1
                    continue
                because = reasons.get((*key, fact.vulnerability), "")
                text = f"{' '.join(key)} {fact.vulnerability}: said {state} ({because}); {fact.why}"
                score.count(state in fact.said, text)
            for fork in forks.get(key, ()):
                if states.get(fork.vulnerability, "nothing") in CLOSED and "*" not in states:
                    closed.add(fork)
    for fork in (fact for fact in every if isinstance(fact, Fork)):
        text = f"{fork.world} {fork.name} {fork.vulnerability}: open in all of {fork.versions}"
        score.count(fork in closed, f"{text}; {fork.why}")
    score.seconds = time.monotonic() - started
    return score


def exploited(index: Index) -> Score:
    """Every entry of the KEV catalogue is known with its date and its ransomware mark."""
    score = Score("KEV: entries")
    path = DATA / "kev" / "known_exploited_vulnerabilities.json.gz"
    for entry in json.loads(gzip.decompress(path.read_bytes()))["vulnerabilities"]:
        found = index.exploited(entry["cveID"])
        ok = found is not None and found.added.isoformat() == entry["dateAdded"]
        ok = (
            ok
            and found is not None
            and found.ransomware == (entry["knownRansomwareCampaignUse"] == "Known")
        )
        score.count(ok, f"{entry['cveID']}: {found}")
    return score


def estimates(index: Index) -> Score:
    """Every EPSS row is known with its number."""
    score = Score("EPSS: rows")
    with gzip.open(DATA / "epss" / "epss-subset.csv.gz", "rt") as file:
        rows = [line.strip().split(",") for line in file if line.startswith("CVE-")]
    for cve, number, *_ in rows:
        found = index.estimate(cve)
        score.count(found is not None and found.score == float(number), f"{cve}: {found}")
    return score


_TEMPORAL = re.compile(r"^CVSS:4|/(?:E|RL|RC|[CIA]R|M[A-Z]+):")


def scores() -> Score:
    """Our CVSS scores against those that the assigners published.

    Some publish a temporal score beside a vector with temporal metrics: these are left out.
    """
    score = Score("CVSS 2, 3.0, 3.1: base scores")
    for row in truth.lines(DATA / "cve" / "vulnrichment-compact.jsonl.gz"):
        for item in row.get("cvss", ()):
            if item.get("score") is not None and not _TEMPORAL.search(item["vector"]):
                own = base_score(item["vector"])
                text = f"{row['id']} {item['vector']}: {own}, published {item['score']}"
                score.count(own == item["score"], text)
    return score


def _latest(documents: Iterable[truth.Json]) -> dict[tuple[str, str], tuple[str, str, str]]:
    """(product, vulnerability) → time, status and notes of the latest statement."""
    latest: dict[tuple[str, str], tuple[str, str, str]] = {}
    for document in documents:
        for statement in document["statements"]:
            said = (statement["timestamp"], statement["status"], statement.get("status_notes", ""))
            for product in statement["products"]:
                name = product["@id"]
                exact = name.startswith("pkg:deb/debian/") and "@" in name
                if exact and "subcomponents" not in product:
                    key = (name, statement["vulnerability"]["name"])
                    latest[key] = max(latest.get(key, ("", "", "")), said)
    return latest


def vex(scratch: Path) -> Score:
    """A finding on exactly what a statement names takes the latest statement's status."""
    from neve.vulns.types import Finding, Level, Severity, State

    score = Score("OpenVEX: DHI statements on Debian packages")
    path = scratch / "vex.sqlite"
    documents = list(truth.tarred(DATA / "vex" / "dhi-advisories.tar.gz", "vex/"))
    files = []
    for number, document in enumerate(documents):
        file = scratch / f"{number}.vex.json"
        file.write_text(json.dumps(document))
        files.append(file)
    bring_files(path, files, now=NOW)
    latest = _latest(documents)
    wanted = {
        "not_affected": {"not-affected", "deferred"},
        "fixed": {"fixed"},
        "under_investigation": {"undetermined"},
        "affected": {"open"},
    }
    release = OsRelease(id="debian", version_id="13", codename="trixie")
    unknown = Severity(level=Level.UNKNOWN, source="")
    with Index.open(path) as index:
        for (purl, cve), (_, status, note) in sorted(latest.items()):
            name, _, rest = purl.removeprefix("pkg:deb/debian/").partition("@")
            version = rest.partition("?")[0].replace("%2B", "+").replace("%3A", ":")
            package = Package(type=PackageType.DEB, name=name, version=version, purl=purl)
            finding = Finding(package=package, id=cve, state=State.OPEN, severity=unknown)
            (after,) = apply_statements([finding], index.statements, Products(os_release=release))
            text = f"{purl} {cve}: {after.state.value}, the statement: {status} {note[:80]}"
            score.count(after.state.value in wanted[status], text)
    return score


_LISTS = ("debian/DSA.list.2025-02-13.gz", "debian/DLA.list.2025-02-13.gz")
_TRACKER = "debian/tracker-subset.derived.json.gz"
_DEBIAN_OSV = "debian/debian-advisories-osv.zip"
_ALPINE = ("alpine/alpine-secdb-2020.tar.gz", "alpine/v3.22-main.excerpt.json")
_ADVISORIES = DATA / "debian" / "advisories.jsonl.gz"

PLAN: tuple[tuple[str, tuple[str, ...], Callable[[], truth.Facts]], ...] = (
    (
        "Debian: DSA and DLA lists",
        _LISTS,
        lambda: truth.debian_advisories(_ADVISORIES, lists_only=True),
    ),
    (
        "Debian: OSV of all advisories",
        (_DEBIAN_OSV,),
        lambda: truth.debian_advisories(_ADVISORIES, lists_only=False),
    ),
    (
        "Debian: the tracker's lines",
        (_TRACKER,),
        lambda: truth.tracker_lines(DATA / "debian" / "tracker-lines.jsonl.gz", DATA / _TRACKER),
    ),
    (
        "Debian: bookworm's changelogs against all feeds",
        (_TRACKER, *_LISTS, _DEBIAN_OSV),
        lambda: truth.changelog(DATA / "debian" / "changelog-cves.bookworm.jsonl.gz"),
    ),
    ("Alpine: secdb", _ALPINE, lambda: truth.secdb(*(DATA / name for name in _ALPINE))),
    (
        "AlmaLinux: OSV",
        ("almalinux/almalinux-osv.zip",),
        lambda: truth.almalinux(DATA / "almalinux" / "almalinux-osv.zip"),
    ),
    (
        "PyPI: lists of versions",
        ("pypi/pypi-osv.zip",),
        lambda: truth.pypi(DATA / "pypi" / "pypi-osv.zip"),
    ),
    (
        "Go: ends of ranges",
        ("go/go-vulndb-osv.zip",),
        lambda: truth.semver_edges(truth.zipped(DATA / "go" / "go-vulndb-osv.zip"), "golang"),
    ),
)
"""Each part: its name, the feeds it may use (they must not help each other), what is true."""


def parts(scratch: Path) -> Iterator[Score]:
    """Every part, one index each."""

    def indexed(name: str, *files: str) -> Index:
        path = scratch / f"{name}.sqlite"
        bring_files(path, [DATA / file for file in files], now=NOW)
        return Index.open(path)

    for number, (name, files, facts) in enumerate(PLAN):
        with indexed(str(number), *files) as index:
            yield hold(name, index, facts())
    general = ("kev/known_exploited_vulnerabilities.json.gz", "epss/epss-subset.csv.gz")
    with indexed("general", *general) as index:
        yield exploited(index)
        yield estimates(index)
    yield scores()
    yield vex(scratch)


def _line(score: Score) -> str:
    text = f"{score.name}: {score.right} right, {len(score.wrong)} wrong"
    text += f", {score.unjudged} not judged" if score.unjudged else ""
    return text + (f" ({score.seconds:.0f} s)" if score.seconds else "")


def _keep(path: Path, found: Sequence[Score]) -> None:
    """Write what is known so far."""
    document = {
        "schema_version": 1,
        "date": datetime.now(UTC).date().isoformat(),
        "right": sum(s.right for s in found),
        "wrong": sum(len(s.wrong) for s in found),
        "parts": [
            {
                "name": s.name,
                "right": s.right,
                "wrong": len(s.wrong),
                "not_judged": s.unjudged,
                "wrongs": s.wrong,
            }
            for s in found
        ],
    }
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def main() -> None:
    """Print every part, then the sums."""
    parser = argparse.ArgumentParser(prog="bench.accuracy", description=__doc__)
    parser.add_argument("--json", type=Path, default=Path("accuracy-result.json"))
    parser.add_argument("--all", action="store_true", help="print every wrong answer")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"no data: {DATA}")
    found: list[Score] = []
    with tempfile.TemporaryDirectory(prefix="neve-accuracy-") as scratch:
        for score in parts(Path(scratch)):
            found.append(score)
            _keep(arguments.json, found)
            print(_line(score), flush=True)
            shown = score.wrong if arguments.all else score.wrong[:_SHOWN]
            for text in shown:
                print(f"  wrong: {text}")
            if len(shown) < len(score.wrong):
                print(f"  … {len(score.wrong) - len(shown)} more (--all)")
    right, wrong = sum(s.right for s in found), sum(len(s.wrong) for s in found)
    print(f"all: {right} right, {wrong} wrong ({100 * right / (right + wrong):.3f} %)")


if __name__ == "__main__":
    main()
