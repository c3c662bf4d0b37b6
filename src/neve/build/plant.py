"""Planting: packages' entries into one tree, as dpkg's unpack phase would leave them.

Owns merged-/usr, diversions and the question who owns a path. Applies no effect, prunes nothing.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from neve.errors import HostileInputError, ToolError
from neve.formats.deb import PackageFacts, parse_relations, satisfies
from neve.model import Origin, Reason
from neve.tree import FileEntry, Kind, Tree


class OwnerConflictError(ToolError):
    """Two packages bring one path and no metadata says which of them wins."""

    def __init__(self, path: str, first: str, second: str) -> None:
        super().__init__(
            f"{path}: both {first} and {second} bring this path",
            details=(f"neither package declares that it Replaces the other for {path}",),
            resolution=f"Leave one of them out of the recipe: `exclude: [{second}]`.",
        )


@dataclass(frozen=True, slots=True)
class Diversion:
    """``dpkg-divert``: what other packages than ``by`` bring at a path is found at ``to``."""

    to: str
    by: str


@dataclass(frozen=True, slots=True)
class _Package:
    name: str
    version: str
    architecture: str
    multi_arch_same: bool
    replaces: tuple[tuple[str, str, str], ...]


def plant(
    packages: Sequence[PackageFacts],
    *,
    aliases: Mapping[str, str],
    diversions: Mapping[str, Diversion] | None = None,
) -> Tree:
    """One tree of all ``packages``, which come in configuration order.

    ``aliases`` maps merged-/usr links to the directories they stand for (``/bin`` →
    ``/usr/bin``). Raises ``OwnerConflictError`` for a path with two claimants, and
    ``HostileInputError`` for a package that plants below another's file.
    """
    planter = _Planter(aliases, diversions or {})
    for facts in packages:
        planter.add(facts)
    return planter.finish()


class _Planter:
    def __init__(self, aliases: Mapping[str, str], diversions: Mapping[str, Diversion]) -> None:
        self._aliases = {link: target for link, target in aliases.items() if link != target}
        self._heads = frozenset(link.split("/", 2)[1] for link in self._aliases)
        self._diversions = diversions
        self._entries: dict[str, FileEntry] = {}
        self._by_name: dict[str, list[_Package]] = {}

    def add(self, facts: PackageFacts) -> None:
        package = _describe(facts)
        self._by_name.setdefault(package.name, []).append(package)
        for entry in facts.entries:
            self._add_entry(self._placed(entry, package), package)

    def finish(self) -> Tree:
        for link, target in sorted(self._aliases.items()):
            held = self._entries.get(link)
            if held is None or held.kind is not Kind.SYMLINK:
                self._entries[link] = FileEntry(
                    path=link,
                    kind=Kind.SYMLINK,
                    mode=0o777,
                    target=target.lstrip("/"),
                    reason=Reason(Origin.RULE, "merged-usr", f"{link} stands for {target}"),
                )
            self._entries.setdefault(target, _directory(target))
        self._entries.setdefault("/", _directory("/"))
        self._follow_links()
        return Tree(self._entries.values())

    def _follow_links(self) -> None:
        """Move what stands below a package's symlink to where the link leads, as dpkg would."""
        moved = [self._entries.pop(path) for path in _below_links(self._entries)]
        if not moved:
            return
        tree = Tree(self._entries.values())
        for entry in moved:
            parent = tree.resolve(posixpath.dirname(entry.path))
            held = tree.get(parent)
            if held is not None and held.kind is not Kind.DIRECTORY:
                raise HostileInputError(
                    f"{entry.path}: its parent {parent} is a {held.kind.value} "
                    f"of {_names(held.owners)}, not a directory",
                    resolution="Leave one of the two packages out of the recipe.",
                )
            path = posixpath.join(parent, posixpath.basename(entry.path))
            owner = self._by_name[entry.owners[0]][-1]
            self._add_entry(replace(entry, path=path), owner)

    def _placed(self, entry: FileEntry, package: _Package) -> FileEntry:
        path = self._home(entry.path, package)
        target = entry.target
        if entry.kind is Kind.HARDLINK and target is not None:
            target = self._home(target, package)
        if path == entry.path and target == entry.target:
            return entry
        return replace(entry, path=path, target=target)

    def _home(self, path: str, package: _Package) -> str:
        path = self._unaliased(path)
        diversion = self._diversions.get(path)
        if diversion is not None and diversion.by != package.name:
            return self._unaliased(diversion.to)
        return path

    def _unaliased(self, path: str) -> str:
        head, _, rest = path[1:].partition("/")
        if head not in self._heads or not rest:
            return path
        return posixpath.join(self._aliases["/" + head], rest)

    def _add_entry(self, entry: FileEntry, package: _Package) -> None:
        if entry.path in self._aliases and entry.kind is Kind.DIRECTORY:
            entry = replace(entry, path=self._aliases[entry.path])
        held = self._entries.get(entry.path)
        if held is None:
            self._entries[entry.path] = entry
        elif held.kind is Kind.DIRECTORY and entry.kind is Kind.DIRECTORY:
            self._entries[entry.path] = _shared(held, entry)
        elif entry.kind is Kind.DIRECTORY and held.kind is Kind.SYMLINK:
            # dpkg leaves a symlink to a directory in place (dpkg.1, "directory ↔ symlink").
            return
        else:
            self._entries[entry.path] = self._winner(held, entry, package)

    def _winner(self, held: FileEntry, entry: FileEntry, package: _Package) -> FileEntry:
        if entry.path in self._aliases:
            return entry if entry.kind is Kind.SYMLINK else held
        owner = held.owners[0] if held.owners else ""
        holders = self._by_name.get(owner, [])
        if owner == package.name and package.multi_arch_same and _same_content(held, entry):
            return held
        if any(_replaces(package, holder) for holder in holders):
            return entry
        if any(_replaces(holder, package) for holder in holders):
            return held
        raise OwnerConflictError(entry.path, owner, package.name)


