"""Images in OCI layouts, oci-archives and docker-archives as ``ImageSource``.

Every document is bounded and checked against the digest and size that named it. Names inside
the containers are built from checked digests or looked up as whole names; nothing is extracted.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, BinaryIO

from neve.errors import HostileInputError, TrustError, UsageError
from neve.model import Digest, Platform, sha256_of
from neve.oci.image_files import ArchiveFiles, DirectoryFiles, ImageFiles
from neve.oci.layout import INDEX_FILE, LAYOUT_FILE
from neve.oci.manifest import (
    DOCKER_INDEX_TYPE,
    DOCKER_MANIFEST_TYPE,
    INDEX_TYPE,
    MANIFEST_TYPE,
    REF_NAME,
)
from neve.oci.source import ImageSource, SourceLayer

_MAX_DOCUMENT = 16 << 20
_MAX_ATTACHED = 512 << 20
"""Records and SBOMs have a row a file: images of 100,000 files pass 16 MiB."""
_MAX_DEPTH = 4
_DOCKER_MANIFEST = "manifest.json"
_HEX = re.compile(r"(?:blobs/sha256/)?([0-9a-f]{64})(?:\.json)?\Z")


def open_image(
    path: Path, *, tag: str | None = None, platform: Platform | None = None
) -> ImageSource:
    """The image at ``path``: a layout directory, an oci-archive or a docker-archive.

    ``tag`` may be left out where there is one image, ``platform`` where there is one platform.
    Raises ``UsageError`` naming the choices, ``TrustError`` or ``HostileInputError`` for a file
    that does not hold together.
    """
    if path.is_dir():
        files: ImageFiles = DirectoryFiles(path)
    elif path.is_file():
        files = ArchiveFiles(path)
    else:
        raise UsageError(
            f"{path}: there is nothing to read an image from",
            resolution="Name an OCI layout directory, an oci-archive or a docker-archive.",
        )
    if files.size(LAYOUT_FILE) is not None and files.size(INDEX_FILE) is not None:
        return _OciImage(files, str(path), tag, platform)
    if files.size(_DOCKER_MANIFEST) is not None:
        return _DockerImage(files, str(path), tag)
    raise UsageError(
        f"{path}: neither an OCI layout nor a docker-archive",
        resolution="Name a layout directory, or an archive that skopeo or docker save wrote.",
    )


def read_attached(
    path: Path, artifact_type: str, *, tag: str | None = None, platform: Platform | None = None
) -> bytes | None:
    """The document attached as ``artifact_type`` to the image that ``open_image`` would open.

    ``None`` where the image carries none, as after a copy by tag, or a docker-archive.
    """
    image = open_image(path, tag=tag, platform=platform)
    return image.attached(artifact_type) if isinstance(image, _OciImage) else None


class _OciImage:
    """One manifest of a layout. Documents of Docker's media types are read alike."""

    def __init__(
        self, files: ImageFiles, where: str, tag: str | None, platform: Platform | None
    ) -> None:
        self._files = files
        self._where = where
        rows = _rows(_json(_read(files, INDEX_FILE, where), where), "manifests", where)
        row = self._choose_tag(rows, tag)
        self._rows = rows
        manifest, self.manifest_digest = self._manifest(row, platform)
        config = _part(manifest, "config", where)
        self.configuration = self._blob(config)
        diff_ids = _diff_ids(self.configuration, where)
        layers = _rows(manifest, "layers", where)
        if len(diff_ids) != len(layers):
            raise _broken(where, f"{len(layers)} layers but {len(diff_ids)} diff_ids")
        self.layers = tuple(
            SourceLayer(
                digest=_digest(layer, where),
                diff_id=diff_id,
                size=_size(layer, where),
                name=f"{where}: layer {number}",
            )
            for number, (layer, diff_id) in enumerate(zip(layers, diff_ids, strict=True), 1)
        )

    def open_layer(self, layer: SourceLayer) -> BinaryIO:
        if layer.digest is None:
            raise ValueError("a layer of another source")
        name = _blob_name(layer.digest)
        if self._files.size(name) is None:
            raise _broken(self._where, f"the blob {layer.digest} is missing")
        return self._files.open(name)

    def _choose_tag(self, rows: list[dict[str, Any]], tag: str | None) -> dict[str, Any]:
        tagged = {str(name): row for row in rows if (name := _annotations(row).get(REF_NAME))}
        if tag is not None:
            if tag in tagged:
                return tagged[tag]
        elif len(rows) == 1:
            return rows[0]
        else:
            roots = {_digest(row, self._where): row for row in tagged.values()}
            nested = self._below(list(roots.values()))
            tops = [row for digest, row in roots.items() if digest not in nested]
            if len(tops) == 1:
                return tops[0]
        raise UsageError(
            f"{self._where}: {f'no image is tagged {tag}' if tag else 'more than one image'}",
            details=tuple(f"tag: {name}" for name in sorted(tagged)),
            resolution="Name one of the tags." if tagged else "The layout holds no tagged image.",
        )

    def _below(self, rows: list[dict[str, Any]]) -> set[Digest]:
        """The manifests that the indexes among ``rows`` name: they need no choosing."""
        found: set[Digest] = set()
        for row in rows:
            if row.get("mediaType") in (INDEX_TYPE, DOCKER_INDEX_TYPE):
                index = _json(self._blob(row), self._where)
                found |= {_digest(r, self._where) for r in _rows(index, "manifests", self._where)}
        return found

    def attached(self, artifact_type: str) -> bytes | None:
        """The document of the referrer of this type to the image, verified; ``None`` if none."""
        for row in self._rows:
            if row.get("artifactType") != artifact_type:
                continue
            manifest = _json(self._blob(row), self._where)
            subject = _part(manifest, "subject", self._where)
            if _digest(subject, self._where) == self.manifest_digest:
                blobs = _rows(manifest, "layers", self._where)
                return self._blob(blobs[0], limit=_MAX_ATTACHED) if blobs else None
        return None

    def _manifest(
        self, row: dict[str, Any], platform: Platform | None
    ) -> tuple[dict[str, Any], Digest]:
        for _ in range(_MAX_DEPTH):
            document = _json(self._blob(row), self._where)
            kind = row.get("mediaType") or document.get("mediaType")
            if kind in (MANIFEST_TYPE, DOCKER_MANIFEST_TYPE):
                return document, _digest(row, self._where)
            if kind not in (INDEX_TYPE, DOCKER_INDEX_TYPE):
                raise _broken(self._where, f"{kind!r} is no image")
            row = self._choose_platform(_rows(document, "manifests", self._where), platform)
        raise _broken(self._where, "indexes nested too deeply")

    def _choose_platform(
        self, rows: list[dict[str, Any]], platform: Platform | None
    ) -> dict[str, Any]:
        images = [row for row in rows if _platform(row) != Platform("unknown", "unknown")]
        if platform is None and len(images) == 1:
            return images[0]
        matching = [row for row in images if _matches(_platform(row), platform)]
        if platform is not None and matching:
            return matching[0]
        raise UsageError(
            f"{self._where}: "
            + (f"no image for {platform}" if platform else "images for several platforms"),
            details=tuple(f"platform: {_platform(row)}" for row in images),
            resolution="Name one of the platforms.",
        )

    def _blob(self, row: dict[str, Any], *, limit: int = _MAX_DOCUMENT) -> bytes:
        digest, size = _digest(row, self._where), _size(row, self._where)
        data = _read(self._files, _blob_name(digest), self._where, limit=limit)
        if len(data) != size or _hash(data, digest) != digest:
            raise TrustError(
                f"{self._where}: the blob {digest} does not have the content its name says",
                resolution="Fetch or export the image again; if it stays so, do not use it.",
            )
        return data


