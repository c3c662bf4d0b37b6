"""Reading a recipe's certificates: what counts, and what is refused at which line."""

from __future__ import annotations

import base64
import textwrap
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.certificates import make_certificate

from neve.errors import Place, SourceError
from neve.recipe.certificates import LEAF, MAX_FILE, Wish, name_of, read_wish
from neve.recipe.read import read_recipe
from neve.recipe.types import Recipe

CORP = make_certificate("Corp CA")
OTHER = make_certificate("Other CA")
LONELY = make_certificate("printer.corp.test", authority=False)
BARE = make_certificate("Bare", authority=None)
ISSUED = make_certificate("www.corp.test", authority=False, issuer=CORP)
MIDDLE = make_certificate("Middle CA", issuer=CORP)
HEAD = 'distribution: debian\nrelease: "13"\npackages: [base-files]\n'


def wish(data: bytes, trust: str = "authority") -> Wish:
    place = Place(file="ca.pem", line=0, column=1)
    return Wish(
        data=data, origin="ca.pem", name="ca", trust=trust, field="certificates[0]", place=place
    )


def flaws(data: bytes, trust: str = "authority") -> list[tuple[int, int, str]]:
    found, wrong = read_wish(wish(data, trust))
    assert not found or not wrong
    return [(flaw.line, flaw.column, flaw.brief) for flaw in wrong]


def read(directory: Path, text: str, **files: bytes) -> Recipe:
    for name, data in files.items():
        (directory / name.replace("__", ".")).write_bytes(data)
    path = directory / "neve.yaml"
    path.write_text(HEAD + text)
    return read_recipe(path).recipe


def refused(directory: Path, text: str, **files: bytes) -> SourceError:
    with pytest.raises(SourceError) as caught:
        read(directory, text, **files)
    return caught.value


@pytest.mark.parametrize("data", [CORP.pem, CORP.der, CORP.pem.replace(b"\n", b"\r\n")])
def test_pem_and_der_give_the_same_certificate(data: bytes) -> None:
    (one,), wrong = read_wish(wish(data))
    assert not wrong
    assert base64.b64decode(one.der) == CORP.der
    assert (one.fingerprint, one.subject, one.key) == (
        CORP.fingerprint,
        "CN=Corp CA",
        "ec secp256r1",
    )
    assert (one.not_after - one.not_before) // 86_400 == 3650
    assert one.trust == "authority"


def test_several_in_one_file_are_numbered_and_say_where_they_stood() -> None:
    text = b"# ours\n\n" + CORP.pem + b"\nsubject=CN = Other CA\n" + OTHER.pem
    (first, second), wrong = read_wish(wish(text))
    assert not wrong
    assert (first.name, second.name) == ("ca-1", "ca-2")
    assert first.source == "ca.pem:3"
    assert text.decode().splitlines()[int(second.source.partition(":")[2]) - 1].startswith("-----")


@pytest.mark.parametrize(
    "key",
    [
        CORP.key_pem,
        CORP.private(PrivateFormat.TraditionalOpenSSL),
        CORP.private(PrivateFormat.PKCS8, serialization.Encoding.DER),
        CORP.private(PrivateFormat.TraditionalOpenSSL, serialization.Encoding.DER),
        CORP.key.private_bytes(
            serialization.Encoding.PEM,
            PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        ),
        b"-----BEGIN RSA PRIVATE KEY-----\nhalf of it",
    ],
    ids=["pkcs8", "sec1", "pkcs8-der", "sec1-der", "encrypted", "half"],
)
def test_a_private_key_is_refused_and_never_repeated(key: bytes) -> None:
    found, wrong = read_wish(wish(key))
    assert not found
    assert "private key" in wrong[0].brief
    assert wrong[0].line == 1
    said = " ".join(f"{flaw.brief} {flaw.resolution}" for flaw in wrong).encode()
    for line in (row for row in key.splitlines() if len(row) > 20 and b"PRIVATE" not in row):
        assert line not in said


def test_a_private_key_after_a_certificate_is_found_at_its_line() -> None:
    lines = CORP.pem.count(b"\n")
    assert flaws(CORP.pem + CORP.key_pem) == [(lines + 1, 1, "a private key")]


def test_garbage_between_blocks_is_found_at_its_line_and_column() -> None:
    lines = CORP.pem.count(b"\n")
    text = CORP.pem + b"# fine\n   what is this?\n" + OTHER.pem
    assert flaws(text) == [(lines + 2, 4, "text that belongs to no certificate")]


