"""The facts of a layer as compact bytes, and back: columns of JSON under zstandard.

A listing is mostly repetition, so it goes column by column; what observers said are dataclasses,
written by the shape of their types.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from neve.inventory.layer_facts import LayerFacts, LayerMember
from neve.inventory.shapes import reader_of, shape_of, writer_of
from neve.inventory.types import FileFacts

_LEVEL = 3
_MAX_INFLATED = 1 << 30
_PLAIN = FileFacts()


def format_version() -> str:
    """Changes whenever bytes written before can no longer be read as these types: facts of a
    neve that knew other fields are never misread, the layer is read again.
    """
    return f"1 {shape_of(FileFacts)}"


def encode(facts: LayerFacts) -> bytes:
    """``facts`` as bytes."""
    import zstandard

    members = facts.members
    write = writer_of(FileFacts)
    said = [(index, item.facts) for index, item in enumerate(members) if item.facts is not None]
    document = {
        "size": facts.size,
        "paths": [item.path for item in members],
        "types": "".join(item.type for item in members),
        "modes": [item.mode for item in members],
        "uids": [item.uid for item in members],
        "gids": [item.gid for item in members],
        "mtimes": [item.mtime for item in members],
        "sizes": [item.size for item in members],
        "links": [item.link for item in members],
        "xattrs": [
            [index, [[key, value.hex()] for key, value in item.xattrs]]
            for index, item in enumerate(members)
            if item.xattrs
        ],
        "devices": [[index, *item.device] for index, item in enumerate(members) if item.device],
        "sha256": [item.sha256 for item in members],
        "hashed": [[index, item.md5, item.sha1] for index, item in said],
        "facts": [
            [index, write(rest)]
            for index, item in said
            if (rest := replace(item, md5="", sha1="")) != _PLAIN
        ],
    }
    text = json.dumps(document, separators=(",", ":"))
    return zstandard.ZstdCompressor(level=_LEVEL).compress(text.encode())


def decode(data: bytes) -> LayerFacts:
    """The facts that ``encode`` wrote. Raises ``ValueError`` for any other bytes."""
    import zstandard

    try:
        text = zstandard.ZstdDecompressor().decompress(data, max_output_size=_MAX_INFLATED)
        document = json.loads(text)
        return LayerFacts(members=tuple(_members(document)), size=int(document["size"]))
    except ValueError:
        raise
    except (zstandard.ZstdError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not the facts of a layer: {error!r}") from error


def _members(document: dict[str, Any]) -> list[LayerMember]:
    count = len(document["paths"])
    xattrs: list[tuple[tuple[str, bytes], ...]] = [()] * count
    for index, pairs in document["xattrs"]:
        xattrs[index] = tuple((key, bytes.fromhex(value)) for key, value in pairs)
    devices: list[tuple[int, int] | None] = [None] * count
    for index, major, minor in document["devices"]:
        devices[index] = (major, minor)
    return list(
        map(
            LayerMember,
            document["paths"],
            document["types"],
            document["modes"],
            document["uids"],
            document["gids"],
            document["mtimes"],
            document["sizes"],
            document["links"],
            xattrs,
            devices,
            document["sha256"],
            _facts(document, count),
        )
    )


def _facts(document: dict[str, Any], count: int) -> list[FileFacts | None]:
    read = reader_of(FileFacts)
    facts: list[FileFacts | None] = [None] * count
    said = {index: read(row) for index, row in document["facts"]}
    for index, md5, sha1 in document["hashed"]:
        known = said.get(index)
        hashed = FileFacts(md5=md5, sha1=sha1)
        facts[index] = hashed if known is None else replace(known, md5=md5, sha1=sha1)
    return facts
