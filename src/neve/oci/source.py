"""Where an existing image comes from: the port, and a layer's bytes brought in verified.

A layout, an archive (``layout_source``), later a registry or a local engine all give the same
three things. What ``open_layer`` gives is not yet verified: ``inflate`` is the way to read it.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from neve.errors import HostileInputError, TrustError
from neve.model import Digest
from neve.oci.ports import BlobStore

_CHUNK = 1024 * 1024
_FIRST_STEP = 1 << 12
_MAX_GZIP_MEMBERS = 500_000
_PADDING = re.compile(rb"\0*")
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLayer:
    """A layer as its image declares it. ``digest`` is ``None`` where the format names none
    (docker-archive); ``diff_id`` always stands in the configuration. ``size`` as stored.
    """

    digest: Digest | None
    diff_id: Digest
    size: int
    name: str


class ImageSource(Protocol):
    """One image for one platform."""

    @property
    def configuration(self) -> bytes:
        """The configuration document, verified against the manifest."""
        ...

    @property
    def layers(self) -> tuple[SourceLayer, ...]:
        """The layers, lowest first."""
        ...

    def open_layer(self, layer: SourceLayer) -> BinaryIO:
        """The layer's bytes as stored, compressed or not, unverified."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLimits:
    """Bounds on what an image may make this machine do; sizes in bytes."""

    layers: int = 512
    layer_size: int = 16 << 30
    total_size: int = 32 << 30
    ratio: int = 400
    """Inflated over stored size, looked at from ``ratio_from`` bytes on: honest layers stay
    far below, deflate reaches 1,032."""
    ratio_from: int = 256 << 20
    members: int = 500_000
    sparse_size: int = 4 << 30
    """What all sparse files of an image hold together, zeros and all."""


def inflate(
    source: ImageSource, layer: SourceLayer, store: BlobStore, limits: ReadLimits
) -> Digest:
    """Bring the bare tar of ``layer`` into ``store`` under its diff_id, every byte verified.

    Raises ``TrustError`` when a digest or size does not hold, ``HostileInputError`` past the
    limits or for a broken stream. A layer that the store holds already is judged all the same:
    else a diff_id that this machine knows would vouch for other content under it.
    """
    require_sha256(layer)
    if store.has(layer.diff_id):
        content = hashlib.sha256()
        with source.open_layer(layer) as file:
            for chunk in plain_chunks(file, layer, limits):
                content.update(chunk)
        if content.hexdigest() != layer.diff_id.value:
            raise other_content(layer, f"content has digest sha256:{content.hexdigest()}")
        return layer.diff_id
    with source.open_layer(layer) as file, store.writer(layer.diff_id) as writer:
        for chunk in plain_chunks(file, layer, limits):
            writer.write(chunk)
        try:
            return writer.commit()
        except TrustError as error:
            raise other_content(layer, error.brief) from error


def require_sha256(layer: SourceLayer) -> None:
    """Raises ``TrustError`` for a diff_id of another algorithm: nothing here could hold to it."""
    if layer.diff_id.algorithm != "sha256":
        raise TrustError(
            f"{layer.name}: its diff_id is a {layer.diff_id.algorithm}",
            resolution="Write the image again with sha256 digests.",
        )


def plain_chunks(file: BinaryIO, layer: SourceLayer, limits: ReadLimits) -> Iterator[bytes]:
    """The layer inflated within ``limits``; at the end its stored size and digest have held.

    Whether it is what its diff_id says is for the caller to see.
    """
    plain = 0
    stored = _Counted(file, layer)
    for chunk in _plain(stored, layer):
        plain += len(chunk)
        _check_bounds(layer, plain, stored.count, limits)
        yield chunk
    stored.finish()


def other_content(layer: SourceLayer, found: str) -> TrustError:
    """The error for a layer that does not inflate to its diff_id."""
    return TrustError(
        f"{layer.name}: its content is not what the configuration says",
        details=(f"expected {layer.diff_id}", found),
        resolution="Fetch or export the image again; if it stays so, do not use it.",
    )


def _check_bounds(layer: SourceLayer, plain: int, stored: int, limits: ReadLimits) -> None:
    if plain > limits.layer_size or (
        plain > limits.ratio_from and plain > limits.ratio * max(stored, 1)
    ):
        raise HostileInputError(
            f"{layer.name}: {stored} bytes inflate to more than {plain}: a decompression bomb",
            resolution="Do not use this image.",
        )


