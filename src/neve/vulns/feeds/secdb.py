"""Alpine's security database, ``vX.Y/{main,community}.json`` (older: ``.yaml``), and Wolfi's and
Chainguard's ``security.json`` of the same shape.

Format: git.alpinelinux.org/aports, ``secfixes`` of an APKBUILD: fixed version → CVEs (each line may
name several ids); version "0" means that the package was never affected.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from neve.vulns.bounded import Blob, hostile, load_json, mapping, sequence, text_of, word
from neve.vulns.records import Claim, Item, Record, Scope, Standing, Unread

KIND = "secdb"
_ID = re.compile(r"[A-Z][A-Za-z0-9]*-[A-Za-z0-9:._-]{2,60}")
_CVE = re.compile(r"CVE[-_]([0-9]{4})-([0-9]{4,19})")
_SLIPS = (re.compile(r"\.-r(\d+)$"), re.compile(r"\.r(\d+)$"))
_BRANCH = re.compile(r"v?[0-9]+\.[0-9]+|edge")
_ROLLING = ("wolfi", "chainguard")
_URL = "https://security.alpinelinux.org/vuln/{}"


def looks_like(top: object) -> bool:
    """Whether a JSON document is this format's."""
    document = mapping(top)
    return "packages" in document and ("reponame" in document or "distroversion" in document)


def read(blob: Blob) -> Iterator[Item]:
    """The claims of one branch and repository; `HostileInputError` for what is no secdb."""
    document = load_json(blob)
    if not looks_like(document):
        raise hostile(blob.name, "is no security database of Alpine's form")
    yield from read_document(mapping(document), blob.name)


def read_yaml(blob: Blob) -> Iterator[Item]:
    """The same in the YAML of before 2020, read as plain data: no tags, aliases or objects."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError
    from ruamel.yaml.events import AliasEvent

    text = text_of(blob)
    reader = YAML(typ="safe", pure=True)
    try:
        # An alias would let a few bytes stand for gigabytes; no secdb has one.
        if re.search(r"(?m)(^|[\s\[{,:-])[&*][A-Za-z0-9_]", text):
            for event in reader.parse(text):
                if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
                    raise hostile(blob.name, "uses YAML anchors, which no feed does")
        document = reader.load(text)
    except (YAMLError, RecursionError, ValueError) as error:
        raise hostile(blob.name, f"is not YAML ({str(error).splitlines()[0][:80]})") from error
    if not looks_like(document):
        raise hostile(blob.name, "is no security database of Alpine's form")
    yield from read_document(mapping(document), blob.name)


def read_document(document: Mapping[str, object], name: str) -> Iterator[Item]:
    """The claims of one parsed document."""
    ecosystem = _ecosystem(document)
    if ecosystem is None:
        raise hostile(name, "does not say which release it is of")
    recorded: set[str] = set()
    for item in sequence(document.get("packages")):
        package = mapping(mapping(item).get("pkg"))
        source, fixes = word(package.get("name")), package.get("secfixes")
        if not source or not isinstance(fixes, dict | None):
            yield Unread(record=source or "a package", reason="has no name or no secfixes")
            continue
        for version, lines in (fixes or {}).items():
            if not isinstance(lines, list):
                yield Unread(record=f"{source} {version}"[:120], reason="names no vulnerabilities")
                continue
            for line in lines:
                yield from _line(ecosystem, source, str(version), line, recorded)
    yield Scope(ecosystem=ecosystem)


def _ecosystem(document: Mapping[str, object]) -> str | None:
    version = word(document.get("distroversion"))
    if _BRANCH.fullmatch(version):
        branch = version if version == "edge" else f"v{version.removeprefix('v')}"
        return f"alpine:{branch}"
    hints = f"{word(document.get('urlprefix'))} {word(document.get('reponame'))}".lower()
    return next((name for name in _ROLLING if name in hints), None)


def _line(
    ecosystem: str, source: str, version: str, line: object, recorded: set[str]
) -> Iterator[Item]:
    text = word(line)
    # Slips of the pen are many: CVE-2017-17434-1, CVE-2017-8073.patch, CVE_2019-2426.
    names = [f"CVE-{year}-{number}" for year, number in _CVE.findall(text)]
    rest = _CVE.sub(" ", text)
    names += [name for name in re.split(r"[\s,;()]+", rest) if _ID.fullmatch(name)]
    if not names:
        yield Unread(record=f"{source} {version}"[:120], reason=f"no id in {str(line)[:60]!r}")
        return
    # "CVE-2017-2616 (+ regression fix)" and "CVE-2019-1 XSA-284 GHSA-…" name one thing.
    best = next((name for name in names if name.startswith("CVE-")), names[0])
    cves = [name for name in names if name.startswith("CVE-")] or [best]
    for cve in dict.fromkeys(cves):
        if cve not in recorded:
            recorded.add(cve)
            others = (
                tuple(n for n in dict.fromkeys(names) if n not in cves) if len(cves) == 1 else ()
            )
            yield Record(id=cve, vulnerabilities=(cve,), aliases=others, url=_URL.format(cve))
        yield Claim(
            ecosystem=ecosystem,
            name=source,
            record=cve,
            standing=Standing.NOT_AFFECTED if version == "0" else Standing.RESOLVED,
            fixed="" if version == "0" else repaired(version),
        )


def repaired(version: str) -> str:
    """A fixed version as it was meant where only the mark before the revision is mistyped
    (``1.7.5.-r1``, ``10.2.22.r0``); any other stays, and has no place in the order.
    """
    for slip in _SLIPS:
        version = slip.sub(r"-r\1", version)
    return version
