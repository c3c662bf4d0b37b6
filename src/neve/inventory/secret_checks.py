"""Telling a real secret from a word in a manual: checksums, structure, entropy, placeholders."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import zlib
from collections import Counter
from itertools import pairwise

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_FROM = 16
_TRANSITIONS = 0.25
_BITS = {True: 3.0, False: 3.3}
"""Bits a character that random text of hexadecimal digits (true) or more has at least."""

# What manuals and templates write in place of a token.
_NEVER_REAL = re.compile(
    rb"example|xxxx|\*\*\*|\.\.\.|redacted|placeholder|123456789|abcdefgh|0{8}|1{8}|a{8}|x{8}"
    rb"|your[_-]?|changeme|<|\$\{|\{\{|%\(",
    re.IGNORECASE,
)
# What they write in place of a password; too short to hold against a random token.
_WORDS = re.compile(
    rb"change|secret|passw|pass_?wd|dummy|sample|foo|bar|test|user|admin|todo|fixme|none|null|true"
    rb"|false|undefined|default|insert|replace|my[_-]|the[_-]|qwerty|letmein|1234|abcd|token|value"
    rb"|string|random|hidden|masked|\\[nrtux]",
    re.IGNORECASE,
)
_HEXADECIMAL = re.compile(rb"[0-9a-fA-F]+")
_CLASSES = bytes(
    1 if 48 <= at <= 57 else 2 if 65 <= at <= 90 else 3 if 97 <= at <= 122 else 0
    for at in range(256)
)


def entropy(text: bytes) -> float:
    """Shannon's entropy in bits a character."""
    total = len(text)
    return -sum(n / total * math.log2(n / total) for n in Counter(text).values()) if total else 0.0


def is_placeholder(value: bytes) -> bool:
    """Whether a token's text says that it is none."""
    return _NEVER_REAL.search(value) is not None or len(set(value)) < min(6, len(value))


def looks_random(value: bytes) -> bool:
    """Whether a value was drawn rather than named: long, of high entropy, with digits, and with
    letters, capitals and digits in no order that words have.
    """
    if len(value) < _RANDOM_FROM or is_placeholder(value) or _WORDS.search(value):
        return False
    classes = value.translate(_CLASSES)
    pairs = [(one, two) for one, two in pairwise(classes) if one and two]
    changes = sum(one != two for one, two in pairs)
    if classes.count(1) < 2 or len(pairs) < _RANDOM_FROM // 2:
        return False
    hexadecimal = _HEXADECIMAL.fullmatch(value) is not None
    if hexadecimal and classes.count(1) == len(value):
        return False  # a number
    return changes / len(pairs) >= _TRANSITIONS and entropy(value) >= _BITS[hexadecimal]


def looks_like_password(value: bytes) -> bool:
    """Whether a value may be somebody's password: no placeholder and not one plain word."""
    if len(value) < 6 or is_placeholder(value) or _WORDS.search(value):
        return False
    classes = set(value.translate(_CLASSES))
    return len(classes) > 1 and entropy(value) >= 2.5


def github_checksum(token: bytes) -> bool:
    """Whether the last six characters are the CRC-32 of the thirty before them, in base 62."""
    body, found = token[-36:-6], token[-6:]
    number, expected = zlib.crc32(body), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        expected = _BASE62[digit] + expected
    return expected.encode() == found


def decoded(text: bytes) -> bytes | None:
    """Base64 of either alphabet, padding or not; ``None`` for what is none."""
    text = text.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        return None


def json_object(text: bytes) -> dict[str, object] | None:
    """The object that base64 text holds as JSON."""
    plain = decoded(text)
    if plain is None or plain[:1] != b"{":
        return None
    try:
        found = json.loads(plain)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def credentials(text: bytes) -> bytes | None:
    """The password of base64 ``user:password``; ``None`` where it is none or a placeholder."""
    user, colon, password = (decoded(text) or b"").partition(b":")
    plain = colon and user and password.isascii() and user.isascii() and b"\0" not in password
    return password if plain and looks_like_password(password) else None
