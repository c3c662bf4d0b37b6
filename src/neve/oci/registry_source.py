"""An image in a registry as the files of a layout, so that it is read like any other.

Documents are held in memory; blobs come into the store when they are opened, each once.
"""

from __future__ import annotations

import io
from typing import Any, BinaryIO

from neve.model import Digest, Platform
from neve.oci.documents import descriptor_of, digest_of, json_object, part_of, rows_of
from neve.oci.layout import INDEX_FILE, LAYOUT_DOCUMENT, LAYOUT_FILE
from neve.oci.layout_source import MAX_ATTACHED, OciImage, OciLayout
from neve.oci.manifest import Descriptor, image_index
from neve.oci.ports import BlobStore
from neve.oci.registry_referrers import list_referrers
from neve.oci.repository import Repository
from neve.oci.source import SourceLayer

_BLOBS = "blobs/"


class RegistryImage:
    """One platform's image in a registry, an ``ImageSource``."""

    def __init__(
        self,
        repository: Repository,
        wanted: str,
        store: BlobStore,
        *,
        platform: Platform | None,
        preferred: Platform | None = None,
    ) -> None:
        self._repository = repository
        root = repository.manifest(wanted)
        self.root_digest = root.descriptor.digest
        files = _RegistryFiles(repository, store)
        files.add_manifest(root.descriptor, root.data)
        self._layout = OciLayout(files, repository.where)
        image = OciImage(self._layout, self._layout.rows[0], platform, preferred)
        self._image = image
        self.configuration = image.configuration
        self.layers = image.layers
        self.manifest_digest = image.manifest_digest

    def open_layer(self, layer: SourceLayer) -> BinaryIO:
        """The layer's bytes as stored, fetched first where the store lacks them."""
        return self._image.open_layer(layer)

    def attached(self, artifact_type: str) -> bytes | None:
        """The document of the referrer of this type to the image, verified; ``None`` if none."""
        where = self._repository.where
        rows = list_referrers(self._repository, self.manifest_digest)
        # Lists may leave the type out or name another one: only the manifest is sure of it.
        for row in sorted(rows, key=lambda one: one.artifact_type != artifact_type):
            found = self._repository.manifest(str(row.digest))
            manifest = json_object(found.data, where)
            if manifest.get("artifactType") != artifact_type:
                continue
            subject = part_of(manifest, "subject", where)
            if digest_of(subject, where) != self.manifest_digest:
                raise self._repository.hostile("a referrer that belongs to another image")
            files = self._layout.files
            if isinstance(files, _RegistryFiles):
                files.add_children(manifest)
            blobs = rows_of(manifest, "layers", where)
            return self._layout.document(blobs[0], limit=MAX_ATTACHED) if blobs else None
        return None


class _RegistryFiles:
    """``ImageFiles`` of one image; what no document has named does not exist."""

    def __init__(self, repository: Repository, store: BlobStore) -> None:
        self._repository = repository
        self._store = store
        self._documents: dict[str, bytes] = {LAYOUT_FILE: LAYOUT_DOCUMENT}
        self._blobs: dict[str, Descriptor] = {}
        self._manifests: dict[str, Descriptor] = {}

    def size(self, name: str) -> int | None:
        """Bytes of ``name`` as the document that names it says, or ``None``."""
        if name in self._documents:
            return len(self._documents[name])
        known = self._manifests.get(name) or self._blobs.get(name)
        return None if known is None else known.size

    def open(self, name: str) -> BinaryIO:
        """Raises ``OSError`` where no document has named it."""
        if name in self._manifests and name not in self._documents:
            row = self._manifests[name]
            found = self._repository.manifest(str(row.digest))
            self.add_manifest(row, found.data)
        if name in self._documents:
            return io.BytesIO(self._documents[name])
        blob = self._blobs.get(name)
        if blob is None:
            raise FileNotFoundError(name)
        self._repository.fetch(blob, self._store)
        return self._store.path(blob.digest).open("rb")

    def add_manifest(self, descriptor: Descriptor, data: bytes) -> None:
        """Know a document and what it names; the first one is the image."""
        self._documents.setdefault(INDEX_FILE, image_index([descriptor], {}))
        self._documents[_name(descriptor.digest)] = data
        self.add_children(json_object(data, self._repository.where))

    def add_children(self, document: dict[str, Any]) -> None:
        """Know what a manifest or index names."""
        where = self._repository.where
        if "manifests" in document:
            for row in rows_of(document, "manifests", where):
                child = descriptor_of(row, where)
                self._manifests[_name(child.digest)] = child
            return
        blobs = rows_of(document, "layers", where)
        for row in (part_of(document, "config", where), *blobs):
            blob = descriptor_of(row, where)
            self._blobs[_name(blob.digest)] = blob


def _name(digest: Digest) -> str:
    return f"{_BLOBS}{digest.algorithm}/{digest.value}"
