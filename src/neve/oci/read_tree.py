"""The tree of an existing image, its content kept in the store as slices of inflated layers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from neve.model import Digest, Origin, Reason
from neve.oci.overlay import Overlay, normal_path
from neve.oci.ports import BlobStore
from neve.oci.source import ImageSource, ReadLimits, inflate
from neve.oci.untar import MemorySource, TarMember, read_tar, refused
from neve.oci.untar_sparse import pieces
from neve.tree import Blob, FileEntry, Kind, Slice, Tree


def read_tree(source: ImageSource, store: BlobStore, limits: ReadLimits | None = None) -> Tree:
    """All layers of ``source`` as one tree. Raises ``TrustError`` for a digest or size that does
    not hold, ``HostileInputError`` for layers no honest tool writes.
    """
    limits = limits or ReadLimits()
    layers = source.layers
    if len(layers) > limits.layers:
        raise refused(f"{len(layers)} layers")
    tree = Tree()
    total = members = expanded = 0
    for layer in layers:
        digest = inflate(source, layer, store, limits)
        data = store.mapped(digest)
        total += len(data)
        if total > limits.total_size:
            raise refused(f"its layers hold more than {limits.total_size} bytes")
        found = list(read_tar(data, max_members=limits.members - members))
        members += len(found)
        expanded += sum(member.size for member in found if member.holes is not None)
        if expanded > limits.sparse_size:
            raise refused(f"its sparse files hold more than {limits.sparse_size} bytes")
        reason = Reason(Origin.LAYER, str(digest), "unpacked")
        named = [(normal_path(member.name), member) for member in found]
        Overlay(tree, reason, _regular(digest, data, store, reason)).apply(named)
    tree.removed.clear()
    return tree


def _regular(
    layer: Digest, data: memoryview, store: BlobStore, reason: Reason
) -> Callable[[str, TarMember], FileEntry]:
    def entry(path: str, member: TarMember) -> FileEntry:
        sparse = member.holes is not None
        return FileEntry(
            path=path,
            kind=Kind.FILE,
            mode=member.mode & 0o7777,
            uid=member.uid,
            gid=member.gid,
            mtime=member.mtime,
            content=_expanded(data, member, store) if sparse else _slice(layer, data, member),
            xattrs=member.xattrs,
            reason=reason,
        )

    return entry


def _slice(layer: Digest, data: memoryview, member: TarMember) -> Slice:
    view = data[member.offset : member.offset + member.size]
    return Slice(
        source=layer,
        offset=member.offset,
        size=member.size,
        digest=Digest("sha256", hashlib.sha256(view).hexdigest()),
        sha1=hashlib.sha1(view, usedforsecurity=False).hexdigest(),
    )


def _expanded(data: memoryview, member: TarMember, store: BlobStore) -> Blob:
    """A sparse file as a blob of its own, zeros and all: no slice of the layer has its bytes."""
    sha1 = hashlib.sha1(usedforsecurity=False)
    stored = MemorySource(data[member.offset : member.offset + member.stored])
    with store.writer() as writer:
        for piece in pieces(stored, member.size, member.holes or ()):
            sha1.update(piece)
            writer.write(bytes(piece))
        digest = writer.commit()
    return Blob(digest=digest, size=member.size, sha1=sha1.hexdigest())
