"""SLSA provenance v1 in an in-toto Statement v1: what an image was built from, and by what.

Times of the run and the host stay out: the same lock gives the same statement. Its subject is
the image's digest, so no configuration label can name it.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from neve.attest.subject import AttestedImage, timestamp
from neve.model import Digest
from neve.recipe.lock import LockedArchive, LockedIndex, LockedPackage

MEDIA_TYPE = "application/vnd.in-toto+json"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:neve:build:1"
LOCAL_BUILDER = "urn:neve:builder:local"


def provenance(
    image: AttestedImage,
    manifest: Digest,
    *,
    neve_version: str,
    builder: str = LOCAL_BUILDER,
) -> bytes:
    """The statement about the image whose manifest has the digest ``manifest``.

    ``builder`` is the URI of who ran the build; whoever signs the statement answers for it.
    """
    target = image.target
    statement: dict[str, Any] = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": image.title, "digest": _digest(manifest)}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "recipe": {"name": image.name, "digest": _digest(image.recipe_digest)},
                    "lock": {"name": "neve.lock", "digest": _digest(image.lock_digest)},
                    "platform": str(target.platform),
                    "variant": target.variant,
                },
                "internalParameters": {
                    "rules": dict(image.lock.rules),
                    "time": timestamp(image.lock.time),
                },
                "resolvedDependencies": _dependencies(image),
            },
            "runDetails": {
                "builder": {"id": builder, "version": {"neve": neve_version}},
                "metadata": {"invocationId": f"urn:uuid:{_invocation(image)}"},
            },
        },
    }
    return json.dumps(statement, sort_keys=True, separators=(",", ":")).encode()


def _invocation(image: AttestedImage) -> uuid.UUID:
    name = f"{image.lock_digest} {image.target.platform} {image.target.variant}"
    return uuid.uuid5(uuid.NAMESPACE_OID, name)


def _dependencies(image: AttestedImage) -> list[dict[str, Any]]:
    packages = image.packages
    used = {package.index for package in packages}
    rows = [_package(image, package) for package in packages]
    for archive in sorted(image.lock.archives, key=lambda a: a.id):
        rows.append(_archive(archive))
        for index in sorted(archive.indexes, key=lambda i: i.path):
            if index.digest in used:
                rows.append(_index(archive, index))
    rows += [
        {"name": source.path, "digest": _digest(source.digest)} for source in image.lock.sources
    ]
    return rows


def _package(image: AttestedImage, package: LockedPackage) -> dict[str, Any]:
    return {
        "name": package.name,
        "uri": image.purl(package),
        "digest": _digest(package.digest),
        "annotations": {"archive": package.archive, "index": str(package.index)},
    }


def _archive(archive: LockedArchive) -> dict[str, Any]:
    annotations: dict[str, Any] = {
        "codename": archive.codename,
        "date": timestamp(archive.date),
        "signers": list(archive.signers),
    }
    if archive.valid_until is not None:
        annotations["validUntil"] = timestamp(archive.valid_until)
    if archive.snapshot is not None:
        annotations["snapshot"] = archive.snapshot
    return {
        "name": f"{archive.id} InRelease",
        "uri": f"urn:neve:archive:{archive.id}",
        "digest": _digest(archive.release),
        "annotations": annotations,
    }


def _index(archive: LockedArchive, index: LockedIndex) -> dict[str, Any]:
    return {
        "name": f"{archive.id} {index.path}",
        "uri": f"urn:neve:archive:{archive.id}#{index.path}",
        "digest": _digest(index.digest),
    }


def _digest(digest: Digest) -> dict[str, str]:
    return {digest.algorithm: digest.value}
