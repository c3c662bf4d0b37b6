"""The inventory of a tree whose bytes can be read: a build's own, or a root file system's.

Reads each file at most once and judges nothing: what it could not read stands in ``unjudged``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from neve.inventory.assemble import assemble
from neve.inventory.entries import size_of
from neve.inventory.facts import Observing, includes, observing
from neve.inventory.types import (
    Candidate,
    Configuration,
    ContentReader,
    Depth,
    FileFacts,
    Inventory,
)
from neve.tree import FileEntry, Kind, Tree

_MAX_FILE = 256 << 20


def read_inventory(
    tree: Tree,
    read: ContentReader,
    depth: Depth = Depth.FULL,
    configuration: Configuration | None = None,
) -> Inventory:
    """What ``tree`` holds; ``read`` gives a regular file's bytes.

    Never raises for what an image holds: a damaged database or a link that leads nowhere is
    noted in ``unjudged``.
    """
    return assemble(tree, dict(_facts(tree, read, depth)), depth, configuration)


def _facts(tree: Tree, read: ContentReader, depth: Depth) -> Iterator[tuple[str, FileFacts]]:
    looking = observing(depth)
    for entry in tree:
        if entry.kind is Kind.FILE:
            facts = _look(entry, read, looking)
            if facts is not None:
                yield entry.path, facts


def _look(entry: FileEntry, read: ContentReader, looking: Observing) -> FileFacts | None:
    size = size_of(entry)
    if size > _MAX_FILE:
        return FileFacts(unjudged=(f"{size} bytes: too large to look into",))
    view = memoryview(read(entry))
    candidate = Candidate(path=entry.path, mode=entry.mode, size=size)
    facts = looking.observe(candidate, view) if size else None
    if not includes(looking.depth, Depth.FULL):
        return facts
    md5 = hashlib.md5(view, usedforsecurity=False).hexdigest()
    sha1 = hashlib.sha1(view, usedforsecurity=False).hexdigest()
    return replace(facts or FileFacts(), md5=md5, sha1=sha1)
