"""Certificates of an image, where trust stores and servers keep them, and key stores' passwords.

Asked by the ending of a name or the first bytes; what counts is what the file holds. PEM inside
other texts (a manifest, a script) is no trust anchor of anything and stays unread here; a private
key in it is a secret all the same.
"""

from __future__ import annotations

from neve.errors import HostileInputError
from neve.formats.certificates import (
    BlockKind,
    CertificateFacts,
    CertificateFile,
    Form,
    describe_certificate,
    read_certificates,
)
from neve.inventory.types import (
    Candidate,
    Certificate,
    Depth,
    FileFacts,
    Observer,
    Secret,
)

_LIMIT = 32 << 20
_PATHS = (
    r".*/(?:[^/]+\.(?:pem|crt|cer|der|key|p7b|p7c|p12|pfx|jks|jceks|truststore|keystore)|cacerts)"
)
_MAGICS = (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce", b"-----BEG")
_SHOWN = 20


def _observe(candidate: Candidate, data: memoryview) -> FileFacts | None:
    del candidate
    found = read_certificates(bytes(data))
    certificates: list[Certificate] = []
    problems = list(found.problems)
    for block in found.blocks:
        if block.kind is not BlockKind.CERTIFICATE:
            continue
        place = f"line {block.line}" if block.line else block.label
        if block.problem:
            problems.append(f"the certificate at {place} {block.problem}")
            continue
        try:
            certificates.append(_certificate(describe_certificate(block.der)))
        except HostileInputError as error:
            problems.append(f"{place}: {error.brief}")
    secrets = _binary_keys(found)
    if not (certificates or problems or secrets):
        return None
    if len(problems) > _SHOWN:
        problems = [*problems[:_SHOWN], f"and {len(problems) - _SHOWN} more like these"]
    return FileFacts(
        certificates=tuple(certificates), secrets=secrets, unjudged=tuple(dict.fromkeys(problems))
    )


def _certificate(facts: CertificateFacts) -> Certificate:
    return Certificate(
        fingerprint=facts.fingerprint,
        subject=facts.subject,
        issuer=facts.issuer,
        not_before=facts.not_before,
        not_after=facts.not_after,
        key=facts.key,
        signature_hash=facts.signature_hash,
        authority=facts.authority,
        self_signed=facts.self_signed,
    )


def _binary_keys(found: CertificateFile) -> tuple[Secret, ...]:
    """The private keys of key stores and DER files; those in text are found by ``keys_in``."""
    if found.form is Form.PEM:
        return ()
    opens = found.password is not None
    return tuple(
        Secret(
            rule="encrypted-private-key" if block.encrypted and not opens else "private-key",
            line=0,
            hint=f"{block.label}, opens with a public default password" if opens else block.label,
        )
        for block in found.private_keys
    )


OBSERVERS = (
    Observer(
        name="certificates",
        version=1,
        depth=Depth.INVENTORY,
        observe=_observe,
        paths=_PATHS,
        magics=_MAGICS,
        limit=_LIMIT,
    ),
)
"""The row for certificates."""
