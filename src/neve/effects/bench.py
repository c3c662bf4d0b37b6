"""The workbench on which effects meet a tree: paths, content, owners, and a list of edits.

Owns how one change becomes an ``Edit`` with its reason; decides nothing about what to change.
Every path goes through the tree's own resolution, so nothing lands behind a link that leaves
the root, and merged-/usr names are one path.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from neve.effects.script import Parameters
from neve.errors import ToolError
from neve.formats.deb.types import ElfFacts, PackageFacts
from neve.formats.elf import read_elf
from neve.model import Digest, Origin, Reason
from neve.tree import Change, Content, Edit, FileEntry, Inline, Kind, Put, Remove, Tree

ContentReader = Callable[[FileEntry], bytes]
"""Gives the bytes of a file entry whose content is a ``Blob`` or ``Slice`` of the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectContext:
    """What effects need beside the tree.

    ``time`` (seconds) is the mtime of everything written and the day in ``/etc/shadow``. ``elf``
    are ELF facts already known, by content digest (``elf_facts``): other files are read.
    """

    read: ContentReader
    parameters: Parameters
    time: int
    elf: Mapping[Digest, ElfFacts] = field(default_factory=dict)


def elf_facts(packages: Iterable[PackageFacts]) -> dict[Digest, ElfFacts]:
    """The packages' ELF facts by the digest of the file they are of."""
    found: dict[Digest, ElfFacts] = {}
    for facts in packages:
        known = dict(facts.elf)
        if not known:
            continue
        for entry in facts.entries:
            if entry.content is not None and entry.path in known:
                found[entry.content.digest] = known[entry.path]
    return found


class EffectError(ToolError):
    """An effect does not fit the tree it is applied to."""

    def __init__(self, package: str, problem: str) -> None:
        super().__init__(
            f"effect of {package}: {problem}",
            resolution=f"The effect is stale or made for other surroundings: trace it again with"
            f" `neve effects trace {package}`, and report it if it is the shipped one.",
        )


