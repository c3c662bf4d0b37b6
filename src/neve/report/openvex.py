"""A scan as an OpenVEX document (github.com/openvex/spec 0.2.0).

Says no more than is known: ``not_affected`` only where somebody gave a reason; what a distribution
deferred, ignores or finds unimportant is ``affected`` with that as the action. A package that was
not judged has no vulnerability to make a statement about, so the document cannot speak of it.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from neve import __version__
from neve.report.visible import visible
from neve.vulns.types import State

if TYPE_CHECKING:
    from neve.verbs.scanned import ScannedFinding, ScanResult

_CONTEXT = "https://openvex.dev/ns/v0.2.0"
_ID = "https://openvex.dev/docs/public/vex-"
_JUSTIFICATIONS = frozenset(
    (
        "component_not_present",
        "vulnerable_code_not_present",
        "vulnerable_code_not_in_execute_path",
        "vulnerable_code_cannot_be_controlled_by_adversary",
        "inline_mitigations_already_exist",
    )
)
_ACTIONS = {
    State.OPEN: "No fixed version in this release yet.",
    State.DEFERRED: "The distribution deferred a fix; the code is affected.",
    State.IGNORED: "The distribution will not fix it in this release; the code is affected.",
    State.UNIMPORTANT: "The code is there; the distribution sees no security impact.",
    State.END_OF_LIFE: "Nobody supports the package in this release: move to one that is.",
}

_Json = dict[str, Any]


def openvex_document(result: ScanResult) -> str:
    """The document, ASCII, ending in a newline. Its time is that of the newest feed data, its id
    the hash of what it says: the same knowledge gives the same bytes.
    """
    made: dict[str, tuple[_Json, dict[str, None]]] = {}
    for item in result.findings:
        statement = _statement(item)
        key = json.dumps(statement, sort_keys=True)
        made.setdefault(key, (statement, {}))[1][_part(item)] = None
    statements = [
        statement | {"products": _products(result, sorted(parts))}
        for _, (statement, parts) in sorted(made.items())
    ]
    time = result.data_time or f"{result.judged_on}T00:00:00Z"
    digest = sha256(json.dumps([time, statements], sort_keys=True).encode()).hexdigest()
    document = {
        "@context": _CONTEXT,
        "@id": f"{_ID}{digest}",
        "author": "neve scan",
        "role": "Scanner",
        "timestamp": time,
        "version": 1,
        "tooling": f"neve {__version__}",
        "statements": statements,
    }
    return json.dumps(document, indent=1) + "\n"


def _part(item: ScannedFinding) -> str:
    package = item.finding.package
    return visible(package.purl) or f"pkg:generic/{quote(package.name.encode(errors='replace'))}"


def _products(result: ScanResult, parts: Iterable[str]) -> list[_Json]:
    """The image with the packages as its parts; without a digest the packages themselves."""
    rows = [{"@id": part} for part in parts]
    algorithm, _, value = result.digest.partition(":")
    if algorithm != "sha256":
        return rows
    name = posixpath.basename(result.subject.rstrip("/")).partition("@")[0].partition(":")[0]
    name = quote((name or "image").lower().encode("utf-8", "surrogateescape"), safe="")
    image = f"pkg:oci/{name}@{quote(result.digest, safe='')}"
    return [{"@id": image, "hashes": {"sha-256": value}, "subcomponents": rows}]


def _statement(item: ScannedFinding) -> _Json:
    finding = item.finding
    name: _Json = {"name": visible(finding.id)}
    if finding.aliases:
        name["aliases"] = [visible(alias) for alias in finding.aliases]
    return {"vulnerability": name} | _status(item)


def _status(item: ScannedFinding) -> _Json:
    finding = item.finding
    match finding.state:
        case State.FIXED:
            return {"status": "fixed"}
        case State.NOT_AFFECTED if finding.justification:
            return {"status": "not_affected"} | _reason(finding.justification)
        case State.NOT_AFFECTED:
            note = "Said not to be affected, without a reason."
            return {"status": "under_investigation", "status_notes": note}
        case State.UNDETERMINED:
            return {"status": "under_investigation"}
        case _:
            return {"status": "affected", "action_statement": _action(item)}


def _reason(text: str) -> _Json:
    head, _, rest = visible(text).partition(": ")
    if head not in _JUSTIFICATIONS:
        return {"impact_statement": visible(text)}
    return {"justification": head} | ({"impact_statement": rest} if rest else {})


def _action(item: ScannedFinding) -> str:
    finding = item.finding
    fixed = ", ".join(map(visible, finding.fixed_versions))
    text = f"Update to {fixed}." if fixed else _ACTIONS.get(finding.state, "No fix is known.")
    if finding.justification:
        text += f" {visible(finding.justification)}"
    if item.waiver is not None:
        waiver = item.waiver
        text += visible(f" Accepted by {waiver.owner} until {waiver.expires}: {waiver.reason}")
    return text
