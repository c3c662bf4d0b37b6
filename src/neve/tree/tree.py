"""An ordered path → entry map with POSIX path resolution that never leaves its root."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import replace

from neve.errors import HostileInputError
from neve.model import Origin, Reason
from neve.tree.edit import Change, Edit, Put, Remove
from neve.tree.entry import FileEntry, Kind

_MAX_LINKS = 40  # as Linux: path_resolution(7), MAXSYMLINKS


def normalise(path: str) -> str:
    """``path`` as an absolute normal path; ``..`` never climbs above the root."""
    return posixpath.normpath("/" + path.lstrip("/"))


class Tree:
    """The image's files in memory. Not safe for concurrent edits."""

    def __init__(self, entries: Iterable[FileEntry] = ()) -> None:
        """Hold ``entries``; a later entry of the same path replaces an earlier one."""
        self._entries: dict[str, FileEntry] = {}
        self._links: dict[str, list[str]] = {}
        self._children: dict[str, set[str]] | None = None
        self._ordered: list[str] | None = None
        self.removed: dict[str, Reason] = {}
        for entry in entries:
            self._put(entry)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, path: str) -> bool:
        return path in self._entries

    def __iter__(self) -> Iterator[FileEntry]:
        """Entries in path order: directories before what they hold."""
        if self._ordered is None:
            self._ordered = sorted(self._entries, key=_order)
        for path in self._ordered:
            yield self._entries[path]

    def __getitem__(self, path: str) -> FileEntry:
        return self._entries[path]

    def get(self, path: str) -> FileEntry | None:
        """The entry at exactly ``path``, links not followed."""
        return self._entries.get(path)

    def under(self, path: str) -> Iterator[FileEntry]:
        """The entries strictly below the directory ``path``, in path order."""
        for below in sorted(self._below(path), key=_order):
            yield self._entries[below]

    def children(self, path: str) -> tuple[str, ...]:
        """The names directly in the directory ``path``, sorted."""
        return tuple(sorted(self._index().get(path, ())))

    def resolve(self, path: str, *, follow_last: bool = True) -> str:
        """The path that ``path`` means once every link on the way is followed inside the root.

        Components that do not exist are kept as written. Raises ``HostileInputError`` on a
        link cycle.
        """
        todo = normalise(path).strip("/").split("/")
        todo.reverse()
        done = "/"
        followed = 0
        while todo:
            name = todo.pop()
            if name in ("", "."):
                continue
            if name == "..":
                done = posixpath.dirname(done)
                continue
            here = posixpath.join(done, name)
            entry = self._entries.get(here)
            if entry is None or entry.kind is not Kind.SYMLINK or (not todo and not follow_last):
                done = here
                continue
            followed += 1
            if followed > _MAX_LINKS:
                raise HostileInputError(
                    f"{path}: more than {_MAX_LINKS} symbolic links",
                    resolution="The links form a cycle: remove the package or file that adds them.",
                )
            target = entry.target or ""
            if target.startswith("/"):
                done = "/"
            todo.extend(reversed(target.split("/")))
        return done

    def locate(self, path: str) -> FileEntry | None:
        """The entry that ``path`` means once links are followed, or ``None``."""
        return self._entries.get(self.resolve(path))

    def content_entry(self, entry: FileEntry) -> FileEntry:
        """The entry holding ``entry``'s bytes: itself, or the first name of a hard link.

        Raises ``HostileInputError`` where packages link each other's names in a ring.
        """
        first, followed = entry, 0
        while entry.kind is Kind.HARDLINK:
            followed += 1
            if followed > _MAX_LINKS:
                raise HostileInputError(
                    f"{first.path}: hard links that lead to no file",
                    resolution="Remove one of the packages that bring this path.",
                )
            entry = self._entries[entry.target or ""]
        return entry

    def apply(self, edit: Edit) -> None:
        """Carry out one edit. ``Change`` of a missing path raises ``KeyError``."""
        match edit:
            case Put(entry):
                self.put(entry)
            case Remove(path, reason):
                self._remove(path, reason)
            case Change():
                self._change(edit)

    def put(self, entry: FileEntry) -> None:
        """Carry out ``Put(entry)``."""
        self._add_parents(entry)
        self._put(entry)

    def apply_all(self, edits: Iterable[Edit]) -> None:
        """Carry out ``edits`` in order."""
        for edit in edits:
            self.apply(edit)

    def _change(self, edit: Change) -> None:
        old = self.content_entry(self._entries[edit.path])
        self._entries[old.path] = replace(
            old,
            mode=old.mode if edit.mode is None else edit.mode,
            uid=old.uid if edit.uid is None else edit.uid,
            gid=old.gid if edit.gid is None else edit.gid,
            mtime=old.mtime if edit.mtime is None else edit.mtime,
            xattrs=old.xattrs if edit.xattrs is None else edit.xattrs,
        )

    def _add_parents(self, entry: FileEntry) -> None:
        parent = entry.path.rpartition("/")[0] or "/"
        if parent in self._entries or parent == "/":
            return
        missing: list[str] = []
        while parent not in self._entries and parent != "/":
            missing.append(parent)
            parent = posixpath.dirname(parent)
        reason = Reason(Origin.RULE, "parent-directory", f"holds {entry.path}")
        for path in reversed(missing):
            self._put(FileEntry(path=path, kind=Kind.DIRECTORY, mode=0o755, reason=reason))

    def _put(self, entry: FileEntry) -> None:
        path = entry.path
        old = self._entries.get(path)
        if old is not None and old.kind is Kind.DIRECTORY and entry.kind is not Kind.DIRECTORY:
            for below in self._below(path):
                self._drop(below)
        if old is not None and path in self._links:
            self._promote(path)
        if old is not None:
            self._forget_link(old)
        self._entries[path] = entry
        if old is None:
            self._ordered = None
        self.removed.pop(path, None)
        if entry.kind is Kind.HARDLINK:
            self._links.setdefault(entry.target or "", []).append(path)
        if self._children is not None:
            parent, _, name = path.rpartition("/")
            self._children.setdefault(parent or "/", set()).add(name)

    def _remove(self, path: str, reason: Reason) -> None:
        if path not in self._entries:
            return
        for gone in [*self._below(path), path]:
            self._drop(gone)
            self.removed[gone] = reason

    def _drop(self, path: str) -> None:
        if path in self._links:
            self._promote(path)
        entry = self._entries.pop(path)
        self._ordered = None
        self._forget_link(entry)
        if self._children is not None:
            self._children.get(posixpath.dirname(path), set()).discard(posixpath.basename(path))
            self._children.pop(path, None)

    def _forget_link(self, entry: FileEntry) -> None:
        """``entry`` no longer is another name of its target: never give it that content."""
        names = self._links.get(entry.target or "", [])
        if entry.kind is Kind.HARDLINK and entry.path in names:
            names.remove(entry.path)

    def _promote(self, path: str) -> None:
        """Give the content of ``path`` to the first of its other names."""
        names = sorted(self._links.pop(path))
        if not names:
            return
        heir, *others = names
        old = self._entries[path]
        self._entries[heir] = replace(
            old, path=heir, owners=self._entries[heir].owners, reason=self._entries[heir].reason
        )
        for name in others:
            self._entries[name] = replace(self._entries[name], target=heir)
        if others:
            self._links[heir] = others

    def _below(self, path: str) -> list[str]:
        index = self._index()
        found: list[str] = []
        todo = [path]
        while todo:
            here = todo.pop()
            for name in index.get(here, ()):
                below = posixpath.join(here, name)
                found.append(below)
                todo.append(below)
        return found

    def _index(self) -> dict[str, set[str]]:
        if self._children is None:
            self._children = {}
            for path in self._entries:
                if path != "/":
                    parent, _, name = path.rpartition("/")
                    self._children.setdefault(parent or "/", set()).add(name)
        return self._children


def _order(path: str) -> tuple[str, ...]:
    return tuple(path.split("/"))
