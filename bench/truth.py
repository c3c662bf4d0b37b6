"""What is known to be right: (package, version, vulnerability) → what must be said of it.

Read straight from the data, with none of neve's readers, orders or matching. Versions "just
below" are made by the rules of each family's own specification, never compared by neve.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import subprocess
import tarfile
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cmp_to_key
from pathlib import Path
from typing import Any

OPEN = frozenset(("open", "fix-available"))
CLOSED = frozenset(("fixed", "not-affected", "nothing"))
Json = dict[str, Any]

CODENAMES = {
    "7": "wheezy",
    "8": "jessie",
    "9": "stretch",
    "10": "buster",
    "11": "bullseye",
    "12": "bookworm",
    "13": "trixie",
}


@dataclass(frozen=True, slots=True, order=True)
class Truth:
    """``said`` of ``vulnerability`` on ``name`` ``version`` of ``world`` must be one of these."""

    world: str
    name: str
    version: str
    vulnerability: str
    said: frozenset[str]
    why: str


@dataclass(frozen=True, slots=True)
class Fork:
    """Several fixes of one vulnerability: at least one of these versions must be closed."""

    world: str
    name: str
    versions: tuple[str, ...]
    vulnerability: str
    why: str


Facts = Iterator[Truth | Fork]


def lines(path: Path) -> Iterator[Json]:
    """The documents of a compressed file of JSON lines."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def zipped(path: Path) -> Iterator[Json]:
    """The JSON documents of a zip archive."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(".json"):
                yield json.loads(archive.read(name))


def tarred(path: Path, part: str) -> Iterator[Json]:
    """The JSON documents below ``part`` of a tar archive."""
    with tarfile.open(path) as archive:
        for info in archive:
            if info.isreg() and part in info.name and info.name.endswith(".json"):
                file = archive.extractfile(info)
                if file is not None:
                    yield json.load(file)


def newest_deb(versions: Iterable[str]) -> str:
    """The highest by dpkg itself."""

    def order(one: str, two: str) -> int:
        if one == two:
            return 0
        older = subprocess.run(["dpkg", "--compare-versions", one, "lt", two], check=False)
        return -1 if older.returncode == 0 else 1

    return max(versions, key=cmp_to_key(order))


def debian_advisories(path: Path, *, lists_only: bool) -> Facts:
    """An advisory's fixed version and all after it are fixed, the one just below is open.

    A tilde at the end sorts before the end (deb-version(7)).
    """
    fixes: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for row in lines(path):
        if lists_only and not row["origin"].startswith("data/"):
            continue
        for fix in row.get("fixed", ()):
            version = fix["version"]
            if version.startswith("<") or fix["release"] not in CODENAMES.values():
                continue
            for cve in row.get("cves") or [row["id"]]:
                fixes[fix["release"], fix["package"], cve].add(version)
    for number, ((release, package, cve), found) in enumerate(sorted(fixes.items())):
        version = next(iter(found)) if len(found) == 1 else newest_deb(sorted(found))
        why = f"an advisory fixes it in {version}"
        world = f"debian:{release}"
        yield Truth(world, package, f"{version}~", cve, OPEN, why)
        yield Truth(world, package, version, cve, CLOSED, why)
        if number % 20 == 0:  # a rebuild of the same source
            yield Truth(world, package, f"{version}+b1", cve, CLOSED, why)


_LINE = re.compile(r"(?:\[([a-z]+)\] )?- (\S+) (<[a-z-]+>|\S+)(.*)")
_WORDS = {
    "<no-dsa>": "deferred",
    "<postponed>": "deferred",
    "<ignored>": "ignored",
    "<not-affected>": "not-affected",
    "<end-of-life>": "end-of-life",
    "<undetermined>": "undetermined",
    "<unfixed>": "open",
    "<removed>": "open",
}


def tracker_lines(lines_path: Path, subset_path: Path) -> Facts:
    """The tracker's own lines: a release's line, else what unstable's line means for it."""
    rows: dict[tuple[str, str], dict[str, tuple[str, str]]] = defaultdict(dict)
    for row in lines(lines_path):
        for line in row["lines"]:
            if (found := _LINE.match(line)) is not None:
                release, package, word, rest = found.groups()
                rows[package, row["cve"]].setdefault(release or "sid", (word, rest))
    subset = json.loads(gzip.decompress(subset_path.read_bytes()))
    for package, cves in sorted(subset.items()):
        for cve, entry in sorted(cves.items()):
            for release in sorted(entry["releases"]):
                known = rows.get((package, cve), {})
                if release in known or "sid" in known:
                    yield from _line(package, cve, release, known)


