"""A scan as SARIF 2.1.0 (OASIS, errata 01), in the shape that GitHub's code scanning takes.

One rule a vulnerability, one result a vulnerability and source package, sorted by urgency: GitHub
shows the first 5,000 results of a run and takes no more than 25,000. Fingerprints hold no version,
so that an alert stays the same one until it is mended. What was not known is in ``invocations``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from neve import __version__
from neve.inventory import DISTRIBUTION_TYPES
from neve.report.markdown import code, escaped
from neve.report.scanned_rows import together
from neve.report.visible import visible
from neve.vulns.types import SETTLED, Level, State

if TYPE_CHECKING:
    from neve.verbs.scanned import ScannedFinding, ScanResult

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_BASE = "IMAGE"
_MOST_LOCATIONS = 10
_SCORES = {Level.CRITICAL: 9.5, Level.HIGH: 8.0, Level.MEDIUM: 5.5, Level.LOW: 2.0, Level.NONE: 0.0}
"""Scores where a source gives only a word: in the middle of what GitHub takes for that word."""
_LEVELS = {
    Level.CRITICAL: "error",
    Level.HIGH: "error",
    Level.MEDIUM: "warning",
    Level.UNKNOWN: "warning",
    Level.LOW: "note",
    Level.NONE: "note",
}

_Group = tuple["ScannedFinding", ...]
_Json = dict[str, Any]


def sarif_document(result: ScanResult) -> str:
    """The whole log, ASCII, ending in a newline; the same scan gives the same bytes."""
    groups = together(result.findings)
    rules = _rules(groups)
    places = {rule["id"]: number for number, rule in enumerate(rules)}
    run: _Json = {
        "tool": {
            "driver": {
                "name": "neve",
                "semanticVersion": __version__,
                "rules": rules,
            }
        },
        "originalUriBaseIds": {
            _BASE: {"description": {"text": f"The root of {visible(result.subject)}"}}
        },
        "invocations": [_invocation(result)],
        "results": [_result(group, places) for group in groups],
        "columnKind": "utf16CodeUnits",
        "properties": _properties(result),
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=1) + "\n"


def _properties(result: ScanResult) -> _Json:
    return {
        "image": visible(result.subject),
        "digest": result.digest,
        "platform": visible(result.platform),
        "distribution": visible(result.distribution),
        "packages": result.packages,
        "judged": result.judged,
        "notJudged": {item.doubt.value: item.packages for item in result.doubts},
        "feeds": {feed.name: feed.data_time for feed in result.feeds},
    }


def _rules(groups: Sequence[_Group]) -> list[_Json]:
    by_id: dict[str, list[_Group]] = {}
    for group in groups:
        by_id.setdefault(visible(group[0].finding.id), []).append(group)
    return [_rule(name, by_id[name]) for name in sorted(by_id)]


def _rule(name: str, groups: Sequence[_Group]) -> _Json:
    findings = [group[0].finding for group in groups]
    summary = next((visible(f.summary) for f in findings if f.summary), name)
    names = sorted({visible(f.package.source or f.package.name) for f in findings})
    aliases = sorted({visible(alias) for f in findings for alias in f.aliases})
    urls = [
        e.url for f in findings for e in f.evidence if e.url.startswith(("https://", "http://"))
    ]
    lines = [f"{name}: {summary}", f"In {', '.join(names)}."]
    lines += [f"Also known as {', '.join(aliases)}."] if aliases else []
    marks = [f"**{escaped(name)}**: {escaped(summary)}", f"In {', '.join(map(code, names))}."]
    marks += [f"Also known as {', '.join(map(code, aliases))}."] if aliases else []
    rule: _Json = {
        "id": name,
        "shortDescription": {"text": summary},
        "fullDescription": {"text": f"{name} in {', '.join(names)}: {summary}"[:1000]},
        "help": {"text": "\n".join(lines), "markdown": "\n\n".join(marks)},
        "defaultConfiguration": {"level": _worst(groups)},
        "properties": {"tags": ["security", "vulnerability"], "precision": "very-high"},
    }
    if urls:
        url = urls[0].encode("utf-8", "surrogateescape")
        rule["helpUri"] = quote(url, safe=":/?#@!$&'()*+,;=%~")
    scores = [score for f in findings if (score := _score(f.severity.level, f.severity.score))]
    if scores:
        rule["properties"]["security-severity"] = f"{max(scores):.1f}"
    return rule


def _score(level: Level, score: float | None) -> float | None:
    """The score that belongs to the level: a distribution's own word goes before CVSS's."""
    return score if score is not None else _SCORES.get(level)


def _worst(groups: Sequence[_Group]) -> str:
    levels = {_level(group) for group in groups}
    return next(word for word in ("error", "warning", "note") if word in levels)


def _level(group: _Group) -> str:
    finding = group[0].finding
    if finding.state in (State.UNIMPORTANT, *SETTLED):
        return "note"
    return "error" if finding.exploited is not None else _LEVELS[finding.severity.level]


def _result(group: _Group, places: Mapping[str, int]) -> _Json:
    finding = group[0].finding
    name = visible(finding.id)
    found: _Json = {
        "ruleId": name,
        "ruleIndex": places[name],
        "level": _level(group),
        "message": {"text": _message(group)},
        "locations": list(_locations(group)),
        "partialFingerprints": _fingerprints(group),
        "properties": {
            "state": finding.state.value,
            "severity": finding.severity.level.value,
            "fixedVersions": [visible(version) for version in finding.fixed_versions],
            "exploited": finding.exploited is not None,
            "fails": any(item.fails for item in group),
        },
    }
    suppressions = list(_suppressions(group[0]))
    return found | ({"suppressions": suppressions} if suppressions else {})


def _message(group: _Group) -> str:
    finding = group[0].finding
    names = ", ".join(dict.fromkeys(visible(item.finding.package.name) for item in group))
    text = f"{visible(finding.id)} in {names} {visible(finding.package.version)}: {finding.state}"
    if finding.fixed_versions:
        text += f", fixed in {', '.join(map(visible, finding.fixed_versions))}"
    if finding.exploited is not None:
        text += ", known to be exploited"
    return text + (f" ({visible(finding.justification)})" if finding.justification else "")


def _locations(group: _Group) -> Iterator[_Json]:
    seen: set[tuple[str, str]] = set()
    for item in group:
        package = item.finding.package
        path = package.paths[0] if package.paths else package.name
        if (path, package.name) in seen or len(seen) == _MOST_LOCATIONS:
            continue
        seen.add((path, package.name))
        uri = quote(path.lstrip("/").encode("utf-8", "surrogateescape"), safe="/~+@")
        yield {
            "physicalLocation": {
                "artifactLocation": {"uri": uri, "uriBaseId": _BASE},
                "region": {"startLine": 1},
            },
            "logicalLocations": [
                {
                    "name": visible(package.name),
                    "fullyQualifiedName": visible(package.purl or package.name),
                    "kind": "module",
                }
            ],
        }


def _fingerprints(group: _Group) -> dict[str, str]:
    """Of the vulnerability and its source package; of a language's package also where it lies, as
    an image may have it more than once.
    """
    finding, package = group[0].finding, group[0].finding.package
    parts = [finding.id, package.type.value, package.source or package.name]
    if package.type not in DISTRIBUTION_TYPES:
        parts += sorted({path for item in group for path in item.finding.package.paths})
    digest = sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()
    return {"neve/v1": digest, "primaryLocationLineHash": f"{digest[:16]}:1"}


def _suppressions(item: ScannedFinding) -> Iterator[_Json]:
    if item.waiver is not None:
        waiver = item.waiver
        yield {
            "kind": "external",
            "status": "accepted",
            "justification": visible(f"{waiver.owner}, until {waiver.expires}: {waiver.reason}"),
        }
    if item.finding.state in SETTLED:
        why = item.finding.justification or item.finding.state.value
        yield {"kind": "external", "status": "accepted", "justification": visible(why)}


def _invocation(result: ScanResult) -> _Json:
    notes = [
        {
            "level": "warning" if item.allowed else "error",
            "message": {"text": visible(f"{item.text}. {item.resolution}")},
            "descriptor": {"id": item.kind.value},
        }
        for item in result.problems
    ]
    notes += [
        {
            "level": "warning",
            "message": {"text": f"{item.packages} packages were not judged: {item.doubt}"},
            "descriptor": {"id": f"not-judged/{item.doubt}"},
        }
        for item in result.doubts
    ]
    return {
        "executionSuccessful": not result.blocking,
        "exitCode": int(result.exit_code),
        "toolExecutionNotifications": notes,
    }
