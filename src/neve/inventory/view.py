"""What the parts of an assembly share: the tree, the facts of its files, and the notes taken."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from neve.errors import HostileInputError
from neve.inventory.types import FileFacts, Unjudged
from neve.tree import FileEntry, Kind, Tree


@dataclass(slots=True, kw_only=True)
class View:
    """A tree with what is known of its files. ``facts`` has a row per regular file that any
    observer spoke of, under the path that holds the bytes.
    """

    tree: Tree
    facts: Mapping[str, FileFacts]
    unjudged: list[Unjudged] = field(default_factory=list)
    _moved: dict[str, str] = field(default_factory=dict)

    def note(self, path: str, reason: str) -> None:
        """Remember that ``path`` could not be judged."""
        self.unjudged.append(Unjudged(path=path, reason=reason))

    def held(self, entry: FileEntry) -> FileEntry:
        """The entry with the bytes of ``entry``: another one for a hard link."""
        return self.tree.content_entry(entry) if entry.kind is Kind.HARDLINK else entry

    def kept(self, path: str) -> bytes | None:
        """The content kept of the text file that ``path`` means, links followed."""
        try:
            entry = self.tree.locate(path)
        except HostileInputError as error:
            self.note(path, error.brief)
            return None
        if entry is None or entry.kind not in (Kind.FILE, Kind.HARDLINK):
            return None
        facts = self.facts.get(self.held(entry).path)
        return facts.kept if facts is not None else None

    def lines(self, path: str) -> Iterator[str]:
        """The lines of a kept text file, without comments and blank ones."""
        for line in (self.kept(path) or b"").decode("utf-8", "replace").splitlines():
            if line.strip() and not line.startswith("#"):
                yield line

    def moved(self, path: str) -> str:
        """``path`` where the tree really has it (``/bin/sh`` is ``/usr/bin/sh``)."""
        parent, _, name = path.rpartition("/")
        known = self._moved.get(parent)
        if known is None:
            try:
                known = self.tree.resolve(parent or "/")
            except HostileInputError:
                known = parent
            known = self._moved[parent] = "" if known == "/" else posixpath.normpath(known)
        return f"{known}/{name}"