def _line(package: str, cve: str, release: str, known: dict[str, tuple[str, str]]) -> Facts:
    word, rest = known.get(release) or known["sid"]
    general = known.get("sid", ("", ""))[1]
    unimportant = "unimportant" in rest or "unimportant" in general
    world, why = f"debian:{release}", f"the tracker's line: {word}{rest}"
    version = "99:1-1"
    state = _WORDS.get(word)
    if release not in known and state is None:
        # Unstable's version says nothing of this release but that it had the flaw.
        yield Truth(world, package, "0~~1", cve, OPEN | {"unimportant"}, why)
    elif state is None:
        yield Truth(world, package, word, cve, CLOSED, why)
        below = frozenset(("unimportant",)) if unimportant else OPEN
        yield Truth(world, package, f"{word}~", cve, below, why)
    elif state == "not-affected":
        yield Truth(world, package, version, cve, CLOSED, why)
    elif unimportant:
        yield Truth(world, package, version, cve, frozenset(("unimportant",)), why)
    else:
        yield Truth(world, package, version, cve, frozenset((state,)), why)


def changelog(path: Path) -> Facts:
    """What a package's changelog says it fixed is not open in it."""
    for row in lines(path):
        for cve in row["cves"]:
            why = f"its changelog of {row['date'][5:16]} ({row['distribution']}) says fixed"
            said = CLOSED | {"unimportant"}
            yield Truth("debian:bookworm", row["source"], row["version"], cve, said, why)


_KERNEL_PARTS = re.compile(r"kernel-|bpftool|perf$|python3-perf|rtla|rv$|libperf")
"""The kernel's sixty binaries have the kernel's own answers: it is asked once, as ``kernel``."""


def almalinux(path: Path) -> Facts:
    """A tilde at the end of a release sorts before it (rpm-version(7))."""
    fixes: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for record in zipped(path):
        cves = [cve for cve in record["related"] if cve.startswith("CVE-")] or [record["id"]]
        for affected in record["affected"]:
            world = "almalinux:" + affected["package"]["ecosystem"].partition(":")[2]
            if _KERNEL_PARTS.match(affected["package"]["name"]):
                continue
            for version in _events(affected, "fixed"):
                for cve in cves:
                    fixes[world, affected["package"]["name"], cve].add(version)
    for (world, name, cve), found in sorted(fixes.items()):
        for version in sorted(found):
            yield Truth(world, name, f"{version}~", cve, OPEN, f"an advisory fixes {version}")
        yield Fork(world, name, tuple(sorted(found)), cve, "the newest fix must close it")


def _events(affected: Json, kind: str) -> list[str]:
    return [
        event[kind]
        for item in affected.get("ranges", ())
        if item["type"] != "GIT"
        for event in item["events"]
        if kind in event
    ]


def pypi(path: Path) -> Facts:
    """A record's ``versions`` are affected. Others that its package had by then are not, where the
    record has an end, unless its own range holds them: a list may leave versions out, and
    either is enough (osv-schema, "Evaluation").
    """
    records = [record for record in zipped(path) if "withdrawn" not in record]
    known: dict[str, set[str]] = defaultdict(set)
    for record in records:
        for affected in record["affected"]:
            known[_pep503(affected["package"]["name"])].update(affected.get("versions", ()))
    for record in records:
        listed: dict[str, set[str]] = defaultdict(set)
        ended: dict[str, bool] = {}
        spans: dict[str, list[tuple[str, str | None]]] = defaultdict(list)
        for affected in record["affected"]:
            name = _pep503(affected["package"]["name"])
            listed[name].update(affected.get("versions", ()))
            ends, starts = len(_events(affected, "fixed")), len(_events(affected, "introduced"))
            for item in affected.get("ranges", ()):
                spans[name] += _intervals(item["events"]) if item["type"] != "GIT" else ()
            ended[name] = ended.get(name, True) and ends == starts > 0
        for name, versions in sorted(listed.items()):
            for version in sorted(versions):
                why = f"{record['id']} lists it"
                yield Truth("pypi", name, version, record["id"], OPEN, why)
            for version in sorted(known[name] - versions) if ended[name] and versions else ():
                said = OPEN if _inside(version, spans[name]) else CLOSED
                why = f"{record['id']} does not list it; its range: {said is OPEN}"
                yield Truth("pypi", name, version, record["id"], said, why)


