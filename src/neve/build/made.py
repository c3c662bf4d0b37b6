"""A built image as the action cache holds it: recalled without making any of it again.

Kept apart from ``build.image``, which makes images, so that a warm build loads nothing but this.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from neve import __version__
from neve.build.steps import Step, StepKind
from neve.errors import HostileInputError
from neve.model import Check, Digest, sha256_of
from neve.oci.bundle import Artifact, PlatformImage, platform_image
from neve.oci.codec import Compression
from neve.oci.config import ImageConfig, layer_history, standard_annotations
from neve.oci.layer import LayerBlob
from neve.recipe.lock import Lock, LockedTarget
from neve.recipe.services import run_of
from neve.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedBuild:
    """A lock about to be built for one of its targets. ``lock_data`` are the file's bytes."""

    lock: Lock
    lock_data: bytes
    lock_digest: Digest
    target: LockedTarget
    compression: Compression = Compression.GZIP

    @property
    def recipe_digest(self) -> Digest:
        """The digest of the recipe file the lock was made from."""
        return self.lock.sources[0].digest

    @property
    def step(self) -> Step:
        """The step whose result is this image."""
        return Step(
            kind=StepKind.IMAGE,
            inputs=(
                str(self.lock_digest),
                str(self.target.platform),
                self.target.variant,
                self.compression.value,
                __version__,
            ),
            reason=f"{self.lock.recipe.name} for {self.target.platform}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFacts:
    """Counts of one image, for people. Sizes in bytes; ``planted`` before pruning."""

    packages: int
    files: int
    planted: int
    installed_size: int
    compressed_size: int
    layers: int
    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeImage:
    """One platform's image with its attestations, facts and the checks that were waived or
    skipped.

    All checks stand in the build record, which is one of the attestations.
    """

    image: PlatformImage
    artifacts: tuple[Artifact, ...]
    facts: ImageFacts
    notable: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageParts:
    """What of an image can't be had from its lock alone."""

    user: str
    labels: Mapping[str, str]
    layers: tuple[tuple[LayerBlob, tuple[str, ...]], ...]


def image_of(build: LockedBuild, parts: ImageParts) -> PlatformImage:
    """The image that a lock and what was packed for it make: documents only, quick."""
    recipe = build.lock.recipe
    blobs = [blob for blob, _ in parts.layers]
    config = ImageConfig(
        run=run_of(recipe),
        user=parts.user,
        platform=build.target.platform,
        created=build.lock.time,
        layers=layer_history(blobs, [names for _, names in parts.layers]),
        labels=parts.labels,
    )
    return platform_image(config, blobs, annotations_of(build.lock))


def annotations_of(lock: Lock) -> dict[str, str]:
    """The standard annotations of an image and of the index over its platforms."""
    return standard_annotations(
        title=lock.recipe.title or lock.recipe.name,
        description=lock.recipe.description,
        created=lock.time,
    )


def recall_image(build: LockedBuild, store: Store) -> MadeImage | None:
    """The image that an earlier build made of the same lock, if all of it is still in the store."""
    value = store.action(build.step.id)
    if value is None:
        return None
    try:
        noted = json.loads(value)
        parts = ImageParts(
            user=noted["facts"]["user"],
            labels=noted["labels"],
            layers=tuple(_layer(row) for row in noted["layers"]),
        )
        artifacts = noted["artifacts"]
        facts = ImageFacts(**noted["facts"])
        notable = _read_checks(noted["notable"])
        wanted = [Digest.parse(row["digest"]) for row in artifacts]
    except (ValueError, KeyError, TypeError, HostileInputError):
        return None
    if not all(store.sound(d) for d in (*wanted, *(blob.digest for blob, _ in parts.layers))):
        return None
    return MadeImage(
        image=image_of(build, parts),
        artifacts=tuple(
            Artifact(
                artifact_type=row["type"],
                media_type=row["media_type"],
                data=store.read(digest),
                name=row["name"],
            )
            for row, digest in zip(artifacts, wanted, strict=True)
        ),
        facts=facts,
        notable=notable,
    )


def _layer(row: Mapping[str, object]) -> tuple[LayerBlob, tuple[str, ...]]:
    names = row["packages"]
    if not isinstance(names, list):
        raise TypeError("packages")
    blob = LayerBlob(
        digest=Digest.parse(str(row["digest"])),
        diff_id=Digest.parse(str(row["diff_id"])),
        size=int(str(row["size"])),
        uncompressed_size=int(str(row["uncompressed_size"])),
        compression=Compression(str(row["compression"])),
    )
    return blob, tuple(str(name) for name in names)


def remember_image(build: LockedBuild, made: MadeImage, parts: ImageParts, store: Store) -> None:
    """Note ``made`` under the build's step, for the next build of the same lock."""
    document = {
        "labels": dict(parts.labels),
        "layers": [
            {
                "digest": str(blob.digest),
                "diff_id": str(blob.diff_id),
                "size": blob.size,
                "uncompressed_size": blob.uncompressed_size,
                "compression": blob.compression.value,
                "packages": list(names),
            }
            for blob, names in parts.layers
        ],
        "artifacts": [
            {
                "type": artifact.artifact_type,
                "media_type": artifact.media_type,
                "name": artifact.name,
                "digest": str(sha256_of(artifact.data)),
            }
            for artifact in made.artifacts
        ],
        "notable": _check_documents(made.notable),
        "facts": {name: getattr(made.facts, name) for name in ImageFacts.__slots__},
    }
    store.remember(build.step.id, json.dumps(document, separators=(",", ":")).encode())


def _check_documents(checks: tuple[Check, ...]) -> list[object]:
    if not checks:
        return []
    from neve.attest.record import check_document

    return [check_document(check) for check in checks]


def _read_checks(rows: list[dict[str, object]]) -> tuple[Check, ...]:
    if not rows:
        return ()
    from neve.attest.record import read_check

    return tuple(read_check(row) for row in rows)
