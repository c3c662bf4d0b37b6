"""A docker-archive as an image that can be copied: it gets the manifest that it lacks.

The configuration stays as it is, so the image id does. Layers that lie bare are compressed into
the store first, as ``neve build`` would; their diff_ids are held on the way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import BinaryIO

from neve.errors import TrustError
from neve.model import Digest
from neve.oci.codec import BLOCK_SIZE, Compression, compressor
from neve.oci.contents import Manifest
from neve.oci.documents import broken
from neve.oci.image_files import ImageFiles
from neve.oci.layout_source import DockerImage
from neve.oci.manifest import (
    CONFIG_TYPE,
    MANIFEST_TYPE,
    Descriptor,
    describe,
    image_manifest,
)
from neve.oci.ports import BlobStore
from neve.oci.source import ReadLimits, SourceLayer, inflate

_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
_MAGIC = {b"\x1f\x8b": "+gzip", b"\x28\xb5": "+zstd"}


class DockerContents:
    """One image of a docker-archive; made of it: a manifest in OCI's form."""

    def __init__(self, files: ImageFiles, where: str, tag: str | None, store: BlobStore) -> None:
        self.where = where
        self._image = DockerImage(files, where, tag)
        self._store = store
        self._root: Manifest | None = None

    def root(self) -> Manifest:
        """The manifest, for which all layers are read once."""
        if self._root is None:
            config = describe(self._image.configuration, CONFIG_TYPE)
            self._store.put(self._image.configuration)
            layers = [self._layer(layer) for layer in self._image.layers]
            data = image_manifest(config, layers, {})
            self._root = Manifest(descriptor=describe(data, MANIFEST_TYPE), data=data)
        return self._root

    def manifest(self, row: Descriptor) -> bytes:
        """There is none but the root."""
        raise broken(self.where, f"{row.digest} is missing")

    def referrers(self, _subject: Digest) -> tuple[Descriptor, ...]:
        """None: the format has no room for them."""
        return ()

    def bring(self, _blob: Descriptor, _store: BlobStore, _told: Callable[[int], None]) -> bool:
        """In the store since the manifest was made."""
        return False

    def open(self, blob: Descriptor, store: BlobStore) -> BinaryIO:
        """The blob out of the store."""
        return store.path(blob.digest).open("rb")

    def _layer(self, layer: SourceLayer) -> Descriptor:
        with self._image.open_layer(layer) as file:
            first = file.read(BLOCK_SIZE)
            suffix = _MAGIC.get(first[:2])
            if suffix is not None:
                inflate(self._image, layer, self._store, ReadLimits())
            stream = compressor(Compression.GZIP if suffix is None else Compression.NONE)
            bare = hashlib.sha256()
            with self._store.writer() as writer:
                size = 0
                while first:
                    bare.update(first)
                    ready = stream.compress(first)
                    size += len(ready)
                    writer.write(ready)
                    first = file.read(BLOCK_SIZE)
                rest = stream.flush()
                writer.write(rest)
                if suffix is None and bare.hexdigest() != layer.diff_id.value:
                    raise TrustError(
                        f"{layer.name}: its content is not what the configuration says",
                        resolution="Export the image again; if it stays so, do not use it.",
                    )
                digest = writer.commit()
        return Descriptor(
            media_type=f"{_LAYER_TYPE}{suffix or '+gzip'}", digest=digest, size=size + len(rest)
        )
