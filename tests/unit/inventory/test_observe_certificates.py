"""Certificates of an image with what matters of each; what can't be read is named."""

from __future__ import annotations

import base64
import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from neve.effects.generators.javastore import jks
from neve.inventory.facts import observing
from neve.inventory.types import Candidate, Depth, FileFacts

KEY = ec.generate_private_key(ec.SECP256R1())


def made(name: str = "Test Root") -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2021, 1, 1, tzinfo=datetime.UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(KEY, hashes.SHA256())
    )


ONE = made()
PEM = ONE.public_bytes(serialization.Encoding.PEM)
DER = ONE.public_bytes(serialization.Encoding.DER)
KEY_DER = KEY.private_bytes(
    serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)


def look(path: str, data: bytes, depth: Depth = Depth.INVENTORY) -> FileFacts:
    candidate = Candidate(path=path, mode=0o644, size=len(data))
    return observing(depth).observe(candidate, memoryview(data)) or FileFacts()


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/etc/ssl/certs/a.pem", PEM),
        ("/etc/ssl/certs/1234abcd.0", PEM),
        ("/opt/app/trust.crt", DER),
        ("/etc/ssl/certs/java/cacerts", jks([("a", DER)], time=1)),
        ("/opt/app/store", jks([("a", DER)], time=1)),
        ("/opt/app/notes.pem", b"# Test Root\n" + PEM),
    ],
)
def test_certificates_in_their_places(path: str, data: bytes) -> None:
    facts = look(path, data)
    (found,) = facts.certificates
    assert found.subject == "CN=Test Root"
    assert found.fingerprint == ONE.fingerprint(hashes.SHA256()).hex()
    assert (found.authority, found.self_signed, found.key) == (True, True, "ec secp256r1")
    assert found.not_after == 1609459200
    assert facts.unjudged == ()


def test_a_name_makes_no_certificate() -> None:
    assert look("/etc/ssl/certs/readme.crt", b"no certificate here\n") == FileFacts()


def test_a_broken_certificate_is_named_and_the_next_read() -> None:
    facts = look("/etc/ssl/b.pem", PEM.replace(b"\nMII", b"\nM*I", 1) + PEM)
    assert len(facts.certificates) == 1
    assert facts.unjudged == ("the certificate at line 1 is no base64",)
    assert "no X.509" in look("/etc/ssl/c.pem", pem(b"\x30\x03\x02\x01\x05")).unjudged[0]


def pem(der: bytes) -> bytes:
    text = base64.encodebytes(der)
    return b"-----BEGIN CERTIFICATE-----\n" + text + b"-----END CERTIFICATE-----\n"


def test_binary_keys_are_secrets() -> None:
    (found,) = look("/etc/ssl/private/server.key", KEY_DER).secrets
    assert (found.rule, found.line) == ("private-key", 0)


def test_a_key_in_text_is_told_once() -> None:
    text = KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    facts = look("/etc/ssl/server.pem", PEM + text, Depth.FULL)
    assert len(facts.certificates) == 1
    assert [(s.rule, s.line) for s in facts.secrets] == [
        ("private-key", PEM.count(b"\n") + 1),
    ]
