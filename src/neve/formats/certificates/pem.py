"""PEM blocks (RFC 7468, RFC 1421 headers, OpenSSH and OpenPGP armour) with their places.

Reads what OpenSSL reads: text around blocks is no error, a broken block is one block's problem.
One pass over the markers, so that a file of a million BEGIN lines costs no more than its size.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from neve.formats.certificates.der import DerError, read_item
from neve.formats.certificates.types import Block, BlockKind, Garbage

MAX_BLOCKS = 20_000
_MARKER = re.compile(rb"-----(BEGIN|END) ([A-Z0-9][A-Z0-9 .]{0,60}?)-----")
_MAX_GARBAGE = 1_000
_SHOWN = 80
_CERTIFICATES = ("CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CERTIFICATE")
_HEADER = re.compile(rb"[A-Za-z][A-Za-z0-9-]{0,60}:[^\n]*(?:\n[ \t][^\n]*)*\n")
_SPACES = bytes.maketrans(b"", b"")
_NO_DER = ("OPENSSH PRIVATE KEY", "PGP ")


@dataclass(frozen=True, slots=True)
class PemText:
    """The blocks and the text between them; ``truncated`` when there were more than allowed."""

    blocks: tuple[Block, ...]
    garbage: tuple[Garbage, ...]
    truncated: bool


@dataclass(slots=True)
class _Lines:
    """Offset → line number, for offsets that only grow."""

    data: bytes
    at: int = 0
    line: int = 1

    def of(self, offset: int) -> int:
        self.line += self.data.count(b"\n", self.at, offset)
        self.at = offset
        return self.line


def read_pem(data: bytes) -> PemText:
    """All blocks of ``data`` in order; never raises for what it holds."""
    blocks: list[Block] = []
    garbage: list[Garbage] = []
    lines = _Lines(data)
    begun: re.Match[bytes] | None = None
    outside = 0

    def leave(start: int, stop: int) -> None:
        if len(garbage) < _MAX_GARBAGE and (found := _garbage(lines, start, stop)) is not None:
            garbage.append(found)

    for marker in _MARKER.finditer(data):
        if len(blocks) >= MAX_BLOCKS:
            return PemText(tuple(blocks), tuple(garbage), truncated=True)
        if begun is not None:
            closed = marker[1] == b"END"
            blocks.append(_block(lines, begun, marker if closed else None))
            outside = marker.end() if closed else marker.start()
            begun = None if closed else marker
        elif marker[1] == b"BEGIN":
            leave(outside, marker.start())
            begun = marker
    if begun is not None:
        blocks.append(_block(lines, begun, None))
    else:
        leave(outside, len(data))
    return PemText(tuple(blocks), tuple(garbage), truncated=False)


def _garbage(lines: _Lines, start: int, stop: int) -> Garbage | None:
    text = lines.data[start:stop]
    inner = text.strip()
    if not inner:
        return None
    first = lines.of(start + text.index(inner[:1]))
    shown = inner[: _SHOWN * 4].split(b"\n")[0].decode("utf-8", "backslashreplace")
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in shown)
    return Garbage(line=first, end=first + inner.count(b"\n"), text=shown.strip()[:_SHOWN])


def _block(lines: _Lines, begin: re.Match[bytes], end: re.Match[bytes] | None) -> Block:
    label = begin[2].decode()
    kind = _kind(label)
    line = lines.of(begin.start())
    if end is None:
        return Block(kind=kind, label=label, line=line, der=b"", problem="has no END line")
    if end[2] != begin[2]:
        problem = f"ends as {end[2].decode()}"
        return Block(kind=kind, label=label, line=line, der=b"", problem=problem)
    headers, body = _body(lines.data[begin.end() : end.start()])
    try:
        der = binascii.a2b_base64(body, strict_mode=True)
        der = _trimmed(der, label)
    except (binascii.Error, DerError) as error:
        encrypted = kind is BlockKind.PRIVATE_KEY and b"ENCRYPTED" in headers
        return Block(
            kind=kind, label=label, line=line, der=b"", encrypted=encrypted, problem=_said(error)
        )
    encrypted = kind is BlockKind.PRIVATE_KEY and _is_encrypted(label, headers, der)
    return Block(kind=kind, label=label, line=line, der=der, encrypted=encrypted)


def _said(error: Exception) -> str:
    return f"is no DER: {error}" if isinstance(error, DerError) else "is no base64"


def _kind(label: str) -> BlockKind:
    if label in _CERTIFICATES:
        return BlockKind.CERTIFICATE
    if label.endswith("PRIVATE KEY") or label == "PGP PRIVATE KEY BLOCK":
        return BlockKind.PRIVATE_KEY
    return BlockKind.OTHER


def _body(text: bytes) -> tuple[bytes, bytes]:
    """The headers of RFC 1421 (or armour) and the base64 without white space and checksum."""
    text = text.replace(b"\r", b"").lstrip(b"\n \t")
    headers = b"".join(_headers(text))
    rows = text[len(headers) :].split(b"\n")
    # OpenPGP's checksum line is "=" and four characters; base64 never begins a line with "=".
    kept = (row for row in map(bytes.strip, rows) if not (row[:1] == b"=" and len(row) == 5))
    return headers, b"".join(kept).translate(_SPACES, b" \t\v\f")


def _headers(text: bytes) -> Iterator[bytes]:
    at = 0
    while (found := _HEADER.match(text, at)) is not None:
        yield found[0]
        at = found.end()


def _trimmed(der: bytes, label: str) -> bytes:
    """The one DER item in ``der``; OpenSSL's trust settings after a certificate are dropped."""
    if label.startswith(_NO_DER) or not der:
        if not der:
            raise DerError("empty")
        return der
    if _kind(label) is not BlockKind.CERTIFICATE:
        return der
    item = read_item(der)
    if item.stop != len(der) and label != "TRUSTED CERTIFICATE":
        raise DerError(f"{len(der) - item.stop} bytes behind its end")
    return item.whole


def _is_encrypted(label: str, headers: bytes, der: bytes) -> bool:
    if label == "OPENSSH PRIVATE KEY":
        # PROTOCOL.key of OpenSSH: magic, then the cipher's name as a counted string.
        return der[:19] != b"openssh-key-v1\0\0\0\0\4" or der[19:23] != b"none"
    if label == "PGP PRIVATE KEY BLOCK":
        return False  # said key packet by key packet; the whole is shown either way
    return label == "ENCRYPTED PRIVATE KEY" or b"ENCRYPTED" in headers
