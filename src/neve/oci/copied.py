"""An image that was copied, ready to be written as a layout or archive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from neve.model import Digest, Platform
from neve.oci.contents import Gathered, Manifest, referrer_row
from neve.oci.manifest import Descriptor


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedPlatform:
    """One platform's manifest under an index."""

    platform: Platform
    manifest: Descriptor


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedImage:
    """A gathered image as ``WholeImage``; its blobs are in the store."""

    root: Descriptor
    images: tuple[CopiedPlatform, ...]
    referrers: tuple[Descriptor, ...]
    documents: Mapping[Digest, bytes]
    layers: tuple[Descriptor, ...]


def copied(gathered: Gathered) -> CopiedImage:
    """The image as it can be written. Rows carry no annotations of others: these could name tags
    that nobody gave.
    """
    manifests = [gathered.root, *gathered.below, *(one for _, one in gathered.referrers)]
    documents = {one.descriptor.digest: one.data for one in manifests}
    nested = gathered.root.descriptor.platform is None
    return CopiedImage(
        root=_bare(gathered.root.descriptor),
        images=tuple(_platforms(gathered.below)) if nested else (),
        referrers=tuple(
            replace(referrer_row(one), annotations={}) for _, one in gathered.referrers
        ),
        documents=documents,
        layers=tuple(blob for blob in gathered.blobs if blob.digest not in documents),
    )


def _platforms(manifests: tuple[Manifest, ...]) -> list[CopiedPlatform]:
    found: dict[Platform, CopiedPlatform] = {}
    for one in manifests:
        platform = one.descriptor.platform
        if platform is not None and platform != Platform("unknown", "unknown"):
            row = CopiedPlatform(platform=platform, manifest=_bare(one.descriptor))
            found.setdefault(platform, row)
    return list(found.values())


def _bare(row: Descriptor) -> Descriptor:
    return replace(row, annotations={}, artifact_type=None)