class _DockerImage:
    """One image of a docker-archive; the layers are held by their diff_ids alone."""

    def __init__(self, files: ImageFiles, where: str, tag: str | None) -> None:
        self._files = files
        row = self._choose(_list(_read(files, _DOCKER_MANIFEST, where), where), where, tag)
        name, names = row.get("Config"), row.get("Layers")
        if not isinstance(name, str) or not isinstance(names, list):
            raise _broken(where, f"{_DOCKER_MANIFEST} names no configuration or layers")
        self.configuration = _read(files, name, where)
        match = _HEX.match(name)
        if match and sha256_of(self.configuration).value != match[1]:
            raise TrustError(
                f"{where}: the configuration is not what its name says",
                resolution="Export the image again; if it stays so, do not use it.",
            )
        diff_ids = _diff_ids(self.configuration, where)
        if len(diff_ids) != len(names):
            raise _broken(where, f"{len(names)} layers but {len(diff_ids)} diff_ids")
        self._names: dict[str, str] = {}
        layers = []
        for number, (layer, diff_id) in enumerate(zip(names, diff_ids, strict=True), 1):
            size = files.size(layer) if isinstance(layer, str) else None
            if size is None:
                raise _broken(where, f"layer {number} is missing")
            label = f"{where}: layer {number}"
            self._names[label] = layer
            layers.append(SourceLayer(digest=None, diff_id=diff_id, size=size, name=label))
        self.layers = tuple(layers)

    def open_layer(self, layer: SourceLayer) -> BinaryIO:
        return self._files.open(self._names[layer.name])

    @staticmethod
    def _choose(rows: list[dict[str, Any]], where: str, tag: str | None) -> dict[str, Any]:
        named = [row.get("RepoTags") for row in rows]
        tags = [[str(t) for t in names] if isinstance(names, list) else [] for names in named]
        found = [row for row, names in zip(rows, tags, strict=True) if tag is None or tag in names]
        if len(found) == 1:
            return found[0]
        raise UsageError(
            f"{where}: " + (f"no image is tagged {tag}" if tag else "not exactly one image"),
            details=tuple(f"tag: {name}" for names in tags for name in names),
            resolution="Name one of the tags in full.",
        )


