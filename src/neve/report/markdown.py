"""GitHub-flavoured Markdown of text that may be hostile: names stay names, whatever they hold.

Sources: CommonMark 0.31 (6.1 code spans, 2.5 entities), GFM 0.29 (4.10 tables: a bar ends a cell
in code spans too).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from neve.report.table import Column
from neve.report.visible import visible

_UNSAFE_IN_CODE = re.compile(r"[`|\\]")
_SIGNIFICANT = re.compile(r"[!-,\-./:-@\[-`{-~]")
_MARKUP = re.compile(r"[\\`*_\[\]<>&|~#$@]|://|(?<=www)\.")


def escaped(text: str) -> str:
    """``text`` as running text, every character that could be markup as an entity."""
    return _MARKUP.sub(lambda match: _entities(match[0]), visible(text))


def code(text: str) -> str:
    """``text`` as code that cannot end early: in back quotes where it has none of the characters
    that end a span or a cell, else as an element with entities.
    """
    text = visible(text)
    if not text.strip():
        return ""
    if text == text.strip() and not _UNSAFE_IN_CODE.search(text):
        return f"`{text}`"
    return f"<code>{_SIGNIFICANT.sub(lambda match: _entities(match[0]), text)}</code>"


def _entities(text: str) -> str:
    return "".join(f"&#{ord(char)};" for char in text)


def markdown_table(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], *, plain: frozenset[int]
) -> str:
    """A table; cells of the columns in ``plain`` are our own words, all others code."""
    head = [escaped(column.title) or " " for column in columns]
    rule = ["---:" if column.number else "---" for column in columns]
    lines = [_row(head), _row(rule)]
    for row in rows:
        lines.append(
            _row(
                [
                    escaped(cell) if i in plain or columns[i].number else code(cell)
                    for i, cell in enumerate(row)
                ]
            )
        )
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
