"""What is worth knowing about a recipe's certificates: named warnings, one rule a function.

None of them stops a build. Time is the lock's (the newest signed index), so that the same lock
gives the same warnings; what expired since is said beside a build, not in what it makes.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from neve.effects.bench import EffectContext, Workbench
from neve.effects.generators.x509 import certificates_in, issuer_hash, subject_hash
from neve.effects.trust_stores import family_of
from neve.errors import HostileInputError
from neve.model import Check, Fail, Pass
from neve.recipe.types import Recipe, TrustedCertificate
from neve.tree import Tree

_WEAK_HASHES = ("md2", "md4", "md5", "sha1")
_RSA_BITS, _EC_BITS = 2048, 224
_INDEX_AGE = 10 * 86_400
"""How old a signed index may be: a certificate made since then is in use by now, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What certificates are judged against: ``time`` in seconds, the fingerprint → path of the
    packages' own roots, and the subjects' hashes of all authorities that the image knows.
    """

    time: int
    public: Mapping[str, str]
    authorities: frozenset[str]


Judge = Callable[[TrustedCertificate, World], str | None]
"""Gives the evidence of a warning, or ``None``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One named warning and a sentence about it."""

    id: str
    doc: str
    judge: Judge


def _expired(one: TrustedCertificate, world: World) -> str | None:
    if one.not_after >= world.time:
        return None
    return f"expired on {day(one.not_after)}, before the lock's own time ({day(world.time)})"


def _not_yet_valid(one: TrustedCertificate, world: World) -> str | None:
    if one.not_before <= world.time + _INDEX_AGE:
        return None
    return f"valid from {day(one.not_before)}, after the lock's own time ({day(world.time)})"


def _weak_key(one: TrustedCertificate, world: World) -> str | None:
    del world
    kind = one.key.partition(" ")[0]
    if kind == "rsa" and one.key_bits < _RSA_BITS:
        return f"an RSA key of {one.key_bits} bits; programs refuse less than {_RSA_BITS}"
    if kind == "dsa":
        return "a DSA key, which TLS no longer takes"
    if kind == "ec" and one.key_bits < _EC_BITS:
        return f"an elliptic curve of {one.key_bits} bits; programs refuse less than {_EC_BITS}"
    return f"a key that neve does not know ({one.key})" if kind == "unknown" else None


def _weak_hash(one: TrustedCertificate, world: World) -> str | None:
    """A root's own signature is checked by nobody; MD5 still says how it is run."""
    del world
    weak = one.signature_hash in _WEAK_HASHES
    if not weak or (one.self_signed and one.signature_hash == "sha1"):
        return None
    return f"signed with {one.signature_hash.upper()}, which can be forged"


def _duplicate(one: TrustedCertificate, world: World) -> str | None:
    del world
    return f"stands twice: also in {', '.join(one.also)}" if one.also else None


def _public(one: TrustedCertificate, world: World) -> str | None:
    path = world.public.get(one.fingerprint)
    if path is None:
        return None
    return f"a public root that the image has already ({path}); it stays when packages drop it"


def _no_issuer(one: TrustedCertificate, world: World) -> str | None:
    if one.self_signed or issuer_hash(base64.b64decode(one.der)) in world.authorities:
        return None
    return (
        f"an intermediate CA without its issuer ({one.issuer}): OpenSSL trusts it only where"
        " partial chains are allowed; add the issuer's certificate"
    )


RULES = (
    Rule(id="certificate-expired", doc="The certificate has expired.", judge=_expired),
    Rule(
        id="certificate-not-yet-valid",
        doc="The certificate is not valid yet, by more than an index may be old.",
        judge=_not_yet_valid,
    ),
    Rule(
        id="certificate-weak-key",
        doc="RSA under 2048 bits, DSA, or a curve under 224 bits.",
        judge=_weak_key,
    ),
    Rule(
        id="certificate-weak-hash",
        doc="Signed with MD5, or with SHA-1 by another authority.",
        judge=_weak_hash,
    ),
    Rule(
        id="certificate-duplicate",
        doc="The recipe names the same certificate twice.",
        judge=_duplicate,
    ),
    Rule(
        id="certificate-public",
        doc="The image's packages bring the same root already.",
        judge=_public,
    ),
    Rule(
        id="certificate-no-issuer",
        doc="An intermediate CA whose issuer the image does not know.",
        judge=_no_issuer,
    ),
)
LEAF_RULE = "certificate-leaf"
ALONE_RULE = "certificate-alone"
"""No package brings public roots: the image trusts the recipe's certificates and nobody else."""


def judge_certificates(tree: Tree, recipe: Recipe, context: EffectContext) -> tuple[Check, ...]:
    """The checks of a recipe's certificates on the finished ``tree``: warnings are failures."""
    if not recipe.certificates:
        return ()
    world = _world(tree, recipe, context)
    checks = [
        Check(rule=rule.id, subject=one.name, verdict=Fail(f"{_who(one)}: {evidence}"))
        for one in recipe.certificates
        for rule in RULES
        if (evidence := rule.judge(one, world)) is not None
    ]
    for one in recipe.certificates:
        if one.trust == "leaf":
            passed = Pass(f"{_who(one)}: no CA, trusted for itself alone (trust: leaf)")
            checks.append(Check(rule=LEAF_RULE, subject=one.name, verdict=passed))
    if not world.public:
        names = ", ".join(one.name for one in recipe.certificates)
        why = f"no package brings public roots: the image trusts {names} and nobody else"
        checks.append(Check(rule=ALONE_RULE, subject="ca-certificates", verdict=Pass(why)))
    return tuple(checks)


def _world(tree: Tree, recipe: Recipe, context: EffectContext) -> World:
    packaged = tuple(_packaged(tree, family_of(recipe.base.name).packaged, context))
    own = [base64.b64decode(one.der) for one in recipe.certificates]
    return World(
        time=context.time,
        public={hashlib.sha256(der).hexdigest(): path for path, der in packaged},
        authorities=frozenset(subject_hash(der) for der in (*own, *(der for _, der in packaged))),
    )


def _packaged(tree: Tree, folder: str, context: EffectContext) -> Iterator[tuple[str, bytes]]:
    """(path, DER) of the roots that packages bring."""
    bench = Workbench(tree, context)
    for entry in tree.under(tree.resolve(folder)):
        if entry.path.endswith(".crt"):
            try:
                found = certificates_in(bench.bytes_of(entry) or b"")
            except HostileInputError:
                continue  # the bundle's generator refuses what it can't read
            yield from ((entry.path, der) for der in found)


def _who(one: TrustedCertificate) -> str:
    dates = f"{day(one.not_before)} to {day(one.not_after)}"
    return f"{one.subject} (sha256 {one.fingerprint[:16]}, {dates})"


def day(seconds: int) -> str:
    """The UTC day of a time, as ``2027-01-31``."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).date().isoformat()
