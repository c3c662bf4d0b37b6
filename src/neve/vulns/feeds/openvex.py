"""OpenVEX documents (github.com/openvex/spec 0.0.1 to 0.2.x): who says what of which product.

A statement without products takes none from the document: it is counted as not understood. Older
documents name a vulnerability and products by text, newer ones by objects with ``@id``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from neve.vulns.bounded import (
    Blob,
    hostile,
    is_archive,
    load_json,
    mapping,
    members,
    sequence,
    word,
)
from neve.vulns.records import Dated, Item, Unread, VexStatement

KIND = "openvex"
STATUSES = ("not_affected", "affected", "fixed", "under_investigation")
_CONTEXT = re.compile(r"https://openvex\.dev/ns(/v[0-9.]+)?")
_FRACTION = re.compile(r"(\.\d{6})\d+")


def looks_like(top: object) -> bool:
    """Whether a JSON document is an OpenVEX one."""
    document = mapping(top)
    return bool(_CONTEXT.fullmatch(word(document.get("@context"), most=100)))


def read(blob: Blob) -> Iterator[Item]:
    """The statements of a document, or of all documents of an archive."""
    if not is_archive(blob):
        document = load_json(blob)
        if not looks_like(document):
            raise hostile(blob.name, "is no OpenVEX document")
        yield from read_document(mapping(document), blob.name)
        return
    for member in members(blob, suffixes=(".json",)):
        document = load_json(member)
        if looks_like(document):
            yield from read_document(mapping(document), member.name)


def read_document(document: Mapping[str, object], name: str) -> Iterator[Item]:
    """The statements of one parsed document, in its order."""
    identifier = word(document.get("@id"), most=1000) or name
    author = word(document.get("author"), most=300)
    made = _seconds(document.get("last_updated")) or _seconds(document.get("timestamp"))
    begun = _seconds(document.get("timestamp"))
    if made:
        yield Dated(time=made)
    for order, item in enumerate(sequence(document.get("statements"))):
        statement = mapping(item)
        names = _vulnerability(statement)
        status = word(statement.get("status"), most=40)
        products = tuple(_products(statement))
        justification = word(statement.get("justification"), most=100)
        impact = word(statement.get("impact_statement"))
        problem = _problem(names, status, products, justification or impact)
        if problem:
            yield Unread(record=f"{identifier[-60:]} statement {order + 1}", reason=problem)
            continue
        own = _seconds(statement.get("last_updated")) or _seconds(statement.get("timestamp"))
        note = word(statement.get("status_notes")) or impact
        yield VexStatement(
            document=identifier,
            author=author,
            time=own or begun,
            order=order,
            vulnerability=names[0],
            aliases=tuple(names[1:]),
            products=products,
            status=status,
            justification=justification,
            note=(note or word(statement.get("action_statement")))[:600],
        )


def _problem(names: list[str], status: str, products: tuple[object, ...], why: str) -> str:
    if not names:
        return "names no vulnerability"
    if status not in STATUSES:
        return f"unknown status {status!r}"
    if not products:
        return "names no product"
    if status == "not_affected" and not why:
        return "says not_affected without saying why, which the specification forbids"
    return ""


def _vulnerability(statement: Mapping[str, object]) -> list[str]:
    """The best known name first, then the others."""
    value = statement.get("vulnerability")
    if isinstance(value, str):
        return [value] if word(value, most=120) else []
    item = mapping(value)
    name = word(item.get("name"), most=120) or word(item.get("@id"), most=500).rpartition("/")[2]
    aliases = [word(alias, most=120) for alias in sequence(item.get("aliases"))]
    return [text for text in dict.fromkeys((name, *aliases)) if text]


def _products(statement: Mapping[str, object]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for product in sequence(statement.get("products")):
        names = _names(product)
        parts = tuple(
            name
            for part in sequence(mapping(product).get("subcomponents"))
            for name in _names(part)
        )
        older = tuple(word(part, most=1000) for part in sequence(statement.get("subcomponents")))
        for name in names:
            yield name, parts or tuple(part for part in older if part)


def _names(product: object) -> list[str]:
    if isinstance(product, str):
        return [product] if word(product, most=1000) else []
    item = mapping(product)
    identifiers = mapping(item.get("identifiers"))
    hashes = mapping(item.get("hashes"))
    found = [word(item.get("@id"), most=1000), word(identifiers.get("purl"), most=1000)]
    found += [f"sha256:{word(value, most=64)}" for key, value in hashes.items() if key == "sha-256"]
    return [name for name in dict.fromkeys(found) if name]


def _seconds(text: object) -> int:
    try:
        # Nanoseconds, as Go writes them, are more than Python reads.
        moment = datetime.fromisoformat(_FRACTION.sub(r"\1", word(text, most=60)))
    except (ValueError, OverflowError):
        return 0
    return max(0, int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()))
