"""Licences as package metadata writes them, as SPDX expressions.

What is an SPDX name becomes that name; everything else a ``LicenseRef-`` that carries the text as
it was written: nothing is guessed, nothing lost.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from neve.attest.licences import NO_LICENCE, SPDX_NAMES, Licence
from neve.attest.subject import written

_TOKEN = re.compile(r"\(|\)|[^\s()]+")
_GNU = re.compile(r"[LA]?GPL-[123]\.[01]-(?:only|or-later)\Z")
_SLUG = re.compile(r"[^A-Za-z0-9.]+")
_MOST = 40


def declared_licence(texts: Sequence[str]) -> Licence:
    """All of ``texts`` hold at once."""
    terms: dict[str, None] = {}
    own: dict[str, str] = {}
    for text in texts[:_MOST]:
        plain = " ".join(written(text).split())
        if plain:
            terms[_known(plain) or _reference(plain, own)] = None
    if not terms:
        return NO_LICENCE
    parts = sorted(terms)
    if len(parts) > 1:
        parts = [f"({part})" if " " in part else part for part in parts]
    return Licence(" AND ".join(parts), tuple(sorted(own.items())))


def _known(text: str) -> str | None:
    """``text`` as an expression of SPDX names; ``None`` if it is none that is well formed."""
    words: list[str] = []
    depth, operand = 0, False
    for token in _TOKEN.findall(text):
        match token.upper():
            case "(" if not operand:
                depth += 1
                word = token
            case ")" if operand and depth:
                depth -= 1
                word = token
            case "AND" | "OR" as joint if operand:
                word, operand = joint, False
            case _ if not operand and (name := _name(token)) is not None:
                word, operand = name, True
            case _:
                return None
        words.append(word)
    if depth or not operand:
        return None
    return " ".join(words).replace("( ", "(").replace(" )", ")")


def _name(token: str) -> str | None:
    if _GNU.match(token):
        return token
    return SPDX_NAMES.get(token.lower())


def _reference(text: str, own: dict[str, str]) -> str:
    mark = hashlib.sha256(text.encode()).hexdigest()[:8]
    slug = _SLUG.sub("-", text)[:40].strip("-.")
    reference = "-".join(part for part in ("LicenseRef", slug, mark) if part)
    own[reference] = text
    return reference
