"""What Debian's copyright files say of licences: kept as their licence lines, judged by ``attest``.

Source: copyright-format 1.0 (DEP-5). A file in another format says nothing a program can trust.
"""

from __future__ import annotations

import re

from neve.inventory.types import Candidate, Depth, FileFacts, Observer

_FORMAT = re.compile(rb"\AFormat(?:-Specification)?:[^\n]*copyright-format[^\n]*\n", re.IGNORECASE)
_LICENCE = re.compile(rb"^License:[ \t]*[^\n]*", re.MULTILINE | re.IGNORECASE)
_MOST = 200


def licence_lines(data: bytes | memoryview) -> bytes | None:
    """The first line of a machine-readable copyright file and its licence lines, each once;
    ``None`` for any other text. Of a file with very many licences all that there is room for.
    """
    text = bytes(data)
    head = _FORMAT.match(text)
    if head is None:
        return None
    lines = dict.fromkeys(match[0].rstrip() for match in _LICENCE.finditer(text))
    return head[0] + b"\n" + b"\n".join([*lines][:_MOST]) + b"\n"


def _observe(candidate: Candidate, data: memoryview) -> FileFacts | None:
    del candidate
    kept = licence_lines(data)
    return None if kept is None else FileFacts(kept=kept)


OBSERVERS = (
    Observer(
        name="copyright",
        version=1,
        depth=Depth.INVENTORY,
        observe=_observe,
        paths=r"/usr/share/doc/[^/]+/copyright",
        limit=1 << 20,
    ),
)
