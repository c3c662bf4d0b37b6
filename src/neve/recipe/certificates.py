"""The ``certificates:`` of a recipe: files or text → certificates, or what is wrong and where.

Strict where TLS libraries are lenient: what they pass over in silence (a broken ``BEGIN`` line,
base64 without a head, a leaf that vouches for nobody) would be missed only when a handshake
fails. Loads ``cryptography``, so only a recipe with certificates pays for it, and only when it
is read: a lock carries what a build needs. Never repeats what a private key says.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from neve.errors import HostileInputError, Place
from neve.formats.certificates import (
    Block,
    BlockKind,
    CertificateFacts,
    CertificateFile,
    Form,
    describe_certificate,
    read_certificates,
)
from neve.recipe.problems import shown
from neve.recipe.types import TrustedCertificate

MAX_FILE = 1 << 20
"""The most bytes of one file or text: all public roots together are a quarter of it."""
MAX_CERTIFICATES = 1_000
_MAX_DER = 64 << 10
AUTHORITY, LEAF = "authority", "leaf"

_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_LINE = 200
# What openssl writes around a block (x509, pkcs12, s_client); "#" is everybody's comment.
_REMARK = re.compile(
    r"#.*|(?:subject|issuer)\s?[=:].*|(?:Bag|Key) Attributes.*|---"
    r"|\s+(?:friendlyName|localKeyID|[siav]|1\.3\.6\.1[.0-9]{0,60})\s?:.*"
)
_NEARLY = re.compile(r"-{2,}\s?(?:BEGIN|END)|^\s?(?:BEGIN|END) |CERTIFICATE\s?-{2}", re.I)
_AGAIN = "Copy the certificate again, whole."
_TAKE_OUT = (
    "Take the private key out of the file, and replace the key if anybody else has seen it: an"
    " image and its lock are no place for one."
)
_STORES = {
    Form.PKCS7: "openssl pkcs7 -print_certs -in FILE -out ca.pem (-inform DER for a binary one)",
    Form.PKCS12: "openssl pkcs12 -in FILE -nokeys -out ca.pem",
    Form.JKS: "keytool -list -rfc -keystore FILE > ca.pem",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One entry of ``certificates:``, its bytes at hand.

    ``origin`` is where they come from, for people: the file's path or ``certificates[0].text``;
    ``place`` is the line before their first one, ``name`` "" where the subject has to give it.
    """

    data: bytes
    origin: str
    name: str
    trust: str = AUTHORITY
    field: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """Something wrong with an entry: ``line`` and ``column`` of its bytes, from 1."""

    line: int
    column: int
    brief: str
    resolution: str


def read_wish(wish: Wish) -> tuple[tuple[TrustedCertificate, ...], tuple[Flaw, ...]]:
    """The certificates of one entry, or the flaws for which none of them counts."""
    if len(wish.data) > MAX_FILE:
        brief = f"larger than {MAX_FILE} bytes: no file of CA certificates is"
        return (), (_flaw(1, brief, "Name the file that holds the CA certificates alone."),)
    if wish.data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        brief = "UTF-16 text, which TLS libraries don't read"
        return (), (_flaw(1, brief, "Save it as plain ASCII."),)
    file = read_certificates(wish.data)
    flaws = [*_file_flaws(wish, file)]
    found: list[TrustedCertificate] = []
    if not flaws:
        for block in file.certificates:
            made = _certificate(wish, block)
            if isinstance(made, Flaw):
                flaws.append(made)
            else:
                found.append(made)
    if not flaws and wish.trust == LEAF and all(one.trust != LEAF for one in found):
        brief = "trust: leaf, but every certificate here is a CA"
        flaws.append(_flaw(1, brief, "Remove trust: leaf; a CA vouches for others anyway."))
    return ((), tuple(flaws)) if flaws else (_numbered(found), ())


def join_certificates(
    entries: list[tuple[TrustedCertificate, ...]],
) -> tuple[TrustedCertificate, ...]:
    """All certificates of a recipe: each once, each under a name of its own."""
    joined: dict[str, TrustedCertificate] = {}
    names: set[str] = set()
    for one in (certificate for entry in entries for certificate in entry):
        known = joined.get(one.fingerprint)
        if known is not None:
            joined[one.fingerprint] = replace(known, also=(*known.also, one.source))
            continue
        name, number = one.name, 2
        while name.lower() in names:
            name, number = f"{one.name}-{number}", number + 1
        names.add(name.lower())
        joined[one.fingerprint] = replace(one, name=name)
    return tuple(joined.values())


def _file_flaws(wish: Wish, file: CertificateFile) -> Iterator[Flaw]:
    """What is wrong with the file before any certificate is read."""
    for key in file.private_keys:
        yield _flaw(key.line or 1, "a private key", _TAKE_OUT)
    if file.private_keys:
        return
    if file.form in _STORES:
        brief = f"a {file.form.value.upper()} store, not a plain certificate"
        yield _flaw(1, brief, f"Take the certificates out: {_STORES[file.form]}.")
        return
    for problem in file.problems:
        yield _flaw(1, problem, _AGAIN)
    for block in file.blocks:
        if block.kind is not BlockKind.CERTIFICATE or block.label.startswith("TRUSTED"):
            yield _flaw(block.line or 1, f"a block of {block.label}", _conversion(block.label))
        elif block.problem:
            yield _broken(wish, block)
    for garbage in file.garbage:
        yield from _strays(wish, garbage.line, garbage.end)
    if len(file.blocks) > MAX_CERTIFICATES:
        brief = f"more than {MAX_CERTIFICATES} certificates"
        yield _flaw(1, brief, "Name the CAs that are needed.")
    if file.form is Form.NONE and not file.problems:
        yield next(_strays(wish, 1, 1_000), None) or _flaw(
            1, "no certificate in it", "Name a PEM file (BEGIN CERTIFICATE) or a DER one."
        )


