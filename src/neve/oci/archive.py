"""Images as one file: ``oci-archive`` (a tar of the layout) and ``docker-archive``.

Both are deterministic and can be written to a file or into a pipe. The Docker form follows
docker's ``image/spec/v1.2`` ("Combined Image JSON + Filesystem Changeset Format") as read since
Docker 1.10: ``manifest.json``, the configuration, the layers as stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from neve.model import Digest, sha256_of
from neve.oci import tar
from neve.oci.bundle import PlatformImage, WholeImage
from neve.oci.codec import Compression
from neve.oci.config import ConfigFormat, render_config
from neve.oci.files import new_file
from neve.oci.layer import LayerBlob
from neve.oci.layout import INDEX_FILE, LAYOUT_DOCUMENT, LAYOUT_FILE, layout_index
from neve.oci.manifest import render
from neve.oci.ports import BlobStore

_CHUNK = 1024 * 1024
_SUFFIX = {Compression.NONE: ".tar", Compression.GZIP: ".tar.gz", Compression.ZSTD: ".tar.zst"}


def write_oci_archive(bundle: WholeImage, path: Path, store: BlobStore, *, tag: str) -> None:
    """Write ``bundle`` as the file ``path``; what was there is replaced when all is written."""
    with new_file(path) as file:
        stream_oci_archive(bundle, file, store, tag=tag)


def stream_oci_archive(bundle: WholeImage, file: BinaryIO, store: BlobStore, *, tag: str) -> None:
    """Write ``bundle`` into ``file`` as an ``oci-archive``."""
    _member(file, LAYOUT_FILE, LAYOUT_DOCUMENT)
    _member(file, INDEX_FILE, layout_index(bundle, tag))
    for directory in ("blobs", "blobs/sha256"):
        file.write(tar.plain_header(directory, directory=True))
    blobs: dict[Digest, bytes | None] = dict(bundle.documents)
    blobs.update(dict.fromkeys(layer.digest for layer in bundle.layers))
    for digest in sorted(blobs):
        data = blobs[digest]
        name = f"blobs/{digest.algorithm}/{digest.value}"
        if data is None:
            _stored_member(file, name, digest, store)
        else:
            _member(file, name, data)
    file.write(tar.TRAILER)


def write_docker_archive(
    image: PlatformImage, path: Path, store: BlobStore, *, tags: Sequence[str]
) -> None:
    """Write one platform's image as the file ``path``; ``tags`` are full names such as
    ``example/python:3.13``.
    """
    with new_file(path) as file:
        stream_docker_archive(image, file, store, tags=tags)


def stream_docker_archive(
    image: PlatformImage, file: BinaryIO, store: BlobStore, *, tags: Sequence[str]
) -> None:
    """Write one platform's image into ``file``, for ``docker load`` and its like.

    The configuration is Docker's, so a health check is kept and the image id differs from the
    OCI image's.
    """
    config = render_config(image.config, ConfigFormat.DOCKER).data
    layers = [(blob.digest, _name(blob)) for blob in image.layers]
    stream_docker_parts(config, layers, file, store, tags=tags)


def stream_docker_parts(
    config: bytes,
    layers: Sequence[tuple[Digest, str]],
    file: BinaryIO,
    store: BlobStore,
    *,
    tags: Sequence[str],
) -> None:
    """Write a configuration as it is, and layers of the store under their names in the archive."""
    config_name = f"{sha256_of(config).value}.json"
    names = [name for _, name in layers]
    rows: list[dict[str, Any]] = [{"Config": config_name, "RepoTags": list(tags), "Layers": names}]
    _member(file, config_name, config)
    for digest, name in dict.fromkeys(layers):
        _stored_member(file, name, digest, store)
    _member(file, "manifest.json", render_rows(rows))
    file.write(tar.TRAILER)


def render_rows(rows: list[dict[str, Any]]) -> bytes:
    """``manifest.json`` of a docker-archive."""
    return b"[" + b",".join(render(row) for row in rows) + b"]"


def _name(blob: LayerBlob) -> str:
    return blob.digest.value + _SUFFIX[blob.compression]


def _member(file: BinaryIO, name: str, data: bytes) -> None:
    file.write(tar.plain_header(name, len(data)) + data + tar.padding(len(data)))


def _stored_member(file: BinaryIO, name: str, digest: Digest, store: BlobStore) -> None:
    size = store.size(digest)
    file.write(tar.plain_header(name, size))
    with store.path(digest).open("rb") as blob:
        while chunk := blob.read(_CHUNK):
            file.write(chunk)
    file.write(tar.padding(size))
