"""The recipe's certificates into every trust store that the image has.

Owns /usr/local/share/ca-certificates/NAME.crt and what is added to copies that programs bring
themselves (``trust_stores.COPIES``). The distribution's own stores are made of those files by the
generators (``ca-certificates``, ``java-cacerts``), so the public roots stay those of the packages.
Parses no certificate: the recipe's reader has done it.
"""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from neve.effects.bench import EffectContext, Workbench
from neve.effects.generators.certificates import OWN
from neve.effects.keystore import KeyStoreError, with_certificates
from neve.effects.trust_stores import (
    COPIES,
    NODE_VARIABLE,
    VARIABLES,
    Copy,
    Family,
    Form,
    family_of,
)
from neve.model import Check, Origin, Reason, Skipped
from neve.recipe.types import Recipe, TrustedCertificate
from neve.tree import FileEntry, Inline, Kind, Put, Tree

UNREACHED = "certificate-unreached"
_LAST_NAMES = frozenset(
    (
        "ca-bundle.crt",
        "ca-certificates.crt",
        "cacert.pem",
        "cacerts",
        "cacerts.txt",
        "jssecacerts",
        "roots.pem",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustStore:
    """A store of the image that holds the recipe's certificates, and who reads it."""

    path: str
    readers: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What ``add_certificates`` did: ``copies`` it added to, ``unreached`` it could not."""

    copies: tuple[TrustStore, ...] = ()
    unreached: tuple[Check, ...] = ()


def add_certificates(tree: Tree, recipe: Recipe, context: EffectContext) -> Placed:
    """Put the recipe's certificates where the generators find them, and into copies.

    Comes after packages and files of the recipe are there, before the effects are settled.
    """
    if not recipe.certificates:
        return Placed()
    bench = Workbench(tree, context)
    family = family_of(recipe.base.name)
    taken = set(bench.tree.children(bench.tree.resolve("/etc/ssl/certs")))
    for one in recipe.certificates:
        name = one.name if f"{one.name}.pem" not in taken else f"{one.name}-recipe"
        bench.write(f"{family.local}/{name}.crt", pem_of(one), reason_of(one))
    copies, unreached = _copies(bench, recipe.certificates, family)
    unreached += [*_elsewhere(tree, recipe, {family.bundle, *(store.path for store in copies)})]
    return Placed(copies=tuple(copies), unreached=tuple(unreached))


def stores_of(tree: Tree, recipe: Recipe, placed: Placed) -> tuple[TrustStore, ...]:
    """All stores of a finished tree that hold the recipe's certificates, by path."""
    if not recipe.certificates:
        return ()
    family = family_of(recipe.base.name)
    own = (TrustStore(path=store.path, readers=store.readers) for store in family.stores)
    found = {one.path: one for one in (*own, *placed.copies) if tree.locate(one.path) is not None}
    return tuple(found[path] for path in sorted(found))


def reason_of(certificate: TrustedCertificate) -> Reason:
    """The reason of what one certificate brings: who it is, for people."""
    detail = f"{certificate.subject} (sha256 {certificate.fingerprint[:16]})"
    return Reason(Origin.RECIPE, f"{OWN}[{certificate.name}]", detail)


def pem_of(certificate: TrustedCertificate) -> bytes:
    """The certificate as PEM, lines of 64 (RFC 7468)."""
    body = "\n".join(textwrap.wrap(certificate.der, 64))
    return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n".encode()


def _copies(
    bench: Workbench, certificates: Sequence[TrustedCertificate], family: Family
) -> tuple[list[TrustStore], list[Check]]:
    """Add to each copy once; what the distribution's own stores are links to needs nothing."""
    names = ", ".join(one.name for one in certificates)
    done = {bench.tree.resolve(store.path) for store in family.stores}
    stores: list[TrustStore] = []
    unreached: list[Check] = []
    for path, copy in _found(bench.tree):
        entry = bench.tree.locate(path)
        if entry is None or entry.kind not in (Kind.FILE, Kind.HARDLINK):
            continue
        if entry.path in done:
            continue
        done.add(entry.path)
        try:
            data = _added(bench, entry, copy, certificates)
        except KeyStoreError as error:
            unreached.append(_unreached(path, f"read by {copy.readers}: {error}"))
            continue
        reason = Reason(Origin.RECIPE, OWN, f"{names} added for {copy.readers}")
        held = replace(bench.tree.content_entry(entry), path=entry.path, owners=entry.owners)
        bench.edit(Put(replace(held, content=Inline(data), reason=reason)))
        stores.append(TrustStore(path=path, readers=copy.readers))
    return stores, unreached


def _found(tree: Tree) -> Iterator[tuple[str, Copy]]:
    """Paths that some program's own store has, in path order."""
    found = []
    for entry in tree:
        if entry.path.rpartition("/")[2] not in _LAST_NAMES:
            continue
        for copy in COPIES:
            if entry.kind is not Kind.DIRECTORY and copy.pattern.search(entry.path):
                found.append((entry.path, copy))
                break
    return iter(sorted(found, key=lambda pair: pair[0]))


def _added(
    bench: Workbench, entry: FileEntry, copy: Copy, certificates: Sequence[TrustedCertificate]
) -> bytes:
    data = bench.bytes_of(entry) or b""
    if copy.form is Form.JAVA:
        entries = [
            (f"recipe:{one.name.lower()}", base64.b64decode(one.der)) for one in certificates
        ]
        return with_certificates(data, entries, time=bench.context.time)
    if data and b"-----BEGIN " not in data:
        raise KeyStoreError("not PEM text")
    added = b"".join(pem_of(one) for one in certificates)
    return data + (b"" if data.endswith(b"\n") or not data else b"\n") + added


def _elsewhere(tree: Tree, recipe: Recipe, reached: set[str]) -> Iterator[Check]:
    """What reads authorities from a place of its own that nobody added to."""
    environment = dict(recipe.run.environment)
    real = {tree.resolve(path) for path in reached}
    for name, readers in VARIABLES.items():
        path = environment.get(name)
        if path and tree.resolve(path) not in real:
            why = f"{readers} read {path}, which the recipe's certificates are not in"
            yield _unreached(f"run.environment.{name}", why)
    if NODE_VARIABLE not in environment:
        for entry in _own_nodes(tree):
            why = f"a Node.js of its own has its roots built in; set {NODE_VARIABLE} to the bundle"
            yield _unreached(entry.path, why)


def _own_nodes(tree: Tree) -> Iterable[FileEntry]:
    """Node.js programs that no package of the distribution brings."""
    return (
        entry
        for entry in tree
        if entry.path.endswith("/bin/node")
        and entry.kind in (Kind.FILE, Kind.HARDLINK)
        and entry.reason.origin is not Origin.PACKAGE
    )


def _unreached(subject: str, why: str) -> Check:
    return Check(rule=UNREACHED, subject=subject, verdict=Skipped(why))


__all__ = ["Placed", "TrustStore", "add_certificates", "stores_of"]