def test_a_certificate_that_lost_its_begin_line_is_not_passed_over() -> None:
    lost = OTHER.pem.replace(b"-----BEGIN CERTIFICATE-----\n", b"")
    ((line, column, brief),) = flaws(CORP.pem + lost)
    assert (line, column) == (CORP.pem.count(b"\n") + 1, 1)
    assert "belongs to no certificate" in brief
    ((line, _, brief),) = flaws(CORP.pem + OTHER.pem.replace(b"-----BEGIN", b"----BEGIN"))
    assert "nearly the first or last line" in brief


def test_broken_base64_is_found_at_its_character() -> None:
    rows = CORP.pem.decode().split("\n")
    rows[3] = rows[3][:9] + "!" + rows[3][10:]
    ((line, column, brief),) = flaws("\n".join(rows).encode())
    assert (line, column) == (4, 10)
    assert "base64" in brief


def pem(der: bytes) -> bytes:
    body = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
    return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n".encode()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no certificate in it"),
        (b"hello\n", "belongs to no certificate"),
        (CORP.pem.rpartition(b"-----END")[0], "END line"),
        (CORP.der[:200], "cut short"),
        (pem(CORP.der[:200]), "cut short"),
        (pem(b"\x30\x03\x02\x01\x07"), "X.509"),
        (pem(b"\x30\x80" * 400), "DER"),
        (b"\x30\x82" + b"\x30" * 3000, "cut short"),
        (CORP.pem.decode().encode("utf-16"), "UTF-16"),
        (b"x" * (MAX_FILE + 1), "larger than"),
        (CORP.pem.replace(b"CERTIFICATE", b"CERTIFICATE REQUEST"), "CERTIFICATE REQUEST"),
        (CORP.pem.replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"), "TRUSTED CERTIFICATE"),
        (
            pkcs12.serialize_key_and_certificates(
                b"n", None, CORP.certificate, None, serialization.NoEncryption()
            ),
            "PKCS12 store",
        ),
    ],
)
def test_what_is_no_certificate_is_said_clearly(data: bytes, said: str) -> None:
    found = flaws(data)
    assert found
    assert any(said in brief for _, _, brief in found), found
    assert all(line >= 1 and column >= 1 for line, column, _ in found)


def test_a_self_signed_leaf_needs_to_be_asked_for() -> None:
    for lonely in (LONELY, BARE):
        _, (flaw,) = read_wish(wish(lonely.pem))
        assert "no CA: self-signed" in flaw.brief
        assert "trust: leaf" in flaw.resolution
        (one,), wrong = read_wish(wish(lonely.pem, LEAF))
        assert not wrong
        assert one.trust == LEAF


def test_a_leaf_that_somebody_issued_is_refused_even_then() -> None:
    for trust in ("authority", LEAF):
        _, (flaw,) = read_wish(wish(ISSUED.pem, trust))
        assert "CN=Corp CA" in flaw.brief
        assert "issuer" in flaw.resolution


def test_trust_leaf_says_something_false_of_a_ca() -> None:
    assert flaws(CORP.pem, LEAF) == [(1, 1, "trust: leaf, but every certificate here is a CA")]
    assert not flaws(LONELY.pem + CORP.pem, LEAF)


def test_an_intermediate_counts_as_a_ca() -> None:
    (one,), _ = read_wish(wish(MIDDLE.pem))
    assert (one.trust, one.self_signed) == ("authority", False)


def test_a_recipe_names_files_and_text(tmp_path: Path) -> None:
    inline = textwrap.indent(OTHER.pem.decode(), "      ")
    text = (
        "certificates:\n  - corp-ca.pem\n"
        "  - {file: printer.der, trust: leaf, name: printer}\n"
        f"  - text: |\n{inline}"
    )
    recipe = read(tmp_path, text, **{"corp-ca__pem": CORP.pem, "printer__der": LONELY.der})
    shown = [(one.name, one.trust, one.source) for one in recipe.certificates]
    assert shown == [
        ("corp-ca", "authority", "corp-ca.pem:1"),
        ("printer", "leaf", "printer.der"),
        ("other-ca", "authority", "certificates[2].text:1"),
    ]


