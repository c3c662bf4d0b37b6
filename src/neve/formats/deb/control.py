"""Control files: paragraphs of fields (deb822(5), Policy §5.1).

Owns the reading of ``control``, ``status`` and ``status.d``; knows no field's meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from neve.errors import HostileInputError

Paragraph = tuple[tuple[str, str], ...]
"""Fields in order; a folded value keeps its line breaks and the leading space of each line."""

_NAME = re.compile(r"[!-,.-9;-~][!-9;-~]*")
_MAX_FIELDS = 1_000


def paragraphs(data: bytes | str, *, subject: str) -> Iterator[Paragraph]:
    """The paragraphs of ``data`` (UTF-8), separated by blank lines; ``subject`` names it in errors.

    Raises ``HostileInputError`` for a line that is no field, a field that stands twice and for
    bytes that are not UTF-8.
    """
    if isinstance(data, bytes):
        try:
            data = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise _refused(subject, f"byte {error.start} is not UTF-8") from None
    fields: list[tuple[str, list[str]]] = []
    for number, line in enumerate(data.split("\n"), start=1):
        line = line.removesuffix("\r")
        if not line or line.isspace():
            if fields:
                yield _finish(fields, subject)
                fields = []
        elif line.startswith("#"):
            continue
        elif line[0] in " \t":
            if not fields:
                raise _refused(subject, f"line {number} continues no field")
            fields[-1][1].append(line.rstrip())
        else:
            name, colon, value = line.partition(":")
            if not colon or _NAME.fullmatch(name) is None or len(fields) >= _MAX_FIELDS:
                raise _refused(subject, f"line {number} is no field: {line[:80]!r}")
            fields.append((name, [value.strip()]))
    if fields:
        yield _finish(fields, subject)


def parse_control(data: bytes | str, *, subject: str) -> Paragraph:
    """The one paragraph of ``data``. Raises ``HostileInputError`` unless it holds exactly one."""
    found = list(paragraphs(data, subject=subject))
    if len(found) != 1:
        raise _refused(subject, f"{len(found)} paragraphs where one is expected")
    return found[0]


def field(paragraph: Paragraph, name: str) -> str | None:
    """The value of the field ``name`` (letter case does not matter), or ``None``."""
    wanted = name.lower()
    return next((value for key, value in paragraph if key.lower() == wanted), None)


def render_paragraph(paragraph: Paragraph) -> str:
    """``paragraph`` as text, a line break after each field and no blank line."""
    return "".join(
        f"{name}:{'' if value.startswith(chr(10)) or not value else ' '}{value}\n"
        for name, value in paragraph
    )


def _finish(fields: list[tuple[str, list[str]]], subject: str) -> Paragraph:
    seen: set[str] = set()
    for name, _ in fields:
        if name.lower() in seen:
            raise _refused(subject, f"field {name} stands twice")
        seen.add(name.lower())
    return tuple((name, "\n".join(lines)) for name, lines in fields)


def _refused(subject: str, why: str) -> HostileInputError:
    return HostileInputError(
        f"{subject}: not a Debian control file: {why}",
        resolution="Get the file again from its archive, or report it to whoever made it.",
    )
