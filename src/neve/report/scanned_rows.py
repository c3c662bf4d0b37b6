"""Findings that one update mends, taken together: all reports of a scan count by these."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from neve.verbs.scanned import source_key

if TYPE_CHECKING:
    from neve.verbs.scanned import ScannedFinding


def together(items: Iterable[ScannedFinding]) -> list[tuple[ScannedFinding, ...]]:
    """One group a vulnerability, source package in one version, state and waiver, in the order of
    the first of its packages.
    """
    merged: dict[tuple[object, ...], list[ScannedFinding]] = {}
    for item in items:
        finding = item.finding
        key = (finding.id, source_key(finding.package), finding.state, item.waiver)
        merged.setdefault(key, []).append(item)
    return [tuple(found) for found in merged.values()]