def test_flaws_stand_at_the_file_or_at_the_recipes_own_line(tmp_path: Path) -> None:
    inline = textwrap.indent(CORP.pem.decode() + "rubbish\n", "      ")
    error = refused(
        tmp_path,
        f"certificates:\n  - text: |\n{inline}  - bad.pem\n",
        bad__pem=b"\n\n" + CORP.key_pem,
    )
    said = [str(error), *error.details]
    line = 6 + CORP.pem.count(b"\n")
    assert said[0].startswith(f"{tmp_path / 'neve.yaml'}:{line}:")
    assert said[1].startswith("bad.pem:3:1: certificates[1]: a private key")


def test_a_huge_file_is_refused_at_the_recipes_line(tmp_path: Path) -> None:
    with (tmp_path / "huge.pem").open("wb") as file:
        file.truncate(50 << 20)
    error = refused(tmp_path, "certificates: [huge.pem]\n")
    assert "larger than" in error.brief
    assert f"{tmp_path / 'neve.yaml'}:4:" in error.brief


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("certificates: [../ca.pem]\n", "leaves the recipe's directory"),
        ("certificates: [missing.pem]\n", "does not exist"),
        ("certificates: [{trust: leaf}]\n", "exactly one of file and text"),
        ("certificates: [{file: a.pem, text: b}]\n", "exactly one of file and text"),
        ("certificates: [{file: a.pem, trust: fully}]\n", "authority or leaf"),
        ("certificates: [{file: a.pem, name: ../x}]\n", "name for trust stores"),
        ("certificates: a.pem\n", "expected a list"),
    ],
)
def test_a_wrong_entry_is_refused(tmp_path: Path, text: str, said: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "ca.pem").write_bytes(CORP.pem)
    assert said in refused(inside, text).brief


def test_one_certificate_twice_is_kept_once(tmp_path: Path) -> None:
    recipe = read(tmp_path, "certificates: [a.pem, b.pem]\n", a__pem=CORP.pem, b__pem=CORP.der)
    (one,) = recipe.certificates
    assert (one.name, one.also) == ("a", ("b.pem",))


def test_equal_names_are_told_apart(tmp_path: Path) -> None:
    for folder, made in (("one", CORP), ("two", OTHER)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "ca.pem").write_bytes(made.pem)
    recipe = read(tmp_path, "certificates: [one/ca.pem, two/ca.pem]\n")
    assert [one.name for one in recipe.certificates] == ["ca", "ca-2"]


def test_a_recipe_adds_to_the_certificates_that_it_extends(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "neve.yaml").write_text(HEAD + "certificates: [ca.pem]\n")
    (base / "ca.pem").write_bytes(CORP.pem)
    (tmp_path / "ca.pem").write_bytes(OTHER.pem)
    path = tmp_path / "neve.yaml"
    path.write_text("extends: base/neve.yaml\ncertificates: [ca.pem]\n")
    found = read_recipe(path)
    subjects = [one.subject for one in found.recipe.certificates]
    assert subjects == ["CN=Corp CA", "CN=Other CA"]
    assert {"base/ca.pem", "ca.pem"} <= {source.path for source in found.sources}


def test_names_come_from_files() -> None:
    assert name_of("certs/Corp Root (2026).pem") == "Corp-Root-2026"
    assert name_of("ca") == "ca"
    assert name_of("...") == "certificate"


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    for text in (data, pem(data), b"\x30" + data):
        found, wrong = read_wish(wish(text))
        assert bool(found) != bool(wrong)


@settings(max_examples=150, deadline=None)
@example(43, 47)
@given(st.integers(0, len(CORP.pem) - 1), st.integers(0, 255))
def test_a_damaged_certificate_is_refused_or_still_itself(at: int, byte: int) -> None:
    """A flipped byte is found, unless it says the same (a line break) or lies in a field whose
    every value is one: then it is another certificate, with another fingerprint.
    """
    damaged = CORP.pem[:at] + bytes((byte,)) + CORP.pem[at + 1 :]
    found, wrong = read_wish(wish(damaged))
    assert bool(found) != bool(wrong)
    for one in found:
        same = one.fingerprint == CORP.fingerprint
        assert same == (base64.b64decode(one.der) == CORP.der)


def test_many_lines_cost_one_pass() -> None:
    for line in (b"-----BEGIN X-----\n", b" " * 60 + b"\n", b"-" * 500 + b"\n", b"\t-" * 200):
        read_wish(wish((line * (MAX_FILE // len(line)))[:MAX_FILE]))
