"""The effects database and its traces as text for people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from neve.report.table import Column, table

if TYPE_CHECKING:
    from neve.verbs.effects import EffectsList
    from neve.verbs.effects_trace import TraceResult


def effects_text(result: EffectsList, width: int, *, detailed: bool) -> str:
    """One line an effect; with ``detailed`` every operation."""
    rows = [
        [
            effect.package,
            effect.provenance,
            str(len(effect.operations)),
            str(effect.conditions),
            str(effect.id),
        ]
        for effect in result.effects
    ]
    columns = [
        Column(title="package"),
        Column(title="provenance"),
        Column(title="operations", number=True),
        Column(title="conditions", number=True),
        Column(title="effect", shrink=True),
    ]
    text = table(columns, rows, width=width)
    if detailed:
        for effect in result.effects:
            text += f"\n{effect.id}\n"
            text += "".join(f"  {json.dumps(one)}\n" for one in effect.operations)
    kinds = ", ".join(f"{count} {name}" for name, count in result.kinds.items())
    return text + f"\n{len(rows)} effects of {result.codename} ({result.digest})\n{kinds}\n"


def trace_text(result: TraceResult, width: int) -> str:
    """What was traced, what failed and why, and what changed in the file."""
    del width
    text = "".join(f"FAILED {one.package} {one.version}: {one.failure}\n" for one in result.failed)
    for one in result.packages:
        text += "".join(f"left out of {one.package}: {problem}\n" for problem in one.problems)
    text += "".join(f"not in {result.codename}: {name}\n" for name in result.unresolved)
    traced = len(result.packages) - len(result.failed)
    text += f"{traced} packages traced, {len(result.failed)} failed, "
    text += f"{result.without_scripts} have no scripts\n"
    text += f"added: {', '.join(result.added) or 'none'}\n"
    text += f"changed: {', '.join(result.changed) or 'none'}\n"
    return text + f"{result.output}: review it as a diff before you ship it\n"
