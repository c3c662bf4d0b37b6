"""Java's default trust store, ``/etc/ssl/certs/java/cacerts``, as ca-certificates-java makes it.

Source: the JKS format as the JDK reads it (``sun.security.provider.JavaKeyStore``); aliases are
``debian:NAME.pem``, the password is the JDK's public default and protects nothing. JDK 8 and
later read JKS whatever their default type is (JEP 229). Entries are sorted and dated with the
image's time, so the bytes depend on the certificates alone.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable

from neve.effects.bench import Workbench, effect_reason
from neve.effects.generators.certificates import pem_files
from neve.effects.generators.request import Request, requester

STORE = "/etc/ssl/certs/java/cacerts"
_MAGIC, _VERSION, _TRUSTED = 0xFEEDFEED, 2, 2
_WHITENER = b"Mighty Aphrodite"
_PUBLIC_PASSPHRASE = "changeit"  # noqa: S105 (the JDK's documented default, no secret)


def run(bench: Workbench, requests: tuple[Request, ...]) -> None:
    """Write the store with every certificate of /etc/ssl/certs."""
    if not requests:
        return
    entries = [(f"debian:{name.lower()}", der) for name, der in pem_files(bench)]
    detail = f"Java trust store: {len(entries)} certificates"
    reason = effect_reason(requester(requests, "ca-certificates-java"), detail)
    bench.write(STORE, jks(entries, time=bench.context.time), reason)


def jks(certificates: Iterable[tuple[str, bytes]], *, time: int) -> bytes:
    """A JKS of trusted certificates, (alias, DER), dated ``time`` (seconds)."""
    entries = sorted(certificates)
    parts = [struct.pack(">III", _MAGIC, _VERSION, len(entries))]
    for alias, der in entries:
        parts += [
            struct.pack(">I", _TRUSTED),
            _modified_utf8(alias),
            struct.pack(">q", time * 1000),
            _modified_utf8("X.509"),
            struct.pack(">I", len(der)),
            der,
        ]
    body = b"".join(parts)
    keyed = _PUBLIC_PASSPHRASE.encode("utf-16-be") + _WHITENER + body
    return body + hashlib.sha1(keyed, usedforsecurity=False).digest()


def _modified_utf8(text: str) -> bytes:
    """``DataOutput.writeUTF``: length and CESU-8, NUL as two bytes."""
    units = text.encode("utf-16-be", "surrogatepass")
    found = b""
    for at in range(0, len(units), 2):
        unit = int.from_bytes(units[at : at + 2], "big")
        if unit == 0:
            found += b"\xc0\x80"
        else:
            found += chr(unit).encode("utf-8", "surrogatepass")
    return struct.pack(">H", len(found)) + found
