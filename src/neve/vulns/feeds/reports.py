"""Reports of other scanners, imported instead of matching: grype (``-o json``) and trivy
(``--format json``).

Formats: anchore/grype ``grype/presenter/models``; aquasecurity/trivy ``pkg/types/report.go``,
schema version 2. Their findings keep their own states and ratings, with the tool as evidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime

from neve.inventory import Package, PackageType
from neve.vulns.bounded import Blob, hostile, load_json, mapping, sequence, word
from neve.vulns.records import Dated, Item, Unread
from neve.vulns.severity import level_of
from neve.vulns.types import Evidence, Finding, ImportedReport, Severity, State

GRYPE = "grype"
TRIVY = "trivy"
_GRYPE_TYPES = {
    "deb": PackageType.DEB,
    "apk": PackageType.APK,
    "rpm": PackageType.RPM,
    "python": PackageType.PYPI,
    "npm": PackageType.NPM,
    "java-archive": PackageType.MAVEN,
    "go-module": PackageType.GOLANG,
    "gem": PackageType.GEM,
    "php-composer": PackageType.COMPOSER,
}
_TRIVY_TYPES = {
    "debian": PackageType.DEB,
    "ubuntu": PackageType.DEB,
    "alpine": PackageType.APK,
    "wolfi": PackageType.APK,
    "chainguard": PackageType.APK,
    "python-pkg": PackageType.PYPI,
    "node-pkg": PackageType.NPM,
    "jar": PackageType.MAVEN,
    "gobinary": PackageType.GOLANG,
    "gemspec": PackageType.GEM,
    "composer-vendor": PackageType.COMPOSER,
    "almalinux": PackageType.RPM,
    "rocky": PackageType.RPM,
    "redhat": PackageType.RPM,
}
_GRYPE_STATES = {
    "fixed": State.FIX_AVAILABLE,
    "not-fixed": State.OPEN,
    "wont-fix": State.IGNORED,
    "unknown": State.OPEN,
    "": State.OPEN,
}
_TRIVY_STATES = {
    "fixed": State.FIX_AVAILABLE,
    "affected": State.OPEN,
    "": State.OPEN,
    "will_not_fix": State.IGNORED,
    "fix_deferred": State.DEFERRED,
    "under_investigation": State.UNDETERMINED,
    "end_of_life": State.END_OF_LIFE,
    "not_affected": State.NOT_AFFECTED,
}


def is_grype(top: object) -> bool:
    """Whether a JSON document is grype's."""
    document = mapping(top)
    tool = mapping(document.get("descriptor")).get("name")
    return isinstance(document.get("matches"), list) and tool == "grype"


def is_trivy(top: object) -> bool:
    """Whether a JSON document is trivy's."""
    document = mapping(top)
    return "SchemaVersion" in document and "ArtifactName" in document


def read_grype(blob: Blob) -> Iterator[Item]:
    """The report as one item, then what of it could not be understood."""
    document = mapping(load_json(blob))
    if not is_grype(document):
        raise hostile(blob.name, "is no report of grype")
    descriptor = mapping(document.get("descriptor"))
    source = mapping(document.get("source"))
    target = source.get("target")
    image = mapping(target)
    made = _seconds(mapping(descriptor.get("db")).get("built")) or _seconds(
        mapping(mapping(descriptor.get("db")).get("status")).get("built")
    )
    findings: list[Finding] = []
    unread: list[Unread] = []
    for item in sequence(document.get("matches")):
        _sort(_grype_finding(mapping(item)), findings, unread)
    named = (image.get("manifestDigest"), image.get("imageID"), *sequence(image.get("repoDigests")))
    yield ImportedReport(
        tool=GRYPE,
        version=word(descriptor.get("version"), most=60),
        target=word(image.get("userInput"), most=500) or word(target, most=500),
        digests=_digests(named),
        data_time=made,
        findings=tuple(findings),
    )
    yield from unread
    if made:
        yield Dated(time=made)


def read_trivy(blob: Blob) -> Iterator[Item]:
    """The report as one item, then what of it could not be understood."""
    document = mapping(load_json(blob))
    if not is_trivy(document) or document.get("SchemaVersion") != 2:
        raise hostile(blob.name, "is no report of trivy in its second schema")
    metadata = mapping(document.get("Metadata"))
    findings: list[Finding] = []
    unread: list[Unread] = []
    for result in sequence(document.get("Results")):
        kind = _TRIVY_TYPES.get(word(mapping(result).get("Type"), most=60), PackageType.GENERIC)
        for item in sequence(mapping(result).get("Vulnerabilities")):
            _sort(_trivy_finding(mapping(item), kind), findings, unread)
    made = _seconds(document.get("CreatedAt"))
    yield ImportedReport(
        tool=TRIVY,
        version=word(mapping(document.get("Trivy")).get("Version"), most=60),
        target=word(document.get("ArtifactName"), most=500),
        digests=_digests((metadata.get("ImageID"), *sequence(metadata.get("RepoDigests")))),
        data_time=made,
        findings=tuple(findings),
    )
    yield from unread
    if made:
        yield Dated(time=made)


def _sort(found: Finding | Unread, findings: list[Finding], unread: list[Unread]) -> None:
    if isinstance(found, Unread):
        unread.append(found)
    else:
        findings.append(found)


