"""Plain-text tables that fit the terminal. Knows text and widths, nothing of neve's results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_GAP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: ``title``, and whether its cells are numbers (right-aligned).

    ``shrink`` columns give way, longest first, when the table is wider than the terminal.
    """

    title: str
    number: bool = False
    shrink: bool = False


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], *, width: int) -> str:
    """Lines of aligned text, at most ``width`` characters wide where columns can shrink."""
    widths = [
        max(len(column.title), *(len(row[i]) for row in rows)) if rows else len(column.title)
        for i, column in enumerate(columns)
    ]
    _shrink(widths, columns, width)
    lines = [_line([column.title for column in columns], columns, widths)]
    lines.append(_line(["─" * w for w in widths], columns, widths))
    lines.extend(_line(row, columns, widths) for row in rows)
    return "\n".join(lines) + "\n"


def _shrink(widths: list[int], columns: Sequence[Column], width: int) -> None:
    excess = sum(widths) + _GAP * (len(widths) - 1) - width
    for i in sorted(range(len(widths)), key=lambda n: -widths[n]):
        if excess <= 0:
            return
        if columns[i].shrink:
            given = min(excess, widths[i] - max(12, len(columns[i].title)))
            if given > 0:
                widths[i] -= given
                excess -= given


def _line(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    parts = []
    for cell, column, width in zip(cells, columns, widths, strict=True):
        text = cell if len(cell) <= width else cell[: width - 1] + "…"
        parts.append(text.rjust(width) if column.number else text.ljust(width))
    return (" " * _GAP).join(parts).rstrip()


def size_text(size: int) -> str:
    """``size`` bytes for people, in decimal units as registries show them."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
