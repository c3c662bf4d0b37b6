"""Applying VEX statements to findings (OpenVEX: the latest statement about a product counts).

A statement changes the state of a finding and never hides it: what was said before stays in
``Finding.before``, who said so in its evidence. A "not affected" that only says that the
distribution deferred a fix stays what it is: deferred.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from neve.inventory import OsRelease
from neve.vulns.purl import names, parse
from neve.vulns.records import VexStatement
from neve.vulns.types import Evidence, Finding, State

_DEFERRAL = re.compile(
    r"\b(no[- ]dsa|postponed|deferred|will not (?:be )?fix|won'?t[- ]fix|minor issue|"
    r"(?:not|no plans?) (?:to )?(?:be )?fix)",
    re.IGNORECASE,
)
_STATES = {
    "not_affected": State.NOT_AFFECTED,
    "fixed": State.FIXED,
    "under_investigation": State.UNDETERMINED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Products:
    """What the image is called: its distribution, and names of its own (package-urls, digests)."""

    os_release: OsRelease
    names: frozenset[str] = field(default_factory=frozenset)


Statements = Callable[[str], Iterable[tuple[str, VexStatement]]]
"""The statements about a vulnerability, by its name; each with the feed it came in."""


def apply_statements(
    findings: Iterable[Finding], statements: Statements, products: Products
) -> list[Finding]:
    """``findings`` with what the latest statement that speaks of each says."""
    known: dict[str, tuple[tuple[str, VexStatement], ...]] = {}
    found = []
    for finding in findings:
        for name in (finding.id, *finding.aliases):
            if name not in known:
                known[name] = tuple(statements(name))
        found.append(_apply(finding, known, products))
    return found


def statements_of(documents: Iterable[tuple[str, VexStatement]]) -> Statements:
    """Statements that are at hand (a file given on the command line) as a lookup by name."""
    by_name: dict[str, list[tuple[str, VexStatement]]] = {}
    for feed, statement in documents:
        for name in dict.fromkeys((statement.vulnerability, *statement.aliases)):
            by_name.setdefault(name, []).append((feed, statement))
    return lambda name: by_name.get(name, ())


def _apply(
    finding: Finding,
    known: Mapping[str, tuple[tuple[str, VexStatement], ...]],
    products: Products,
) -> Finding:
    spoken = [
        (statement.time, statement.order, feed, statement)
        for name in (finding.id, *finding.aliases)
        for feed, statement in known[name]
        if _speaks_of(statement, finding, products)
    ]
    if not spoken:
        return finding
    *_, feed, statement = max(spoken, key=lambda item: item[:3])
    evidence = Evidence(
        feed=feed,
        record=statement.document,
        statement=f"{statement.author or 'somebody'}: {statement.status}"
        + (f" ({_why(statement)})" if _why(statement) else ""),
    )
    state = _state(finding, statement)
    return replace(
        finding,
        state=state,
        justification=_why(statement) if state is not finding.state else finding.justification,
        evidence=(evidence, *finding.evidence),
        before=finding.state,
    )


def _state(finding: Finding, statement: VexStatement) -> State:
    if statement.status == "affected":
        return finding.state if finding.affected else State.OPEN
    if statement.status == "not_affected" and _DEFERRAL.search(statement.note):
        return State.DEFERRED
    return _STATES[statement.status]


def _why(statement: VexStatement) -> str:
    return ": ".join(part for part in (statement.justification, statement.note) if part)


def _speaks_of(statement: VexStatement, finding: Finding, products: Products) -> bool:
    for product, parts in statement.products:
        if not parts:
            if names(product, finding.package, products.os_release) or _is_image(product, products):
                return True
        elif _is_image(product, products) and any(
            names(part, finding.package, products.os_release) for part in parts
        ):
            return True
    return False


def _is_image(product: str, products: Products) -> bool:
    """Whether a statement's product is the image: by name, or by a package-url without version."""
    if product in products.names:
        return True
    wanted = parse(product)
    if wanted is None:
        return False
    for name in products.names:
        own = parse(name)
        if own is None or (wanted.type, wanted.namespace, wanted.name) != (
            own.type,
            own.namespace,
            own.name,
        ):
            continue
        qualified = all(own.qualifiers.get(k) == v for k, v in wanted.qualifiers.items())
        if qualified and wanted.version in ("", own.version):
            return True
    return False
