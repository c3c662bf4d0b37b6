"""One file of certificates or keys → its blocks, whatever form it is written in."""

from __future__ import annotations

import struct
from dataclasses import replace

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
from neve.formats.certificates.keystores import (
    JKS_MAGICS,
    is_pkcs7,
    is_pkcs12,
    read_jks,
    read_pkcs7,
    read_pkcs12,
)
from neve.formats.certificates.pem import MAX_BLOCKS, read_pem
from neve.formats.certificates.types import Block, BlockKind, CertificateFile, Form

_PKCS7_LABELS = ("PKCS7", "CMS")
_MAX_ITEMS = 1_000


def read_certificates(data: bytes) -> CertificateFile:
    """Every certificate, key and other block of ``data``, in order.

    Never raises for what ``data`` holds: what is broken stands in the block's ``problem`` or in
    ``problems``. Costs one pass over ``data``. A PEM block of PKCS#7 gives its certificates, each
    at the block's line. The DER of a certificate is not judged here: ``describe_certificate`` is.
    """
    try:
        if data[:4] in JKS_MAGICS:
            return read_jks(data)
        if b"-----BEGIN " in data:
            return _pem(data)
        if data[:1] == b"\x30":
            return _der(data)
    except (DerError, ValueError, IndexError, struct.error) as error:
        return CertificateFile(form=Form.NONE, problems=(f"cannot be read: {error}",))
    return CertificateFile(form=Form.NONE)


def _pem(data: bytes) -> CertificateFile:
    found = read_pem(data)
    blocks: list[Block] = []
    for block in found.blocks:
        blocks.extend(_unpacked(block))
    problems = (f"more than {MAX_BLOCKS} blocks: the rest is not judged",)
    return CertificateFile(
        form=Form.PEM,
        blocks=tuple(blocks),
        garbage=found.garbage,
        problems=problems if found.truncated else (),
    )


def _unpacked(block: Block) -> tuple[Block, ...]:
    """A PKCS#7 block as its certificates; any other block as it is."""
    if block.label not in _PKCS7_LABELS or block.problem:
        return (block,)
    try:
        held = read_pkcs7(read_item(block.der)).blocks
    except (DerError, IndexError) as error:
        return (replace(block, problem=f"is no PKCS#7: {error}"),)
    return tuple(replace(item, line=block.line, label=block.label) for item in held)


def _der(data: bytes) -> CertificateFile:
    top = read_item(data)
    if is_pkcs7(top):
        return read_pkcs7(top)
    if is_pkcs12(top):
        return read_pkcs12(top)
    blocks: list[Block] = []
    at = 0
    while at < len(data) and len(blocks) < _MAX_ITEMS:
        block = _block_at(data, at)
        if block is None:
            break
        blocks.append(block)
        at += len(block.der)
    if not blocks:
        return CertificateFile(form=Form.NONE)
    rest = len(data) - at
    problems = (f"{rest} bytes behind the last item are not judged",) if rest else ()
    return CertificateFile(form=Form.DER, blocks=tuple(blocks), problems=problems)


def _block_at(data: bytes, at: int) -> Block | None:
    """What the item at ``at`` is by its shape: a certificate, or some form of a private key."""
    try:
        item = read_item(data, at)
        return _shaped(item, list(item.children())[:4]) if item.tag == SEQUENCE else None
    except DerError:
        return None


def _shaped(item: Item, parts: list[Item]) -> Block | None:
    tags = tuple(part.tag for part in parts)
    if tags[:3] == (SEQUENCE, SEQUENCE, 0x03):
        return _signed(item, parts)
    if tags[:3] == (INTEGER, SEQUENCE, OCTETS) and parts[1].inside(OID).value:
        return _key(item, "PRIVATE KEY")
    if tags == (INTEGER,) * 4 and parts[0].value == b"\0":
        return _key(item, "RSA PRIVATE KEY")
    if tags[:2] == (INTEGER, OCTETS) and parts[0].value == b"\1" and tags[2:3] == (CONTEXT_0,):
        return _key(item, "EC PRIVATE KEY")
    encrypted = tags == (SEQUENCE, OCTETS) and parts[0].inside(OID).value.startswith(_PKCS5)
    return _key(item, "ENCRYPTED PRIVATE KEY") if encrypted else None


_PKCS5 = bytes.fromhex("2a864886f70d01")


def _signed(item: Item, parts: list[Item]) -> Block:
    """A certificate, or a request or revocation list, which are signed in the same shape."""
    inner = list(parts[0].children())
    tags = [part.tag for part in inner[:7]]
    if tags and tags[0] == CONTEXT_0:
        tags = tags[1:]
    # RFC 5280 4.1: serial, algorithm, issuer, validity, subject, key
    if tags[:6] == [INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE]:
        return Block(kind=BlockKind.CERTIFICATE, label="CERTIFICATE", line=0, der=item.whole)
    return Block(kind=BlockKind.OTHER, label="signed data", line=0, der=item.whole)


def _key(item: Item, label: str) -> Block:
    return Block(
        kind=BlockKind.PRIVATE_KEY,
        label=label,
        line=0,
        der=item.whole,
        encrypted=label.startswith("ENCRYPTED"),
    )
