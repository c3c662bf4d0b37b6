"""``neve sbom``: the packages of any image in a standard that other tools read."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from neve.inventory import Depth
from neve.model import Platform, sha256_of
from neve.verbs.context import Workspace
from neve.verbs.looking import Seen, look


@dataclass(frozen=True, slots=True, kw_only=True)
class SbomRequest:
    """An image, and ``standard``: ``spdx`` or ``cyclonedx``. Without a ``depth`` all that the
    standard can hold is looked at: SPDX lists every file with its hashes.
    """

    image: str
    standard: str
    depth: Depth | None = None
    platform: Platform | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SbomResult:
    """The document's bytes, and what of the image could not be judged for it."""

    document: bytes
    unjudged: tuple[str, ...]


def write_sbom(request: SbomRequest, workspace: Workspace) -> SbomResult:
    """List the image's packages; raises what ``look`` raises.

    The same image gives the same bytes, wherever it lies and whenever it is looked at.
    """
    from neve.attest.cyclonedx import cyclonedx_document
    from neve.attest.inventoried import inventory_bill
    from neve.attest.spdx import spdx_document

    depth = request.depth or (Depth.FULL if request.standard == "spdx" else Depth.INVENTORY)
    seen = look(request.image, workspace, depth=depth, platform=request.platform, copyrights=True)
    bill = inventory_bill(
        _title(seen), _identity(seen), seen.inventory, seen.tree, seen.copyrights.get
    )
    write = cyclonedx_document if request.standard == "cyclonedx" else spdx_document
    unjudged = tuple(f"{item.path}: {item.reason}" for item in seen.inventory.unjudged)
    return SbomResult(document=write(bill), unjudged=unjudged)


def _title(seen: Seen) -> str:
    """The image's own name, without where on this machine it lies."""
    return posixpath.basename(seen.image.rstrip("/")) or "image"


def _identity(seen: Seen) -> str:
    """The manifest's digest, or one over all layers, paths and contents where there is none."""
    if seen.digest:
        return seen.digest
    lines = [str(layer.diff_id) for layer in seen.layers]
    lines += [
        f"{item.path}\0{item.kind.value}\0{item.mode}\0{item.digest}\0{item.target}"
        for item in seen.inventory.files
    ]
    return str(sha256_of("\n".join(lines).encode("utf-8", "surrogateescape")))
