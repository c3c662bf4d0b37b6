"""The certificates of a tree: in which files each stands, and whose it is.

Whose: the recipe's (its lock names them), a public root (a package brings it), part of a bundle
that says nothing of its origin, or the image's own.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from neve.effects.trust_stores import COPIES
from neve.errors import HostileInputError
from neve.formats.certificates import CertificateFacts, describe_certificate, read_certificates
from neve.inventory.types import Unjudged
from neve.tree import FileEntry, Kind, Tree

ContentReader = Callable[[FileEntry], "bytes | memoryview"]

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
_ENDINGS: tuple[str, ...] = (
    *(".pem", ".crt", ".cer", ".der", ".p7b", ".p11-kit"),
    *(".jks", ".p12", ".pfx", ".keystore", ".truststore"),
)
_NAMES = ("cacerts", "jssecacerts", "cacerts.txt", "truststore", "keystore")
_MAX_FILE = 32 << 20
_MAX_PLACES = 1_000


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

    facts: CertificateFacts
    paths: list[str] = field(default_factory=list)
    whose: Whose = Whose.IMAGE


def certificates_of(
    tree: Tree, read: ContentReader, recipe: Iterable[str]
) -> tuple[dict[str, Found], tuple[Unjudged, ...]]:
    """Fingerprint → certificate, and the files that could not be judged.

    ``recipe`` are the fingerprints that the image's recipe names.
    """
    found: dict[str, Found] = {}
    unjudged: list[Unjudged] = []
    known: dict[bytes, CertificateFacts] = {}
    for entry in tree:
        if entry.kind is not Kind.FILE or not _interesting(entry.path):
            continue
        size = entry.content.size if entry.content is not None else 0
        if size > _MAX_FILE:
            unjudged.append(Unjudged(path=entry.path, reason=f"{size} bytes: too large"))
            continue
        _look(entry.path, bytes(read(entry)), found, known, unjudged)
    _attribute(found, frozenset(recipe))
    return found, tuple(sorted(unjudged))


def _interesting(path: str) -> bool:
    name = posixpath.basename(path).lower()
    return name.endswith(_ENDINGS) or name in _NAMES


def _look(
    path: str,
    data: bytes,
    found: dict[str, Found],
    known: dict[bytes, CertificateFacts],
    unjudged: list[Unjudged],
) -> None:
    file = read_certificates(data)
    notes = list(file.problems)
    for block in file.blocks:
        if block.problem and block.label.endswith("CERTIFICATE"):
            notes.append(f"line {block.line}: a certificate that {block.problem}")
    for block in file.certificates:
        try:
            facts = known.get(block.der) or describe_certificate(block.der)
        except HostileInputError as error:
            notes.append(f"line {block.line}: {error.brief}")
            continue
        known[block.der] = facts
        one = found.setdefault(facts.fingerprint, Found(facts))
        if len(one.paths) < _MAX_PLACES and (not one.paths or one.paths[-1] != path):
            one.paths.append(path)
    unjudged.extend(Unjudged(path=path, reason=note) for note in dict.fromkeys(notes))


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
