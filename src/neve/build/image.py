"""From a finished tree to one platform's image: layers, configuration, attestations.

Everything big goes into the store; what is returned can be kept in the action cache whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from neve import __version__
from neve.attest.cyclonedx import cyclonedx
from neve.attest.provenance import MEDIA_TYPE as PROVENANCE_TYPE
from neve.attest.provenance import provenance
from neve.attest.record import MEDIA_TYPE as RECORD_TYPE
from neve.attest.record import Noted, record
from neve.attest.spdx import spdx
from neve.attest.subject import AttestedImage
from neve.build.made import ImageFacts, ImageParts, LockedBuild, MadeImage, image_of, remember_image
from neve.build.tree import Assembly
from neve.build.variant_kinds import LAYERED, RUNTIME, expiry
from neve.build.variants import layers_of
from neve.model import Digest, Skipped, Waived
from neve.oci.bundle import Artifact
from neve.oci.config import (
    LABEL_CYCLONEDX,
    LABEL_EXPIRES,
    LABEL_LOCK,
    LABEL_RECIPE,
    LABEL_RECORD,
    LABEL_SPDX,
    LABEL_VARIANT,
    chain_id,
)
from neve.oci.layer import LayerBlob
from neve.oci.layering import LayerPlan
from neve.oci.pack import pack_layers
from neve.recipe.lock import LockedTarget
from neve.store import Store
from neve.tree import FileEntry, Kind

SPDX_TYPE = "application/spdx+json"
CYCLONEDX_TYPE = "application/vnd.cyclonedx+json"
STATEMENT_TYPE = PROVENANCE_TYPE

Reader = Callable[[FileEntry], "bytes | memoryview"]


def untouched_layers(build: LockedBuild, assembly: Assembly) -> tuple[LayerPlan, ...]:
    """The layers that byte-compiling leaves as they are: they can be packed meanwhile."""
    return tuple(
        plan
        for plan in _layers(build, assembly)
        if plan.packages and not any(entry.path.endswith(".py") for entry in plan.entries)
    )


def _layers(build: LockedBuild, assembly: Assembly) -> tuple[LayerPlan, ...]:
    platform = build.target.platform
    below = next(
        (t for t in build.lock.targets if (t.platform, t.variant) == (platform, RUNTIME)),
        build.target,
    )
    return layers_of(assembly, order=_order(build, build.target), base_order=_order(build, below))


def _order(build: LockedBuild, target: LockedTarget) -> list[str]:
    return [build.lock.packages[index].name for index in target.packages]


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
    plans = _layers(build, assembly)
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
    documents = _documents(subject, assembly)
    digests = {artifact.artifact_type: store.put(artifact.data) for artifact in documents}
    parts = ImageParts(
        user=assembly.run_as.user,
        labels=_labels(build, digests),
        layers=tuple((blob, plan.packages) for blob, plan in zip(blobs, plans, strict=True)),
    )
    image = image_of(build, parts)
    statement = _statement(subject, image.manifest.digest)
    store.put(statement.data)
    made = MadeImage(
        image=image,
        artifacts=(*documents, statement),
        facts=_facts(build, assembly, blobs),
        notable=(
            *(c for c in assembly.checks if isinstance(c.verdict, Waived | Skipped)),
            *(c for c in assembly.certificates if not isinstance(c.verdict, Skipped)),
        ),
    )
    remember_image(build, made, parts, store)
    return made


def _statement(subject: AttestedImage, manifest: Digest) -> Artifact:
    return Artifact(
        artifact_type=STATEMENT_TYPE,
        media_type=PROVENANCE_TYPE,
        data=provenance(subject, manifest, neve_version=__version__),
        name="provenance.intoto.json",
    )


def noted_of(assembly: Assembly) -> Noted:
    """What the build record says of ``assembly`` beside its tree."""
    return Noted(
        checks=assembly.checks,
        trust_stores=assembly.trust_stores,
        left_out=assembly.left_out,
        accounts=assembly.accounts,
    )


def _documents(subject: AttestedImage, assembly: Assembly) -> tuple[Artifact, ...]:
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
            data=record(subject, noted_of(assembly)),
            name="record.json",
        ),
    )


def _labels(build: LockedBuild, digests: Mapping[str, Digest]) -> dict[str, str]:
    return _variant_labels(build) | {
        LABEL_RECIPE: str(build.recipe_digest),
        LABEL_LOCK: str(build.lock_digest),
        LABEL_RECORD: str(digests[RECORD_TYPE]),
        LABEL_SPDX: str(digests[SPDX_TYPE]),
        LABEL_CYCLONEDX: str(digests[CYCLONEDX_TYPE]),
    }


def _variant_labels(build: LockedBuild) -> dict[str, str]:
    """What lets a policy refuse a variant that is not for production."""
    name = build.target.variant
    variant = next((one for one in build.lock.recipe.variants if one.name == name), None)
    if variant is None or variant.kind not in LAYERED:
        return {}
    last = expiry(variant, build.lock.time)
    expires = {LABEL_EXPIRES: last.isoformat()} if last is not None else {}
    return {LABEL_VARIANT: variant.kind, **expires}


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
