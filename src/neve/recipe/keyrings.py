"""The keyring of a repository, judged when the recipe is read: is it public OpenPGP keys at all?

Whom the keys let sign is the archive's matter. Loads the OpenPGP library, so only a recipe with
a keyring of its own pays for it, and only when it is read: a lock carries what a build needs.
"""

from __future__ import annotations

_EXPORT = "Give a file of OpenPGP public keys, as `gpg --export` writes (with --armor or without)."

_REPLACE = (
    "Export the public keys alone (`gpg --export`), and replace the key if anybody else has seen"
    " the file."
)


def keyring_flaw(data: bytes) -> tuple[str, str] | None:
    """What is wrong with ``data`` as a keyring (a phrase after its name) and what to do about it;
    ``None``: nothing.
    """
    import pysequoia
    from pysequoia.packet import PacketPile, Tag

    try:
        keys = pysequoia.Cert.split_bytes(data)
        tags = [packet.tag for packet in PacketPile.from_bytes(data)] if keys else []
    except Exception as error:  # the binding raises RuntimeError, and promises no class
        cause = str(error).partition("\n")[0].rstrip(".")
        return f"is no keyring: {cause}", _EXPORT
    if not keys:
        return "holds no key", _EXPORT
    if Tag.SecretKey in tags or Tag.SecretSubkey in tags:
        return "holds a private key", _REPLACE
    return None
