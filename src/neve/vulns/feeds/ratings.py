"""CVSS vectors by CVE: CVE records (CVE JSON 5, as cve.org and CISA's vulnrichment publish them),
one a file in an archive, or one a line with ``id`` and ``cvss``.

Format: github.com/CVEProject/cve-schema; metrics stand with the assigner (``cna``) and with those
who add to it (``adp``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from neve.errors import HostileInputError
from neve.vulns.bounded import (
    Blob,
    is_archive,
    load_json,
    mapping,
    members,
    sequence,
    word,
)
from neve.vulns.records import Dated, Item, Rating, Unread

KIND = "cve"
_CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,19}")
_VECTOR = re.compile(r"(?:CVSS:[34]\.[01]/)?[A-Z][A-Za-z0-9:/]{10,300}")


def looks_like(top: object) -> bool:
    """Whether a JSON document is a CVE record, or a line of the short form."""
    document = mapping(top)
    whole = document.get("dataType") == "CVE_RECORD"
    short = isinstance(document.get("cvss"), list) or "ssvc" in document
    return whole or (short and bool(_CVE.fullmatch(word(document.get("id"), most=40))))


def read(blob: Blob) -> Iterator[Item]:
    """One `Rating` for each CVE that has a vector; a CVE without one is no failure."""
    seen: set[str] = set()
    newest = 0
    for member in _documents(blob):
        try:
            document = mapping(load_json(member))
        except HostileInputError as error:
            yield Unread(record=member.name[-120:], reason=error.brief.rpartition(": ")[2][:160])
            continue
        if not looks_like(document):
            yield Unread(record=member.name[-120:], reason="is no CVE record")
            continue
        meta = mapping(document.get("cveMetadata"))
        cve = word(meta.get("cveId"), most=40) or word(document.get("id"), most=40)
        if not _CVE.fullmatch(cve) or cve in seen:
            yield Unread(record=cve or member.name[-120:], reason="has no id of its own")
            continue
        seen.add(cve)
        newest = max(newest, _seconds(meta.get("dateUpdated") or document.get("published")))
        if found := tuple(dict.fromkeys(_ratings(document))):
            yield Rating(cve=cve, ratings=found)
    if newest:
        yield Dated(time=newest)


def _documents(blob: Blob) -> Iterator[Blob]:
    if is_archive(blob):
        yield from (m for m in members(blob, suffixes=(".json",)) if "CVE-" in m.name)
        return
    if blob.data[:2] == b"{\n" or b"\n" not in blob.data.strip():
        yield blob
        return
    for number, line in enumerate(blob.data.splitlines(), 1):
        if line.strip():
            yield Blob(name=f"{blob.name} line {number}", data=line)


def _ratings(document: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for item in sequence(document.get("cvss")):
        yield from _checked(word(mapping(item).get("by"), most=80), mapping(item).get("vector"))
    containers = mapping(document.get("containers"))
    for part in (*sequence(containers.get("adp")), containers.get("cna")):
        container = mapping(part)
        provider = mapping(container.get("providerMetadata"))
        by = word(provider.get("shortName"), most=80)
        for metric in sequence(container.get("metrics")):
            for name, value in mapping(metric).items():
                if name.startswith("cvssV"):
                    yield from _checked(by, mapping(value).get("vectorString"))


def _checked(by: str, vector: object) -> Iterator[tuple[str, str]]:
    text = word(vector, most=310)
    if _VECTOR.fullmatch(text):
        yield by or "its assigner", text


def _seconds(text: object) -> int:
    try:
        moment = datetime.fromisoformat(word(text, most=40))
    except ValueError:
        return 0
    return max(0, int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()))
