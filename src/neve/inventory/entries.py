"""Regular files whose bytes have passed by: what they were, not where they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from neve.inventory.types import FileFacts
from neve.model import Digest
from neve.tree import FileEntry, Kind, Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenFile(FileEntry):
    """A regular file of a layer that was streamed; ``content`` is ``None``: nobody holds it.

    ``size`` in bytes; ``digest`` is its SHA-256, ``None`` where the depth hashed nothing.
    """

    size: int
    digest: Digest | None = None
    facts: FileFacts | None = None


def size_of(entry: FileEntry) -> int:
    """Bytes of a regular file; 0 for all else."""
    if isinstance(entry, SeenFile):
        return entry.size
    return 0 if entry.content is None else entry.content.size


def digest_of(entry: FileEntry) -> Digest | None:
    """SHA-256 of a regular file, as far as it is known."""
    if isinstance(entry, SeenFile):
        return entry.digest
    return None if entry.content is None else entry.content.digest


def seen_facts(tree: Tree) -> Iterator[tuple[str, FileFacts]]:
    """Path and facts of every file of ``tree`` of which the stream said anything."""
    for entry in tree:
        if entry.kind is Kind.FILE and isinstance(entry, SeenFile) and entry.facts is not None:
            yield entry.path, entry.facts
