"""The CA bundle, hash links and Java's store on small trees, from certificates made here."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from neve.effects.bench import EffectContext, Workbench
from neve.effects.generators import certificates, javastore
from neve.effects.generators.x509 import certificates_in, subject_hash
from neve.errors import HostileInputError
from neve.model import Origin, Reason
from neve.tree import Inline, Kind, Remove, Tree

MakeTree = Callable[..., Tree]
ASKED = (("ca-certificates", ()),)
WHEN = datetime(2020, 1, 1, tzinfo=UTC)
KEY = ec.derive_private_key(7, ec.SECP256R1())


@cache
def certificate(name: str, serial: int = 1) -> bytes:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(KEY.public_key())
        .serial_number(serial)
        .not_valid_before(WHEN)
        .not_valid_after(WHEN + timedelta(days=9999))
        .sign(KEY, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM)


def bundle(tree: Tree) -> bytes:
    content = tree["/etc/ssl/certs/ca-certificates.crt"].content
    assert isinstance(content, Inline)
    return content.data


@pytest.fixture
def shared(make_tree: MakeTree) -> Tree:
    return make_tree(
        {
            "/usr/share/ca-certificates/mozilla/B.crt": certificate("B"),
            "/usr/share/ca-certificates/mozilla/A_(x).crt": certificate("A").rstrip(),
            "/usr/share/ca-certificates/README": b"",
        }
    )


def test_every_packaged_certificate_is_enabled_linked_and_bundled(
    shared: Tree, context: EffectContext
) -> None:
    certificates.run(Workbench(shared, context), ASKED)
    assert bundle(shared) == certificate("A") + certificate("B")
    conf = shared["/etc/ca-certificates.conf"].content
    assert isinstance(conf, Inline)
    assert conf.data.endswith(b"#\nmozilla/A_(x).crt\nmozilla/B.crt\n")
    link = shared["/etc/ssl/certs/A_=x=.pem"]
    assert link.target == "/usr/share/ca-certificates/mozilla/A_(x).crt"
    key = subject_hash(certificates_in(certificate("B"))[0])
    assert shared[f"/etc/ssl/certs/{key}.0"].target == "B.pem"
    assert shared["/usr/lib/ssl/cert.pem"].target == "/etc/ssl/certs/ca-certificates.crt"
    assert shared["/usr/lib/ssl/certs"].target == "/etc/ssl/certs"


def test_a_deselected_certificate_stays_out(shared: Tree, context: EffectContext) -> None:
    bench = Workbench(shared, context)
    bench.write(
        "/etc/ca-certificates.conf",
        b"# c\n!mozilla/B.crt\nmozilla/A_(x).crt\nmozilla/gone.crt\n",
        Reason(Origin.RECIPE, "files"),
    )
    certificates.run(bench, ASKED)
    assert bundle(shared) == certificate("A")
    assert "/etc/ssl/certs/B.pem" not in shared


def test_a_recipes_own_certificate_is_trusted_without_the_package(
    make_tree: MakeTree, context: EffectContext
) -> None:
    tree = make_tree({"/usr/local/share/ca-certificates/corp/Own CA.crt": certificate("Own")})
    certificates.run(Workbench(tree, context), ())
    assert bundle(tree) == certificate("Own")
    assert "/etc/ssl/certs/Own_CA.pem" in tree
    assert "/etc/ca-certificates.conf" not in tree
    empty = make_tree({})
    certificates.run(Workbench(empty, context), ())
    assert "/etc/ssl" not in empty


def test_running_again_changes_nothing_and_a_removed_one_disappears(
    shared: Tree, context: EffectContext
) -> None:
    bench = Workbench(shared, context)
    certificates.run(bench, ASKED)
    done = len(bench.edits)
    certificates.run(bench, ASKED)
    assert len(bench.edits) == done
    gone = Reason(Origin.RULE, "prune")
    shared.apply(Remove("/usr/share/ca-certificates/mozilla/B.crt", gone))
    certificates.run(bench, ASKED)
    assert bundle(shared) == certificate("A")
    key = subject_hash(certificates_in(certificate("B"))[0])
    assert not {"/etc/ssl/certs/B.pem", f"/etc/ssl/certs/{key}.0"} & {e.path for e in shared}


def test_equal_subjects_are_numbered_and_copies_left_out(
    make_tree: MakeTree, context: EffectContext
) -> None:
    tree = make_tree(
        {
            "/usr/share/ca-certificates/1.crt": certificate("Same", 1),
            "/usr/share/ca-certificates/2.crt": certificate("Same", 2),
            "/usr/share/ca-certificates/3.crt": certificate("Same", 2),
        }
    )
    certificates.run(Workbench(tree, context), ASKED)
    key = subject_hash(certificates_in(certificate("Same"))[0])
    found = {n: tree[f"/etc/ssl/certs/{n}"].target for n in (f"{key}.0", f"{key}.1")}
    assert found == {f"{key}.0": "1.pem", f"{key}.1": "2.pem"}
    assert f"/etc/ssl/certs/{key}.2" not in tree


def test_case_and_spaces_of_a_name_do_not_change_its_hash() -> None:
    first, second = (certificates_in(certificate(n))[0] for n in ("My  Root CA", "my root ca"))
    assert subject_hash(first) == subject_hash(second)
    assert subject_hash(first) != subject_hash(certificates_in(certificate("my root cb"))[0])


def test_a_broken_certificate_is_named(make_tree: MakeTree, context: EffectContext) -> None:
    broken = b"-----BEGIN CERTIFICATE-----\nMIIBAA==\n-----END CERTIFICATE-----\n"
    tree = make_tree({"/usr/local/share/ca-certificates/bad.crt": broken})
    with pytest.raises(HostileInputError, match=r"bad\.pem|not a certificate"):
        certificates.run(Workbench(tree, context), ())


@given(st.binary(max_size=80), st.integers(0, 200), st.integers(0, 255))
def test_no_der_crashes_the_reader(noise: bytes, at: int, byte: int) -> None:
    der = bytearray(certificates_in(certificate("Fuzz"))[0])
    der[at] = byte
    for data in (noise, bytes(der)):
        try:
            assert len(subject_hash(data)) == 8
        except HostileInputError as error:
            assert error.resolution  # noqa: PT017 (either outcome is right)


def test_the_java_store_holds_every_certificate_under_debians_alias(
    shared: Tree, context: EffectContext
) -> None:
    bench = Workbench(shared, context)
    certificates.run(bench, ASKED)
    javastore.run(bench, (("ca-certificates-java", ()),))
    content = shared[javastore.STORE].content
    assert isinstance(content, Inline)
    entries = read_jks(content.data)
    assert [alias for alias, _ in entries] == ["debian:a_=x=.pem", "debian:b.pem"]
    assert [der for _, der in entries] == [
        certificates_in(certificate("A"))[0],
        certificates_in(certificate("B"))[0],
    ]
    assert shared[javastore.STORE].kind is Kind.FILE


def read_jks(data: bytes) -> list[tuple[str, bytes]]:
    """A second, independent reading of the format."""
    keyed = "changeit".encode("utf-16-be") + b"Mighty Aphrodite" + data[:-20]
    assert hashlib.sha1(keyed).digest() == data[-20:]
    magic, version, count = struct.unpack_from(">III", data)
    assert (magic, version) == (0xFEEDFEED, 2)
    at, found = 12, []

    def text() -> str:
        nonlocal at
        (size,) = struct.unpack_from(">H", data, at)
        at += 2 + size
        return data[at - size : at].decode()

    for _ in range(count):
        at += 4
        alias = text()
        at += 8
        assert text() == "X.509"
        (size,) = struct.unpack_from(">I", data, at)
        at += 4 + size
        found.append((alias, data[at - size : at]))
    assert at == len(data) - 20
    return found
