"""Layers made in a test: a source that is honest about its digests, and tars member by member."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from typing import BinaryIO

from neve.model import sha256_of
from neve.oci.source import SourceLayer

CONFIGURATION = json.dumps({"os": "linux", "architecture": "amd64", "config": {}}).encode()


class Layers:
    """An image of ``blobs`` as stored; ``tars`` are what they inflate to, where that differs.

    ``opened`` counts how often each layer was read, ``named`` says whether its stored digest is
    known, as it isn't in a docker-archive.
    """

    def __init__(
        self,
        *blobs: bytes,
        tars: Sequence[bytes] | None = None,
        configuration: bytes = CONFIGURATION,
        named: bool = True,
    ) -> None:
        self.configuration = configuration
        self.opened = [0] * len(blobs)
        self.taken = [0] * len(blobs)
        self._blobs = blobs
        self.layers = tuple(
            SourceLayer(
                digest=sha256_of(blob) if named else None,
                diff_id=sha256_of(plain),
                size=len(blob),
                name=str(number),
            )
            for number, (blob, plain) in enumerate(zip(blobs, tars or blobs, strict=True))
        )

    def open_layer(self, layer: SourceLayer) -> BinaryIO:
        """The stored bytes."""
        number = int(layer.name)
        self.opened[number] += 1
        return _Counting(self._blobs[number], self.taken, number)


class _Counting(io.BytesIO):
    """Adds up what is really read."""

    def __init__(self, data: bytes, taken: list[int], number: int) -> None:
        super().__init__(data)
        self._taken = taken
        self._number = number

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self._taken[self._number] += len(data)
        return data


def tar_of(*members: tuple[str, object], form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar by Python's own writer. A member is (name, data | "-> link" | "= link" | type flag)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, what in members:
            info = tarfile.TarInfo(name)
            info.mode = 0o755
            match what:
                case bytes():
                    info.size = len(what)
                    archive.addfile(info, io.BytesIO(what))
                    continue
                case str() if what.startswith("-> "):
                    info.type, info.linkname = tarfile.SYMTYPE, what[3:]
                case str() if what.startswith("= "):
                    info.type, info.linkname = tarfile.LNKTYPE, what[2:]
                case str():
                    info.type = what.encode()
                case _:
                    raise TypeError(what)
            archive.addfile(info)
    return out.getvalue()
