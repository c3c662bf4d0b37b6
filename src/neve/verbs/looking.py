"""Looking at any image: opened by what people write, read once, its surface measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from neve.errors import HostileInputError
from neve.inventory import Depth, Inventory, PackageType
from neve.inventory.entries import SeenFile, size_of
from neve.inventory.layers import LayerSummary
from neve.inventory.observe_copyright import licence_lines
from neve.inventory.rootfs import RootFs
from neve.model import Platform
from neve.surface import Surface, measure_surface
from neve.tree import FileEntry, Kind, Tree
from neve.verbs.context import Workspace
from neve.verbs.images import Opened, OpenedImage, OpenedRootFs, open_source

_MAX_COPYRIGHT = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An image that was looked at. ``digest`` and ``platform`` are "" and ``layers`` empty for a
    bare root file system. ``copyrights`` has the licence lines of Debian's packages by name, where
    they were asked for.
    """

    image: str
    digest: str
    platform: str
    layers: tuple[LayerSummary, ...]
    inventory: Inventory
    tree: Tree
    copyrights: Mapping[str, bytes] = field(default_factory=dict)

    def surface(self, now: int) -> Surface:
        """The image's surface, certificates judged at ``now``."""
        return measure_surface(self.inventory, now=now)


def today(workspace: Workspace) -> int:
    """Midnight (UTC) of this day in seconds since 1970: certificates are judged by the day, so that
    one image gives one report a day.
    """
    return workspace.clock - workspace.clock % 86_400


def look(
    image: str,
    workspace: Workspace,
    *,
    depth: Depth = Depth.FULL,
    platform: Platform | None = None,
    copyrights: bool = False,
) -> Seen:
    """What ``image`` holds; raises what ``open_source`` raises, and ``HostileInputError`` or
    ``TrustError`` for an image that does not hold together.
    """
    with open_source(image, workspace, platform=platform) as opened:
        return look_into(opened, workspace, depth=depth, copyrights=copyrights)


def look_into(
    opened: Opened, workspace: Workspace, *, depth: Depth = Depth.FULL, copyrights: bool = False
) -> Seen:
    """``look`` for an image that is open already: whoever wants more of it than what it holds."""
    workspace.progress.stage(f"reading {opened.subject}")
    match opened:
        case OpenedImage():
            seen = _image(opened, workspace, depth)
            lines: _Lines = _kept
        case OpenedRootFs():
            seen = _root(opened, depth)
            lines = _reading(opened.root)
    if not copyrights:
        return seen
    return replace(seen, copyrights=dict(_copyrights(seen, lines)))


def _image(opened: OpenedImage, workspace: Workspace, depth: Depth) -> Seen:
    from neve.inventory.layers import read_image

    def progress(done: int, total: int) -> None:
        if done == 1:
            workspace.progress.stage(f"reading {opened.subject}", total)
        workspace.progress.advance(1)

    read = read_image(opened.source, cache=workspace.store, depth=depth, progress=progress)
    inventory = _without_secrets(read.inventory, opened.source.configuration)
    configuration = inventory.configuration
    return Seen(
        image=opened.subject,
        digest="" if opened.digest is None else str(opened.digest),
        platform=configuration.platform if configuration is not None else "",
        layers=read.layers,
        inventory=inventory,
        tree=read.tree,
    )


def _without_secrets(inventory: Inventory, document: bytes) -> Inventory:
    """``inventory`` with the secrets of its configuration among the others, and none of them
    readable.
    """
    from neve.verbs.masking import masked_configuration

    if inventory.configuration is None:
        return inventory
    masked = masked_configuration(inventory.configuration, document)
    also = masked.secrets if inventory.depth is Depth.FULL else ()
    return replace(
        inventory,
        configuration=masked.configuration,
        secrets=tuple(sorted({*inventory.secrets, *also})),
    )


def _root(opened: OpenedRootFs, depth: Depth) -> Seen:
    from neve.inventory.read import read_inventory

    root = opened.root
    found = read_inventory(root.tree, root.read, depth)
    unjudged = tuple(sorted({*found.unjudged, *root.left_out}))
    return Seen(
        image=opened.subject,
        digest="",
        platform="",
        layers=(),
        inventory=replace(found, unjudged=unjudged),
        tree=root.tree,
    )


_Lines = Callable[[FileEntry], bytes | None]


def _copyrights(seen: Seen, lines: _Lines) -> Iterator[tuple[str, bytes]]:
    """The licence lines of each Debian package; links between the documentation of packages, as
    Debian has them, are followed inside the image.
    """
    for package in seen.inventory.packages:
        if package.type is not PackageType.DEB:
            continue
        try:
            entry = seen.tree.locate(f"/usr/share/doc/{package.name}/copyright")
        except HostileInputError:  # links in a circle: nothing is said
            continue
        if entry is not None and entry.kind in (Kind.FILE, Kind.HARDLINK):
            found = lines(seen.tree.content_entry(entry))
            if found is not None:
                yield package.name, found


def _kept(entry: FileEntry) -> bytes | None:
    return entry.facts.kept if isinstance(entry, SeenFile) and entry.facts is not None else None


def _reading(root: RootFs) -> _Lines:
    def lines(entry: FileEntry) -> bytes | None:
        return licence_lines(root.read(entry)) if size_of(entry) <= _MAX_COPYRIGHT else None

    return lines
