"""One layer: a deterministic tar of a part of a tree, hashed and compressed as it streams.

Owns the order of entries in a layer and the hashing of both digests. Must not decide which
entries go into which layer (``layering``) nor what metadata they carry.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from neve.errors import HostileInputError
from neve.model import Digest
from neve.oci import tar
from neve.oci.codec import BLOCK_SIZE, Compression, compressor
from neve.oci.ports import BlobWriter
from neve.tree import FileEntry, Kind

ContentReader = Callable[[FileEntry], "bytes | memoryview"]
"""The bytes of a file entry, of exactly the entry's size."""

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"

_MEDIA_TYPES = {
    Compression.NONE: "application/vnd.oci.image.layer.v1.tar",
    Compression.GZIP: "application/vnd.oci.image.layer.v1.tar+gzip",
    Compression.ZSTD: "application/vnd.oci.image.layer.v1.tar+zstd",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerBlob:
    """A written layer: ``digest`` and ``size`` as stored, ``diff_id`` and ``uncompressed_size``
    of the bare tar (image-spec, config.md).
    """

    digest: Digest
    diff_id: Digest
    size: int
    uncompressed_size: int
    compression: Compression

    @property
    def media_type(self) -> str:
        """The OCI media type."""
        return _MEDIA_TYPES[self.compression]


def path_key(path: str) -> str:
    """Sort key that puts a directory right before what it holds."""
    return path.replace("/", "\0")


def in_layer_order(entries: Iterable[FileEntry]) -> list[FileEntry]:
    """``entries`` as a layer holds them: directories first, then the rest, each by path."""
    return sorted(entries, key=lambda e: (e.kind is not Kind.DIRECTORY, path_key(e.path)))


def write_layer(
    entries: Sequence[FileEntry],
    read: ContentReader,
    *,
    compression: Compression,
    writer: AbstractContextManager[BlobWriter],
    removed: Sequence[str] = (),
) -> LayerBlob:
    """Write ``entries`` as one layer into ``writer`` (a fresh one of the store) and commit it.

    ``removed`` are paths of lower layers to hide (whiteouts). A hard link must name an entry of
    the same layer; ``layering.partition`` sees to that. Raises ``HostileInputError`` for names
    that a layer cannot hold, ``ValueError`` for a caller's mistake (duplicate path, dangling
    hard link, content of another length than the entry says).
    """
    ordered = settle_links(in_layer_order(entries))
    _check_names(ordered, removed)
    with writer as blob:
        stream = _LayerStream(compression, blob)
        _write_entries(stream, ordered, read)
        for path in sorted(removed, key=path_key):
            parent, name = posixpath.split(path)
            stream.write(tar.plain_header(posixpath.join(parent, WHITEOUT + name)))
        stream.write(tar.TRAILER)
        stream.finish()
        digest = blob.commit()
    return LayerBlob(
        digest=digest,
        diff_id=stream.diff_id(),
        size=stream.stored,
        uncompressed_size=stream.plain,
        compression=compression,
    )


def settle_links(ordered: list[FileEntry]) -> list[FileEntry]:
    """``ordered`` with each hard-linked file's content under its first name.

    A tar reader needs the content before the links to it. Raises ``ValueError`` when a link's
    target is not among the entries.
    """
    links = [entry for entry in ordered if entry.kind is Kind.HARDLINK]
    if not links:
        return ordered
    by_path = {entry.path: entry for entry in ordered}
    names: dict[str, list[str]] = {}
    for link in links:
        names.setdefault(link.target or "", []).append(link.path)
    settled = dict(by_path)
    for target, others in names.items():
        holder = by_path.get(target)
        if holder is None or holder.kind is not Kind.FILE:
            raise ValueError(f"hard link {others[0]}: its target {target} is not in this layer")
        first, *rest = sorted([target, *others], key=path_key)
        settled[first] = _renamed(holder, by_path[first], None)
        for name in rest:
            settled[name] = _renamed(holder, by_path[name], first)
    return [settled[entry.path] for entry in ordered]


def _renamed(holder: FileEntry, name: FileEntry, target: str | None) -> FileEntry:
    """``holder``'s file under another name: the content itself, or a link to ``target``."""
    return FileEntry(
        path=name.path,
        kind=Kind.FILE if target is None else Kind.HARDLINK,
        mode=holder.mode,
        uid=holder.uid,
        gid=holder.gid,
        mtime=holder.mtime,
        content=holder.content if target is None else None,
        target=target,
        xattrs=holder.xattrs if target is None else (),
        owners=name.owners,
        reason=name.reason,
    )


def _write_entries(stream: _LayerStream, entries: list[FileEntry], read: ContentReader) -> None:
    for entry in entries:
        if entry.kind is not Kind.FILE or entry.content is None:
            stream.write(tar.header(entry, 0))
            continue
        size = entry.content.size
        stream.write(tar.header(entry, size))
        if size:
            data = read(entry)
            if len(data) != size:
                raise ValueError(f"{entry.path}: {len(data)} bytes read, {size} expected")
            stream.write(data)
            stream.write(tar.padding(size))


def _check_names(entries: list[FileEntry], removed: Sequence[str]) -> None:
    seen: set[str] = set()
    for entry in entries:
        path = entry.path
        if path in seen:
            raise ValueError(f"{path}: twice in one layer")
        seen.add(path)
        if "/.wh." in path:
            raise HostileInputError(
                f"{path}: a layer cannot hold names that start with {WHITEOUT}",
                details=("image tools read such a name as the removal of another file",),
                resolution="Leave the file out, or the package that ships it.",
            )
        if "\0" in path or "\0" in (entry.target or ""):
            raise HostileInputError(
                f"{path!r}: a NUL in a path",
                resolution="Leave out the file or package with that name.",
            )
    both = seen.intersection(removed)
    if both:
        raise ValueError(f"{min(both)}: both written and removed in one layer")


class _LayerStream:
    """Cuts the tar into blocks of one size; each is hashed, compressed and handed on."""

    def __init__(self, compression: Compression, sink: BlobWriter) -> None:
        self._plain_hash = hashlib.sha256()
        self._compressor = compressor(compression)
        self._sink = sink
        self._parts: list[bytes | memoryview] = []
        self._pending = 0
        self.plain = 0
        self.stored = 0

    def write(self, data: bytes | memoryview) -> None:
        size = len(data)
        if self._pending + size < BLOCK_SIZE:
            self._parts.append(data)
            self._pending += size
            return
        view = memoryview(data)
        start = 0
        if self._pending:
            start = BLOCK_SIZE - self._pending
            self._parts.append(view[:start])
            self._emit(b"".join(self._parts))
        while size - start >= BLOCK_SIZE:
            self._emit(view[start : start + BLOCK_SIZE])
            start += BLOCK_SIZE
        self._parts = [view[start:]] if start < size else []
        self._pending = size - start

    def finish(self) -> None:
        self._emit(b"".join(self._parts))
        self._send(self._compressor.flush())

    def diff_id(self) -> Digest:
        return Digest("sha256", self._plain_hash.hexdigest())

    def _emit(self, block: bytes | memoryview) -> None:
        self.plain += len(block)
        self._plain_hash.update(block)
        self._send(self._compressor.compress(block))

    def _send(self, data: bytes) -> None:
        if data:
            self.stored += len(data)
            self._sink.write(data)
