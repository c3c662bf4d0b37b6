"""Certificates made for tests: authorities, leaves, and odd ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

WHEN = datetime(2026, 1, 1, tzinfo=UTC)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Made:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> bytes:
        """The certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def der(self) -> bytes:
        """The certificate as DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def key_pem(self) -> bytes:
        """Its private key, open, as PKCS#8 in PEM."""
        return self.private(serialization.PrivateFormat.PKCS8)

    @property
    def fingerprint(self) -> str:
        """SHA-256 in hex."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def private(
        self,
        form: serialization.PrivateFormat,
        encoding: serialization.Encoding = serialization.Encoding.PEM,
    ) -> bytes:
        """Its private key without a password."""
        return self.key.private_bytes(encoding, form, serialization.NoEncryption())


def make_certificate(
    name: str = "Corp CA",
    *,
    authority: bool | None = True,
    issuer: Made | None = None,
    key: Key | None = None,
    start: datetime = WHEN,
    days: int = 3650,
    serial: int | None = None,
) -> Made:
    """A certificate of ``name``, self-signed without ``issuer``; ``authority`` is the CA flag of
    its basic constraints (``None``: it has none).
    """
    own = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(own.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
    )
    if authority is not None:
        constraints = x509.BasicConstraints(ca=authority, path_length=None)
        builder = builder.add_extension(constraints, critical=True)
    signed = builder.sign(own if issuer is None else issuer.key, hashes.SHA256())
    return Made(signed, own)
