"""Certificates and keys are found in every form, each with its place; broken ones say why."""

from __future__ import annotations

import base64
import contextlib
import datetime
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from neve.effects.generators.javastore import jks
from neve.errors import HostileInputError
from neve.formats.certificates import (
    BlockKind,
    Form,
    describe_certificate,
    read_certificates,
)

FROM = datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC)
UNTIL = datetime.datetime(2034, 1, 2, tzinfo=datetime.UTC)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

KEY = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)


def certificate(
    key: Key = KEY, *, name: str = "Test", signer: Key | None = None, authority: bool | None = True
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(0x1234)
        .not_valid_before(FROM)
        .not_valid_after(UNTIL)
    )
    if authority is not None:
        constraints = x509.BasicConstraints(ca=authority, path_length=None)
        builder = builder.add_extension(constraints, critical=True)
        names = x509.SubjectAlternativeName([x509.DNSName("a.example")])
        builder = builder.add_extension(names, critical=False)
    signer = signer or key
    return builder.sign(
        signer, None if signer is not KEY and signer is not RSA else hashes.SHA256()
    )


def pem(item: x509.Certificate) -> bytes:
    return item.public_bytes(serialization.Encoding.PEM)


def der(item: x509.Certificate) -> bytes:
    return item.public_bytes(serialization.Encoding.DER)


ONE, TWO = certificate(name="One"), certificate(RSA, name="Two", authority=False)


def key_pem(password: bytes | None = None, *, old: bool = False, openssh: bool = False) -> bytes:
    form = serialization.PrivateFormat
    chosen = form.OpenSSH if openssh else form.TraditionalOpenSSL if old else form.PKCS8
    cipher: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        cipher = serialization.BestAvailableEncryption(password)
    return KEY.private_bytes(serialization.Encoding.PEM, chosen, cipher)


def test_a_bundle_gives_every_block_with_its_line_and_what_stands_between() -> None:
    data = b"# One\n" + pem(ONE) + b"\n" + pem(TWO) + b"half a block\nof text\n"
    found = read_certificates(data)
    lines = data.split(b"\n")
    assert found.form is Form.PEM
    assert [block.der for block in found.certificates] == [der(ONE), der(TWO)]
    assert all(lines[block.line - 1].startswith(b"-----BEGIN") for block in found.blocks)
    assert [(item.text, item.end - item.line) for item in found.garbage] == [
        ("# One", 0),
        ("half a block", 1),
    ]
    assert lines[found.garbage[1].line - 1] == b"half a block"


@pytest.mark.parametrize(
    "change", [lambda t: t.replace(b"\n", b"\r\n"), lambda t: b"  " + t.replace(b"\n", b"\n  ")]
)
def test_line_ends_and_indents_do_not_matter(change: object) -> None:
    assert callable(change)
    assert [b.der for b in read_certificates(change(pem(ONE))).certificates] == [der(ONE)]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (pem(ONE).replace(b"-----END CERTIFICATE-----", b""), "has no END line"),
        (pem(ONE).replace(b"-----END ", b"-----END NO "), "ends as NO CERTIFICATE"),
        (pem(ONE).replace(b"MII", b"M*I", 1), "is no base64"),
        (b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", "is no DER: empty"),
        (
            b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der(ONE)[:-3])
            + b"-----END CERTIFICATE-----\n",
            "is no DER: cut short",
        ),
        (
            b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der(ONE) + b"xy")
            + b"-----END CERTIFICATE-----\n",
            "is no DER: 2 bytes behind its end",
        ),
    ],
)  # fmt: skip
def test_a_broken_block_says_why_and_does_not_hide_the_next(data: bytes, problem: str) -> None:
    found = read_certificates(data + pem(TWO))
    assert found.blocks[0].problem == problem
    assert [block.der for block in found.certificates] == [der(TWO)]


@pytest.mark.parametrize(
    ("data", "label", "encrypted"),
    [
        (key_pem(), "PRIVATE KEY", False),
        (key_pem(b"secret"), "ENCRYPTED PRIVATE KEY", True),
        (key_pem(old=True), "EC PRIVATE KEY", False),
        (key_pem(b"secret", old=True), "EC PRIVATE KEY", True),
        (key_pem(openssh=True), "OPENSSH PRIVATE KEY", False),
    ],
)
def test_private_keys_and_whether_a_password_guards_them(
    data: bytes, label: str, encrypted: bool
) -> None:
    (block,) = read_certificates(data).private_keys
    assert (block.label, block.encrypted, block.problem) == (label, encrypted, "")


@pytest.mark.parametrize("key", [KEY, RSA])
@pytest.mark.parametrize("form", ["PKCS8", "TraditionalOpenSSL", "encrypted"])
def test_binary_private_keys(key: Key, form: str) -> None:
    encrypted = form == "encrypted"
    cipher: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if encrypted:
        cipher = serialization.BestAvailableEncryption(b"secret")
    chosen = getattr(serialization.PrivateFormat, "PKCS8" if encrypted else form)
    data = key.private_bytes(serialization.Encoding.DER, chosen, cipher)
    (block,) = read_certificates(data).private_keys
    assert block.encrypted is encrypted


def test_der_alone_in_a_row_and_with_rubbish_behind() -> None:
    assert [b.der for b in read_certificates(der(ONE)).certificates] == [der(ONE)]
    assert len(read_certificates(der(ONE) + der(TWO)).certificates) == 2
    assert read_certificates(der(ONE) + b"\n").problems == (
        "1 bytes behind the last item are not judged",
    )


