"""Private keys in any text: PEM, OpenSSH and OpenPGP armour, also inside JSON and source code."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from neve.formats.certificates.der import DerError, read_item

KEY_MARK = b"PRIVATE KEY"
KEY_RULES = (
    ("private-key", "a private key that anybody can use", "it decodes as one"),
    ("encrypted-private-key", "a private key that needs a password", "it decodes as one"),
    ("pgp-private-key", "an OpenPGP private key", "its first packet is a secret key"),
)
"""(rule, what it finds, how a likeness is told), for the documentation."""
_BEGIN = re.compile(rb"-----BEGIN ((?:[A-Z0-9]{2,12} ){0,2}PRIVATE KEY(?: BLOCK)?)-----")
_RUN = re.compile(rb"[A-Za-z0-9+/]{16,}={0,2}|[A-Za-z0-9+/]{1,15}={1,2}(?![A-Za-z0-9])")
_MAX_KEY = 64 << 10
_MIN_DER = 40
_MAX_BLOCKS = 1_000
_OPENSSH = b"openssh-key-v1\0"


def keys_in(data: bytes) -> Iterator[tuple[str, int, str]]:
    """(rule, offset, hint) of every private key of ``data`` that can be decoded as one."""
    end = 0
    for number, begin in enumerate(_BEGIN.finditer(data)):
        if number >= _MAX_BLOCKS:
            return
        if begin.start() < end:
            continue
        label = begin[1]
        stop = data.find(b"-----END " + label, begin.end(), begin.end() + _MAX_KEY)
        if stop < 0:
            continue
        end = stop
        rule = _judge(label, data[begin.end() : stop])
        if rule is not None:
            yield rule, begin.start(), label.decode()


def _judge(label: bytes, body: bytes) -> str | None:
    encrypted = b"ENCRYPTED" in label or b"4,ENCRYPTED" in body
    if encrypted and b"DEK-Info" in body:
        runs = b"".join(_RUN.findall(body.partition(b"DEK-Info")[2].partition(b",")[2]))
        return "encrypted-private-key" if len(runs) >= _MIN_DER else None
    key = _decoded(body)
    if key is None or len(key) < _MIN_DER:
        return None
    if label == b"OPENSSH PRIVATE KEY":
        if not key.startswith(_OPENSSH):
            return None
        return "private-key" if key[19:23] == b"none" else "encrypted-private-key"
    if b"PGP" in label:
        # A secret key packet, of the old (0x94..0x97) or new (0xc5) form: RFC 9580 4.2.
        return "pgp-private-key" if key[0] & 0xFC == 0x94 or key[0] == 0xC5 else None
    try:
        whole = read_item(key).tag == 0x30
    except DerError:
        return None
    if not whole:
        return None
    return "encrypted-private-key" if encrypted else "private-key"


def _decoded(body: bytes) -> bytes | None:
    """The base64 of a block, whatever quotes, escapes and indents stand around its lines."""
    text = body.replace(b"\\n", b"\n").replace(b"\\r", b"")
    if b"Version:" in text or b"Comment:" in text:
        text = text.partition(b"\n\n")[2] or text
    runs = b"".join(
        run for line in text.split(b"\n") if not line.strip().startswith(b"=")
        for run in (re.sub(rb"[^A-Za-z0-9+/=]", b"", line),)
    )  # fmt: skip
    try:
        return binascii.a2b_base64(runs[: len(runs) - len(runs) % 4])
    except binascii.Error:
        return None
