"""The effects database and its traces as text for people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from neve.report.table import Column, table, wrapped

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
            str(effect.id)[:19],
        ]
        for effect in result.effects
    ]
    columns = [
        Column(title="package"),
        Column(title="provenance"),
        Column(title="operations", number=True, spare=True),
        Column(title="conditions", number=True, spare=True),
        Column(title="effect"),
    ]
    text = table(columns, rows, width=width)
    if detailed:
        for effect in result.effects:
            text += f"\n{effect.id}\n"
            text += "".join(f"  {json.dumps(one)}\n" for one in effect.operations)
    kinds = ", ".join(f"{count} {name}" for name, count in result.kinds.items())
    text += f"\n{len(rows)} effects of {result.codename}\n{result.digest}\n"
    return text + wrapped(kinds, width)


def trace_text(result: TraceResult, width: int) -> str:
    """What was traced, what failed and why, and what changed in the file."""
    text = "".join(
        wrapped(f"FAILED {one.package} {one.version}: {one.failure}", width)
        for one in result.failed
    )
    for one in result.packages:
        for problem in one.problems:
            text += wrapped(f"left out of {one.package}: {problem}", width)
    text += "".join(f"not in {result.codename}: {name}\n" for name in result.unresolved)
    traced = len(result.packages) - len(result.failed)
    text += f"{traced} packages traced, {len(result.failed)} failed, "
    text += f"{result.without_scripts} have no scripts\n"
    text += wrapped(f"added: {', '.join(result.added) or 'none'}", width)
    text += wrapped(f"changed: {', '.join(result.changed) or 'none'}", width)
    return text + f"{result.output}: review it as a diff before you ship it\n"
