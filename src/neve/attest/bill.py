"""What an SBOM says of an image, whoever made the image: the one input of both writers."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from neve.attest.licences import Licence
from neve.recipe.types import TrustedCertificate


@dataclass(frozen=True, slots=True, kw_only=True)
class BillSource:
    """The source that a package was built from; ``purl`` is "" where its kind has none."""

    name: str
    version: str
    purl: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BillPackage:
    """One package. ``key`` tells it apart in SPDX, ``reference`` in CycloneDX; both are unique in
    a bill. ``origin`` says in words where it comes from, ``file_name`` and ``sha256`` (hex) are
    those of the archive it was unpacked from; "" where nobody knows.
    """

    key: str
    reference: str
    name: str
    version: str
    purl: str
    licence: Licence
    source: BillSource | None
    origin: str
    file_name: str = ""
    sha256: str = ""
    properties: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class BillFile:
    """One regular file: its path, hashes in hex, the ``key`` of the package that holds it
    (``None``: the image itself), and what else is to be said. Positional: there are many.
    """

    path: str
    sha1: str
    sha256: str
    holder: str | None
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """All that is in one image. ``identity`` is a digest, ``created`` in seconds since 1970.

    ``system`` is (reference, name, version) of the distribution, ``None`` where it is unknown.
    """

    title: str
    identity: str
    created: int
    system: tuple[str, str, str] | None
    packages: tuple[BillPackage, ...]
    files: tuple[BillFile, ...]
    certificates: tuple[TrustedCertificate, ...] = ()

    def uuid(self, purpose: str) -> uuid.UUID:
        """An id that is the same for the same image and purpose."""
        return uuid.uuid5(uuid.NAMESPACE_OID, f"{purpose} {self.title} {self.identity}")
