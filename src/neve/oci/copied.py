"""An image that was copied, ready to be written as a layout or archive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from neve.errors import UsageError
from neve.model import Digest, Platform
from neve.oci.archive import stream_docker_parts
from neve.oci.contents import Gathered, Manifest, referrer_row
from neve.oci.documents import descriptor_of, diff_ids_of, json_object, part_of, rows_of
from neve.oci.files import new_file
from neve.oci.manifest import Descriptor
from neve.oci.ports import BlobStore


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


def write_copied_docker_archive(
    gathered: Gathered, path: Path, store: BlobStore, *, tags: Sequence[str]
) -> None:
    """Write the image of one platform as the docker-archive ``path``, its configuration and
    layers as they are. Raises ``UsageError`` for an index or for what is no image.
    """
    document = json_object(gathered.root.data, str(path))
    if "layers" not in document:
        raise UsageError(
            f"{path}: a docker-archive holds one platform",
            resolution="Name one with --platform, or write an OCI layout.",
        )
    rows = [descriptor_of(row, str(path)) for row in rows_of(document, "layers", str(path))]
    config = descriptor_of(part_of(document, "config", str(path)), str(path))
    data = store.path(config.digest).read_bytes()
    if len(diff_ids_of(data, str(path))) != len(rows):
        raise UsageError(f"{path}: not the image of a container", resolution="Write a layout.")
    layers = [(row.digest, f"{row.digest.value}.tar{_suffix(row.media_type)}") for row in rows]
    with new_file(path) as file:
        stream_docker_parts(data, layers, file, store, tags=tags)


def _suffix(media_type: str) -> str:
    if media_type.endswith("gzip"):
        return ".gz"
    return ".zst" if media_type.endswith("zstd") else ""


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