def _broken(where: str, cause: str) -> HostileInputError:
    return HostileInputError(
        f"{where}: not a whole image: {cause}", resolution="Fetch or export the image again."
    )


def _read(files: ImageFiles, name: str, where: str, *, limit: int = _MAX_DOCUMENT) -> bytes:
    size = files.size(name)
    if size is None:
        raise _broken(where, f"{name} is missing")
    if size > limit:
        raise _broken(where, f"{name} has {size} bytes")
    with files.open(name) as file:
        return file.read(limit)


def _parse(data: bytes, where: str) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _broken(where, f"a document is no JSON: {error}") from error


def _json(data: bytes, where: str) -> dict[str, Any]:
    document = _parse(data, where)
    if not isinstance(document, dict):
        raise _broken(where, "a document is no object")
    return document


def _list(data: bytes, where: str) -> list[dict[str, Any]]:
    return _rows({"rows": _parse(data, where)}, "rows", where)


def _rows(document: dict[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    rows = document.get(key)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _broken(where, f"{key} is no list of objects")
    return rows


def _part(document: dict[str, Any], key: str, where: str) -> dict[str, Any]:
    part = document.get(key)
    if not isinstance(part, dict):
        raise _broken(where, f"{key} is missing")
    return part


def _digest(row: dict[str, Any], where: str) -> Digest:
    try:
        digest = Digest.parse(str(row.get("digest")))
    except ValueError as error:
        raise _broken(where, str(error)) from error
    if digest.algorithm not in ("sha256", "sha512"):
        raise _broken(where, f"a digest of {digest.algorithm}")
    return digest


def _size(row: dict[str, Any], where: str) -> int:
    size = row.get("size")
    if type(size) is not int or size < 0:
        raise _broken(where, "a descriptor without a size")
    return size


def _hash(data: bytes, like: Digest) -> Digest:
    import hashlib

    return Digest(like.algorithm, hashlib.new(like.algorithm, data).hexdigest())


def _blob_name(digest: Digest) -> str:
    return f"blobs/{digest.algorithm}/{digest.value}"


def _annotations(row: dict[str, Any]) -> dict[str, Any]:
    annotations = row.get("annotations")
    return annotations if isinstance(annotations, dict) else {}


def _platform(row: dict[str, Any]) -> Platform:
    fields = row.get("platform")
    if not isinstance(fields, dict):
        return Platform("unknown", "unknown")
    variant = fields.get("variant")
    return Platform(
        str(fields.get("os")), str(fields.get("architecture")), str(variant) if variant else None
    )


def _matches(found: Platform, wanted: Platform | None) -> bool:
    if wanted is None or (found.os, found.architecture) != (wanted.os, wanted.architecture):
        return False
    return wanted.variant is None or wanted.variant == found.variant


def _diff_ids(configuration: bytes, where: str) -> list[Digest]:
    rootfs = _part(_json(configuration, where), "rootfs", where)
    rows = rootfs.get("diff_ids")
    if not isinstance(rows, list):
        raise _broken(where, "the configuration names no diff_ids")
    return [_digest({"digest": row}, where) for row in rows]
