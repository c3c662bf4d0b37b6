"""OCI descriptors, image manifests, artifact manifests and indexes as bytes (image-spec 1.1).

Documents are rendered once, with sorted keys and no spaces, and from then on only handled as
bytes: their digest is their name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from neve.model import Digest, Platform, sha256_of

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
EMPTY = b"{}"

DOCKER_MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX_TYPE = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER_TYPES = (
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
    "application/vnd.docker.image.rootfs.diff.tar",
)

REF_NAME = "org.opencontainers.image.ref.name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """What points at a blob (image-spec, descriptor.md). ``size`` in bytes."""

    media_type: str
    digest: Digest
    size: int
    platform: Platform | None = None
    artifact_type: str | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As it stands in a manifest or index."""
        fields: dict[str, Any] = {
            "mediaType": self.media_type,
            "digest": str(self.digest),
            "size": self.size,
        }
        if self.platform is not None:
            fields["platform"] = platform_document(self.platform)
        if self.artifact_type is not None:
            fields["artifactType"] = self.artifact_type
        if self.annotations:
            fields["annotations"] = dict(self.annotations)
        return fields


def describe(data: bytes, media_type: str) -> Descriptor:
    """The descriptor of ``data``."""
    return Descriptor(media_type=media_type, digest=sha256_of(data), size=len(data))


def render(document: Mapping[str, Any]) -> bytes:
    """JSON with sorted keys and no spaces, UTF-8."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8")


def platform_document(platform: Platform) -> dict[str, str]:
    """A platform as manifests and configurations spell it."""
    fields = {"architecture": platform.architecture, "os": platform.os}
    if platform.variant:
        fields["variant"] = platform.variant
    return fields


def image_manifest(
    config: Descriptor, layers: Sequence[Descriptor], annotations: Mapping[str, str]
) -> bytes:
    """An image manifest."""
    fields: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": config.document(),
        "layers": [layer.document() for layer in layers],
    }
    if annotations:
        fields["annotations"] = dict(annotations)
    return render(fields)


def artifact_manifest(
    artifact_type: str,
    blob: Descriptor,
    subject: Descriptor,
    annotations: Mapping[str, str],
) -> bytes:
    """A manifest that attaches one blob to ``subject`` (manifest.md, "Guidelines for Artifact
    Usage"): an empty configuration, the blob as its only layer.
    """
    bare = Descriptor(
        media_type=subject.media_type, digest=subject.digest, size=subject.size
    ).document()
    fields: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "artifactType": artifact_type,
        "config": describe(EMPTY, EMPTY_TYPE).document(),
        "layers": [blob.document()],
        "subject": bare,
    }
    if annotations:
        fields["annotations"] = dict(annotations)
    return render(fields)


def image_index(manifests: Sequence[Descriptor], annotations: Mapping[str, str]) -> bytes:
    """An image index."""
    fields: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": INDEX_TYPE,
        "manifests": [manifest.document() for manifest in manifests],
    }
    if annotations:
        fields["annotations"] = dict(annotations)
    return render(fields)


def referrers_tag(subject: Digest) -> str:
    """The tag of the index of referrers in registries without the referrers API
    (distribution-spec, "Referrers Tag Schema").
    """
    return f"{subject.algorithm}-{subject.value}"[:128]
