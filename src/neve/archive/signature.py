"""Verifying a release file: who signed it, and exactly which bytes.

Only the bytes that the OpenPGP library returns as verified leave this module: text before,
after or between armor is never seen by anybody.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from neve.archive.failure import BrokenLinkError, Link
from neve.archive.types import SuiteRequest

if TYPE_CHECKING:
    from pysequoia import Cert, Sig

_ARMOR = b"-----BEGIN PGP SIGNATURE-----"
_MOST_SIGNATURES = 16
_OTHER_MIRROR = (
    "use another mirror; if every mirror shows this, wait for an announcement of new keys and "
    "update neve: do not switch verification off"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """The verified bytes, and the fingerprints of allowed primary keys with a good signature."""

    data: bytes
    signers: tuple[str, ...]


def verify_inline(message: bytes, request: SuiteRequest) -> Signed:
    """Verify an ``InRelease`` file; `BrokenLinkError` unless an allowed key signed it."""
    certs = _allowed_certs(request)
    try:
        data, signers = _inline(message, certs)
    except Exception as error:
        others = _forbidden_signers(lambda every: _inline(message, every)[1], request)
        raise _unverified("InRelease", request, error, others) from error
    return Signed(data=data, signers=_signers(signers, request))


def verify_detached(data: bytes, signature: bytes, request: SuiteRequest) -> Signed:
    """Verify ``Release`` with ``Release.gpg``; `BrokenLinkError` unless an allowed key signed."""
    certs = _allowed_certs(request)
    try:
        signers = _detached(data, signature, certs)
    except Exception as error:
        others = _forbidden_signers(lambda every: _detached(data, signature, every), request)
        raise _unverified("Release.gpg", request, error, others) from error
    return Signed(data=data, signers=_signers(signers, request))


def _inline(message: bytes, certs: tuple[Cert, ...]) -> tuple[bytes, list[str]]:
    import pysequoia

    result = pysequoia.verify(message, store=lambda _: list(certs))
    if result.bytes is None:
        raise ValueError("no signed text")
    return bytes(result.bytes), [signature.certificate for signature in result.valid_sigs]


def _detached(data: bytes, signature: bytes, certs: tuple[Cert, ...]) -> list[str]:
    """Fingerprints of all good signatures; the last failure is raised when there is none."""
    import pysequoia

    found: list[str] = []
    failure: Exception = ValueError("no signature")
    for one in _signatures(signature):
        try:
            result = pysequoia.verify(bytes=data, store=lambda _: list(certs), signature=one)
        except Exception as error:
            failure = error
        else:
            found += [valid.certificate for valid in result.valid_sigs]
    if not found:
        raise failure
    return found


def _forbidden_signers(
    verify: Callable[[tuple[Cert, ...]], list[str]], request: SuiteRequest
) -> tuple[str, ...]:
    """Keys of the keyring with a good signature that may not sign this suite: for the message."""
    try:
        return tuple(sorted({one.upper() for one in verify(_certs(request.keyring, request.id))}))
    except Exception:
        return ()


def _allowed_certs(request: SuiteRequest) -> tuple[Cert, ...]:
    certs = tuple(
        cert
        for cert in _certs(request.keyring, request.id)
        if not request.signers or cert.fingerprint.upper() in request.signers
    )
    if not certs:
        raise BrokenLinkError(
            Link.KEYRING,
            f"{request.id}: the keyring holds none of the keys that may sign it",
            details=tuple(f"may sign: {signer}" for signer in request.signers),
            resolution="put the archive's public key into the keyring the recipe names",
        )
    return certs


@lru_cache(maxsize=8)
def _certs(keyring: bytes, subject: str) -> tuple[Cert, ...]:
    import pysequoia

    try:
        return tuple(pysequoia.Cert.split_bytes(keyring))
    except Exception as error:
        raise BrokenLinkError(
            Link.KEYRING,
            f"{subject}: its keyring can't be read: {_first_line(error)}",
            resolution="give a file of OpenPGP public keys, as `gpg --export` writes",
        ) from error


def _signatures(data: bytes) -> list[Sig]:
    """Every signature packet of a detached signature file, armored blocks or binary."""
    from pysequoia import Sig
    from pysequoia.packet import PacketPile

    starts = [match.start() for match in re.finditer(re.escape(_ARMOR), data)]
    blocks = [data[a:b] for a, b in pairwise([*starts, len(data)])] if starts else [data]
    found: list[Sig] = []
    for block in blocks[:_MOST_SIGNATURES]:
        packets = list(PacketPile.from_bytes(block))
        found += [Sig.from_bytes(bytes(packet)) for packet in packets[:_MOST_SIGNATURES]]
    return found


def _signers(fingerprints: list[str], request: SuiteRequest) -> tuple[str, ...]:
    signers = tuple(sorted({fingerprint.upper() for fingerprint in fingerprints}))
    if not signers or (request.signers and not set(signers) <= set(request.signers)):
        raise _no_signature("the release file", request)
    return signers


def _unverified(
    name: str, request: SuiteRequest, error: Exception, others: tuple[str, ...]
) -> BrokenLinkError:
    if others:
        return BrokenLinkError(
            Link.SIGNER,
            f"{request.id}: {name} is signed by a key that may not sign this suite",
            details=(
                *(f"signed by: {signer}" for signer in others),
                *(f"may sign: {signer}" for signer in request.signers),
            ),
            resolution=_OTHER_MIRROR,
        )
    return BrokenLinkError(
        Link.SIGNATURE,
        f"{request.id}: no key that may sign this suite has signed these bytes of {name}",
        details=(
            _first_line(error),
            *(f"may sign: {signer}" for signer in request.signers),
        ),
        resolution=_OTHER_MIRROR,
    )


def _no_signature(name: str, request: SuiteRequest) -> BrokenLinkError:
    return BrokenLinkError(
        Link.SIGNATURE, f"{request.id}: {name} is not signed", resolution=_OTHER_MIRROR
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
