"""A report as sections of rows, told once and written as text for a terminal or as Markdown.

Cells are made visible here, so that no name of an image can act on the reader, whoever wrote the
report.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from neve.report.markdown import escaped, markdown_table
from neve.report.table import Column, table, wrapped
from neve.report.visible import visible

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A title, rows under columns, and notes below. ``plain`` columns hold our own words; all
    others names of the image, which Markdown shows as code. ``more`` rows were left out.
    """

    title: str
    columns: tuple[Column, ...] = ()
    rows: tuple[Row, ...] = ()
    notes: tuple[str, ...] = ()
    more: int = 0
    plain: frozenset[int] = field(default_factory=frozenset)


def sections_text(sections: Iterable[Section], width: int) -> str:
    """All sections for a terminal of ``width`` columns."""
    return "\n".join(_text(section, width) for section in sections)


def _text(section: Section, width: int) -> str:
    text = f"{visible(section.title)}\n" if section.title else ""
    if section.rows:
        rows = [[visible(cell) for cell in row] for row in section.rows]
        text += table(section.columns, rows, width=width)
    if section.more:
        text += f"… and {section.more} more (--format json shows all)\n"
    return text + "".join(wrapped(visible(note), width) for note in section.notes)


def sections_markdown(sections: Iterable[Section]) -> str:
    """All sections as GitHub-flavoured Markdown."""
    return "\n".join(_markdown(section) for section in sections)


def _markdown(section: Section) -> str:
    text = f"### {escaped(section.title)}\n\n" if section.title else ""
    if section.rows:
        text += markdown_table(section.columns, section.rows, plain=section.plain)
    if section.more:
        text += f"\n… and {section.more} more (`--format json` shows all)\n"
    return text + "".join(f"\n{escaped(note)}\n" for note in section.notes)


def limited(rows: Sequence[Row], most: int) -> tuple[tuple[Row, ...], int]:
    """The first ``most`` of ``rows``, and how many are left out."""
    return tuple(rows[:most]), max(0, len(rows) - most)
