"""What no effect may do, judged by structure: secrets and extra privilege. A table of rules.

Owns the refusal of unsafe effects when a database is read or written. Names of files or
applications decide nothing here: a private key is known by its form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from neve.effects.ops import CopyFile, Effect, Operation, WriteFile
from neve.errors import DeniedError

# RFC 7468 §10-11, RFC 1421 and OpenSSH's and PuTTY's own forms.
_PRIVATE_KEY = re.compile(
    rb"-----BEGIN (?:[A-Z0-9 ]+ )?PRIVATE KEY( BLOCK)?-----|^PuTTY-User-Key-File-\d:"
    rb"|\b(?:AGE-SECRET-KEY-1)[A-Z0-9]{20}",
    re.M,
)
# BIND's and DHCP's `key NAME { algorithm …; secret "…"; }` (named.conf(5)).
_TSIG_SECRET = re.compile(rb"""\bsecret\s+["'][A-Za-z0-9+/]{16,}={0,2}["']\s*;""")
# `password = random`, as clients' option files hold it (mysql_config_editor(1), pgpass).
_PASSWORD = re.compile(
    rb"""^[ \t]*[A-Za-z_.-]*(?:password|passwd|secret|token|api_?key)[ \t]*[=:][ \t]*["']?"""
    rb"""([A-Za-z0-9+/_-]{12,}={0,2})["']?[ \t]*$""",
    re.I | re.M,
)
# crypt(5): a usable password hash in shadow or an htpasswd file.
_HASH = re.compile(rb"[:\s](?:\$[0-9a-z]{1,2}\$[./A-Za-z0-9$=,]{8,})(?:[:\s]|$)", re.M)
# PKCS#8, PKCS#1, SEC 1 in DER: SEQUENCE { INTEGER 0|1, … }.
_DER_KEY = re.compile(
    rb"\A\x30(?:\x82..|\x81.|[\x20-\x7f])\x02\x01[\x00\x01](?:\x30|\x02\x82|\x04)", re.S
)


def _private_key(operation: Operation) -> str | None:
    if not isinstance(operation, WriteFile):
        return None
    if _PRIVATE_KEY.search(operation.data) or _DER_KEY.match(operation.data):
        return f"{operation.path} holds a private key"
    return None


def _shared_secret(operation: Operation) -> str | None:
    if not isinstance(operation, WriteFile):
        return None
    if _TSIG_SECRET.search(operation.data):
        return f"{operation.path} holds a shared secret"
    if _HASH.search(operation.data):
        return f"{operation.path} holds a password hash"
    for found in _PASSWORD.finditer(operation.data):
        if _random_looking(found.group(1)):
            return f"{operation.path} holds a generated password"
    return None


def _random_bytes(operation: Operation) -> str | None:
    """Files of 16 to 4,096 bytes without structure: cookies, seeds, machine keys."""
    if not isinstance(operation, WriteFile) or not 16 <= len(operation.data) <= 4096:
        return None
    body = operation.data.strip()
    alphabet = re.fullmatch(rb"[A-Za-z0-9+/=_-]{16,}", body)
    if alphabet and _random_looking(body):
        return f"{operation.path} is one random-looking word (a cookie or key?)"
    odd = sum(1 for byte in operation.data if byte >= 0x80 or byte < 9)
    if odd * 3 > len(operation.data) and len(set(operation.data)) * 2 > min(
        len(operation.data), 256
    ):
        return f"{operation.path} is random-looking bytes (a seed or key?)"
    return None


def _extra_privilege(operation: Operation) -> str | None:
    """Setuid on anything, setgid on a file. A setgid directory only hands down its group;
    whether ``SetAttributes`` meets a directory is known when it is applied, and checked there.
    """
    mode = getattr(operation, "mode", None) or 0
    refused = 0o6000 if isinstance(operation, WriteFile | CopyFile) else 0o4000
    if mode & refused:
        return f"{getattr(operation, 'path', '')} would become setuid or setgid"
    return None


RULES: tuple[tuple[str, Callable[[Operation], str | None]], ...] = (
    ("no-private-key", _private_key),
    ("no-shared-secret", _shared_secret),
    ("no-random-content", _random_bytes),
    ("no-extra-privilege", _extra_privilege),
)


def unsafe_operations(effect: Effect) -> Iterator[tuple[str, str]]:
    """(rule id, evidence) for each operation that may not be in an effect."""
    for operation in effect.operations:
        for rule, judge in RULES:
            evidence = judge(operation)
            if evidence is not None:
                yield rule, evidence


def refuse_unsafe(effect: Effect) -> None:
    """Raise ``DeniedError`` if an operation of ``effect`` breaks a rule."""
    broken = tuple(f"{rule}: {evidence}" for rule, evidence in unsafe_operations(effect))
    if broken:
        raise DeniedError(
            f"the effect of {effect.package} is refused: {broken[0]}",
            details=broken,
            resolution="Take the operation out of the effect: an image holds no generated secret"
            " and no privilege that its package did not declare.",
        )


def _random_looking(word: bytes) -> bool:
    """Many different characters of several classes, or long hexadecimal: no word a person wrote."""
    if re.fullmatch(rb"[0-9a-f]{32,}|[0-9A-F]{32,}", word):
        return len(set(word)) > 8
    classes = sum(bool(re.search(p, word)) for p in (rb"[a-z]", rb"[A-Z]", rb"[0-9]"))
    return classes == 3 and len(set(word)) * 2 > min(len(word), 64) and len(word) >= 16
