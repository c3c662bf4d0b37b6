"""The tree of an existing image: its layers applied in order as container engines do.

Whiteouts act on lower layers only, wherever they stand in theirs (image-spec, layer.md); a
member below a symbolic link lands where the link leads inside the image; of two members with
one path the later wins. Content stays in the store as slices of inflated layers.
"""

from __future__ import annotations

import hashlib
import posixpath

from neve.errors import HostileInputError
from neve.model import Digest, Origin, Reason
from neve.oci.layer import OPAQUE, WHITEOUT
from neve.oci.ports import BlobStore
from neve.oci.source import ImageSource, ReadLimits, inflate
from neve.oci.untar import TarMember, read_tar, refused
from neve.tree import FileEntry, Kind, Put, Remove, Slice, Tree

_MAX_PATH = 4096
_MAX_DEPTH = 256
_AUFS = ".wh..wh."


def read_tree(source: ImageSource, store: BlobStore, limits: ReadLimits | None = None) -> Tree:
    """All layers of ``source`` as one tree. Raises ``TrustError`` for a digest or size that does
    not hold, ``HostileInputError`` for layers no honest tool writes, devices among them.
    """
    limits = limits or ReadLimits()
    layers = source.layers
    if len(layers) > limits.layers:
        raise refused(f"{len(layers)} layers")
    tree = Tree()
    total = members = 0
    for layer in layers:
        digest = inflate(source, layer, store, limits)
        data = store.mapped(digest)
        total += len(data)
        if total > limits.total_size:
            raise refused(f"its layers hold more than {limits.total_size} bytes")
        found = list(read_tar(data, max_members=limits.members - members))
        members += len(found)
        _Layer(tree, digest, data).apply(found)
    tree.removed.clear()
    return tree


class _Layer:
    """Applies one layer's members to the tree below it."""

    def __init__(self, tree: Tree, digest: Digest, data: memoryview) -> None:
        self._tree = tree
        self._digest = digest
        self._data = data
        self._reason = Reason(Origin.LAYER, str(digest), "unpacked")
        self._parents: dict[str, str] = {}

    def apply(self, members: list[TarMember]) -> None:
        """Whiteouts first, then everything else in order."""
        named = [(normal_path(member.name), member) for member in members]
        for path, _ in named:
            if posixpath.basename(path).startswith(WHITEOUT):
                self._white_out(path)
        for path, member in named:
            if not posixpath.basename(path).startswith(WHITEOUT):
                self._put(self._place(path), member)

    def _white_out(self, path: str) -> None:
        parent, name = posixpath.split(path)
        parent = self._parent(parent)
        gone: tuple[str, ...] = ()
        if name == OPAQUE:
            gone = tuple(posixpath.join(parent, child) for child in self._tree.children(parent))
        elif not name.startswith(_AUFS):
            hidden = name.removeprefix(WHITEOUT)
            if hidden in ("", ".", ".."):
                raise refused(f"{path}: a whiteout of nothing")
            gone = (posixpath.join(parent, hidden),)
        for target in gone:
            self._tree.apply(Remove(target, self._reason))
        self._parents.clear()

    def _place(self, path: str) -> str:
        """``path`` once the links among its parents are followed inside the image."""
        if path == "/":
            return path
        parent, name = posixpath.split(path)
        return posixpath.join(self._parent(parent), name)

    def _parent(self, parent: str) -> str:
        known = self._parents.get(parent)
        if known is None:
            known = self._parents[parent] = self._tree.resolve(parent)
            self._check_directories(known)
        return known

    def _check_directories(self, path: str) -> None:
        while path != "/":
            entry = self._tree.get(path)
            if entry is not None and entry.kind is not Kind.DIRECTORY:
                raise refused(f"{path} is both a file and a directory")
            path = posixpath.dirname(path)

    def _put(self, path: str, member: TarMember) -> None:
        entry = self._entry(path, member)
        if path == "/" and entry.kind is not Kind.DIRECTORY:
            raise refused("its root is not a directory")
        old = self._tree.get(path)
        if entry.kind is Kind.HARDLINK and entry.target == path:
            return
        self._tree.apply(Put(entry))
        if entry.kind is Kind.SYMLINK or (old is not None and old.kind is not entry.kind):
            self._parents.clear()

    def _entry(self, path: str, member: TarMember) -> FileEntry:
        kind, content, target, link = Kind.DIRECTORY, None, None, member
        match member.type:
            case "0":
                kind, content = Kind.FILE, self._slice(member)
            case "1":
                return self._hard_link(path, member)
            case "2":
                kind, target = Kind.SYMLINK, member.link
                if not 0 < len(target) <= _MAX_PATH:
                    raise refused(f"{path}: a symbolic link to nothing or to 4,096 bytes and more")
            case "5":
                pass
            case _:
                raise HostileInputError(
                    f"{path}: a device or pipe in a layer",
                    resolution="Rebuild the image without it: engines make /dev themselves.",
                )
        return FileEntry(
            path=path,
            kind=kind,
            mode=link.mode & 0o7777,
            uid=link.uid,
            gid=link.gid,
            mtime=link.mtime,
            content=content,
            target=target,
            xattrs=link.xattrs,
            reason=self._reason,
        )

    def _hard_link(self, path: str, member: TarMember) -> FileEntry:
        """Another name of a file; of a symbolic link, a copy of it."""
        target = self._tree.get(self._place(normal_path(member.link)))
        inside = target is not None and target.path.startswith(f"{path}/")
        if target is None or target.kind is Kind.DIRECTORY or inside:
            raise refused(f"{path}: a hard link to {member.link}, which is no file before it")
        if target.kind is Kind.HARDLINK:
            target = self._tree.content_entry(target)
        is_file = target.kind is Kind.FILE
        return FileEntry(
            path=path,
            kind=Kind.HARDLINK if is_file else target.kind,
            mode=target.mode,
            uid=target.uid,
            gid=target.gid,
            mtime=target.mtime,
            target=target.path if is_file else target.target,
            xattrs=() if is_file else target.xattrs,
            reason=self._reason,
        )

    def _slice(self, member: TarMember) -> Slice:
        view = self._data[member.offset : member.offset + member.size]
        return Slice(
            source=self._digest,
            offset=member.offset,
            size=member.size,
            digest=Digest("sha256", hashlib.sha256(view).hexdigest()),
            sha1=hashlib.sha1(view, usedforsecurity=False).hexdigest(),
        )


def normal_path(name: str) -> str:
    """A member's name as an absolute path. A leading slash means the image's root, as it does to
    every engine; ``..`` is refused wherever it leads.
    """
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise refused(f"a member named {name!r}")
    path = "/" + "/".join(parts)
    if len(path) > _MAX_PATH or len(parts) > _MAX_DEPTH:
        raise refused("a path longer than 4,096 bytes or deeper than 256 directories")
    return path
