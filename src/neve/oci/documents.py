"""Reading the JSON documents of images that others wrote: descriptors, indexes, manifests.

Every reader takes ``where``, the words for people about what is read, and raises
``HostileInputError`` for a shape that no honest tool writes.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from neve.errors import HostileInputError, UsageError
from neve.model import Digest, Platform
from neve.oci.manifest import Descriptor

_MAX_ROWS = 10_000
_MAX_TYPE = 256
_UNKNOWN = Platform("unknown", "unknown")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")


def broken(where: str, cause: str) -> HostileInputError:
    """The error for an image that does not hold together."""
    return HostileInputError(
        f"{where}: not a whole image: {cause}", resolution="Fetch or export the image again."
    )


def parse(data: bytes, where: str) -> object:
    """Any JSON; ``HostileInputError`` for what is none."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise broken(where, f"a document is no JSON: {error}") from error


def json_object(data: bytes, where: str) -> dict[str, Any]:
    """A JSON object."""
    document = parse(data, where)
    if not isinstance(document, dict):
        raise broken(where, "a document is no object")
    return document


def json_rows(data: bytes, where: str) -> list[dict[str, Any]]:
    """A JSON list of objects."""
    return rows_of({"rows": parse(data, where)}, "rows", where)


def rows_of(document: dict[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    """The list of objects under ``key``."""
    rows = document.get(key)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise broken(where, f"{key} is no list of objects")
    if len(rows) > _MAX_ROWS:
        raise broken(where, f"{key} has {len(rows)} rows")
    return rows


def part_of(document: dict[str, Any], key: str, where: str) -> dict[str, Any]:
    """The object under ``key``."""
    part = document.get(key)
    if not isinstance(part, dict):
        raise broken(where, f"{key} is missing")
    return part


def digest_of(row: dict[str, Any], where: str) -> Digest:
    """The digest of a descriptor: sha256 or sha512."""
    try:
        digest = Digest.parse(str(row.get("digest")))
    except ValueError as error:
        raise broken(where, str(error)) from error
    if digest.algorithm not in ("sha256", "sha512"):
        raise broken(where, f"a digest of {digest.algorithm}")
    return digest


def size_of(row: dict[str, Any], where: str) -> int:
    """The size of a descriptor, in bytes."""
    size = row.get("size")
    if type(size) is not int or size < 0:
        raise broken(where, "a descriptor without a size")
    return size


def require_readable(row: dict[str, Any], where: str) -> None:
    """Raises ``UsageError`` for a layer whose bytes can't be looked at: one that lies outside of
    registries (``urls``, old Windows images) or that is encrypted (image-spec, descriptor.md).
    """
    encrypted = str(row.get("mediaType")).endswith("+encrypted")
    if row.get("urls") or encrypted:
        raise UsageError(
            f"{where}: a layer that "
            + ("is encrypted" if encrypted else "lies outside of registries"),
            resolution="Decrypt the image first."
            if encrypted
            else "Foreign layers (old Windows images) are not read by neve.",
        )


def hash_like(data: bytes, like: Digest) -> Digest:
    """The digest of ``data`` by ``like``'s algorithm."""
    return Digest(like.algorithm, hashlib.new(like.algorithm, data).hexdigest())


def platform_of(row: dict[str, Any]) -> Platform:
    """The platform of an index's row; ``unknown/unknown`` where it names none that
    anybody would give.
    """
    fields = row.get("platform")
    if not isinstance(fields, dict):
        return _UNKNOWN
    variant = fields.get("variant") or None
    words = [fields.get("os"), fields.get("architecture"), variant or "none"]
    if not all(isinstance(word, str) and _WORD.fullmatch(word) for word in words):
        return _UNKNOWN
    return Platform(str(words[0]), str(words[1]), variant)


def platform_matches(found: Platform, wanted: Platform | None) -> bool:
    """Whether ``found`` serves who asks for ``wanted``."""
    if wanted is None or (found.os, found.architecture) != (wanted.os, wanted.architecture):
        return False
    return wanted.variant is None or wanted.variant == found.variant


def diff_ids_of(configuration: bytes, where: str) -> list[Digest]:
    """The diff_ids that a configuration lists, lowest layer first."""
    rootfs = part_of(json_object(configuration, where), "rootfs", where)
    rows = rootfs.get("diff_ids")
    if not isinstance(rows, list):
        raise broken(where, "the configuration names no diff_ids")
    return [digest_of({"digest": row}, where) for row in rows]


def annotations_of(row: dict[str, Any]) -> dict[str, Any]:
    """The annotations of a descriptor or manifest; empty where it has none."""
    annotations = row.get("annotations")
    return annotations if isinstance(annotations, dict) else {}


def descriptor_of(row: dict[str, Any], where: str) -> Descriptor:
    """A descriptor as a type; what it says beyond the known fields is left out."""
    kind, artifact_type = row.get("mediaType"), row.get("artifactType")
    if not isinstance(kind, str) or len(kind) > _MAX_TYPE:
        raise broken(where, "a descriptor without a media type")
    platform = platform_of(row) if isinstance(row.get("platform"), dict) else None
    return Descriptor(
        media_type=kind,
        digest=digest_of(row, where),
        size=size_of(row, where),
        platform=platform,
        artifact_type=artifact_type if isinstance(artifact_type, str) else None,
        annotations={str(k): str(v) for k, v in annotations_of(row).items()},
    )
