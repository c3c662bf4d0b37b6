"""Content digests, written ``algorithm:value`` as OCI does (image-spec, descriptor.md)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

_HEX_LENGTH = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A hash of some bytes: ``algorithm`` such as ``sha256``, ``value`` in lower-case hex."""

    algorithm: str
    value: str

    def __post_init__(self) -> None:
        length = _HEX_LENGTH.get(self.algorithm)
        if length != len(self.value) or self.value.strip("0123456789abcdef"):
            raise ValueError(f"not a digest: {self.algorithm}:{self.value}")

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Read ``algorithm:value``; raises ``ValueError`` for anything else."""
        algorithm, separator, value = text.partition(":")
        if not separator:
            raise ValueError(f"not a digest: {text}")
        return cls(algorithm, value)

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.value}"


def sha256_of(data: bytes | memoryview) -> Digest:
    """The SHA-256 digest of ``data``."""
    return Digest("sha256", hashlib.sha256(data).hexdigest())
