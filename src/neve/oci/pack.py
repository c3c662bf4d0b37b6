"""Layers written in parallel through the store's action cache.

A layer whose key is known and whose blob is still in the store is not written again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from neve.model import Digest
from neve.oci.codec import Compression
from neve.oci.layer import ContentReader, LayerBlob, write_layer
from neve.oci.layering import LayerPlan, layer_key
from neve.oci.ports import BlobStore
from neve.tree import Blob, FileEntry, Inline, Slice


class ActionCache(Protocol):
    """What was computed before, by key; a damaged value reads as absent."""

    def action(self, key: Digest) -> bytes | None:
        """The value, or ``None``."""
        ...

    def remember(self, key: Digest, value: bytes) -> None:
        """Keep ``value`` under ``key``."""
        ...


class LayerStore(BlobStore, ActionCache, Protocol):
    """A content store with its action cache."""


def store_reader(store: BlobStore) -> ContentReader:
    """A reader of entries' bytes as views of the store's memory-mapped blobs."""
    maps: dict[Digest, memoryview] = {}

    def view(digest: Digest) -> memoryview:
        mapped = maps.get(digest)
        if mapped is None:
            mapped = maps[digest] = store.mapped(digest)
        return mapped

    def read(entry: FileEntry) -> bytes | memoryview:
        match entry.content:
            case Inline(data):
                return data
            case Blob(digest):
                return view(digest)
            case Slice(source, offset, size):
                return view(source)[offset : offset + size]
            case None:
                raise ValueError(f"{entry.path}: a {entry.kind.value} has no content")

    return read


def pack_layers(
    plans: Sequence[LayerPlan],
    store: LayerStore,
    *,
    compression: Compression = Compression.GZIP,
    workers: int | None = None,
    fresh: bool = False,
) -> tuple[LayerBlob, ...]:
    """The blob of each plan, in order; those not in ``store`` yet are written ``workers`` at a
    time (default: one a CPU). The bytes do not depend on ``workers``. ``fresh`` writes them all.
    """
    keys = [layer_key(plan, compression) for plan in plans]
    blobs = [None if fresh else _known(key, store) for key in keys]
    missing = [position for position, blob in enumerate(blobs) if blob is None]
    if missing:
        missing.sort(key=lambda position: -_weight(plans[position]))
        read = store_reader(store)

        def write(position: int) -> LayerBlob:
            plan = plans[position]
            blob = write_layer(
                plan.entries,
                read,
                compression=compression,
                writer=store.writer(),
                removed=plan.removed,
            )
            store.remember(keys[position], _dump(blob))
            return blob

        count = min(len(missing), workers or os.cpu_count() or 1)
        with ThreadPoolExecutor(max_workers=count, thread_name_prefix="layer") as pool:
            for position, written in zip(missing, pool.map(write, missing), strict=True):
                blobs[position] = written
    return tuple(blob for blob in blobs if blob is not None)


def _weight(plan: LayerPlan) -> int:
    return sum(entry.content.size for entry in plan.entries if entry.content)


def _known(key: Digest, store: LayerStore) -> LayerBlob | None:
    value = store.action(key)
    if value is None:
        return None
    try:
        fields = json.loads(value)
        blob = LayerBlob(
            digest=Digest.parse(fields["digest"]),
            diff_id=Digest.parse(fields["diff_id"]),
            size=int(fields["size"]),
            uncompressed_size=int(fields["uncompressed_size"]),
            compression=Compression(fields["compression"]),
        )
    except (ValueError, KeyError, TypeError):
        return None
    return blob if store.sound(blob.digest) else None


def _dump(blob: LayerBlob) -> bytes:
    fields = {
        "compression": blob.compression.value,
        "diff_id": str(blob.diff_id),
        "digest": str(blob.digest),
        "size": blob.size,
        "uncompressed_size": blob.uncompressed_size,
    }
    return json.dumps(fields, separators=(",", ":")).encode()