class _Counted:
    """Counts and hashes what is read, and holds it to the layer's size and digest."""

    def __init__(self, file: BinaryIO, layer: SourceLayer) -> None:
        self._file = file
        self._layer = layer
        algorithm = layer.digest.algorithm if layer.digest else "sha256"
        self._hash = hashlib.new(algorithm, usedforsecurity=False)
        self.count = 0

    def read(self) -> bytes:
        chunk = self._file.read(_CHUNK)
        self.count += len(chunk)
        if self.count > self._layer.size:
            raise self._wrong(f"it is longer than the {self._layer.size} bytes declared")
        self._hash.update(chunk)
        return chunk

    def finish(self) -> None:
        while self.read():
            pass
        if self.count != self._layer.size:
            raise self._wrong(f"{self.count} bytes instead of {self._layer.size}")
        digest = self._layer.digest
        if digest is not None and self._hash.hexdigest() != digest.value:
            raise self._wrong(f"its digest is not {digest}")

    def _wrong(self, cause: str) -> TrustError:
        return TrustError(
            f"{self._layer.name}: {cause}",
            resolution="Fetch or export the image again; if it stays so, do not use it.",
        )


def _plain(stored: _Counted, layer: SourceLayer) -> Iterator[bytes]:
    """The layer inflated, in pieces of bounded size; compression is seen from its first bytes."""
    first = stored.read()
    while len(first) < len(_ZSTD) and (more := stored.read()):
        first += more
    try:
        if first.startswith(_GZIP):
            yield from _gunzip(first, stored)
        elif first.startswith(_ZSTD):
            yield from _unzstd(first, stored)
        else:
            while first:
                yield first
                first = stored.read()
    except (ValueError, EOFError) as error:
        raise _broken(layer, error) from error


def _broken(layer: SourceLayer, error: Exception) -> HostileInputError:
    return HostileInputError(
        f"{layer.name}: its compressed stream is broken: {error}",
        resolution="Fetch or export the image again.",
    )


def _gunzip(buffer: bytes, stored: _Counted) -> Iterator[bytes]:
    """Every gzip member in turn (RFC 1952 lets them follow each other).

    What a member is given and does not use is copied, so each gets little at first: a stream of
    empty ones would be copied whole for every one of them.
    """
    at = 0
    for _ in range(_MAX_GZIP_MEMBERS):
        stream, step, fed = _gzip_member(), _FIRST_STEP, b""
        while not stream.eof:
            if not fed:
                if at == len(buffer):
                    buffer, at = stored.read(), 0
                fed = buffer[at : at + step]
                at += len(fed)
                step = min(8 * step, _CHUNK)
            at_end = not fed
            plain = _inflated(stream, fed)
            if at_end and not plain and not stream.eof:
                raise EOFError("it ends early")
            yield plain
            fed = stream.unconsumed_tail
        at -= len(stream.unused_data)
        while (at := _PADDING.match(buffer, at).end()) == len(buffer):  # type: ignore[union-attr]
            buffer, at = stored.read(), 0
            if not buffer:
                return
    raise ValueError(f"more than {_MAX_GZIP_MEMBERS} gzip members")


def _gzip_member() -> Any:  # noqa: ANN401 - isal's type has no stub
    from isal import isal_zlib

    return isal_zlib.decompressobj(31)


def _inflated(stream: Any, data: bytes) -> bytes:  # noqa: ANN401
    from isal.igzip_lib import IsalError

    try:
        plain: bytes = stream.decompress(data, _CHUNK)
    except IsalError as error:  # type: ignore[misc]  # isal's stub types it as an instance
        raise ValueError(str(error)) from error
    return plain


def _unzstd(data: bytes, stored: _Counted) -> Iterator[bytes]:
    import zstandard

    reader = zstandard.ZstdDecompressor(max_window_size=128 << 20).stream_reader(
        _Chained(data, stored), read_across_frames=True, read_size=_CHUNK
    )
    while True:
        try:
            chunk = reader.read(_CHUNK)
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from error
        if not chunk:
            return
        yield chunk


class _Chained(io.BytesIO):
    """What was read already, then the rest, as the file that zstandard wants."""

    def __init__(self, first: bytes, stored: _Counted) -> None:
        super().__init__()
        self._first = first
        self._stored = stored

    def read(self, _size: int | None = -1, /) -> bytes:
        first, self._first = self._first, b""
        return first or self._stored.read()
