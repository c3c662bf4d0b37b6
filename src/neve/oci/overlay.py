"""Layers applied to a tree in order, as container engines do.

Whiteouts act on lower layers only, wherever they stand in theirs (image-spec, layer.md); a
member below a symbolic link lands where the link leads inside the image; of two members with
one path the later wins. Knows no content: the caller says what a regular file is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

from neve.model import Reason
from neve.oci.layer import OPAQUE, WHITEOUT
from neve.oci.untar import refused
from neve.tree import FileEntry, Kind, Remove, Tree

MAX_PATH = 4096
MAX_DEPTH = 256
_AUFS = ".wh..wh."
_HIDDEN = f"/{WHITEOUT}"
_SPECIAL = {"3": Kind.CHARACTER, "4": Kind.BLOCK, "6": Kind.FIFO}


class LayerItem(Protocol):
    """One member of a layer; ``type`` is its tar type flag, ``link`` a link's text as written."""

    @property
    def type(self) -> str: ...  # noqa: D102 - as in ``TarMember``
    @property
    def mode(self) -> int: ...  # noqa: D102
    @property
    def uid(self) -> int: ...  # noqa: D102
    @property
    def gid(self) -> int: ...  # noqa: D102
    @property
    def mtime(self) -> int: ...  # noqa: D102
    @property
    def link(self) -> str: ...  # noqa: D102
    @property
    def xattrs(self) -> tuple[tuple[str, bytes], ...]: ...  # noqa: D102
    @property
    def device(self) -> tuple[int, int] | None: ...  # noqa: D102


ItemT = TypeVar("ItemT", bound=LayerItem)


class Overlay(Generic[ItemT]):
    """One layer on its way into ``tree``. ``regular`` makes the entry of a regular file at a
    path; ``reason`` is that of all other entries.
    """

    def __init__(
        self, tree: Tree, reason: Reason, regular: Callable[[str, ItemT], FileEntry]
    ) -> None:
        self._tree = tree
        self._reason = reason
        self._regular = regular
        self._parents: dict[str, str] = {}

    def apply(self, items: Sequence[tuple[str, ItemT]]) -> None:
        """Whiteouts first, then everything else in order; paths as ``normal_path`` gives them.

        Raises ``HostileInputError`` for a layer that no engine could unpack.
        """
        hidden = [path for path, _ in items if is_whiteout(path)]
        for path in hidden:
            self._white_out(path)
        put = self._put
        for path, item in items:
            if not hidden or not is_whiteout(path):
                put(path, item)

    def _white_out(self, path: str) -> None:
        parent, _, name = path.rpartition("/")
        parent = self._parent(parent)
        gone: Iterable[str] = ()
        if name == OPAQUE:
            gone = [f"{parent}/{child}" for child in self._tree.children(parent or "/")]
        elif not name.startswith(_AUFS):
            hidden = name.removeprefix(WHITEOUT)
            if hidden in ("", ".", ".."):
                raise refused(f"{path}: a whiteout of nothing")
            gone = (f"{parent}/{hidden}",)
        for target in gone:
            self._tree.apply(Remove(target, self._reason))
        self._parents.clear()

    def _parent(self, parent: str) -> str:
        """The directory that ``parent`` is once links are followed; "" is the root.

        What is remembered stays true until an entry changes its kind: something is put into the
        directory at once, which makes all of its parents.
        """
        known = self._parents.get(parent)
        if known is None:
            known = self._tree.resolve(parent or "/")
            known = "" if known == "/" else known
            self._check_directories(known)
            self._parents[parent] = known
        return known

    def _check_directories(self, path: str) -> None:
        while path:
            entry = self._tree.get(path)
            if entry is not None and entry.kind is not Kind.DIRECTORY:
                raise refused(f"{path} is both a file and a directory")
            path = path.rpartition("/")[0]

    def _put(self, path: str, item: ItemT) -> None:
        if path != "/":
            parent, _, name = path.rpartition("/")
            path = f"{self._parent(parent)}/{name}"
        entry = self._entry(path, item)
        if path == "/" and entry.kind is not Kind.DIRECTORY:
            raise refused("its root is not a directory")
        old = self._tree.get(path)
        if entry.kind is Kind.HARDLINK and entry.target == path:
            return
        self._tree.put(entry)
        if old is not None and (old.kind is not entry.kind or entry.kind is Kind.SYMLINK):
            self._parents.clear()

    def _entry(self, path: str, item: ItemT) -> FileEntry:
        kind, target = Kind.DIRECTORY, None
        match item.type:
            case "0":
                return self._regular(path, item)
            case "1":
                return self._hard_link(path, item)
            case "2":
                kind, target = Kind.SYMLINK, item.link
                if not 0 < len(target) <= MAX_PATH:
                    raise refused(f"{path}: a symbolic link to nothing or to 4,096 bytes and more")
            case "5":
                pass
            case special:
                kind = _SPECIAL[special]
        return FileEntry(
            path=path,
            kind=kind,
            mode=item.mode & 0o7777,
            uid=item.uid,
            gid=item.gid,
            mtime=item.mtime,
            target=target,
            xattrs=item.xattrs,
            device=item.device,
            reason=self._reason,
        )

    def _hard_link(self, path: str, item: ItemT) -> FileEntry:
        """Another name of a file; of anything else but a directory, a copy of it."""
        link = normal_path(item.link)
        name = link.rpartition("/")[2]
        target = self._tree.get(self._tree.resolve(link, follow_last=False)) if name else None
        inside = target is not None and target.path.startswith(f"{path}/")
        if target is None or target.kind is Kind.DIRECTORY or inside:
            raise refused(f"{path}: a hard link to {item.link}, which is no file before it")
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
            device=target.device,
            reason=self._reason,
        )


def is_whiteout(path: str) -> bool:
    """Whether the last name of ``path`` hides something of a lower layer."""
    return _HIDDEN in path and path.rpartition("/")[2].startswith(WHITEOUT)


def normal_path(name: str) -> str:
    """A member's name as an absolute path. A leading slash means the image's root, as it does to
    every engine; ``..`` is refused wherever it leads.
    """
    if "//" in name or "/." in name or name.startswith((".", "/")):
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise refused(f"a member named {name!r}")
        path = "/" + "/".join(parts)
    else:
        path = "/" + name.rstrip("/")
    if len(path) > MAX_PATH or path.count("/") > MAX_DEPTH:
        raise refused("a path longer than 4,096 bytes or deeper than 256 directories")
    return path
