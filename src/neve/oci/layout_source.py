"""Images in OCI layouts, oci-archives and docker-archives as ``ImageSource``.

Every document is bounded and checked against the digest and size that named it. Names inside
the containers are built from checked digests or looked up as whole names; nothing is extracted.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, BinaryIO

from neve.errors import TrustError, UsageError
from neve.model import Digest, Platform, sha256_of
from neve.oci.documents import (
    annotations_of,
    broken,
    diff_ids_of,
    digest_of,
    hash_like,
    json_object,
    json_rows,
    part_of,
    platform_matches,
    platform_of,
    require_readable,
    rows_of,
    size_of,
)
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
MAX_ATTACHED = 512 << 20
"""Records and SBOMs have a row a file: images of 100,000 files pass 16 MiB."""
_MAX_DEPTH = 4
_DOCKER_MANIFEST = "manifest.json"
_HEX = re.compile(r"(?:blobs/sha256/)?([0-9a-f]{64})(?:\.json)?\Z")


def open_image(
    path: Path,
    *,
    tag: str | None = None,
    platform: Platform | None = None,
    preferred: Platform | None = None,
) -> ImageSource:
    """The image at ``path``: a layout directory, an oci-archive or a docker-archive.

    ``tag`` may be left out where there is one image, ``platform`` where there is one platform;
    ``preferred`` is taken where there are several and none was asked for. Raises ``UsageError``
    naming the choices, ``TrustError`` or ``HostileInputError`` for a file that does not hold
    together.
    """
    files = image_files(path)
    if is_layout(files):
        layout = OciLayout(files, str(path))
        return OciImage(layout, layout.root(tag), platform, preferred)
    if is_docker_archive(files):
        return DockerImage(files, str(path), tag)
    raise UsageError(
        f"{path}: neither an OCI layout nor a docker-archive",
        resolution="Name a layout directory, or an archive that skopeo or docker save wrote.",
    )


def image_files(path: Path) -> ImageFiles:
    """The named files of a directory or of an uncompressed tar; ``UsageError`` for neither."""
    if path.is_dir():
        return DirectoryFiles(path)
    if path.is_file():
        return ArchiveFiles(path)
    raise UsageError(
        f"{path}: there is nothing to read an image from",
        resolution="Name an OCI layout directory, an oci-archive or a docker-archive.",
    )


def is_layout(files: ImageFiles) -> bool:
    """Whether these are the files of an OCI layout."""
    return files.size(LAYOUT_FILE) is not None and files.size(INDEX_FILE) is not None


def is_docker_archive(files: ImageFiles) -> bool:
    """Whether these are the files of a docker-archive."""
    return files.size(_DOCKER_MANIFEST) is not None


def read_attached(
    path: Path, artifact_type: str, *, tag: str | None = None, platform: Platform | None = None
) -> bytes | None:
    """The document attached as ``artifact_type`` to the image that ``open_image`` would open.

    ``None`` where the image carries none, as after a copy by tag, or a docker-archive.
    """
    image = open_image(path, tag=tag, platform=platform)
    return image.attached(artifact_type) if isinstance(image, OciImage) else None


class OciLayout:
    """The documents of a layout, each checked against the digest and size that named it."""

    def __init__(self, files: ImageFiles, where: str) -> None:
        self.files = files
        self.where = where
        self.rows = rows_of(json_object(_read(files, INDEX_FILE, where), where), "manifests", where)

    def root(self, tag: str | None) -> dict[str, Any]:
        """The row of the image tagged ``tag``, or of the only image there is."""
        tagged = {str(name): r for r in self.rows if (name := annotations_of(r).get(REF_NAME))}
        if tag is not None:
            if tag in tagged:
                return tagged[tag]
        elif len(self.rows) == 1:
            return self.rows[0]
        else:
            roots = {digest_of(row, self.where): row for row in tagged.values()}
            nested = self._below(list(roots.values()))
            tops = [row for digest, row in roots.items() if digest not in nested]
            if len(tops) == 1:
                return tops[0]
        raise UsageError(
            f"{self.where}: {f'no image is tagged {tag}' if tag else 'more than one image'}",
            details=tuple(f"tag: {_visible(name)}" for name in sorted(tagged)),
            resolution="Name one of the tags." if tagged else "The layout holds no tagged image.",
        )

    def _below(self, rows: list[dict[str, Any]]) -> set[Digest]:
        """The manifests that the indexes among ``rows`` name: they need no choosing."""
        found: set[Digest] = set()
        for row in rows:
            if row.get("mediaType") in (INDEX_TYPE, DOCKER_INDEX_TYPE):
                index = json_object(self.document(row), self.where)
                found |= {digest_of(r, self.where) for r in rows_of(index, "manifests", self.where)}
        return found

    def document(self, row: dict[str, Any], *, limit: int = _MAX_DOCUMENT) -> bytes:
        """The blob that ``row`` describes, at most ``limit`` bytes, held to its digest."""
        digest, size = digest_of(row, self.where), size_of(row, self.where)
        data = _read(self.files, _blob_name(digest), self.where, limit=limit)
        if len(data) != size or hash_like(data, digest) != digest:
            raise TrustError(
                f"{self.where}: the blob {digest} does not have the content its name says",
                resolution="Fetch or export the image again; if it stays so, do not use it.",
            )
        return data

    def open(self, digest: Digest) -> BinaryIO:
        """The blob's bytes, unverified; ``HostileInputError`` where it is missing."""
        name = _blob_name(digest)
        if self.files.size(name) is None:
            raise broken(self.where, f"the blob {digest} is missing")
        return self.files.open(name)


