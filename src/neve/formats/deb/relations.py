"""Relationship fields (Depends, Conflicts, Provides…): text → clauses.

Source: Debian Policy §7.1 and deb-control(5). Reads what stands in binary packages; it also
tolerates a source package's architecture lists and build profiles. Decides nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache

from neve.errors import HostileInputError
from neve.formats.deb.types import Clause, Relation
from neve.formats.deb.versions import is_version

_MAX_LENGTH = 1 << 20

# Possessive throughout: a hostile field is refused in one pass, never by backtracking.
_RELATION = re.compile(
    r"""
    \s*+ (?P<name> [A-Za-z0-9] [A-Za-z0-9+.\-]*+ )
    (?: : (?P<architecture> [A-Za-z0-9\-]++ ) )?+
    \s*+ (?: \( \s*+ (?P<operator> <<|<=|>=|>>|=|<|> )?+ \s*+ (?P<version> [^\s()]++ ) \s*+ \) )?+
    \s*+ (?: \[ (?P<restrictions> [^\[\]]*+ ) \] )?+
    \s*+ (?: < [^<>]*+ > \s*+ )*+
    """,
    re.VERBOSE,
)
_OBSOLETE = {"<": "<=", ">": ">=", None: "="}


@lru_cache(maxsize=1 << 14)
def parse_relations(text: str, *, architecture: str = "") -> tuple[Clause, ...]:
    """The clauses of a relationship field, all of which must hold; ``()`` for an empty one.

    ``architecture`` (a dpkg name such as ``amd64``) filters alternatives by their restriction
    list ``[…]``; without it the lists are ignored. Raises ``HostileInputError`` for a clause
    that dpkg would not read.
    """
    if len(text) > _MAX_LENGTH:
        raise _refused(text)
    clauses: list[Clause] = []
    for clause in text.split(","):
        if not clause or clause.isspace():
            continue
        alternatives = tuple(
            relation
            for alternative in clause.split("|")
            if (relation := _relation(alternative, architecture)) is not None
        )
        if alternatives:
            clauses.append(alternatives)
    return tuple(clauses)


@lru_cache(maxsize=1 << 15)
def _relation(text: str, architecture: str) -> Relation | None:
    match = _RELATION.fullmatch(text)
    if match is None:
        raise _refused(text)
    name, qualifier, operator, version, restrictions = match.groups()
    if version is not None and not is_version(version):
        raise _refused(text)
    if architecture and restrictions and not _applies(restrictions, architecture):
        return None
    if version is None:
        return Relation(name, qualifier or "")
    return Relation(name, qualifier or "", _OBSOLETE.get(operator, operator), version)


def _applies(restrictions: str, architecture: str) -> bool:
    """Whether ``[amd64 !i386 linux-any]`` takes ``architecture`` in (Policy §7.1)."""
    words = restrictions.split()
    refused = {word[1:] for word in words if word.startswith("!")}
    wanted = {word for word in words if not word.startswith("!")}
    names = {architecture, "any", "linux-any", f"any-{architecture}"}
    if refused & names:
        return False
    return not wanted or bool(wanted & names)


def _refused(text: str) -> HostileInputError:
    return HostileInputError(
        f"not a package relation: {text.strip()[:120]!r}",
        resolution="Correct the field; a relation is written name[:arch] (operator version).",
    )
