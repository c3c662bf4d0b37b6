"""What got worse, what is gone, and what changed in packages, accounts, ports and configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from neve.report.compare import changed_rows, letter, package_rows
from neve.report.html import Markup, tag
from neve.report.sections import Row
from neve.report.surface import count_text, part_title

if TYPE_CHECKING:
    from neve.verbs.compare import CompareResult
    from neve.verbs.comparing import Difference, Gone, Worse

_CHIPS = 60
_OPEN_UNTIL = 14
_ROWS = 400


def worse_section(result: CompareResult) -> Markup:
    """What grew or is new, before all else; and where nothing did, that."""
    if not any(item.worse for item in result.differences):
        return tag(
            "section",
            tag("h2", "✓ Nothing got worse"),
            tag("p", "No part of the attack surface grew, and nothing new stands in the parts that "
                     "are dangerous one by one."),
            class_="notice good",
        )  # fmt: skip
    pieces = []
    for number, item in enumerate(result.differences):
        if len(result.differences) > 1:
            pieces.append(tag("h3", f"against {letter(number)} ", tag("code", item.baseline)))
        rows = [_worse_row(row) for row in item.worse]
        heads = [
            tag("th", "part", scope="col"),
            tag("th", "before", scope="col", class_="number-cell"),
            tag("th", "after", scope="col", class_="number-cell"),
            tag("th", "new", scope="col"),
        ]
        if rows:
            pieces.append(tag("table", tag("thead", tag("tr", heads)), tag("tbody", rows)))
        else:
            pieces.append(tag("p", "✓ nothing"))
    return tag("section", tag("h2", "▲ What got worse"), pieces, class_="notice bad")


def _worse_row(row: Worse) -> Markup:
    return tag(
        "tr",
        tag("th", part_title(row.part), scope="row"),
        tag("td", count_text(row.part, row.before), class_="number-cell"),
        tag("td", count_text(row.part, row.after), class_="number-cell"),
        tag("td", _chips(row.appeared, 12)),
    )


def _chips(subjects: Sequence[str], most: int = _CHIPS) -> Markup | None:
    if not subjects:
        return None
    items = [tag("li", subject, class_="name") for subject in subjects[:most]]
    if len(subjects) > most:
        items.append(tag("li", f"and {len(subjects) - most:,} more", class_="soft"))
    return tag("ul", items, class_="chips")


def against_section(result: CompareResult, number: int) -> Markup:
    """All that changed against one baseline."""
    item = result.differences[number]
    name = f"{letter(number)} " if len(result.differences) > 1 else ""
    pieces = [
        *_gone(item.gone),
        *_packages(item),
        *_table("Accounts", changed_rows(item.accounts)),
        *_table("Ports", changed_rows(item.ports)),
        *_table("Services", changed_rows(item.services)),
        *_table("Configuration", changed_rows(item.configuration)),
    ]
    return tag(
        "section",
        tag("h2", f"What changed against {name}", tag("code", item.baseline)),
        pieces or tag("p", "Nothing."),
    )


def _gone(gone: Sequence[Gone]) -> list[Markup]:
    if not gone:
        return []
    pieces = [tag("h3", "What is gone")]
    for row in gone:
        title = f"{len(row.subjects):,} × {part_title(row.part)}"
        pieces.append(_folded(title, _chips(row.subjects), len(row.subjects)))
    return pieces


def _folded(title: str, inner: Markup | None, length: int) -> Markup:
    """``inner`` to be unfolded; short lists are open from the start."""
    is_open = "open" if length <= _OPEN_UNTIL else None
    return tag("details", tag("summary", title), inner, open=is_open)


def _packages(item: Difference) -> list[Markup]:
    return _table("Packages", package_rows(item))


_ORDER = ("new", "changed", "gone")


def _table(title: str, rows: Sequence[Row]) -> list[Markup]:
    if not rows:
        return []
    counts = ((word, sum(1 for row in rows if row[0] == word)) for word in _ORDER)
    total = ", ".join(f"{count:,} {word}" for word, count in counts if count)
    heads = [tag("th", word, scope="col") for word in ("", "what", "before", "after")]
    body = [
        tag("tr", tag("td", row[0]), [tag("td", tag("code", cell)) for cell in row[1:]])
        for row in rows[:_ROWS]
    ]
    table = tag("table", tag("thead", tag("tr", heads)), tag("tbody", body))
    more = len(rows) - _ROWS
    left = tag("p", f"… and {more:,} more", class_="soft") if more > 0 else None
    inner = tag("div", table, left, class_="wide")
    return [tag("h3", title), _folded(total, inner, len(rows))]
