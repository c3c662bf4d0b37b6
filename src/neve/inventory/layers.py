"""An image's inventory from its layers, each read once and its facts kept for the next image.

The facts of a layer are kept under the digests that named it: the stored bytes' and the tar's,
with the depth and the versions of all observers. A kept row says what bytes of those digests
hold; that a layout or registry still has these bytes is for whoever runs the image to verify, and
only the blob's presence and size are looked at again. A docker-archive names no stored digest, so
its layers are hashed each time.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from neve.inventory.assemble import assemble
from neve.inventory.codec import decode, encode, format_version
from neve.inventory.configuration import read_configuration
from neve.inventory.entries import SeenFile, seen_facts
from neve.inventory.facts import Observing, observing
from neve.inventory.layer_facts import Allowance, Hashes, LayerFacts, LayerMember, read_layer
from neve.inventory.types import Depth, Inventory
from neve.model import Digest, Origin, Reason, sha256_of
from neve.oci.overlay import Overlay
from neve.oci.source import ImageSource, ReadLimits, SourceLayer
from neve.oci.stream import verify_layer
from neve.oci.untar import refused
from neve.tree import Kind, Tree

_WORKERS = 2
_MAX_KEPT = 48 << 20
"""Bytes of the largest row that is kept; the facts of a larger layer are read anew each time."""
Progress = Callable[[int, int], None]
"""Called with (layers done, layers in all)."""


class FactsCache(Protocol):
    """Where facts are kept between images; ``neve.store.Store`` is the real one."""

    def action(self, key: Digest) -> bytes | None:
        """What was kept for ``key``; ``None`` if nothing or damaged."""
        ...

    def remember(self, key: Digest, value: bytes) -> None:
        """Keep ``value`` for ``key``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSummary:
    """One layer of an image. ``size`` as stored and ``inflated`` in bytes; ``members`` counts
    what its tar holds; ``cached``: its facts were known from an earlier look.
    """

    digest: Digest | None
    diff_id: Digest
    size: int
    inflated: int
    members: int
    cached: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInventory:
    """What an image holds, and the layers it is made of, lowest first."""

    inventory: Inventory
    layers: tuple[LayerSummary, ...]
    tree: Tree


def read_image(
    source: ImageSource,
    *,
    cache: FactsCache | None = None,
    depth: Depth = Depth.FULL,
    limits: ReadLimits | None = None,
    progress: Progress | None = None,
) -> ImageInventory:
    """Read the image of ``source`` at ``depth``, every byte of a new layer once.

    Raises ``TrustError`` where a digest or size does not hold, ``HostileInputError`` for an image
    that no honest tool writes; what single files hold never raises, it stands in ``unjudged``.
    """
    limits = limits or ReadLimits()
    if len(source.layers) > limits.layers:
        raise refused(f"{len(source.layers)} layers")
    configuration = read_configuration(source.configuration)
    tree = Tree()
    summaries: list[LayerSummary] = []
    with _uncollected():
        for layer, facts, cached in _read_all(source, cache, depth, limits, progress):
            apply_layer(tree, layer, facts)
            summaries.append(
                LayerSummary(
                    digest=layer.digest,
                    diff_id=layer.diff_id,
                    size=layer.size,
                    inflated=facts.size,
                    members=len(facts.members),
                    cached=cached,
                )
            )
        tree.removed.clear()
        inventory = assemble(tree, dict(seen_facts(tree)), depth, configuration)
    return ImageInventory(inventory=inventory, layers=tuple(summaries), tree=tree)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the search for cycles: facts have none, and walking through hundreds of thousands
    of them again and again is a tenth of the whole time.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def apply_layer(tree: Tree, layer: SourceLayer, facts: LayerFacts) -> None:
    """Put what ``layer`` holds over ``tree``, as engines do."""
    reason = Reason(Origin.LAYER, str(layer.diff_id), "unpacked")
    digests: dict[str, Digest] = {}

    def regular(path: str, member: LayerMember) -> SeenFile:
        digest = None
        if member.sha256:
            digest = digests.get(member.sha256)
            if digest is None:
                digest = digests[member.sha256] = Digest("sha256", member.sha256)
        return SeenFile(
            path=path,
            kind=Kind.FILE,
            mode=member.mode,
            uid=member.uid,
            gid=member.gid,
            mtime=member.mtime,
            xattrs=member.xattrs,
            reason=reason,
            size=member.size,
            digest=digest,
            facts=member.facts,
        )

    Overlay(tree, reason, regular).apply([(member.path, member) for member in facts.members])