def _describe(facts: PackageFacts) -> _Package:
    fields = dict(facts.control)
    try:
        replaces = tuple(
            (relation.name, relation.operator, relation.version)
            for clause in parse_relations(fields.get("Replaces", ""))
            for relation in clause
        )
        return _Package(
            name=fields["Package"],
            version=fields["Version"],
            architecture=fields.get("Architecture", ""),
            multi_arch_same=fields.get("Multi-Arch") == "same",
            replaces=replaces,
        )
    except (KeyError, ValueError) as error:
        raise HostileInputError(
            f"{facts.digest}: the package's control file is malformed ({error})",
            resolution="Report it to the archive the package came from.",
        ) from error


def _replaces(package: _Package, other: _Package) -> bool:
    return any(
        name == other.name and (not operator or satisfies(other.version, operator, version))
        for name, operator, version in package.replaces
    )


def _same_content(a: FileEntry, b: FileEntry) -> bool:
    if a.kind is not b.kind or a.target != b.target:
        return False
    if a.content is None or b.content is None:
        return a.content is b.content
    return a.content.digest == b.content.digest


def _shared(held: FileEntry, entry: FileEntry) -> FileEntry:
    """A directory of several packages: dpkg keeps the metadata of the first one unpacked."""
    owners = tuple(dict.fromkeys((*held.owners, *entry.owners)))
    return held if owners == held.owners else replace(held, owners=owners)


def _directory(path: str) -> FileEntry:
    return FileEntry(
        path=path,
        kind=Kind.DIRECTORY,
        mode=0o755,
        reason=Reason(Origin.RULE, "parent-directory", "the layout needs it"),
    )


def _below_links(entries: Mapping[str, FileEntry]) -> list[str]:
    """Paths that have something else than a directory above them, in path order."""
    verdicts: dict[str, bool] = {"/": True}

    def sound(parent: str) -> bool:
        if parent not in verdicts:
            held = entries.get(parent)
            directory = held is None or held.kind is Kind.DIRECTORY
            verdicts[parent] = directory and sound(posixpath.dirname(parent))
        return verdicts[parent]

    return sorted(path for path in entries if path != "/" and not sound(posixpath.dirname(path)))


def _names(owners: Iterable[str]) -> str:
    return ", ".join(owners) or "the layout"


__all__ = ["Diversion", "OwnerConflictError", "plant"]
