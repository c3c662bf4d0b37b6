"""Small feeds in their upstream forms, an index made of them, and packages to ask about."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neve.inventory import OsRelease, Package, PackageType
from neve.vulns.index import Index
from neve.vulns.types import Finding, Matched, NotJudged
from neve.vulns.update import bring_files

NOW = 1_795_000_000
BOOKWORM = OsRelease(
    id="debian", version_id="12", codename="bookworm", name="Debian GNU/Linux 12 (bookworm)"
)
ALPINE = OsRelease(id="alpine", version_id="3.22.1", name="Alpine Linux v3.22")
DEBIAN_MAINTAINER = "Somebody <somebody@debian.org>"


def tracker(sources: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> bytes:
    """The tracker's document: source → CVE → release → fields."""
    document = {
        source: {
            cve: {"description": f"about {cve}", "releases": dict(releases)}
            for cve, releases in cves.items()
        }
        for source, cves in sources.items()
    }
    return json.dumps(document).encode()


def state(status: str, fixed: str | None = None, **more: str) -> dict[str, Any]:
    """One release's entry of the tracker."""
    entry: dict[str, Any] = {"status": status, "urgency": "not yet assigned", **more}
    if fixed is not None:
        entry["fixed_version"] = fixed
    return entry


def osv(
    identifier: str,
    ecosystem: str,
    name: str,
    events: Sequence[Mapping[str, str]],
    *,
    kind: str = "ECOSYSTEM",
    **more: Any,
) -> dict[str, Any]:
    """An OSV record of one package with one range."""
    versions = more.pop("versions", None)
    affected: dict[str, Any] = {
        "package": {"ecosystem": ecosystem, "name": name},
        "ranges": [{"type": kind, "events": list(events)}] if events else [],
    }
    if versions is not None:
        affected["versions"] = versions
    return {
        "schema_version": "1.7.0",
        "id": identifier,
        "modified": "2026-11-20T00:00:00Z",
        "affected": [affected],
        **more,
    }


def zipped(records: Sequence[Mapping[str, Any]]) -> bytes:
    """Records as an OSV archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for record in records:
            archive.writestr(f"{record['id']}.json", json.dumps(record))
    return buffer.getvalue()


def secdb(branch: str, packages: Mapping[str, Mapping[str, Sequence[str]]]) -> bytes:
    """A branch's secdb document."""
    found = [{"pkg": {"name": name, "secfixes": fixes}} for name, fixes in packages.items()]
    return json.dumps(
        {"distroversion": branch, "reponame": "main", "packages": found, "archs": ["x86_64"]}
    ).encode()


def kev(*cves: str, ransomware: str = "Known") -> bytes:
    """A KEV catalogue of these CVEs."""
    entries = [
        {"cveID": cve, "dateAdded": "2024-05-01", "knownRansomwareCampaignUse": ransomware}
        for cve in cves
    ]
    return json.dumps(
        {
            "catalogVersion": "2026.11.20",
            "dateReleased": "2026-11-20T16:45:47.0648Z",
            "count": len(entries),
            "vulnerabilities": entries,
        }
    ).encode()


def index(directory: Path, *feeds: bytes, now: int = NOW) -> Path:
    """An index of these feeds; the path of its file."""
    files = []
    directory.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(feeds):
        file = directory / f"feed-{number}"
        file.write_bytes(data)
        files.append(file)
    path = directory / "index.sqlite"
    bring_files(path, files, now=now)
    return path


def deb(name: str, version: str, **more: Any) -> Package:
    """A Debian package, its maintainer's address Debian's unless another is given."""
    values: dict[str, Any] = {"maintainer": DEBIAN_MAINTAINER, **more}
    return Package(type=PackageType.DEB, name=name, version=version, **values)


def judge(
    path: Path, *packages: Package, os_release: OsRelease = BOOKWORM, **options: Any
) -> Matched:
    """Match packages against an index."""
    from neve.vulns.match import match

    with Index.open(path) as opened:
        return match(packages, os_release, opened, **options)


def only(result: Matched) -> Finding:
    """The one finding."""
    (finding,) = result.findings
    return finding


def refused(result: Matched) -> NotJudged:
    """The one package that was not judged; nothing was found."""
    assert not result.findings
    assert not result.judged
    (item,) = result.not_judged
    return item
