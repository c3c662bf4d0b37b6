"""The little of X.509 that trust stores need: PEM blocks, and OpenSSL's hash of a subject.

Source: RFC 5280 §4.1, RFC 7468, X.690; the canonical name encoding is that of OpenSSL 1.0 and
later (``crypto/x509/x_name.c``: ``x509_name_canon``), whose SHA-1 names the links that
``openssl rehash`` makes. Judges no signature and no date.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from neve.errors import HostileInputError

_PEM = re.compile(
    rb"-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----\s*\n(.*?)-----END \1-----", re.S
)
_MAX_CERTIFICATE = 1 << 20
_SEQUENCE, _SET, _UTF8, _CONTEXT_0 = 0x30, 0x31, 0x0C, 0xA0

# Tags of ASN1_MASK_CANON and how each turns into text.
_TEXT_CODECS = {
    0x0C: "utf-8",
    0x13: "latin-1",
    0x14: "latin-1",
    0x16: "latin-1",
    0x1A: "latin-1",
    0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}


@dataclass(frozen=True, slots=True)
class _Element:
    tag: int
    body: bytes
    raw: bytes


def certificates_in(pem: bytes) -> list[bytes]:
    """The DER of every certificate in PEM text; raises ``HostileInputError`` for broken base64."""
    found: list[bytes] = []
    for block in _PEM.finditer(pem):
        try:
            der = base64.b64decode(b"".join(block.group(2).split()), validate=True)
        except binascii.Error as error:
            raise _refused(f"broken base64: {error}") from None
        if len(der) > _MAX_CERTIFICATE:
            raise _refused(f"{len(der)} bytes are more than a certificate has")
        # A "TRUSTED CERTIFICATE" carries OpenSSL's own trust settings behind the certificate.
        found.append(next(_elements(der)).raw)
    return found


@lru_cache(maxsize=1024)
def subject_hash(der: bytes) -> str:
    """``X509_subject_name_hash``: eight hexadecimal digits. Raises ``HostileInputError``."""
    return _name_hash(_name(der, 4))


def issuer_hash(der: bytes) -> str:
    """``X509_issuer_name_hash``: the ``subject_hash`` of whoever signed it."""
    return _name_hash(_name(der, 2))


def _name_hash(name: _Element) -> str:
    inside = _elements(name.body) if name.body else ()
    canonical = b"".join(_canonical_rdn(rdn) for rdn in inside if rdn.tag == _SET)
    digest = hashlib.sha1(canonical, usedforsecurity=False).digest()
    return f"{int.from_bytes(digest[:4], 'little'):08x}"


def _name(der: bytes, position: int) -> _Element:
    certificate = next(_elements(der))
    fields = list(_elements(next(_elements(certificate.body)).body))
    start = 1 if fields and fields[0].tag == _CONTEXT_0 else 0
    # [version], serial, signature algorithm, issuer, validity, subject
    if len(fields) < start + 5 or fields[start + position].tag != _SEQUENCE:
        raise _refused("no name where RFC 5280 has it")
    return fields[start + position]


def _canonical_rdn(rdn: _Element) -> bytes:
    attributes = []
    for attribute in _elements(rdn.body):
        parts = list(_elements(attribute.body))
        if len(parts) != 2:
            raise _refused("a name's attribute is not a type and a value")
        attributes.append(encoded(_SEQUENCE, parts[0].raw + _canonical_value(parts[1])))
    return encoded(_SET, b"".join(sorted(attributes)))


def _canonical_value(value: _Element) -> bytes:
    codec = _TEXT_CODECS.get(value.tag)
    if codec is None:
        return value.raw
    try:
        text = value.body.decode(codec)
    except UnicodeDecodeError as error:
        raise _refused(f"a name that is not {codec}: {error.reason}") from None
    words = [word for word in re.split("[ \t\n\v\f\r]+", text) if word]
    lowered = "".join(c.lower() if c.isascii() else c for c in " ".join(words))
    return encoded(_UTF8, lowered.encode())


def encoded(tag: int, body: bytes) -> bytes:
    """A DER element."""
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


def _elements(data: bytes) -> Iterator[_Element]:
    """The DER elements in ``data``: single-byte tags and definite lengths, as certificates have."""
    at = 0
    if not data:
        raise _refused("empty where an element belongs")
    while at < len(data):
        header = data[at : at + 2]
        if len(header) < 2 or header[0] & 0x1F == 0x1F:
            raise _refused("truncated")
        size, start = header[1], at + 2
        if size & 0x80:
            width = size & 0x7F
            if not 1 <= width <= 4 or start + width > len(data):
                raise _refused("an impossible length")
            size = int.from_bytes(data[start : start + width], "big")
            start += width
        if start + size > len(data):
            raise _refused("truncated")
        yield _Element(header[0], data[start : start + size], data[at : start + size])
        at = start + size


def _refused(why: str) -> HostileInputError:
    return HostileInputError(
        f"not a certificate: {why}",
        resolution="Look at the file with `openssl x509 -in FILE -text` and replace it.",
    )