def _read_all(
    source: ImageSource,
    cache: FactsCache | None,
    depth: Depth,
    limits: ReadLimits,
    progress: Progress | None,
) -> Iterator[tuple[SourceLayer, LayerFacts, bool]]:
    """The facts of every layer in order, several read at a time; the same layer only once."""
    reading = _Reading(
        source=source,
        cache=cache,
        looking=observing(depth),
        allowance=Allowance(limits),
        hashes=Hashes(depth),
    )
    layers = {(layer.digest, layer.diff_id): layer for layer in reversed(source.layers)}
    order = list(dict.fromkeys((layer.digest, layer.diff_id) for layer in source.layers))
    left = Counter((layer.digest, layer.diff_id) for layer in source.layers)
    with ThreadPoolExecutor(max_workers=_WORKERS) as pool:
        jobs = {
            key: pool.submit(reading.lowest if index == 0 else reading.upper, layers[key])
            for index, key in enumerate(order)
        }
        try:
            for done, layer in enumerate(source.layers, start=1):
                key = (layer.digest, layer.diff_id)
                facts, cached = jobs[key].result()
                left[key] -= 1
                if not left[key]:
                    del jobs[key]  # its listing goes as soon as it is in the tree
                if progress is not None:
                    progress(done, len(source.layers))
                yield layer, facts, cached
                del facts
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """One image being read; its layers share an allowance and the choice of hashes."""

    source: ImageSource
    cache: FactsCache | None
    looking: Observing
    allowance: Allowance
    hashes: Hashes

    def lowest(self, layer: SourceLayer) -> tuple[LayerFacts, bool]:
        """The lowest layer: it says which checksums the databases of this image hold."""
        try:
            facts, cached = self._facts(layer, self.hashes, "lowest")
            if cached:
                for member in facts.members:
                    self.hashes.see(member.path)
            return facts, cached
        finally:
            self.hashes.settle()

    def upper(self, layer: SourceLayer) -> tuple[LayerFacts, bool]:
        """Any other layer."""
        self.hashes.wait()
        return self._facts(layer, self.hashes, ",".join(self.hashes.names))

    def _facts(self, layer: SourceLayer, hashes: Hashes, taken: str) -> tuple[LayerFacts, bool]:
        if self.cache is None:
            return read_layer(self.source, layer, self.looking, self.allowance, hashes), False
        key = facts_key(layer, self.looking, taken)
        facts = _known(self.cache, key)
        if facts is not None:
            _still_there(self.source, layer, self.allowance.limits)
            self.allowance.spend(members=len(facts.members), inflated=facts.size)
            return facts, True
        facts = read_layer(self.source, layer, self.looking, self.allowance, hashes)
        value = encode(facts)
        if len(value) <= _MAX_KEPT:
            self.cache.remember(key, value)
        return facts, False


def _still_there(source: ImageSource, layer: SourceLayer, limits: ReadLimits) -> None:
    """A layer known by its stored digest has only to be there; one known by its content alone is
    hashed again, for nothing else says which bytes these are.
    """
    if layer.digest is None:
        verify_layer(source, layer, limits)
    else:
        source.open_layer(layer).close()


def _known(cache: FactsCache, key: Digest) -> LayerFacts | None:
    value = cache.action(key)
    if value is None:
        return None
    try:
        return decode(value)
    except ValueError:  # written by another version, or damaged: read the layer again
        return None


def facts_key(layer: SourceLayer, looking: Observing, hashes: str) -> Digest:
    """The name under which the facts of ``layer`` are kept, with the ``hashes`` taken."""
    named = (str(layer.digest), str(layer.diff_id))
    words = ("layer-facts", format_version(), *named, looking.version, hashes)
    return sha256_of("\n".join(words).encode())
