"""From a finished tree to one platform's image: layers, configuration, attestations.

Everything big goes into the store; what is returned can be kept in the action cache whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from neve import __version__
from neve.attest.cyclonedx import cyclonedx
from neve.attest.provenance import MEDIA_TYPE as PROVENANCE_TYPE
from neve.attest.provenance import provenance
from neve.attest.record import MEDIA_TYPE as RECORD_TYPE
from neve.attest.record import check_document, read_check, record
from neve.attest.spdx import spdx
from neve.attest.subject import AttestedImage
from neve.build.steps import Step, StepKind
from neve.build.tree import Assembly
from neve.errors import HostileInputError
from neve.model import Check, Digest, sha256_of
from neve.oci.bundle import Artifact, PlatformImage, platform_image
from neve.oci.codec import Compression
from neve.oci.config import (
    LABEL_CYCLONEDX,
    LABEL_LOCK,
    LABEL_RECIPE,
    LABEL_RECORD,
    LABEL_SPDX,
    ImageConfig,
    chain_id,
    layer_history,
    standard_annotations,
)
from neve.oci.layer import LayerBlob
from neve.oci.layering import partition
from neve.oci.pack import pack_layers
from neve.recipe.lock import Lock, LockedTarget
from neve.store import Store
from neve.tree import FileEntry, Kind

SPDX_TYPE = "application/spdx+json"
CYCLONEDX_TYPE = "application/vnd.cyclonedx+json"
STATEMENT_TYPE = PROVENANCE_TYPE

Reader = Callable[[FileEntry], "bytes | memoryview"]


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
    """One platform's image with its attestations, facts and judgements."""

    image: PlatformImage
    artifacts: tuple[Artifact, ...]
    facts: ImageFacts
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What of an image can't be had from its lock alone."""

    user: str
    labels: Mapping[str, str]
    layers: tuple[tuple[LayerBlob, tuple[str, ...]], ...]


def make_image(
    build: LockedBuild,
    assembly: Assembly,
    *,
    store: Store,
    read: Reader,
    workers: int | None = None,
    fresh: bool = False,
) -> MadeImage:
    """Pack ``assembly`` and attest it; remembered under the build's step.

    ``fresh`` packs every layer again, though the store may hold it.
    """
    order = [build.lock.packages[index].name for index in build.target.packages]
    plans = partition(assembly.tree, order=order)
    blobs = pack_layers(plans, store, compression=build.compression, workers=workers, fresh=fresh)
    subject = AttestedImage(
        name=build.lock.recipe.name,
        identity=chain_id([blob.diff_id for blob in blobs]),
        lock=build.lock,
        lock_data=build.lock_data,
        lock_digest=build.lock_digest,
        recipe_digest=build.recipe_digest,
        target=build.target,
        tree=assembly.tree,
        read=read,
    )
    documents = _documents(subject, assembly.checks)
    digests = {artifact.artifact_type: store.put(artifact.data) for artifact in documents}
    parts = _Parts(
        user=assembly.run_as.user,
        labels=_labels(build, digests),
        layers=tuple((blob, plan.packages) for blob, plan in zip(blobs, plans, strict=True)),
    )
    image = _image(build, parts)
    statement = Artifact(
        artifact_type=STATEMENT_TYPE,
        media_type=PROVENANCE_TYPE,
        data=provenance(subject, image.manifest.digest, neve_version=__version__),
        name="provenance.intoto.json",
    )
    store.put(statement.data)
    made = MadeImage(
        image=image,
        artifacts=(*documents, statement),
        facts=_facts(build, assembly, blobs),
        checks=assembly.checks,
    )
    store.remember(build.step.id, _dump(made, parts))
    return made


def _documents(subject: AttestedImage, checks: Sequence[Check]) -> tuple[Artifact, ...]:
    return (
        Artifact(
            artifact_type=SPDX_TYPE, media_type=SPDX_TYPE, data=spdx(subject), name="sbom.spdx.json"
        ),
        Artifact(
            artifact_type=CYCLONEDX_TYPE,
            media_type=CYCLONEDX_TYPE,
            data=cyclonedx(subject),
            name="sbom.cdx.json",
        ),
        Artifact(
            artifact_type=RECORD_TYPE,
            media_type=RECORD_TYPE,
            data=record(subject, checks),
            name="record.json",
        ),
    )


def _labels(build: LockedBuild, digests: Mapping[str, Digest]) -> dict[str, str]:
    return {
        LABEL_RECIPE: str(build.recipe_digest),
        LABEL_LOCK: str(build.lock_digest),
        LABEL_RECORD: str(digests[RECORD_TYPE]),
        LABEL_SPDX: str(digests[SPDX_TYPE]),
        LABEL_CYCLONEDX: str(digests[CYCLONEDX_TYPE]),
    }


def _image(build: LockedBuild, parts: _Parts) -> PlatformImage:
    recipe = build.lock.recipe
    blobs = [blob for blob, _ in parts.layers]
    config = ImageConfig(
        run=recipe.run,
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


def _facts(build: LockedBuild, assembly: Assembly, blobs: Sequence[LayerBlob]) -> ImageFacts:
    files = [entry for entry in assembly.tree if entry.kind is not Kind.DIRECTORY]
    return ImageFacts(
        packages=len(build.target.packages),
        files=len(files),
        planted=assembly.planted,
        installed_size=sum(entry.content.size for entry in files if entry.content is not None),
        compressed_size=sum(blob.size for blob in blobs),
        layers=len(blobs),
        user=assembly.run_as.user,
    )


def recall_image(build: LockedBuild, store: Store) -> MadeImage | None:
    """The image that an earlier build made of the same lock, if all of it is still in the store."""
    value = store.action(build.step.id)
    if value is None:
        return None
    try:
        noted = json.loads(value)
        parts = _Parts(
            user=noted["facts"]["user"],
            labels=noted["labels"],
            layers=tuple(_layer(row) for row in noted["layers"]),
        )
        artifacts = noted["artifacts"]
        facts = ImageFacts(**noted["facts"])
        checks = tuple(read_check(row) for row in noted["checks"])
        wanted = [Digest.parse(row["digest"]) for row in artifacts]
    except (ValueError, KeyError, TypeError, HostileInputError):
        return None
    if not all(store.has(d) for d in (*wanted, *(blob.digest for blob, _ in parts.layers))):
        return None
    return MadeImage(
        image=_image(build, parts),
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
        checks=checks,
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


def _dump(made: MadeImage, parts: _Parts) -> bytes:
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
        "checks": [check_document(check) for check in made.checks],
        "facts": {name: getattr(made.facts, name) for name in ImageFacts.__slots__},
    }
    return json.dumps(document, separators=(",", ":")).encode()
