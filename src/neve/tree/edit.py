"""Edits: the one mechanism by which anything changes a tree, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass

from neve.model import Reason
from neve.tree.entry import FileEntry


@dataclass(frozen=True, slots=True)
class Put:
    """Add ``entry``, or replace what its path holds. Missing parents are created 0755 root."""

    entry: FileEntry


@dataclass(frozen=True, slots=True)
class Remove:
    """Take away ``path`` and, where it is a directory, all below it.

    A hard link's other names survive: the first of them takes over the content.
    """

    path: str
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Change metadata of an existing path; ``None`` leaves a field as it is."""

    path: str
    reason: Reason
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    mtime: int | None = None
    xattrs: tuple[tuple[str, bytes], ...] | None = None


Edit = Put | Remove | Change
