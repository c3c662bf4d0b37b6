"""Telling a feed's format from its content, never from its file name.

Also gives the feed its name in the index: two files of one feed replace each other, a file of
another feed does not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from neve.errors import UsageError
from neve.vulns.bounded import (
    Blob,
    is_archive,
    json_members,
    load_json,
    mapping,
    members,
    sequence,
    word,
)
from neve.vulns.feeds import (
    debian_advisories,
    debian_tracker,
    exploits,
    openvex,
    osv,
    ratings,
    reports,
    secdb,
)
from neve.vulns.records import Item, Scope

Reader = Callable[[Blob], Iterator[Item]]
_SAMPLE = 40
_KNOWN = (
    "Debian's tracker (data/json) and its DSA and DLA lists, OSV records and archives, Alpine's "
    "secdb, KEV, EPSS, CVE records, OpenVEX, reports of grype and trivy (JSON)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """What a file is: its ``kind``, the feed's ``name`` in the index, and who reads it."""

    kind: str
    name: str
    read: Reader


def recognise(blob: Blob) -> Format:
    """The format of an uncompressed feed; `UsageError` for one that neve does not read."""
    if is_archive(blob):
        return _archive(blob)
    start = blob.data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] == b"{":
        return _json(blob)
    text = start.decode("utf-8", "replace")
    if debian_advisories.looks_like(text):
        family = "dla" if "DLA-" in text and "DSA-" not in text.split("DLA-")[0] else "dsa"
        return Format(
            kind=debian_advisories.KIND, name=f"debian-{family}", read=debian_advisories.read
        )
    if exploits.is_epss(text):
        return Format(kind=exploits.EPSS, name="epss", read=exploits.read_epss)
    if "distroversion:" in text and "packages:" in text:
        return Format(kind=secdb.KIND, name=_secdb_name(_yaml_head(text)), read=secdb.read_yaml)
    raise _unknown(blob.name)


def _json(blob: Blob) -> Format:
    if blob.data.count(b"\n{") > 1 and blob.data[:2] != b"{\n":
        return _lines(blob)
    # The tracker's document is too large to be parsed twice.
    head = dict(islice(json_members(blob), 1))
    if debian_tracker.looks_like(head):
        return Format(kind=debian_tracker.KIND, name=debian_tracker.KIND, read=debian_tracker.read)
    document = mapping(load_json(blob))
    found = _document(document)
    if found is None:
        raise _unknown(blob.name, document)
    return found


def _document(document: Mapping[str, object]) -> Format | None:
    if exploits.is_kev(document):
        return Format(kind=exploits.KEV, name="kev", read=exploits.read_kev)
    if secdb.looks_like(document):
        return Format(kind=secdb.KIND, name=_secdb_name(document), read=secdb.read)
    if openvex.looks_like(document):
        return Format(kind=openvex.KIND, name=_vex_name(document), read=openvex.read)
    for name, test, read in (
        (reports.GRYPE, reports.is_grype, reports.read_grype),
        (reports.TRIVY, reports.is_trivy, reports.read_trivy),
    ):
        if test(document):
            return Format(kind=name, name=f"{name}-{_report_key(document)}", read=read)
    if ratings.looks_like(document):
        return Format(kind=ratings.KIND, name=_one("cve", document), read=ratings.read)
    if osv.looks_like(document):
        return Format(kind=osv.KIND, name=_one("osv", document), read=_unscoped)
    return None


def _unscoped(blob: Blob) -> Iterator[Item]:
    """A single OSV record: it covers no ecosystem."""
    return (item for item in osv.read(blob) if not isinstance(item, Scope))


def _lines(blob: Blob) -> Format:
    first = load_json(Blob(name=f"{blob.name} line 1", data=blob.data.split(b"\n", 1)[0]))
    if ratings.looks_like(first):
        return Format(kind=ratings.KIND, name=ratings.KIND, read=ratings.read)
    raise _unknown(blob.name)


def _archive(blob: Blob) -> Format:
    """An archive is what its first files are."""
    suffixes = (".json", ".yaml")
    bases: set[str] = set()
    kinds: dict[str, Reader] = {}
    for member in islice(members(blob, suffixes=suffixes), _SAMPLE):
        if member.name.endswith(".yaml"):
            if b"distroversion:" in member.data[:2000]:
                kinds[secdb.KIND] = _secdb_archive
            continue
        document = osv.lenient(member)
        if osv.looks_like(document):
            kinds[osv.KIND] = osv.read
            bases |= _bases(mapping(document))
        elif openvex.looks_like(document):
            kinds[openvex.KIND] = openvex.read
        elif ratings.looks_like(document):
            kinds[ratings.KIND] = ratings.read
        elif secdb.looks_like(document):
            kinds[secdb.KIND] = _secdb_archive
    if len(kinds) != 1:
        raise _unknown(blob.name)
    kind, read = next(iter(kinds.items()))
    names = {osv.KIND: f"osv-{'+'.join(sorted(bases))}", ratings.KIND: ratings.KIND}
    short = hashlib.sha256(blob.name.encode()).hexdigest()[:8]
    name = names.get(kind, "alpine-archive" if kind == secdb.KIND else f"{kind}-{short}")
    return Format(kind=kind, name=name[:80], read=read)


def _secdb_archive(blob: Blob) -> Iterator[Item]:
    for member in members(blob, suffixes=(".json", ".yaml")):
        if member.name.endswith(".yaml"):
            yield from secdb.read_yaml(member)
        else:
            yield from secdb.read(member)


def _bases(document: Mapping[str, object]) -> set[str]:
    packages = (mapping(mapping(a).get("package")) for a in sequence(document.get("affected")))
    labels = (word(package.get("ecosystem"), most=80) for package in packages)
    return {osv.feed_word(label.partition(":")[0]) for label in labels if label}


def _secdb_name(document: Mapping[str, object]) -> str:
    branch = word(document.get("distroversion"), most=20) or "rolling"
    return f"alpine-{branch}-{word(document.get('reponame'), most=20) or 'main'}"


def _yaml_head(text: str) -> dict[str, object]:
    pairs = (line.partition(":") for line in text.splitlines()[:40])
    return {key.strip(): value.strip().strip("'\"") for key, _, value in pairs}


def _vex_name(document: Mapping[str, object]) -> str:
    identifier = word(document.get("@id"), most=1000)
    return f"openvex-{hashlib.sha256(identifier.encode()).hexdigest()[:12]}"


def _report_key(document: Mapping[str, object]) -> str:
    """A report of the same target replaces the older one."""
    target = mapping(mapping(document.get("source")).get("target"))
    names = (
        target.get("manifestDigest"),
        mapping(document.get("Metadata")).get("ImageID"),
        target.get("userInput"),
        document.get("ArtifactName"),
        mapping(document.get("source")).get("target"),
    )
    key = next((word(name, most=600) for name in names if word(name, most=600)), "")
    return hashlib.sha256(key.encode()).hexdigest()[:12]


def _one(kind: str, document: Mapping[str, object]) -> str:
    meta = mapping(document.get("cveMetadata"))
    identifier = word(document.get("id"), most=120) or word(meta.get("cveId"), most=120)
    return f"{kind}-{identifier}"


def _unknown(name: str, document: Mapping[str, object] | None = None) -> UsageError:
    what = "is no feed that neve reads"
    if word(mapping(mapping(document).get("document")).get("csaf_version")):
        what = "is a CSAF document, which neve does not read: take the OSV form of that source"
    return UsageError(f"{name}: {what}", resolution=f"neve reads {_KNOWN}.")
