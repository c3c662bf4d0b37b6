"""An image put together: every document and blob it needs, before any format writes it.

Referrers stand beside the image as descriptors of their own without a tag. Tools that copy by
tag leave them behind, which is why their digests also stand in configuration labels; ``config``
lists the names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from neve.model import Digest, Platform
from neve.oci.config import ConfigFormat, ImageConfig, render_config
from neve.oci.layer import LayerBlob
from neve.oci.manifest import (
    CONFIG_TYPE,
    EMPTY,
    EMPTY_TYPE,
    INDEX_TYPE,
    MANIFEST_TYPE,
    Descriptor,
    artifact_manifest,
    describe,
    image_index,
    image_manifest,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A document to attach to an image, such as an SBOM. ``name`` is a file name for people."""

    artifact_type: str
    media_type: str
    data: bytes
    name: str
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformImage:
    """One platform's image. ``manifest`` and ``config`` are bytes whose digests are fixed."""

    platform: Platform
    config: ImageConfig
    config_data: bytes
    manifest: Descriptor
    manifest_data: bytes
    layers: tuple[LayerBlob, ...]
    dropped: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """``root`` is what a tag points at: a manifest, or an index of several platforms.

    ``referrers`` are descriptors of artifact manifests; ``documents`` every small blob by
    digest; ``layers`` the blobs that lie in the store.
    """

    root: Descriptor
    images: tuple[PlatformImage, ...]
    referrers: tuple[Descriptor, ...]
    documents: Mapping[Digest, bytes]
    layers: tuple[LayerBlob, ...]


class Stored(Protocol):
    """A blob that lies in the store."""

    @property
    def digest(self) -> Digest:
        """Its name there."""
        ...


class OfPlatform(Protocol):
    """One platform's manifest."""

    @property
    def platform(self) -> Platform:
        """Which one."""
        ...

    @property
    def manifest(self) -> Descriptor:
        """Its descriptor."""
        ...


class WholeImage(Protocol):
    """What layouts and archives need of an image, built or copied; see `Bundle`."""

    @property
    def root(self) -> Descriptor:
        """What a tag points at."""
        ...

    @property
    def images(self) -> Sequence[OfPlatform]:
        """The manifests under an index, by platform."""
        ...

    @property
    def referrers(self) -> Sequence[Descriptor]:
        """Descriptors of manifests that refer to the image."""
        ...

    @property
    def documents(self) -> Mapping[Digest, bytes]:
        """Every small blob."""
        ...

    @property
    def layers(self) -> Sequence[Stored]:
        """The blobs that lie in the store."""
        ...


def platform_image(
    config: ImageConfig, layers: Sequence[LayerBlob], annotations: Mapping[str, str]
) -> PlatformImage:
    """The manifest and configuration of one platform over ``layers``, lowest first."""
    rendered = render_config(config, ConfigFormat.OCI)
    rows = [
        Descriptor(media_type=blob.media_type, digest=blob.digest, size=blob.size)
        for blob in layers
    ]
    data = image_manifest(describe(rendered.data, CONFIG_TYPE), rows, annotations)
    return PlatformImage(
        platform=config.platform,
        config=config,
        config_data=rendered.data,
        manifest=replace(describe(data, MANIFEST_TYPE), platform=config.platform),
        manifest_data=data,
        layers=tuple(layers),
        dropped=rendered.dropped,
    )


def assemble(
    images: Sequence[PlatformImage],
    *,
    annotations: Mapping[str, str],
    artifacts: Mapping[Platform, Sequence[Artifact]] | None = None,
) -> Bundle:
    """One platform gives its manifest as the root, several an index with ``annotations``.

    ``artifacts`` are attached to the manifest of their platform.
    """
    if not images:
        raise ValueError("an image of no platform")
    documents: dict[Digest, bytes] = {}
    for image in images:
        for data in (image.config_data, image.manifest_data):
            documents[describe(data, "").digest] = data
    if len(images) == 1:
        root = replace(images[0].manifest, platform=images[0].platform)
    else:
        index = image_index([image.manifest for image in images], annotations)
        root = describe(index, INDEX_TYPE)
        documents[root.digest] = index
    referrers = [
        _attach(image, artifact, documents)
        for image in images
        for artifact in (artifacts or {}).get(image.platform, ())
    ]
    layers = {blob.digest: blob for image in images for blob in image.layers}
    return Bundle(
        root=root,
        images=tuple(images),
        referrers=tuple(referrers),
        documents=documents,
        layers=tuple(layers.values()),
    )


def _attach(image: PlatformImage, artifact: Artifact, documents: dict[Digest, bytes]) -> Descriptor:
    title = {"org.opencontainers.image.title": artifact.name}
    blob = replace(describe(artifact.data, artifact.media_type), annotations=title)
    manifest = artifact_manifest(
        artifact.artifact_type, blob, image.manifest, dict(artifact.annotations)
    )
    row = replace(describe(manifest, MANIFEST_TYPE), artifact_type=artifact.artifact_type)
    documents[blob.digest] = artifact.data
    documents[row.digest] = manifest
    documents[describe(EMPTY, EMPTY_TYPE).digest] = EMPTY
    return row