class Workbench:
    """A tree being edited, and the edits made so far, in order."""

    def __init__(self, tree: Tree, context: EffectContext) -> None:
        self.tree = tree
        self.context = context
        self.edits: list[Edit] = []
        self._elf_read: dict[Digest, ElfFacts | None] = {}

    def edit(self, edit: Edit) -> None:
        """Apply ``edit`` to the tree and remember it."""
        self.tree.apply(edit)
        self.edits.append(edit)

    def place(self, path: str) -> str:
        """Where an entry named ``path`` really lies: links of its directories followed."""
        return self.tree.resolve(path, follow_last=False)

    def content(self, path: str) -> bytes | None:
        """The bytes of the regular file that ``path`` means, links followed; else ``None``."""
        entry = self.tree.locate(path)
        return None if entry is None else self.bytes_of(entry)

    def bytes_of(self, entry: FileEntry) -> bytes | None:
        """The bytes of one entry; ``None`` for what is no regular file."""
        if entry.kind not in (Kind.FILE, Kind.HARDLINK):
            return None
        entry = self.tree.content_entry(entry)
        if isinstance(entry.content, Inline):
            return entry.content.data
        return self.context.read(entry) if entry.content is not None else b""

    def elf(self, entry: FileEntry) -> ElfFacts | None:
        """The ELF facts of one entry, known or read; ``None`` for what is no ELF file."""
        if entry.kind not in (Kind.FILE, Kind.HARDLINK):
            return None
        held = self.tree.content_entry(entry)
        if held.content is not None and held.content.digest in self.context.elf:
            return self.context.elf[held.content.digest]
        if held.content is not None and held.content.digest not in self._elf_read:
            self._elf_read[held.content.digest] = read_elf(self.bytes_of(held) or b"")
        return None if held.content is None else self._elf_read[held.content.digest]

    def text(self, path: str) -> str | None:
        """As ``content``, decoded; undecodable bytes survive a round trip."""
        data = self.content(path)
        return None if data is None else data.decode("utf-8", "surrogateescape")

    def files_in(self, directory: str) -> Iterator[tuple[str, FileEntry]]:
        """(name, entry) of the files directly in ``directory``, names sorted, links followed."""
        home = self.tree.resolve(directory)
        for name in self.tree.children(home):
            entry = self.tree.locate(posixpath.join(home, name))
            if entry is not None and entry.kind in (Kind.FILE, Kind.HARDLINK):
                yield name, entry

    def is_directory(self, path: str) -> bool:
        """Whether ``path`` means a directory."""
        entry = self.tree.locate(path)
        return entry is not None and entry.kind is Kind.DIRECTORY

    def write(
        self,
        path: str,
        content: bytes | Content,
        reason: Reason,
        *,
        mode: int = 0o644,
        uid: int = 0,
        gid: int = 0,
    ) -> None:
        """Put a file, unless the very same one is there already."""
        if isinstance(content, bytes):
            content = Inline(content)
        where = self.place(path)
        old = self.tree.get(where)
        same = old is not None and old.kind is Kind.FILE and old.content is not None
        if (
            same
            and old is not None
            and (old.mode, old.uid, old.gid) == (mode, uid, gid)
            and old.content is not None
            and old.content.digest == content.digest
        ):
            return
        self.directory_of(where, reason)
        self.edit(
            Put(
                FileEntry(
                    path=where,
                    kind=Kind.FILE,
                    mode=mode,
                    uid=uid,
                    gid=gid,
                    mtime=self.context.time,
                    content=content,
                    owners=old.owners if same and old is not None else (),
                    reason=reason,
                )
            )
        )

    def link(self, path: str, target: str, reason: Reason) -> None:
        """Put a symbolic link, unless it is there already."""
        where = self.place(path)
        old = self.tree.get(where)
        if old is not None and old.kind is Kind.SYMLINK and old.target == target:
            return
        self.directory_of(where, reason)
        self.edit(
            Put(
                FileEntry(
                    path=where,
                    kind=Kind.SYMLINK,
                    mode=0o777,
                    mtime=self.context.time,
                    target=target,
                    reason=reason,
                )
            )
        )

    def directory(
        self, path: str, reason: Reason, *, mode: int = 0o755, uid: int = 0, gid: int = 0
    ) -> None:
        """Make a directory, or give the one that ``path`` means this owner and mode."""
        where = self.tree.resolve(path)
        old = self.tree.get(where)
        if old is not None and old.kind is Kind.DIRECTORY:
            if (old.mode, old.uid, old.gid) != (mode, uid, gid):
                self.edit(Change(path=where, reason=reason, mode=mode, uid=uid, gid=gid))
            return
        self.directory_of(where, reason)
        self.edit(Put(self._directory(where, reason, mode=mode, uid=uid, gid=gid)))

    def directory_of(self, path: str, reason: Reason) -> None:
        """Make the missing parents of ``path``, 0755 root, with this reason."""
        missing: list[str] = []
        parent = posixpath.dirname(path)
        while parent != "/" and parent not in self.tree:
            missing.append(parent)
            parent = posixpath.dirname(parent)
        for new in reversed(missing):
            self.edit(Put(self._directory(new, reason)))

    def blocker(self, path: str) -> str | None:
        """The file or link above ``path`` that keeps anything from being there."""
        parent = posixpath.dirname(self.place(path))
        while parent != "/":
            entry = self.tree.get(parent)
            if entry is not None:
                return None if entry.kind is Kind.DIRECTORY else parent
            parent = posixpath.dirname(parent)
        return None

    def remove(self, path: str, reason: Reason) -> None:
        """Remove exactly ``path`` (a link, not what it means) where it exists."""
        where = self.place(path)
        if where in self.tree:
            self.edit(Remove(where, reason))

    def _directory(
        self, path: str, reason: Reason, *, mode: int = 0o755, uid: int = 0, gid: int = 0
    ) -> FileEntry:
        return FileEntry(
            path=path,
            kind=Kind.DIRECTORY,
            mode=mode,
            uid=uid,
            gid=gid,
            mtime=self.context.time,
            reason=reason,
        )


def effect_reason(package: str, detail: str) -> Reason:
    """The reason of a change that an effect of ``package`` makes."""
    return Reason(Origin.EFFECT, package, detail)
