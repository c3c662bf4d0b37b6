"""What a file of certificates or keys holds, as frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class BlockKind(StrEnum):
    """What one block of a file is."""

    CERTIFICATE = "certificate"
    PRIVATE_KEY = "private-key"
    OTHER = "other"
    """A public key, a request, a revocation list, parameters: the label says which."""


class Form(StrEnum):
    """How the file as a whole is written."""

    PEM = "pem"
    DER = "der"
    PKCS7 = "pkcs7"
    PKCS12 = "pkcs12"
    JKS = "jks"
    NONE = "none"
    """Nothing in it looks like a certificate or a key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One certificate, key or other block of a file.

    ``label`` is the PEM label or the container's word for it (``RSA PRIVATE KEY``,
    ``jks entry NAME``). ``line`` counts from 1 and is that of the BEGIN line; 0 in a binary file.
    ``der`` are the decoded bytes, "" where ``problem`` says what is wrong with the block.
    ``encrypted`` tells whether a private key needs a password (of anything else: false).
    """

    kind: BlockKind
    label: str
    line: int
    der: bytes
    encrypted: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """Text outside every block, from ``line`` to ``end`` (both counted from 1, both included).

    Harmless to most readers (bundles carry comments), yet a sign of a half-copied block. ``text``
    is how it begins, at most 80 characters, unprintable ones escaped.
    """

    line: int
    end: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFile:
    """What one file holds, in its order; ``problems`` are about the file as a whole.

    ``password`` is the public default password that a key store opens with (``changeit``), ``None``
    where none does or none is needed.
    """

    form: Form
    blocks: tuple[Block, ...] = ()
    garbage: tuple[Garbage, ...] = ()
    problems: tuple[str, ...] = ()
    password: str | None = None

    @property
    def certificates(self) -> tuple[Block, ...]:
        """The certificates that could be decoded."""
        return tuple(
            block
            for block in self.blocks
            if block.kind is BlockKind.CERTIFICATE and not block.problem
        )

    @property
    def private_keys(self) -> tuple[Block, ...]:
        """The private keys, broken ones included: half a key is still a leak."""
        return tuple(block for block in self.blocks if block.kind is BlockKind.PRIVATE_KEY)
