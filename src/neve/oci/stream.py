"""A layer as it streams by: stored bytes counted and hashed, inflated, hashed again, cut into
members. Nothing touches the disk and no layer is ever held whole.

Inflating and hashing run in a thread of their own, ahead of whoever reads the members: both
release the interpreter's lock.
"""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from neve.oci.source import (
    ImageSource,
    ReadLimits,
    SourceLayer,
    other_content,
    plain_chunks,
    require_sha256,
)
from neve.oci.untar import TarMember, tar_members

_AHEAD = 6
_PIECE = 1 << 20
_EMPTY = memoryview(b"")


class ChunkSource:
    """Bytes that come in chunks, as ``untar.ByteSource``."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._view = _EMPTY
        self._base = 0
        self._at = 0

    @property
    def position(self) -> int:
        """Where the next byte stands in the whole."""
        return self._base + self._at

    def _next(self) -> bool:
        for chunk in self._chunks:
            if chunk:
                self._base += len(self._view)
                self._view = memoryview(chunk)
                self._at = 0
                return True
        return False

    def peek(self, size: int) -> bytes:
        """Up to ``size`` of the next bytes, without taking them; fewer only at the end."""
        view = self._view[self._at : self._at + size]
        while len(view) < size:
            rest = bytes(view)
            if not self._next():
                self._base -= len(rest)
                self._view = view = memoryview(rest)
                self._at = 0
                break
            self._view = memoryview(rest + bytes(self._view))
            self._base -= len(rest)
            view = self._view[:size]
        return bytes(view)

    def take(self, size: int) -> memoryview:
        """The next ``size`` bytes in one piece, without a copy where one chunk has them all."""
        start = self._at
        end = start + size
        if end <= len(self._view):
            self._at = end
            return self._view[start:end]
        return self._gather(size)

    def _gather(self, size: int) -> memoryview:
        """The next ``size`` bytes of several chunks; each chunk goes once it is copied."""
        if size <= _PIECE:
            return memoryview(b"".join(self.pieces(size)))
        whole, filled = bytearray(), 0
        for piece in self.pieces(size):
            if not whole:  # a size that a header claims is believed once bytes come for it
                whole = bytearray(size)
            whole[filled : filled + len(piece)] = piece
            filled += len(piece)
        return memoryview(whole).toreadonly()[:filled]

    def pieces(self, size: int) -> Iterator[memoryview]:
        """The next ``size`` bytes as they come; fewer at the end."""
        while size > 0:
            left = len(self._view) - self._at
            if left == 0:
                if not self._next():
                    return
                continue
            count = min(left, size)
            piece = self._view[self._at : self._at + count]
            self._at += count
            size -= count
            yield piece

    def advance_to(self, position: int) -> bool:
        """Pass over everything before ``position``; ``False`` where the end comes first."""
        while position > self._base + len(self._view):
            if not self._next():
                self._at = len(self._view)
                return False
        self._at = max(self._at, position - self._base)
        return True


@dataclass(slots=True)
class LayerStream:
    """A layer being read. ``source`` stands at the bytes of the member that was given last."""

    source: ChunkSource
    members: Iterator[TarMember]


@contextmanager
def stream_layer(
    image: ImageSource, layer: SourceLayer, limits: ReadLimits, *, max_members: int
) -> Iterator[LayerStream]:
    """The members of ``layer`` one by one. Nothing learnt from them may be believed before the
    context is left without an error: only then have all digests and sizes held.
    """
    require_sha256(layer)
    with _Inflating(image, layer, limits) as inflating:
        source = ChunkSource(inflating.chunks())
        yield LayerStream(source, tar_members(source, max_members=max_members))
        for _ in source.pieces(limits.layer_size + 1):
            pass  # whatever stands behind the end of the archive is hashed as well


def verify_layer(image: ImageSource, layer: SourceLayer, limits: ReadLimits) -> int:
    """Read ``layer`` for its digests and sizes alone; how many bytes it inflates to."""
    require_sha256(layer)
    with _Inflating(image, layer, limits) as inflating:
        return sum(map(len, inflating.chunks()))


class _Inflating:
    """The thread that reads, inflates and hashes ahead of the reader."""

    def __init__(self, image: ImageSource, layer: SourceLayer, limits: ReadLimits) -> None:
        self._image = image
        self._layer = layer
        self._limits = limits
        self._queue: queue.Queue[bytes | BaseException | None] = queue.Queue(_AHEAD)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"inflate {layer.name}", daemon=True)

    def __enter__(self) -> _Inflating:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop early: the reader has all it wants, or failed."""
        self._stopped.set()
        while self._thread.is_alive():
            try:
                self._queue.get(timeout=0.05)
            except queue.Empty:
                continue
        self._thread.join()

    def chunks(self) -> Iterator[bytes]:
        """What was inflated; raises what went wrong over there, at the end at the latest."""
        while (item := self._queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    def _run(self) -> None:
        try:
            self._inflate()
        except BaseException as error:  # raised again where the members are read
            self._queue.put(error)
        else:
            self._queue.put(None)

    def _inflate(self) -> None:
        content = hashlib.sha256()
        with self._image.open_layer(self._layer) as file:
            for chunk in plain_chunks(file, self._layer, self._limits):
                content.update(chunk)
                self._queue.put(chunk)
                if self._stopped.is_set():
                    return
        if content.hexdigest() != self._layer.diff_id.value:
            raise other_content(self._layer, f"content has digest sha256:{content.hexdigest()}")
