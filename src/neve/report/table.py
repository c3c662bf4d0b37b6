"""Plain-text tables and lines that fit the terminal. Knows text and widths, nothing of neve's
results. What does not fit is wrapped, never cut: a table tells all or says that it does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_GAP = 2
_NARROWEST = 12
_JOINTS = ("/,+", "-~_", ".:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: ``title``, and whether its cells are numbers (right-aligned).

    ``shrink`` columns give way when the table is wider than the terminal: their cells go on in
    the next line. ``spare`` columns are left out before that, the last one first: what they tell
    must stand elsewhere too.
    """

    title: str
    number: bool = False
    shrink: bool = False
    spare: bool = False


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], *, width: int) -> str:
    """Lines of aligned text, at most ``width`` characters wide where columns can shrink."""
    shown = list(range(len(columns)))
    widths = [
        max(len(column.title), *(len(row[i]) for row in rows)) if rows else len(column.title)
        for i, column in enumerate(columns)
    ]
    while _least(columns, widths, shown) > width:
        spare = [i for i in shown if columns[i].spare]
        if not spare:
            break
        shown.remove(spare[-1])
    columns = [columns[i] for i in shown]
    widths = [widths[i] for i in shown]
    _shrink(widths, columns, width)
    lines = [_line([column.title for column in columns], columns, widths)]
    lines.append(_line(["─" * w for w in widths], columns, widths))
    for row in rows:
        lines.extend(_row([row[i] for i in shown], columns, widths))
    return "\n".join(lines) + "\n"


def _least(columns: Sequence[Column], widths: Sequence[int], shown: Sequence[int]) -> int:
    """How wide the table is when every column that can has given way by a third."""
    least = (
        max(_narrowest(columns[i]), widths[i] * 2 // 3) if columns[i].shrink else widths[i]
        for i in shown
    )
    return sum(least) + _GAP * (len(shown) - 1)


def _narrowest(column: Column) -> int:
    return max(_NARROWEST, len(column.title))


def _shrink(widths: list[int], columns: Sequence[Column], width: int) -> None:
    """Take from the widest column that can give, a character at a time, until it fits."""
    excess = sum(widths) + _GAP * (len(widths) - 1) - width
    can = [i for i, column in enumerate(columns) if column.shrink]
    while excess > 0:
        can = [i for i in can if widths[i] > _narrowest(columns[i])]
        if not can:
            return
        widths[max(can, key=lambda i: (widths[i], -i))] -= 1
        excess -= 1


def _row(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> list[str]:
    parts = [
        _broken(cell, width) if column.shrink else [cell]
        for cell, column, width in zip(cells, columns, widths, strict=True)
    ]
    return [
        _line([part[n] if n < len(part) else "" for part in parts], columns, widths)
        for n in range(max(len(part) for part in parts))
    ]


def _line(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    parts = [
        cell.rjust(width) if column.number else cell.ljust(width)
        for cell, column, width in zip(cells, columns, widths, strict=True)
    ]
    return (" " * _GAP).join(parts).rstrip()


def _broken(cell: str, width: int) -> list[str]:
    """``cell`` in pieces of at most ``width``: at a space, after a joint of a path or version, or
    where nothing better is.
    """
    pieces: list[str] = []
    while len(cell) > width:
        at = cell.rfind(" ", 1, width + 1)
        if at < 0:
            at = _joint(cell, width)
        pieces.append(cell[:at].rstrip())
        cell = cell[at:].lstrip()
    return [*pieces, cell]


def _joint(cell: str, width: int) -> int:
    """Where to break a word: after the strongest mark in the second half, else at ``width``."""
    for marks in _JOINTS:
        joint = max(cell.rfind(mark, width // 2, width) for mark in marks)
        if joint > 0:
            return joint + 1
    return width


def wrapped(text: str, width: int, *, indent: int = 2) -> str:
    """One line of text, going on below with ``indent`` where it is wider than ``width``; ends in
    a newline. Words (a digest, an address) are never broken.
    """
    words = text.split(" ")
    lines, line = [], words[0]
    for word in words[1:]:
        if len(line) + 1 + len(word) > width and line.strip():
            lines.append(line.rstrip())
            line = " " * indent + word
        else:
            line += f" {word}"
    return "\n".join([*lines, line]) + "\n"


def size_text(size: int) -> str:
    """``size`` bytes for people, in decimal units as registries show them."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