@pytest.mark.parametrize("encoding", [serialization.Encoding.PEM, serialization.Encoding.DER])
def test_pkcs7(encoding: serialization.Encoding) -> None:
    found = read_certificates(pkcs7.serialize_certificates([ONE, TWO], encoding))
    assert {block.der for block in found.certificates} == {der(ONE), der(TWO)}


def test_a_java_trust_store() -> None:
    found = read_certificates(jks([("debian:one", der(ONE)), ("zwei", der(TWO))], time=5))
    assert [(b.label, b.der) for b in found.certificates] == [
        ("jks entry debian:one", der(ONE)),
        ("jks entry zwei", der(TWO)),
    ]
    assert (found.problems, found.password) == ((), "changeit")


def test_a_cut_java_trust_store_gives_what_it_has_and_says_so() -> None:
    whole = jks([("one", der(ONE)), ("two", der(TWO))], time=5)
    found = read_certificates(whole[:-100])
    assert len(found.certificates) == 1
    assert "not judged" in found.problems[0]
    assert found.password is None


def test_pkcs12_open_and_encrypted() -> None:
    cipher = serialization.NoEncryption()
    open_store = pkcs12.serialize_key_and_certificates(b"x", KEY, ONE, [TWO], cipher)
    found = read_certificates(open_store)
    assert {block.der for block in found.certificates} == {der(ONE), der(TWO)}
    assert [block.encrypted for block in found.private_keys] == [False]
    locked = serialization.BestAvailableEncryption(b"secret")
    found = read_certificates(pkcs12.serialize_key_and_certificates(b"x", KEY, ONE, [TWO], locked))
    assert found.form is Form.PKCS12
    assert not found.certificates
    assert "not judged" in found.problems[0]


def test_facts_of_a_certificate() -> None:
    facts = describe_certificate(der(ONE))
    assert facts.subject == facts.issuer == "CN=One"
    assert (facts.not_before, facts.not_after) == (int(FROM.timestamp()), int(UNTIL.timestamp()))
    assert (facts.key, facts.key_bits, facts.signature_hash) == ("ec secp256r1", 256, "sha256")
    assert (facts.authority, facts.self_signed) == (True, True)
    assert facts.names == ("a.example",)
    assert facts.fingerprint == ONE.fingerprint(hashes.SHA256()).hex()
    facts = describe_certificate(der(TWO))
    assert (facts.key, facts.authority) == ("rsa 2048", False)


def test_equal_names_do_not_make_a_certificate_self_signed() -> None:
    assert not describe_certificate(der(certificate(KEY, signer=RSA))).self_signed


def test_an_algorithm_without_a_hash_of_its_own() -> None:
    facts = describe_certificate(der(certificate(ed25519.Ed25519PrivateKey.generate())))
    assert (facts.key, facts.signature_hash, facts.self_signed) == ("ed25519", "", True)


@pytest.mark.parametrize("data", [b"", b"\x30\x03\x02\x01\x00", der(ONE)[:-1], b"x" * (2 << 20)])
def test_what_is_no_certificate_is_refused(data: bytes) -> None:
    with pytest.raises(HostileInputError):
        describe_certificate(data)


def test_names_cannot_write_to_a_terminal() -> None:
    facts = describe_certificate(der(certificate(name="a\x1b[31mb")))
    assert facts.subject.isprintable()


@pytest.mark.parametrize(
    "data",
    [
        b"-----BEGIN CERTIFICATE-----\n" * 100_000,
        b"-----BEGIN " * 300_000,
        b"-----BEGIN CERTIFICATE-----\nA: b\n" * 50_000,
        b"-----BEGIN CERTIFICATE-----\n" + b"\nA:" * 500_000 + b"-----END CERTIFICATE-----\n",
        b"text\n-----BEGIN A-----\n-----END A-----\n" * 60_000,
        b"\x30\x84\x7f\xff\xff\xff" * 200_000,
        b"\x30\x80" * 1_000_000,
        b"\xfe\xed\xfe\xed\0\0\0\2\xff\xff\xff\xff" + b"\0" * 3_000_000,
    ],
    ids=range(8),
)
def test_hostile_files_cost_no_more_than_their_size(data: bytes) -> None:
    start = time.process_time()
    read_certificates(data)
    assert time.process_time() - start < 2


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_damage_is_survived(data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from(WHOLE))
    at = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.binary(max_size=4))
    cut = data.draw(st.integers(0, 6))
    found = read_certificates(whole[:at] + byte + whole[at + cut :])
    for block in found.certificates:
        with contextlib.suppress(HostileInputError):
            describe_certificate(block.der)


WHOLE = (
    pem(ONE) + key_pem(),
    der(ONE),
    jks([("one", der(ONE)), ("two", der(TWO))], time=5),
    pkcs12.serialize_key_and_certificates(b"x", KEY, ONE, [TWO], serialization.NoEncryption()),
    pkcs7.serialize_certificates([ONE, TWO], serialization.Encoding.DER),
)


def test_other_blocks_are_neither() -> None:
    public = KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert [b.kind for b in read_certificates(public).blocks] == [BlockKind.OTHER]
    assert read_certificates(b"just text").form is Form.NONE