def _grype_finding(item: Mapping[str, object]) -> Finding | Unread:
    vulnerability, artifact = mapping(item.get("vulnerability")), mapping(item.get("artifact"))
    identifier, name = (
        word(part, most=200) for part in (vulnerability.get("id"), artifact.get("name"))
    )
    fix = mapping(vulnerability.get("fix"))
    state = _GRYPE_STATES.get(word(fix.get("state"), most=40))
    if not identifier or not name or state is None:
        return Unread(record=identifier or name or "a match", reason="has no id, name or state")
    related = [
        word(mapping(r).get("id"), most=200) for r in sequence(item.get("relatedVulnerabilities"))
    ]
    versions = [word(v, most=200) for v in sequence(fix.get("versions"))]
    return _finding(
        tool=GRYPE,
        identifier=identifier,
        names=related,
        state=state,
        level=word(vulnerability.get("severity"), most=40),
        fixed=tuple(v for v in versions if v),
        url=word(vulnerability.get("dataSource"), most=500),
        summary=word(vulnerability.get("description"), most=1 << 16),
        package=Package(
            type=_GRYPE_TYPES.get(word(artifact.get("type"), most=60), PackageType.GENERIC),
            name=name,
            version=word(artifact.get("version"), most=300),
            source=word(mapping(next(iter(sequence(artifact.get("upstreams"))), None)).get("name")),
            purl=word(artifact.get("purl"), most=1000),
        ),
    )


def _trivy_finding(item: Mapping[str, object], kind: PackageType) -> Finding | Unread:
    identifier = word(item.get("VulnerabilityID"), most=200)
    name = word(item.get("PkgName"), most=300)
    state = _TRIVY_STATES.get(word(item.get("Status"), most=40))
    fixed = word(item.get("FixedVersion"), most=500)
    if not identifier or not name or state is None:
        return Unread(record=identifier or name or "a finding", reason="has no id, name or state")
    if state is State.OPEN and fixed:
        state = State.FIX_AVAILABLE
    return _finding(
        tool=TRIVY,
        identifier=identifier,
        names=[word(alias, most=200) for alias in sequence(item.get("VendorIDs"))],
        state=state,
        level=word(item.get("Severity"), most=40),
        fixed=tuple(part.strip() for part in fixed.split(",") if part.strip()),
        url=word(item.get("PrimaryURL"), most=500),
        summary=word(item.get("Title"), most=1 << 16),
        package=Package(
            type=kind,
            name=name,
            version=word(item.get("InstalledVersion"), most=300),
            purl=word(mapping(item.get("PkgIdentifier")).get("PURL"), most=1000),
        ),
    )


def _finding(
    *,
    tool: str,
    identifier: str,
    names: list[str],
    state: State,
    level: str,
    fixed: tuple[str, ...],
    url: str,
    summary: str,
    package: Package,
) -> Finding:
    known = [name for name in dict.fromkeys((identifier, *names)) if name]
    best = next((name for name in known if name.startswith("CVE-")), identifier)
    severity = Severity(level=level_of(level), source=tool)
    return Finding(
        package=package,
        id=best,
        aliases=tuple(name for name in known if name != best),
        state=state,
        severity=severity,
        severities=(severity,),
        fixed_versions=fixed,
        summary=summary.strip()[:240],
        evidence=(Evidence(feed=tool, record=identifier, statement=f"{tool} reports it", url=url),),
    )


def _digests(names: tuple[object, ...]) -> tuple[str, ...]:
    """The ``sha256:…`` of names like ``registry/image@sha256:…``."""
    found = (word(name, most=600).rpartition("@")[2] for name in names)
    return tuple(dict.fromkeys(d for d in found if d.startswith("sha256:") and len(d) == 71))


def _seconds(text: object) -> int | None:
    try:
        head, _, tail = word(text, most=60).partition(".")
        zone = tail.lstrip("0123456789")
        moment = datetime.fromisoformat(head + zone)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None


def to_row(report: ImportedReport) -> dict[str, object]:
    """The report as JSON for the index."""
    return asdict(report)


def from_row(row: object) -> ImportedReport:
    """The inverse of `to_row`."""
    data = dict(mapping(row))
    found = tuple(_from_plain(mapping(item)) for item in sequence(data.pop("findings")))
    data["digests"] = tuple(sequence(data["digests"]))
    return ImportedReport(**data, findings=found)  # type: ignore[arg-type]  # written by to_row


def _from_plain(row: Mapping[str, object]) -> Finding:
    package = dict(mapping(row["package"]))
    package["type"] = PackageType(str(package["type"]))
    package["paths"], package["licences"] = tuple(package["paths"]), tuple(package["licences"])  # type: ignore[arg-type]  # written by to_row
    severities = tuple(_severity(mapping(item)) for item in sequence(row["severities"]))
    return Finding(
        package=Package(**package),  # type: ignore[arg-type]  # written by to_row
        id=str(row["id"]),
        aliases=tuple(map(str, sequence(row["aliases"]))),
        state=State(str(row["state"])),
        severity=severities[0],
        severities=severities,
        fixed_versions=tuple(map(str, sequence(row["fixed_versions"]))),
        summary=str(row["summary"]),
        evidence=tuple(Evidence(**mapping(e)) for e in sequence(row["evidence"])),  # type: ignore[arg-type]  # written by to_row
    )


def _severity(row: Mapping[str, object]) -> Severity:
    return Severity(level=level_of(str(row["level"])), source=str(row["source"]))
