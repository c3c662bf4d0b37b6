"""What an image holds, as frozen data: the one description that all judgements start from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from neve.formats.deb.status import InstalledPackage
from neve.formats.deb.types import ElfFacts
from neve.model import Digest
from neve.tree import FileEntry, Kind

ContentReader = Callable[[FileEntry], bytes | memoryview]
"""Reads the bytes of one regular file of a tree."""


class Role(StrEnum):
    """What a program lets an intruder do that the application did not ask for."""

    SHELL = "shell"
    INTERPRETER = "interpreter"
    PACKAGE_MANAGER = "package-manager"


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryFile:
    """One path; ``size`` in bytes and ``digest`` (SHA-256) are those of a file or hard link.

    ``target`` is a link's text, ``owners`` the packages that own the path, ``capable`` whether
    it carries file capabilities.
    """

    path: str
    kind: Kind
    mode: int
    uid: int
    gid: int
    size: int = 0
    digest: Digest | None = None
    target: str | None = None
    owners: tuple[str, ...] = ()
    capable: bool = False

    @property
    def executable(self) -> bool:
        """A regular file (or another name of one) that somebody may execute."""
        return self.kind in (Kind.FILE, Kind.HARDLINK) and bool(self.mode & 0o111)

    @property
    def privileged(self) -> bool:
        """Running it changes the user, group or capabilities."""
        runs = self.kind in (Kind.FILE, Kind.HARDLINK) and bool(self.mode & 0o6000)
        return runs or self.capable

    @property
    def world_writable(self) -> bool:
        """Everybody may write it; a link's own mode means nothing."""
        return self.kind is not Kind.SYMLINK and bool(self.mode & 0o002)


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Program:
    """A path that runs a shell, an interpreter or a package manager, and how that is known."""

    path: str
    role: Role
    family: str
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One line of ``/etc/passwd``; ``login`` when its shell is a program of the image."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    login: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountGroup:
    """One line of ``/etc/group``."""

    name: str
    gid: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Service:
    """Something the image would start: a systemd unit or an init script."""

    name: str
    path: str
    manager: str


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Unjudged:
    """A path that could not be read as what it seems to be, and why: never counted as clean."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What one image holds. Every tuple is sorted; ``files`` are in path order."""

    packages: tuple[InstalledPackage, ...]
    files: tuple[InventoryFile, ...]
    elf: tuple[tuple[str, ElfFacts], ...]
    programs: tuple[Program, ...]
    accounts: tuple[Account, ...]
    groups: tuple[AccountGroup, ...]
    services: tuple[Service, ...]
    unjudged: tuple[Unjudged, ...]
