"""The one walk over a tree: packages, files, ELF facts, programs, accounts, services.

Reads each file at most once and judges nothing: what it could not read stands in ``unjudged``.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from neve.errors import HostileInputError
from neve.formats.deb.status import STATUS, STATUS_DIRECTORY, InstalledPackage, read_installed
from neve.formats.deb.types import ElfFacts
from neve.formats.elf import read_elf
from neve.inventory.programs import Family, judge_content, judge_name, with_links
from neve.inventory.types import (
    Account,
    AccountGroup,
    ContentReader,
    Inventory,
    InventoryFile,
    Package,
    PackageType,
    Service,
    Unjudged,
)
from neve.tree import Content, FileEntry, Kind, Tree

_INFO = "/var/lib/dpkg/info"
_MAX_DATABASE = 64 * 1024 * 1024
_MAX_PROGRAM = 256 * 1024 * 1024
_NO_LOGIN = ("nologin", "false", "sync")
_UNIT_DIRECTORIES = ("/usr/lib/systemd/system", "/etc/systemd/system")


def read_inventory(tree: Tree, read: ContentReader) -> Inventory:
    """What ``tree`` holds; ``read`` gives a regular file's bytes.

    Never raises for what an image holds: a damaged database or a link that leads nowhere is
    noted in ``unjudged``.
    """
    return _Walk(tree, read).inventory()


@dataclass(slots=True)
class _Walk:
    tree: Tree
    read: ContentReader
    unjudged: list[Unjudged] = field(default_factory=list)
    elf: list[tuple[str, ElfFacts]] = field(default_factory=list)
    programs: dict[str, tuple[Family, str]] = field(default_factory=dict)

    def inventory(self) -> Inventory:
        packages = self._packages()
        listed = self._listed_owners()
        files = tuple(self._file(entry, listed) for entry in self.tree)
        for entry in self.tree:
            if entry.kind is Kind.FILE:
                self._look_inside(entry)
        return Inventory(
            packages=packages,
            files=files,
            elf=tuple(self.elf),
            programs=with_links(self.tree, self.programs),
            accounts=tuple(self._accounts()),
            groups=tuple(self._groups()),
            services=tuple(sorted(self._services())),
            unjudged=tuple(sorted(self.unjudged)),
        )

    def _note(self, path: str, reason: str) -> None:
        self.unjudged.append(Unjudged(path=path, reason=reason))

    def _bytes(self, path: str) -> bytes | None:
        """The content of a small text file at ``path``, links followed inside the tree."""
        try:
            found = self.tree.locate(path)
        except HostileInputError as error:
            self._note(path, error.brief)
            return None
        if found is None or found.kind not in (Kind.FILE, Kind.HARDLINK):
            return None
        entry = self.tree.content_entry(found)
        if _size(entry.content) > _MAX_DATABASE:
            self._note(path, f"larger than {_MAX_DATABASE} bytes")
            return None
        return bytes(self.read(entry))

    def _packages(self) -> tuple[Package, ...]:
        below = (f"{STATUS_DIRECTORY}/{name}" for name in self.tree.children(STATUS_DIRECTORY))
        found: list[Package] = []
        for path in (STATUS, *below):
            data = None if path.endswith(".md5sums") else self._bytes(path)
            if data is None:
                continue
            try:
                found.extend(_package(item, path) for item in read_installed([(path, data)]))
            except HostileInputError as error:
                self._note(path, error.brief)
        unique = {(item.name, item.architecture, item.version): item for item in found}
        return tuple(unique[key] for key in sorted(unique))

    def _listed_owners(self) -> dict[str, tuple[str, ...]]:
        """Path → packages, from dpkg's file lists and checksums, directories' links followed."""
        owners: dict[str, set[str]] = {}
        moved: dict[str, str] = {}
        for directory in (_INFO, STATUS_DIRECTORY):
            for name in self.tree.children(directory):
                package, _, kind = name.rpartition(".")
                if kind not in ("list", "md5sums") or not package:
                    continue
                data = self._bytes(f"{directory}/{name}")
                for path in _listed_paths(data or b"", checksums=kind == "md5sums"):
                    owners.setdefault(self._moved(path, moved), set()).add(package.split(":")[0])
        return {path: tuple(sorted(names)) for path, names in owners.items()}

    def _moved(self, path: str, moved: dict[str, str]) -> str:
        """``path`` where the tree really has it (``/bin/sh`` is ``/usr/bin/sh``)."""
        parent, name = posixpath.split(path)
        if parent not in moved:
            try:
                moved[parent] = self.tree.resolve(parent)
            except HostileInputError:
                moved[parent] = parent
        return posixpath.join(moved[parent], name)

    def _file(self, entry: FileEntry, listed: dict[str, tuple[str, ...]]) -> InventoryFile:
        held = self.tree.content_entry(entry) if entry.kind is Kind.HARDLINK else entry
        return InventoryFile(
            path=entry.path,
            kind=entry.kind,
            mode=held.mode,
            uid=held.uid,
            gid=held.gid,
            size=_size(held.content),
            digest=held.content.digest if held.content is not None else None,
            target=entry.target,
            owners=entry.owners or listed.get(entry.path, ()),
            capable=any(name == "security.capability" for name, _ in held.xattrs),
        )

    def _look_inside(self, entry: FileEntry) -> None:
        size = _size(entry.content)
        if size == 0:
            return
        judged = None
        if size > _MAX_PROGRAM:
            self._note(entry.path, f"larger than {_MAX_PROGRAM} bytes: not looked into")
        else:
            data = self.read(entry)
            facts = read_elf(data) if bytes(data[:4]) == b"\x7fELF" else None
            if facts is not None:
                self.elf.append((entry.path, facts))
                judged = judge_content(data, facts) if entry.mode & 0o111 else None
        if judged is None and entry.mode & 0o111:
            judged = judge_name(entry.path)
        if judged is not None:
            self.programs[entry.path] = judged

    def _lines(self, path: str, fields: int) -> Iterator[list[str]]:
        data = self._bytes(path) or b""
        for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), start=1):
            parts = line.split(":")
            if not line or line.startswith("#"):
                continue
            if len(parts) != fields or re.fullmatch(r"[0-9]{1,10}", parts[2]) is None:
                self._note(path, f"line {number} is no account")
                continue
            yield parts

    def _accounts(self) -> Iterator[Account]:
        for name, _, uid, gid, _, home, shell in self._lines("/etc/passwd", 7):
            if re.fullmatch(r"[0-9]{1,10}", gid) is None:
                self._note("/etc/passwd", f"{name[:40]}: no group id")
                continue
            yield Account(
                name=name,
                uid=int(uid),
                gid=int(gid),
                home=home,
                shell=shell,
                login=self._is_login(shell or "/bin/sh"),
            )

    def _is_login(self, shell: str) -> bool:
        if posixpath.basename(shell) in _NO_LOGIN:
            return False
        try:
            return self.tree.locate(shell) is not None
        except HostileInputError:
            return True

    def _groups(self) -> Iterator[AccountGroup]:
        for name, _, gid, members in self._lines("/etc/group", 4):
            names = tuple(member for member in members.split(",") if member)
            yield AccountGroup(name=name, gid=int(gid), members=names)

    def _services(self) -> Iterator[Service]:
        for directory in _UNIT_DIRECTORIES:
            for name in self.tree.children(directory):
                if name.endswith((".service", ".socket")):
                    path = f"{directory}/{name}"
                    yield Service(name=name, path=path, manager="systemd")
        for name in self.tree.children("/etc/init.d"):
            entry = self.tree.get(f"/etc/init.d/{name}")
            if entry is not None and entry.kind is Kind.FILE and entry.mode & 0o111:
                yield Service(name=name, path=entry.path, manager="init")


def _listed_paths(data: bytes, *, checksums: bool) -> Iterator[str]:
    for line in data.decode("utf-8", "surrogateescape").splitlines():
        path = f"/{line.partition('  ')[2]}" if checksums else line
        if path.startswith("/") and path != "/" and path != "/.":
            yield posixpath.normpath(path)


def _package(found: InstalledPackage, path: str) -> Package:
    return Package(
        type=PackageType.DEB,
        name=found.name,
        version=found.version,
        architecture=found.architecture,
        source=found.source,
        source_version=found.source_version,
        paths=(path,),
    )


def _size(content: Content | None) -> int:
    return 0 if content is None else content.size