class OciImage:
    """One manifest of a layout. Documents of Docker's media types are read alike."""

    def __init__(
        self,
        layout: OciLayout,
        row: dict[str, Any],
        platform: Platform | None,
        preferred: Platform | None = None,
    ) -> None:
        self._layout = layout
        self._where = where = layout.where
        manifest, self.manifest_digest = self._manifest(row, platform, preferred)
        config = part_of(manifest, "config", where)
        self.configuration = layout.document(config)
        diff_ids = diff_ids_of(self.configuration, where)
        layers = rows_of(manifest, "layers", where)
        if len(diff_ids) != len(layers):
            raise broken(where, f"{len(layers)} layers but {len(diff_ids)} diff_ids")
        for layer in layers:
            require_readable(layer, where)
        self.layers = tuple(
            SourceLayer(
                digest=digest_of(layer, where),
                diff_id=diff_id,
                size=size_of(layer, where),
                name=f"{where}: layer {number}",
            )
            for number, (layer, diff_id) in enumerate(zip(layers, diff_ids, strict=True), 1)
        )

    def open_layer(self, layer: SourceLayer) -> BinaryIO:
        """The layer's bytes as stored, unverified."""
        if layer.digest is None:
            raise ValueError("a layer of another source")
        return self._layout.open(layer.digest)

    def attached(self, artifact_type: str) -> bytes | None:
        """The document of the referrer of this type to the image, verified; ``None`` if none."""
        for row in self._layout.rows:
            if row.get("artifactType") != artifact_type:
                continue
            manifest = json_object(self._layout.document(row), self._where)
            subject = part_of(manifest, "subject", self._where)
            if digest_of(subject, self._where) == self.manifest_digest:
                blobs = rows_of(manifest, "layers", self._where)
                return self._layout.document(blobs[0], limit=MAX_ATTACHED) if blobs else None
        return None

    def _manifest(
        self, row: dict[str, Any], platform: Platform | None, preferred: Platform | None
    ) -> tuple[dict[str, Any], Digest]:
        for _ in range(_MAX_DEPTH):
            document = json_object(self._layout.document(row), self._where)
            kind = row.get("mediaType") or document.get("mediaType")
            if kind in (MANIFEST_TYPE, DOCKER_MANIFEST_TYPE):
                return document, digest_of(row, self._where)
            if kind not in (INDEX_TYPE, DOCKER_INDEX_TYPE):
                raise broken(self._where, f"{kind!r} is no image")
            rows = rows_of(document, "manifests", self._where)
            row = choose_platform(rows, platform, preferred, self._where)
        raise broken(self._where, "indexes nested too deeply")


def choose_platform(
    rows: list[dict[str, Any]], platform: Platform | None, preferred: Platform | None, where: str
) -> dict[str, Any]:
    """The row of an index for ``platform``, or for ``preferred`` where there is a choice."""
    images = [row for row in rows if platform_of(row) != Platform("unknown", "unknown")]
    bare = [row for row in rows if "platform" not in row]
    if platform is None and len(images or bare) == 1:
        return (images or bare)[0]
    matching = [row for row in images if platform_matches(platform_of(row), platform or preferred)]
    if matching:
        return matching[0]
    raise UsageError(
        f"{where}: " + (f"no image for {platform}" if platform else "images for several platforms"),
        details=tuple(f"platform: {platform_of(row)}" for row in images),
        resolution="Name one of the platforms.",
    )


class DockerImage:
    """One image of a docker-archive; the layers are held by their diff_ids alone."""

    def __init__(self, files: ImageFiles, where: str, tag: str | None) -> None:
        self._files = files
        row = self._choose(json_rows(_read(files, _DOCKER_MANIFEST, where), where), where, tag)
        name, names = row.get("Config"), row.get("Layers")
        if not isinstance(name, str) or not isinstance(names, list):
            raise broken(where, f"{_DOCKER_MANIFEST} names no configuration or layers")
        self.configuration = _read(files, name, where)
        match = _HEX.match(name)
        if match and sha256_of(self.configuration).value != match[1]:
            raise TrustError(
                f"{where}: the configuration is not what its name says",
                resolution="Export the image again; if it stays so, do not use it.",
            )
        diff_ids = diff_ids_of(self.configuration, where)
        if len(diff_ids) != len(names):
            raise broken(where, f"{len(names)} layers but {len(diff_ids)} diff_ids")
        self._names: dict[str, str] = {}
        layers = []
        for number, (layer, diff_id) in enumerate(zip(names, diff_ids, strict=True), 1):
            size = files.size(layer) if isinstance(layer, str) else None
            if size is None:
                raise broken(where, f"layer {number} is missing")
            label = f"{where}: layer {number}"
            self._names[label] = layer
            layers.append(SourceLayer(digest=None, diff_id=diff_id, size=size, name=label))
        self.layers = tuple(layers)

    def open_layer(self, layer: SourceLayer) -> BinaryIO:
        """The layer's bytes as stored, unverified."""
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
            details=tuple(f"tag: {_visible(name)}" for names in tags for name in names),
            resolution="Name one of the tags in full.",
        )


def _read(files: ImageFiles, name: str, where: str, *, limit: int = _MAX_DOCUMENT) -> bytes:
    size = files.size(name)
    if size is None:
        raise broken(where, f"{name} is missing")
    if size > limit:
        raise broken(where, f"{name} has {size} bytes")
    with files.open(name) as file:
        return file.read(limit)


def _visible(name: str) -> str:
    """A name that others gave, so that a terminal only shows it."""
    return name[:200] if name.isprintable() else ascii(name[:200])


def _blob_name(digest: Digest) -> str:
    return f"blobs/{digest.algorithm}/{digest.value}"
