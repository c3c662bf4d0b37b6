"""Debian's security tracker, ``/tracker/data/json``: source package → CVE → release → state.

Format: security-team.debian.org/security_tracker.html, written by the tracker's
``lib/python/web_support`` and ``bin/tracker_service.py``. ``fixed_version`` "0" stands for
``<not-affected>``; ``nodsa`` and ``nodsa_reason`` for ``<no-dsa>``, ``<postponed>``, ``<ignored>``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from neve.formats.deb import is_version
from neve.vulns.bounded import Blob, hostile, json_members, mapping, word
from neve.vulns.records import Archived, Claim, Item, Record, Scope, Standing, Unread

KIND = "debian-tracker"
_URL = "https://security-tracker.debian.org/tracker/{}"
_SUMMARY = 240


def looks_like(top: object) -> bool:
    """Whether the first members of a JSON document are this format's."""
    for vulnerabilities in mapping(top).values():
        for entry in mapping(vulnerabilities).values():
            return isinstance(mapping(entry).get("releases"), dict)
    return False


def read(blob: Blob) -> Iterator[Item]:
    """The claims of a whole tracker document, the releases it covers, one record a CVE."""
    releases: set[str] = set()
    recorded: set[str] = set()
    seen: set[str] = set()
    for source, vulnerabilities in json_members(blob):
        if source in seen:
            raise hostile(blob.name, f"names the source package {source[:80]!r} twice")
        seen.add(source)
        if not isinstance(vulnerabilities, dict):
            yield Unread(record=source[:120], reason="its vulnerabilities are no object")
            continue
        archived: dict[str, set[str]] = {}
        for identifier, entry in vulnerabilities.items():
            if not isinstance(mapping(entry).get("releases"), dict):
                yield Unread(record=f"{source} {identifier}"[:120], reason="has no releases")
                continue
            if identifier not in recorded:
                recorded.add(identifier)
                yield _record(identifier, entry)
            for release, state in entry["releases"].items():
                releases.add(release)
                yield _claim(source, identifier, release, mapping(state))
                versions = mapping(mapping(state).get("repositories")).values()
                archived.setdefault(release, set()).update(v for v in map(word, versions) if v)
        for release, found in sorted(archived.items()):
            if found:
                listed = tuple(sorted(v for v in found if is_version(v)))
                yield Archived(ecosystem=f"debian:{release}", name=source, versions=listed)
    for release in sorted(releases):
        yield Scope(ecosystem=f"debian:{release}")


def _record(identifier: str, entry: Mapping[str, object]) -> Record:
    # TEMP- ids change whenever the tracker is told more; they are shown as they are.
    return Record(
        id=identifier,
        vulnerabilities=(identifier,),
        summary=word(entry.get("description"), most=1 << 16)[:_SUMMARY],
        url=_URL.format(identifier),
    )


def _claim(source: str, identifier: str, release: str, state: Mapping[str, object]) -> Item:
    def unread(reason: str) -> Unread:
        return Unread(record=f"{source} {identifier} {release}"[:120], reason=reason)

    status, urgency = word(state.get("status")), word(state.get("urgency")).rstrip("*")
    fixed = word(state.get("fixed_version"))
    note = word(state.get("nodsa"))
    match status:
        case "resolved" if not is_version(fixed):
            return unread(f"resolved in {fixed[:40]!r}, which is no version")
        case "resolved":
            standing = Standing.NOT_AFFECTED if fixed == "0" else Standing.RESOLVED
        case "undetermined":
            standing = Standing.UNDETERMINED
        case "open":
            standing = _open(urgency, state)
        case _:
            return unread(f"unknown status {status[:40]!r}")
    if standing in (Standing.DEFERRED, Standing.IGNORED):
        note = ": ".join(
            part for part in (word(state.get("nodsa_reason")) or "no-dsa", note) if part
        )
    return Claim(
        ecosystem=f"debian:{release}",
        name=source,
        record=identifier,
        standing=standing,
        fixed="" if fixed == "0" else fixed,
        urgency=urgency if urgency not in ("not yet assigned", "end-of-life") else "",
        note=note,
    )


def _open(urgency: str, state: Mapping[str, object]) -> Standing:
    """An open issue's standing: the strongest reason why it stays open."""
    if urgency == "end-of-life":
        return Standing.END_OF_LIFE
    if urgency == "unimportant":
        return Standing.UNIMPORTANT
    if word(state.get("nodsa_reason")) == "ignored":
        return Standing.IGNORED
    return Standing.DEFERRED if "nodsa" in state or "nodsa_reason" in state else Standing.OPEN