def _conversion(label: str) -> str:
    if label.startswith("TRUSTED"):
        return "Write it plainly: openssl x509 -in FILE -out ca.pem."
    if "REQUEST" in label:
        return "Name the certificate that was issued for the request."
    return "Remove it: only CERTIFICATE blocks belong here."


def _broken(wish: Wish, block: Block) -> Flaw:
    """A block's problem, at the very character where it is broken base64."""
    if "base64" in block.problem:
        lines = _lines(wish.data)
        for number in range(block.line, len(lines)):
            text = lines[number].strip()
            if text.startswith("-----"):
                break
            good = _BASE64.match(text)
            if good is not None and good.end() < len(text):
                brief = "broken base64: a character that can't stand there"
                column = good.end() + 1 + lines[number].index(text)
                return _flaw(number + 1, brief, _AGAIN, column=column)
    return _flaw(block.line or 1, f"this block {block.problem}", _AGAIN)


def _strays(wish: Wish, first: int, last: int) -> Iterator[Flaw]:
    """The first line from ``first`` to ``last`` that belongs to no certificate and is no remark."""
    lines = _lines(wish.data)
    for number in range(first, min(last, len(lines)) + 1):
        line = lines[number - 1][:_LINE].removeprefix("\xef\xbb\xbf").rstrip()
        if not line or _REMARK.fullmatch(line):
            continue
        column = len(line) - len(line.lstrip()) + 1
        if "PRIVATE KEY" in line:
            yield _flaw(number, "this line speaks of a private key", _TAKE_OUT, column=column)
        elif _NEARLY.search(line):
            brief = "nearly the first or last line of a certificate, but not quite"
            fix = "Write -----BEGIN CERTIFICATE----- and -----END CERTIFICATE-----, five dashes."
            yield _flaw(number, brief, fix, column=column)
        else:
            brief = "text that belongs to no certificate"
            fix = "Remove it, put # before it, or restore the BEGIN line that it had."
            yield _flaw(number, brief, fix, column=column)
        return


def _certificate(wish: Wish, block: Block) -> TrustedCertificate | Flaw:
    line = block.line or 1
    if len(block.der) > _MAX_DER:
        return _flaw(line, f"a certificate of {len(block.der)} bytes", "Check what it is.")
    try:
        facts = describe_certificate(block.der)
    except HostileInputError as error:
        return _flaw(line, error.brief, _AGAIN)
    if facts.problems:
        return _flaw(line, "; ".join(facts.problems), "Ask its issuer for a sound one.")
    if not facts.authority and (refused := _refused_leaf(wish, facts, line)) is not None:
        return refused
    return TrustedCertificate(
        name=wish.name or _slug(facts.common_name),
        der=base64.b64encode(block.der).decode(),
        fingerprint=facts.fingerprint,
        subject=facts.subject,
        issuer=facts.issuer,
        not_before=facts.not_before,
        not_after=facts.not_after,
        key=facts.key,
        key_bits=facts.key_bits,
        signature_hash=facts.signature_hash,
        self_signed=facts.self_signed,
        trust=AUTHORITY if facts.authority else LEAF,
        source=f"{wish.origin}:{line}" if block.line else wish.origin,
    )


def _refused_leaf(wish: Wish, facts: CertificateFacts, line: int) -> Flaw | None:
    """Why a certificate that is no CA can't be trusted, unless it is one that may be."""
    subject = shown(facts.subject)
    if not facts.self_signed:
        brief = f"{subject} is no CA: {shown(facts.issuer)} issued it, and trust starts there"
        fix = "Name the certificate of its issuer (the CA) instead."
        return _flaw(line, brief, fix)
    if wish.trust != LEAF:
        brief = f"{subject} is no CA: self-signed, it vouches for nobody but itself"
        fix = f"To trust exactly this server, write under {wish.field}: {_line_to_add(wish)}."
        return _flaw(line, brief, fix)
    return None


def _line_to_add(wish: Wish) -> str:
    if wish.origin == f"{wish.field}.text":
        return "trust: leaf"
    return f"{{file: {wish.origin}, trust: leaf}}"


def _numbered(found: list[TrustedCertificate]) -> tuple[TrustedCertificate, ...]:
    """Several of one file get its name and a number."""
    if len(found) < 2:
        return tuple(found)
    return tuple(replace(one, name=f"{one.name}-{i}") for i, one in enumerate(found, 1))


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text[:64].lower()).strip("-") or "certificate"


def name_of(path: str) -> str:
    """What a file's certificate is called in trust stores: the file's name in plain letters."""
    stem = path.rstrip("/").rpartition("/")[2].rpartition(".")
    return re.sub(r"[^A-Za-z0-9_-]+", "-", stem[0] or stem[2])[:60].strip("-") or "certificate"


def _lines(data: bytes) -> list[str]:
    return data.decode("latin-1").replace("\r\n", "\n").split("\n")


def _flaw(line: int, brief: str, resolution: str, *, column: int = 1) -> Flaw:
    return Flaw(line=line, column=column, brief=brief, resolution=resolution)