def _inside(version: str, spans: list[tuple[str, str | None]]) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        own = Version(version)
        return any(
            (begin == "0" or own >= Version(begin)) and (end is None or own < Version(end))
            for begin, end in spans
        )
    except InvalidVersion:
        return False


def _pep503(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def semver_edges(records: Iterable[Json], world: str) -> Facts:
    """Each end of a range: from where it begins, just below its fix, and at the fix.

    ``-0`` is the lowest pre-release (semver.org §11), so nothing is between it and what is below.
    """
    for record in records:
        if "withdrawn" in record:
            continue
        ranges: dict[str, list[tuple[str, str | None]]] = defaultdict(list)
        for affected in record.get("affected", ()):
            name = affected["package"]["name"]
            if affected.get("ecosystem_specific", {}).get("custom_ranges"):
                ranges[name].append(("?", None))
            for item in affected.get("ranges", ()):
                ranges[name] += _intervals(item["events"])
        for name, intervals in sorted(ranges.items()):
            if any(begin == "?" for begin, _ in intervals):
                continue
            for begin, end in intervals:
                yield from _interval(record["id"], world, name, begin, end, len(intervals))


def _intervals(events: list[Json]) -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []
    for event in events:
        if "introduced" in event:
            found.append((event["introduced"], None))
        elif "fixed" in event and found:
            found[-1] = (found[-1][0], event["fixed"])
    return found


def _interval(
    identifier: str, world: str, name: str, begin: str, end: str | None, count: int
) -> Facts:
    why = f"{identifier}: affected from {begin} to {end or 'now'}"
    start = "0.0.1" if begin == "0" else begin
    if begin != "0":
        yield Truth(world, name, begin, identifier, OPEN, why)
    elif end is None:
        yield Truth(world, name, start, identifier, OPEN, why)
    if end is not None:
        plain = end.partition("+")[0]
        if "-" not in plain and "-" not in begin and begin.partition("+")[0] != plain:
            yield Truth(world, name, f"{plain}-0", identifier, OPEN, why)
        if count == 1:
            yield Truth(world, name, end, identifier, CLOSED, why)


def secdb(tar: Path, excerpt: Path) -> Facts:
    """The revision below a fix is open; "0" was never affected."""
    from ruamel.yaml import YAML

    documents = [json.loads(excerpt.read_bytes())]
    with tarfile.open(tar) as archive:
        for info in archive:
            file = archive.extractfile(info) if info.name.endswith(".yaml") else None
            if file is not None:
                documents.append(YAML(typ="safe", pure=True).load(io.BytesIO(file.read())))
    for document in documents:
        fixes: dict[tuple[str, str], set[str]] = defaultdict(set)
        for item in document["packages"] or ():
            for version, names in (item["pkg"].get("secfixes") or {}).items():
                for cve in {c for text in names or () for c in re.findall(r"CVE-\d+-\d+", text)}:
                    fixes[item["pkg"]["name"], cve].add(str(version))
        world = f"alpine:{document['distroversion']}"
        for (name, cve), found in sorted(fixes.items()):
            yield from _secfix(world, name, cve, found)


_APK = re.compile(r"\d+(\.\d+)*[a-z]?(_(alpha|beta|pre|rc|cvs|svn|git|hg|p)\d*)*(~[0-9a-f]+)?-r\d+")
"""apk-package(5): what is none is no installed package's version, whatever secdb names."""


def _secfix(world: str, name: str, cve: str, found: set[str]) -> Facts:
    if found == {"0"}:
        yield Truth(world, name, "1.0-r0", cve, CLOSED, "secdb: 0, never affected")
        return
    fixed = tuple(sorted(version for version in found if _APK.fullmatch(version)))
    if not fixed:
        return
    for version in fixed:
        head, _, revision = version.rpartition("-r")
        if revision.isdigit() and int(revision) > 0:
            below = f"{head}-r{int(revision) - 1}"
            yield Truth(world, name, below, cve, OPEN, f"secdb: fixed in {version}")
    yield Fork(world, name, fixed, cve, "secdb: the newest fix must close it")
