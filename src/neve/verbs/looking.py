"""Looking at any image: opened by what people write, read once, its surface measured."""

from __future__ import annotations

from dataclasses import dataclass, replace

from neve.inventory import Depth, Inventory
from neve.inventory.layers import LayerSummary
from neve.model import Platform
from neve.surface import Surface, measure_surface
from neve.tree import Tree
from neve.verbs.context import Workspace
from neve.verbs.images import OpenedImage, OpenedRootFs, open_source


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An image that was looked at. ``digest`` and ``platform`` are "" and ``layers`` empty for a
    bare root file system.
    """

    image: str
    digest: str
    platform: str
    layers: tuple[LayerSummary, ...]
    inventory: Inventory
    tree: Tree

    def surface(self, now: int) -> Surface:
        """The image's surface, certificates judged at ``now``."""
        return measure_surface(self.inventory, now=now)


def look(
    image: str,
    workspace: Workspace,
    *,
    depth: Depth = Depth.FULL,
    platform: Platform | None = None,
) -> Seen:
    """What ``image`` holds; raises what ``open_source`` raises, and ``HostileInputError`` or
    ``TrustError`` for an image that does not hold together.
    """
    with open_source(image, workspace, platform=platform) as opened:
        workspace.progress.stage(f"reading {image}")
        match opened:
            case OpenedImage():
                return _image(opened, workspace, depth)
            case OpenedRootFs():
                return _root(opened, depth)


def _image(opened: OpenedImage, workspace: Workspace, depth: Depth) -> Seen:
    from neve.inventory.layers import read_image

    def progress(done: int, total: int) -> None:
        if done == 1:
            workspace.progress.stage(f"reading {opened.subject}", total)
        workspace.progress.advance(1)

    read = read_image(opened.source, cache=workspace.store, depth=depth, progress=progress)
    configuration = read.inventory.configuration
    return Seen(
        image=opened.subject,
        digest="" if opened.digest is None else str(opened.digest),
        platform=configuration.platform if configuration is not None else "",
        layers=read.layers,
        inventory=read.inventory,
        tree=read.tree,
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
