"""What a run left in an overlay's upper directory, against the layers below it.

Reads directories that the tracer made; follows no symbolic link and leaves device nodes alone.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from neve.model import Digest
from neve.sandbox.trace_record import DATA_LIMIT, Change, Node

_SKIPPED = ("/proc", "/dev", "/sys", "/tmp", "/neve", "/var/lib/dpkg")  # noqa: S108
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class AccountNames:
    """Names of user and group ids in the traced root; an unnamed id is its number."""

    users: dict[int, str]
    groups: dict[int, str]

    @classmethod
    def read(cls, lowers: Sequence[Path]) -> AccountNames:
        """Of ``/etc/passwd`` and ``/etc/group`` in the topmost layer that has them."""
        return cls(_ids(lowers, "etc/passwd"), _ids(lowers, "etc/group"))


def read_changes(upper: Path, lowers: Sequence[Path]) -> tuple[Change, ...]:
    """The changes that the overlay directory ``upper`` holds over ``lowers`` (topmost first)."""
    after = AccountNames.read((upper, *lowers))
    before = AccountNames.read(lowers)
    changes: list[Change] = []
    for path in _walk(upper):
        node = _node(upper / path.lstrip("/"), after)
        old_place = _find(lowers, path)
        old = _node(old_place, before) if old_place is not None else None
        if node != old:
            changes.append(Change(path=path, before=old, after=node))
        if _is_opaque(upper / path.lstrip("/")) and old is not None and old.kind == "directory":
            changes.extend(_hidden(upper, lowers, path, before))
    return tuple(sorted(changes, key=lambda change: change.path))


def _walk(upper: Path) -> list[str]:
    found: list[str] = []
    todo = [""]
    while todo:
        here = todo.pop()
        with os.scandir(upper / here.lstrip("/")) as entries:
            for entry in entries:
                path = f"{here}/{entry.name}"
                if path in _SKIPPED:
                    continue
                found.append(path)
                if entry.is_dir(follow_symlinks=False):
                    todo.append(path)
    return found


def _hidden(upper: Path, lowers: Sequence[Path], path: str, names: AccountNames) -> list[Change]:
    """What stood directly in a directory that was removed and made anew."""
    gone: set[str] = set()
    for layer in lowers:
        place = layer / path.lstrip("/")
        if _find((layer,), path) is not None and place.is_dir() and not place.is_symlink():
            gone.update(entry.name for entry in place.iterdir())
    changes: list[Change] = []
    for name in sorted(gone):
        if not os.path.lexists(upper / path.lstrip("/") / name):
            old = _find(lowers, f"{path}/{name}")
            if old is not None:
                node = _node(old, names)
                changes.append(Change(path=f"{path}/{name}", before=node, after=None))
    return changes


def _find(lowers: Sequence[Path], path: str) -> Path | None:
    relative = PurePosixPath(path.lstrip("/"))
    for layer in lowers:
        place = layer / relative
        if any((layer / above).is_symlink() for above in relative.parents[:-1]):
            return None  # as in the overlay; the link's target is this host's
        try:
            state = place.lstat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        return None if _is_whiteout(state) else place
    return None


def _node(place: Path, names: AccountNames) -> Node | None:
    state = place.lstat()
    if _is_whiteout(state):
        return None
    owner = names.users.get(state.st_uid, str(state.st_uid))
    group = names.groups.get(state.st_gid, str(state.st_gid))
    mode = stat.S_IMODE(state.st_mode)
    if stat.S_ISREG(state.st_mode):
        return _file(place, state.st_size, mode, owner, group)
    if stat.S_ISLNK(state.st_mode):
        target = str(place.readlink())
        return Node(kind="symlink", mode=0o777, owner=owner, group=group, target=target)
    kind = "directory" if stat.S_ISDIR(state.st_mode) else "special"
    return Node(kind=kind, mode=mode, owner=owner, group=group)


def _file(place: Path, size: int, mode: int, owner: str, group: str) -> Node:
    if size <= DATA_LIMIT:
        return Node.of_file(place.read_bytes(), mode=mode, owner=owner, group=group)
    return Node(kind="file", mode=mode, owner=owner, group=group, digest=_digest(place))


def _digest(place: Path) -> Digest:
    total = hashlib.sha256()
    with place.open("rb") as file:
        while block := file.read(_BLOCK):
            total.update(block)
    return Digest("sha256", total.hexdigest())


def _is_whiteout(state: os.stat_result) -> bool:
    """overlayfs.rst: a character device 0/0 hides the name in the layers below."""
    return stat.S_ISCHR(state.st_mode) and state.st_rdev == 0


def _is_opaque(place: Path) -> bool:
    if place.is_symlink() or not place.is_dir():
        return False
    try:
        return os.getxattr(place, "trusted.overlay.opaque", follow_symlinks=False) == b"y"
    except OSError:
        return False


def _ids(lowers: Sequence[Path], name: str) -> dict[int, str]:
    place = _find(lowers, f"/{name}")
    if place is None or not stat.S_ISREG(place.lstat().st_mode):
        return {0: "root"}
    ids: dict[int, str] = {}
    for line in place.read_text(encoding="utf-8", errors="replace").split("\n"):
        fields = line.split(":")
        if len(fields) > 3 and fields[2].isdecimal():
            ids.setdefault(int(fields[2]), fields[0])
    return ids
