"""Which entry goes into which layer, so that images share layers and an update moves few bytes.

A package of at least 64 KB has a layer of its own, the small ones share one, and what no package
owns (effects, recipe, generated files) is the last layer. A layer depends on nothing but its own
packages' kept entries and the metadata of the directories above them, so a changed package
changes only its own layer. Measurements: docs/adr/0003-layering.md.

Directories carry modification time 0 in layers. Theirs says when a package was built that last
touched the directory, which differs with the set of packages in the image, and an extracting
tool that does not restore it shows the time of extraction. OSTree ships zero too. Whoever
generates a cache that compares directory times (fontconfig) generates it for time 0.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from neve.model import Digest, Origin
from neve.oci.codec import Compression, codec_version
from neve.oci.layer import in_layer_order, path_key, settle_links
from neve.tree import FileEntry, Kind

LAYERING_VERSION = "1"
LAYER_FORMAT_VERSION = "1"
OWN_LAYER_SIZE = 64 * 1024
MAX_LAYERS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerPlan:
    """One layer to write. ``packages`` own its files (empty for the last, the image's own);
    ``entries`` are in layer order with every directory above them; ``removed`` are paths of
    lower layers it hides.
    """

    name: str
    packages: tuple[str, ...]
    entries: tuple[FileEntry, ...]
    removed: tuple[str, ...] = ()


def partition(
    entries: Iterable[FileEntry],
    *,
    order: Sequence[str] = (),
    own_layer_size: int = OWN_LAYER_SIZE,
    max_layers: int = MAX_LAYERS,
) -> tuple[LayerPlan, ...]:
    """Divide ``entries`` (a whole tree) into layers, lowest first.

    ``order`` are package names, those most images share first (a lock's configuration order):
    engines share a layer on disk only above the same layers. Packages not named follow by name.
    Where more than ``max_layers`` would arise, the smallest packages join the shared layer.
    """
    directories: dict[str, FileEntry] = {}
    owned: dict[str, list[FileEntry]] = {}
    unowned: list[FileEntry] = []
    files: dict[str, FileEntry] = {}
    links: dict[str, FileEntry] = {}
    for entry in entries:
        if entry.kind is Kind.DIRECTORY:
            directories[entry.path] = replace(entry, mtime=0) if entry.mtime else entry
            continue
        if entry.kind is Kind.FILE:
            files[entry.path] = entry
        if entry.kind is Kind.HARDLINK:
            links[entry.path] = entry
        package = _package(entry)
        (owned.setdefault(package, []) if package else unowned).append(entry)
    for directory in directories.values():
        if directory.reason.origin is not Origin.PACKAGE or not directory.owners:
            unowned.append(directory)
        for package in directory.owners:
            owned.setdefault(package, []).append(directory)
    groups = _groups(owned, order, own_layer_size, max_layers)
    if unowned or not groups:
        groups.append(("image", (), unowned))
    return tuple(
        LayerPlan(
            name=name,
            packages=packages,
            entries=tuple(_complete(members, directories, files, links)),
        )
        for name, packages, members in groups
    )


def layer_key(plan: LayerPlan, compression: Compression) -> Digest:
    """The action-cache key of writing ``plan``: every byte of metadata, every content digest,
    and the versions of what turns them into a blob. Takes about 2 µs an entry.
    """
    lines = [f"layer\0{LAYER_FORMAT_VERSION}\0{codec_version(compression)}"]
    lines += [f"removed\0{path}" for path in sorted(plan.removed)]
    for entry in plan.entries:
        content = entry.content
        lines.append(
            f"{entry.path}\0{entry.kind.value}\0{entry.mode}\0{entry.uid}\0{entry.gid}\0{entry.mtime}"
            f"\0{entry.target or ''}\0{content.digest.value if content else ''}"
        )
        lines += [f"xattr\0{name}\0{value.hex()}" for name, value in entry.xattrs]
    text = "\0\n".join(lines)
    return Digest("sha256", hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest())


def _package(entry: FileEntry) -> str | None:
    """The package whose layer holds ``entry``; of several owners the first by name."""
    if entry.reason.origin is not Origin.PACKAGE or not entry.owners:
        return None
    return min(entry.owners)


_Group = tuple[str, tuple[str, ...], list[FileEntry]]


def _groups(
    owned: dict[str, list[FileEntry]], order: Sequence[str], own_layer_size: int, max_layers: int
) -> list[_Group]:
    sizes = {
        package: sum(e.content.size for e in members if e.content)
        for package, members in owned.items()
    }
    large = sorted(
        (p for p, size in sizes.items() if size >= own_layer_size), key=lambda p: (-sizes[p], p)
    )[: max(0, max_layers - 2)]
    rank = {package: position for position, package in enumerate(order)}
    large.sort(key=lambda p: (rank.get(p, len(rank)), p))
    small = tuple(sorted(owned.keys() - set(large)))
    groups: list[_Group] = [(package, (package,), owned[package]) for package in large]
    shared = {entry.path: entry for package in small for entry in owned[package]}
    if shared:
        groups.append(("small packages", small, list(shared.values())))
    return groups


def _complete(
    members: list[FileEntry],
    directories: dict[str, FileEntry],
    files: dict[str, FileEntry],
    links: dict[str, FileEntry],
) -> list[FileEntry]:
    """``members`` in layer order, with the directories above them and links that hold."""
    chosen = {entry.path: entry for entry in members}
    for path in list(chosen):
        parent = posixpath.dirname(path)
        while parent not in chosen and parent in directories:
            chosen[parent] = directories[parent]
            parent = posixpath.dirname(parent)
    _bring_content(chosen, files, links)
    return settle_links(in_layer_order(chosen.values()))


def _bring_content(
    chosen: dict[str, FileEntry], files: dict[str, FileEntry], links: dict[str, FileEntry]
) -> None:
    """Give hard links whose file lies in another layer the content itself, once a layer."""
    holders: dict[str, str] = {}
    for path in sorted((p for p, e in chosen.items() if e.kind is Kind.HARDLINK), key=path_key):
        link = chosen[path]
        holder = _holder(link, files, links)
        if holder.path in chosen:
            chosen[path] = replace(link, target=holder.path)
        elif holder.path in holders:
            chosen[path] = replace(link, target=holders[holder.path])
        else:
            holders[holder.path] = path
            chosen[path] = replace(holder, path=path, owners=link.owners, reason=link.reason)


def _holder(link: FileEntry, files: dict[str, FileEntry], links: dict[str, FileEntry]) -> FileEntry:
    """The file that ``link`` is another name of."""
    target = link.target or ""
    for _ in range(len(links)):
        if target in files:
            return files[target]
        if target not in links:
            break
        target = links[target].target or ""
    raise ValueError(f"hard link {link.path}: its target {link.target} is no file of the tree")
