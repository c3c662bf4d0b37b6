"""The certificates that an image was seen to hold: in which files each stands, and whose it is.

Whose: the recipe's (its lock names them), a public root (a package brings it), part of a bundle
that says nothing of its origin, or the image's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from neve.effects.trust_stores import COPIES
from neve.inventory.facts import Observing
from neve.inventory.observe_certificates import OBSERVERS
from neve.inventory.types import Candidate, Certificate, Depth, Unjudged
from neve.tree import FileEntry, Kind, Tree

ContentReader = Callable[[FileEntry], "bytes | memoryview"]
Held = tuple[str, Certificate]
"""The path of a file and a certificate in it."""

# Where distributions keep the roots that their packages bring, one by one or as one list.
_PACKAGED = (
    "/usr/share/ca-certificates/",
    "/usr/share/pki/ca-trust-source/",
    "/usr/share/pki/trust/",
)
# What is made of those, and of what an administrator adds: it can't be told apart in them.
_BUNDLES = (
    "/etc/ssl/certs/",
    "/etc/ssl/cert.pem",
    "/etc/pki/",
    "/etc/ca-certificates/extracted/",
    "/var/lib/ca-certificates/",
    "/usr/lib/ssl/",
)
_MAX_PLACES = 1_000
_PATHS = re.compile("|".join(row.paths for row in OBSERVERS if row.paths is not None), re.DOTALL)


class Whose(StrEnum):
    """Where a certificate comes from."""

    RECIPE = "recipe"
    PUBLIC = "public"
    """A root that a package of the image brings."""
    BUNDLE = "bundle"
    """In a bundle whose single certificates nothing in the image accounts for."""
    IMAGE = "image"
    """In a file of the image that is no trust store of the system."""


@dataclass(slots=True)
class Found:
    """One certificate and the files that hold it, in path order."""

    certificate: Certificate
    paths: list[str] = field(default_factory=list)
    whose: Whose = Whose.IMAGE


def look_into(tree: Tree, read: ContentReader) -> tuple[list[Held], list[Unjudged]]:
    """The certificates of a tree whose bytes can be read, and the files that say less than they
    should. Nothing but files that may hold certificates is read.
    """
    looking = Observing(Depth.INVENTORY, OBSERVERS)
    held: list[Held] = []
    unjudged: list[Unjudged] = []
    for entry in tree:
        if entry.kind is not Kind.FILE or entry.content is None:
            continue
        view = memoryview(read(entry))
        candidate = Candidate(path=entry.path, mode=entry.mode, size=len(view))
        facts = looking.observe(candidate, view) if len(view) else None
        if facts is not None:
            held += [(entry.path, one) for one in facts.certificates]
            unjudged += [Unjudged(path=entry.path, reason=note) for note in facts.unjudged]
    return held, unjudged


def about_certificates(unjudged: Iterable[Unjudged]) -> list[Unjudged]:
    """What of an inventory's ``unjudged`` is about files that may hold certificates."""
    return [one for one in unjudged if _PATHS.fullmatch(one.path)]


def group(held: Iterable[Held], recipe: Iterable[str]) -> dict[str, Found]:
    """Fingerprint → certificate, with whose it is; ``recipe`` are the fingerprints that the
    image's recipe names.
    """
    found: dict[str, Found] = {}
    for path, certificate in held:
        one = found.setdefault(certificate.fingerprint, Found(certificate))
        if len(one.paths) < _MAX_PLACES and (not one.paths or one.paths[-1] != path):
            one.paths.append(path)
    _attribute(found, frozenset(recipe))
    return found


def _attribute(found: Mapping[str, Found], recipe: frozenset[str]) -> None:
    for fingerprint, one in found.items():
        if fingerprint in recipe:
            one.whose = Whose.RECIPE
        elif any(path.startswith(_PACKAGED) for path in one.paths):
            one.whose = Whose.PUBLIC
        elif any(_is_bundle(path) for path in one.paths):
            one.whose = Whose.BUNDLE


def _is_bundle(path: str) -> bool:
    return path.startswith(_BUNDLES) or any(copy.pattern.search(path) for copy in COPIES)
