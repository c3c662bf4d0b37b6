"""What a contract is judged on: an image's tree, its configuration, and where it may write."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from neve.contract.rootfs import ContentReader
from neve.errors import HostileInputError
from neve.sandbox.port import RunnableImage
from neve.tree import FileEntry, Kind, Tree

_ALWAYS = ("/tmp",)  # noqa: S108 - in the image: the sandbox gives every container one


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An image under test. ``image`` says how it runs (``root`` once it is a directory)."""

    name: str
    tree: Tree
    read: ContentReader
    image: RunnableImage
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()

    @property
    def argv(self) -> tuple[str, ...]:
        """The program the image runs by itself; may be empty."""
        return self.entrypoint + self.command


def permits(entry: FileEntry, uid: int, gids: frozenset[int], bit: int) -> bool:
    """Whether the mode of ``entry`` lets a user do ``bit`` (4 read, 2 write, 1 enter)."""
    if uid == 0:
        return True
    if entry.uid == uid:
        return bool(entry.mode & (bit << 6))
    if entry.gid in gids:
        return bool(entry.mode & (bit << 3))
    return bool(entry.mode & bit)


def groups_of(image: RunnableImage) -> frozenset[int]:
    """Every group the image's user is in."""
    return frozenset((image.gid, *image.groups))


def may_write(tree: Tree, image: RunnableImage, path: str) -> str | None:
    """Why the image's user cannot write at ``path`` by the modes alone; ``None`` where it can."""
    try:
        resolved = tree.resolve(path)
    except HostileInputError as error:
        return error.brief
    groups = groups_of(image)
    parts = resolved.strip("/").split("/")
    for depth in range(len(parts)):
        above = "/" + "/".join(parts[:depth])
        entry = tree.get(above)
        if entry is not None and not permits(entry, image.uid, groups, 1):
            return f"{above} ({owner_and_mode(entry)}) cannot be entered"
    entry = tree.get(resolved)
    if entry is None:
        return f"{path} is not in the image"
    if not permits(entry, image.uid, groups, 2):
        return f"{resolved} is {owner_and_mode(entry)}"
    return None


def writable_paths(tree: Tree, image: RunnableImage) -> tuple[str, ...]:
    """The topmost directories that the image's user may write: those that want a mount on a
    read-only root. For uid 0, which no mode holds back, only the declared ones.
    """
    declared = {_resolved(tree, path) for path in image.writable}
    if image.uid != 0:
        groups = groups_of(image)
        for entry in tree:
            if entry.kind is Kind.DIRECTORY and permits(entry, image.uid, groups, 2):
                declared.add(entry.path)
    topmost: list[str] = []
    for path in sorted(declared, key=lambda p: p.split("/")):
        if path != "/" and not is_below(path, (*topmost, *_ALWAYS)):
            topmost.append(path)
    return tuple(topmost)


def is_below(path: str, directories: tuple[str, ...]) -> bool:
    """Whether ``path`` is one of ``directories`` or lies under one."""
    return any(path == above or path.startswith(above.rstrip("/") + "/") for above in directories)


def is_mounted(tree: Tree, image: RunnableImage, path: str) -> bool:
    """Whether ``path`` is writable although the root is not."""
    return is_below(_resolved(tree, path), (*_ALWAYS, *writable_paths(tree, image)))


def owner_and_mode(entry: FileEntry) -> str:
    """``0755 0:0``, as evidence shows it."""
    return f"{entry.mode:04o} {entry.uid}:{entry.gid}"


def _resolved(tree: Tree, path: str) -> str:
    try:
        return tree.resolve(path)
    except HostileInputError:
        return posixpath.normpath(path)
