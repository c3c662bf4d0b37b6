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
from neve.effects.generators.certificates import pem_files, recipe_certificates, with_own
from neve.effects.generators.request import Request, requester

STORE = "/etc/ssl/certs/java/cacerts"
_JVMS = "/usr/lib/jvm"
_MAGIC, _VERSION, _TRUSTED = 0xFEEDFEED, 2, 2
_WHITENER = b"Mighty Aphrodite"
PUBLIC_PASSPHRASE = "changeit"  # noqa: S105 (the JDK's documented default, no secret)


def run(bench: Workbench, requests: tuple[Request, ...]) -> None:
    """Write the store with every certificate of /etc/ssl/certs, where a package asks for it or
    a JRE of the distribution would miss the recipe's certificates without it.
    """
    own = recipe_certificates(bench)
    if not requests and not (own and _is_read(bench)):
        return
    entries = [(f"debian:{name.lower()}", der) for name, der in pem_files(bench)]
    detail = f"Java trust store: {len(entries)} certificates{with_own(own)}"
    reason = effect_reason(requester(requests, "ca-certificates-java"), detail)
    bench.write(STORE, jks(entries, time=bench.context.time), reason)


def _is_read(bench: Workbench) -> bool:
    """Whether the trust store of a JRE below /usr/lib/jvm is a link to this one."""
    for name in bench.tree.children(bench.tree.resolve(_JVMS)):
        for below in ("lib/security/cacerts", "jre/lib/security/cacerts"):
            if bench.tree.resolve(f"{_JVMS}/{name}/{below}") == bench.tree.resolve(STORE):
                return True
    return False


def jks(certificates: Iterable[tuple[str, bytes]], *, time: int) -> bytes:
    """A JKS of trusted certificates, (alias, DER), dated ``time`` (seconds)."""
    entries = sorted(certificates)
    parts = [struct.pack(">III", _MAGIC, _VERSION, len(entries))]
    body = b"".join([*parts, *(trusted_entry(alias, der, time=time) for alias, der in entries)])
    return body + jks_digest(body)


def trusted_entry(alias: str, der: bytes, *, time: int) -> bytes:
    """One trusted certificate of a JKS, version 2."""
    head = struct.pack(">I", _TRUSTED) + _modified_utf8(alias) + struct.pack(">q", time * 1000)
    return head + _modified_utf8("X.509") + struct.pack(">I", len(der)) + der


def jks_digest(body: bytes) -> bytes:
    """The keyed digest at the end of a JKS under the JDK's default password."""
    keyed = PUBLIC_PASSPHRASE.encode("utf-16-be") + _WHITENER + body
    return hashlib.sha1(keyed, usedforsecurity=False).digest()


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
