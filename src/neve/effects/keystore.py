"""Adding certificates to a Java key store that somebody else made: JKS, or PKCS#12.

Source: ``sun.security.provider.JavaKeyStore``; RFC 7292; ``sun.security.pkcs12.PKCS12KeyStore``
for the attribute that makes a certificate a trusted one. What is in a store stays byte for byte;
what is added to PKCS#12 is neither encrypted nor authenticated, as in the JDK's own ``cacerts``
since 18, so nothing random is in it: Java reads such a part with and without a password.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence

from neve.effects.generators.javastore import PUBLIC_PASSPHRASE, jks_digest, trusted_entry
from neve.effects.generators.x509 import encoded
from neve.formats.certificates.der import DerError, Item, read_item

Entries = Sequence[tuple[str, bytes]]
"""Alias and DER of each certificate."""

_JKS, _JCEKS = 0xFEEDFEED, 0xCECECECE
_DIGEST = hashlib.sha1(usedforsecurity=False).digest_size
_INTEGER, _OCTETS, _OID, _SEQUENCE, _SET, _BMP, _CONTEXT_0 = 2, 4, 6, 0x30, 0x31, 0x1E, 0xA0
_DATA = bytes.fromhex("2a864886f70d010701")
_CERTIFICATE_BAG = bytes.fromhex("2a864886f70d010c0a0103")
_X509 = bytes.fromhex("2a864886f70d01091601")
_FRIENDLY_NAME = bytes.fromhex("2a864886f70d010914")
_TRUSTED_USAGE = bytes.fromhex("6086480186f966adca7b0101")
"""2.16.840.1.113894.746875.1.1, Oracle's mark of a trusted certificate."""
_ANY_USAGE = bytes.fromhex("551d2500")


class KeyStoreError(ValueError):
    """A store that can't be added to; the text says why."""


def with_certificates(store: bytes, entries: Entries, *, time: int) -> bytes:
    """``store`` with ``entries`` besides, dated ``time`` (seconds) where the form has a date.

    Raises ``KeyStoreError`` for a form, version or password that is not known.
    """
    magic = int.from_bytes(store[:4], "big")
    if magic == _JKS:
        return _with_jks(store, entries, time)
    if store[:1] == bytes((_SEQUENCE,)):
        try:
            return _with_pkcs12(store, entries)
        except (DerError, ValueError, IndexError) as error:
            raise KeyStoreError(f"a PKCS#12 store that can't be read: {error}") from error
    kind = "a JCEKS store" if magic == _JCEKS else "no Java key store"
    raise KeyStoreError(f"{kind}: only JKS and PKCS#12 can be added to")


def _with_jks(store: bytes, entries: Entries, time: int) -> bytes:
    if len(store) < 12 + _DIGEST:
        raise KeyStoreError("cut short")
    magic, version, count = struct.unpack(">III", store[:12])
    body, digest = store[:-_DIGEST], store[-_DIGEST:]
    if version != 2:
        raise KeyStoreError(f"a JKS store of version {version}")
    if jks_digest(body) != digest:
        raise KeyStoreError(f"its password is not the JDK's default ({PUBLIC_PASSPHRASE})")
    added = b"".join(trusted_entry(alias, der, time=time) for alias, der in entries)
    body = struct.pack(">III", magic, version, count + len(entries)) + body[12:] + added
    return body + jks_digest(body)


def _with_pkcs12(store: bytes, entries: Entries) -> bytes:
    """The authenticated safe with one part more; a digest over the old one is left out."""
    top = read_item(store)
    version, safe = list(top.children())[:2]
    if top.tag != _SEQUENCE or version.tag != _INTEGER or version.value != b"\3":
        raise KeyStoreError("no PKCS#12 store of version 3")
    kind, content = safe.children()
    if kind.value != _DATA:
        raise KeyStoreError("a PKCS#12 store under a public key")
    parts = read_item(content.inside(_OCTETS).value)
    for part in parts.children():
        _known_part(part)
    bags = encoded(_SEQUENCE, b"".join(_bag(alias, der) for alias, der in entries))
    whole = encoded(_SEQUENCE, parts.value + _content(bags))
    return encoded(_SEQUENCE, version.whole + _content(whole))


def _known_part(part: Item) -> None:
    if part.tag != _SEQUENCE or next(part.children()).tag != _OID:
        raise KeyStoreError("a part that is no ContentInfo")


def _content(data: bytes) -> bytes:
    """``data`` as a ContentInfo of type data."""
    octets = encoded(_CONTEXT_0, encoded(_OCTETS, data))
    return encoded(_SEQUENCE, encoded(_OID, _DATA) + octets)


def _bag(alias: str, der: bytes) -> bytes:
    certificate = encoded(_OID, _X509) + encoded(_CONTEXT_0, encoded(_OCTETS, der))
    value = encoded(_CONTEXT_0, encoded(_SEQUENCE, certificate))
    attributes = sorted(
        (
            _attribute(_FRIENDLY_NAME, encoded(_BMP, alias.encode("utf-16-be"))),
            _attribute(_TRUSTED_USAGE, encoded(_OID, _ANY_USAGE)),
        )
    )
    return encoded(
        _SEQUENCE,
        encoded(_OID, _CERTIFICATE_BAG) + value + encoded(_SET, b"".join(attributes)),
    )


def _attribute(oid: bytes, value: bytes) -> bytes:
    return encoded(_SEQUENCE, encoded(_OID, oid) + encoded(_SET, value))
