"""Java key stores (JKS) and PKCS#12 (RFC 7292), as far as they can be read without a password.

Source: ``sun.security.provider.JavaKeyStore`` of the JDK; RFC 7292 and 5652. Nothing is decrypted:
a trust store's certificates lie open in JKS and in the JDK's password-less PKCS#12.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from typing import Final

from neve.formats.certificates.der import (
    CONTEXT_0,
    INTEGER,
    OCTETS,
    OID,
    SEQUENCE,
    DerError,
    Item,
    read_item,
)
from neve.formats.certificates.types import Block, BlockKind, CertificateFile, Form

JKS_MAGICS = (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")
_WHITENER = b"Mighty Aphrodite"
_PUBLIC_PASSWORDS = ("changeit", "", "changeme", "password")
_KEY, _TRUSTED, _SECRET = 1, 2, 3
_MAX_ENTRIES = 20_000
_SHOWN = 120

_PKCS7: Final = bytes.fromhex("2a864886f70d0107")
_BAGS: Final = bytes.fromhex("2a864886f70d010c0a01")
_DATA, _SIGNED, _ENCRYPTED = (_PKCS7 + bytes([kind]) for kind in (1, 2, 6))
_KEY_BAG, _SHROUDED_BAG, _CERTIFICATE_BAG = (_BAGS + bytes([kind]) for kind in (1, 2, 3))


class _Reader:
    """Counted fields, big-endian, each within the data."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        if size < 0 or self.at + size > len(self.data):
            raise DerError("cut short")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, form: str) -> int:
        value: int = struct.unpack(form, self.take(struct.calcsize(form)))[0]
        return value

    def text(self) -> str:
        return self.take(self.number(">H")).decode("utf-8", "backslashreplace")


def read_jks(data: bytes) -> CertificateFile:
    """The entries of a JKS (or JCEKS) file; its certificates need no password."""
    reader = _Reader(data)
    reader.take(4)
    version, count = reader.number(">I"), reader.number(">I")
    if version not in (1, 2):
        return CertificateFile(form=Form.JKS, problems=(f"key store of version {version}",))
    blocks: list[Block] = []
    problems: list[str] = []
    try:
        for _ in range(min(count, _MAX_ENTRIES)):
            blocks.extend(_jks_entry(reader, version))
        if count > _MAX_ENTRIES:
            problems.append(f"more than {_MAX_ENTRIES} entries: the rest is not judged")
    except (DerError, struct.error) as error:
        problems.append(f"key store is {error}: entries after number {len(blocks)} are not judged")
    password = None if problems else _jks_password(data, reader.at)
    return CertificateFile(
        form=Form.JKS, blocks=tuple(blocks), problems=tuple(problems), password=password
    )


def _jks_entry(reader: _Reader, version: int) -> Iterator[Block]:
    tag = reader.number(">I")
    alias = "".join(char if char.isprintable() else "?" for char in reader.text())[:_SHOWN]
    reader.number(">q")
    label = f"jks entry {alias}"
    if tag == _TRUSTED:
        yield _jks_certificate(reader, version, label)
    elif tag == _KEY:
        key = reader.take(reader.number(">I"))
        yield Block(kind=BlockKind.PRIVATE_KEY, label=label, line=0, der=key, encrypted=True)
        for _ in range(min(reader.number(">I"), _MAX_ENTRIES)):
            yield _jks_certificate(reader, version, label)
    else:
        # A secret key is a sealed Java object without a length: what follows can't be found.
        kind = "a secret key" if tag == _SECRET else f"unknown ({tag})"
        raise DerError(f"with an entry that is {kind}")


def _jks_certificate(reader: _Reader, version: int, label: str) -> Block:
    kind = reader.text() if version > 1 else "X.509"
    der = reader.take(reader.number(">I"))
    of = BlockKind.CERTIFICATE if kind in ("X.509", "X509") else BlockKind.OTHER
    return Block(kind=of, label=label, line=0, der=der)


def _jks_password(data: bytes, end: int) -> str | None:
    """The public default password the store's keyed digest was made with."""
    found = data[end : end + hashlib.sha1(usedforsecurity=False).digest_size]
    for password in _PUBLIC_PASSWORDS:
        keyed = hashlib.sha1(password.encode("utf-16-be") + _WHITENER, usedforsecurity=False)
        keyed.update(memoryview(data)[:end])
        if keyed.digest() == found:
            return password
    return None


def is_pkcs7(top: Item) -> bool:
    """Whether a top item is a ``ContentInfo`` of signed data (RFC 5652)."""
    first = next(top.children(), None)
    return first is not None and first.tag == OID and first.value == _SIGNED


def read_pkcs7(top: Item) -> CertificateFile:
    """The certificates of signed data; signatures are not looked at."""
    signed = list(top.children())[1].inside(SEQUENCE)
    sets = [item for item in signed.children() if item.tag == CONTEXT_0]
    blocks = tuple(
        Block(kind=BlockKind.CERTIFICATE, label="pkcs7", line=0, der=item.whole)
        for part in sets[:1]
        for item in part.children()
        if item.tag == SEQUENCE
    )
    return CertificateFile(form=Form.PKCS7, blocks=blocks)


def is_pkcs12(top: Item) -> bool:
    """Whether a top item is a PFX: version 3, then a ``ContentInfo`` of plain data."""
    try:
        version, safe, *_ = top.children()
        return (version.tag, version.value) == (INTEGER, b"\3") and safe.inside(OID).value == _DATA
    except (DerError, ValueError):
        return False


def read_pkcs12(top: Item) -> CertificateFile:
    """What lies open in a PFX, and that the rest is encrypted."""
    _, safe, *_ = top.children()
    blocks: list[Block] = []
    problems: list[str] = []
    for content in _content(safe).children():
        kind = content.inside(OID).value
        if kind == _DATA:
            for bag in _content(content).children():
                blocks.extend(_bag(bag))
        else:
            what = "encrypted" if kind == _ENCRYPTED else "of an unknown kind"
            problems.append(f"part of the key store is {what}: its certificates are not judged")
    return CertificateFile(
        form=Form.PKCS12, blocks=tuple(blocks), problems=tuple(dict.fromkeys(problems))
    )


def _content(info: Item) -> Item:
    """The DER inside a ``ContentInfo`` of plain data."""
    octets = list(info.children())[1].inside(OCTETS)
    return read_item(octets.value)


def _bag(bag: Item) -> Iterator[Block]:
    kind, value, *_ = bag.children()
    if kind.value == _CERTIFICATE_BAG:
        _, held, *_ = value.inside(SEQUENCE).children()
        der = held.inside(OCTETS).value
        yield Block(kind=BlockKind.CERTIFICATE, label="pkcs12", line=0, der=der)
    elif kind.value in (_KEY_BAG, _SHROUDED_BAG):
        yield Block(
            kind=BlockKind.PRIVATE_KEY,
            label="pkcs12",
            line=0,
            der=value.inside(SEQUENCE).whole,
            encrypted=kind.value == _SHROUDED_BAG,
        )
