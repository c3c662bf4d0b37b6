"""What one X.509 certificate says (RFC 5280), read by ``cryptography``."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from neve.errors import HostileInputError

if TYPE_CHECKING:
    from cryptography import x509

_MAX_DER = 1 << 20
_MAX_TEXT = 1_000
_MAX_NAMES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFacts:
    """``subject`` and ``issuer`` as RFC 4514 writes them; times in seconds since 1970.

    ``key`` is the algorithm with size or curve (``rsa 2048``, ``ec secp256r1``, ``ed25519``),
    ``key_bits`` its size (0: unknown); ``signature_hash`` as ``sha256``, "" where the algorithm
    has none of its own (Ed25519). ``authority`` is the CA flag; a version 1 certificate has none,
    so a self-signed one counts as an authority, as OpenSSL's verifier takes it.
    ``self_signed``: its own key made its signature. ``names`` are the subject alternative names.
    ``serial`` in hex; key identifiers in hex, "" where absent. ``problems`` names what could not
    be read of an otherwise sound certificate.
    """

    fingerprint: str
    subject: str
    issuer: str
    serial: str
    not_before: int
    not_after: int
    key: str
    key_bits: int
    signature_hash: str
    authority: bool
    self_signed: bool
    names: tuple[str, ...] = ()
    common_name: str = ""
    subject_key_id: str = ""
    authority_key_id: str = ""
    problems: tuple[str, ...] = ()


def describe_certificate(der: bytes) -> CertificateFacts:
    """The facts of one certificate; ``HostileInputError`` where ``der`` is none."""
    if len(der) > _MAX_DER:
        raise _refused(f"a certificate of {len(der)} bytes")
    from cryptography import x509

    _hush()
    try:
        return _facts(x509.load_der_x509_certificate(der), der)
    except (ValueError, TypeError, OverflowError, x509.InvalidVersion) as error:
        raise _refused(f"no X.509 certificate: {_printable(str(error))[:200]}") from error


@cache
def _hush() -> None:
    """Keep cryptography from warning of what old authorities wrote; for the whole process, since
    a filter that comes and goes is not safe among threads.
    """
    from cryptography.utils import CryptographyDeprecationWarning

    warnings.filterwarnings("ignore", category=CryptographyDeprecationWarning)


def _refused(brief: str) -> HostileInputError:
    resolution = "Replace the file with a PEM or DER certificate (openssl x509 -in FILE -noout)."
    return HostileInputError(brief, resolution=resolution)


def _facts(certificate: x509.Certificate, der: bytes) -> CertificateFacts:
    from cryptography import x509

    problems: list[str] = []
    reader = _Extensions(certificate, problems)
    key, bits = _key(certificate)
    self_signed = _self_signed(certificate)
    basic = reader.get(x509.BasicConstraints)
    ancient = certificate.version is x509.Version.v1 and self_signed
    subject_id = reader.get(x509.SubjectKeyIdentifier)
    authority_id = reader.get(x509.AuthorityKeyIdentifier)
    common = certificate.subject.get_attributes_for_oid(x509.oid.NameOID.COMMON_NAME)
    return CertificateFacts(
        fingerprint=hashlib.sha256(der).hexdigest(),
        subject=_printable(certificate.subject.rfc4514_string()),
        issuer=_printable(certificate.issuer.rfc4514_string()),
        serial=f"{certificate.serial_number:x}"[:80],
        not_before=int(certificate.not_valid_before_utc.timestamp()),
        not_after=int(certificate.not_valid_after_utc.timestamp()),
        key=key,
        key_bits=bits,
        signature_hash=_signature_hash(certificate),
        authority=basic.ca if basic is not None else ancient,
        self_signed=self_signed,
        names=_names(reader.get(x509.SubjectAlternativeName)),
        common_name=_printable(str(common[-1].value)) if common else "",
        subject_key_id=subject_id.digest.hex() if subject_id is not None else "",
        authority_key_id=(authority_id.key_identifier or b"").hex() if authority_id else "",
        problems=tuple(dict.fromkeys(problems)),
    )


_Extension = TypeVar("_Extension", bound="x509.ExtensionType")


class _Extensions:
    """The extensions, or what is wrong with them."""

    def __init__(self, certificate: x509.Certificate, problems: list[str]) -> None:
        self._problems = problems
        self._all: x509.Extensions | None = None
        try:
            self._all = certificate.extensions
        except Exception as error:
            problems.append(f"extensions cannot be read: {_printable(str(error))[:120]}")

    def get(self, kind: type[_Extension]) -> _Extension | None:
        from cryptography import x509

        if self._all is None:
            return None
        try:
            return self._all.get_extension_for_class(kind).value
        except x509.ExtensionNotFound:
            return None


def _key(certificate: x509.Certificate) -> tuple[str, int]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return f"unknown {certificate.public_key_algorithm_oid.dotted_string}", 0
    match key:
        case rsa.RSAPublicKey():
            return f"rsa {key.key_size}", key.key_size
        case dsa.DSAPublicKey():
            return f"dsa {key.key_size}", key.key_size
        case ec.EllipticCurvePublicKey():
            return f"ec {key.curve.name}", key.curve.key_size
        case ed25519.Ed25519PublicKey():
            return "ed25519", 256
        case ed448.Ed448PublicKey():
            return "ed448", 456
        case _:
            return f"unknown {certificate.public_key_algorithm_oid.dotted_string}", 0


def _signature_hash(certificate: x509.Certificate) -> str:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        found = certificate.signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return f"unknown {certificate.signature_algorithm_oid.dotted_string}"
    return found.name if found is not None else ""


def _self_signed(certificate: x509.Certificate) -> bool:
    """Whether the certificate's own key signed it.

    Where the algorithm is one the library no longer verifies (MD5), equal names decide.
    """
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    if certificate.subject != certificate.issuer:
        return False
    try:
        certificate.verify_directly_issued_by(certificate)
    except (InvalidSignature, ValueError, TypeError):
        return False
    except UnsupportedAlgorithm:
        return True
    return True


def _names(extension: x509.SubjectAlternativeName | None) -> tuple[str, ...]:
    if extension is None:
        return ()
    return tuple(_printable(_name(name)) for name in list(extension)[:_MAX_NAMES])


def _name(name: x509.GeneralName) -> str:
    from cryptography import x509

    match name:
        case x509.DNSName() | x509.RFC822Name() | x509.UniformResourceIdentifier():
            return name.value
        case x509.IPAddress():
            return str(name.value)
        case x509.DirectoryName():
            return name.value.rfc4514_string()
        case x509.RegisteredID():
            return name.value.dotted_string
        case _:
            return "other name"


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "\ufffd" for char in text[:_MAX_TEXT])
