"""How much an image is: packages, bytes, files, surface, known vulnerabilities, as one amount."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from neve.inventory import DISTRIBUTION_TYPES, Depth, Inventory, Package
from neve.inventory.read import read_inventory
from neve.recipe.lock import LockedPackage
from neve.surface import Part, measure_surface
from neve.tree import Kind, Tree
from neve.verbs.context import Workspace
from neve.verbs.costs_kitchen import Portion
from neve.verbs.locking import bytes_reader

SHOWN_PARTS = (
    Part.EXECUTABLES,
    Part.SHELLS_AND_INTERPRETERS,
    Part.PACKAGE_MANAGERS,
    Part.NETWORK_TOOLS,
    Part.PRIVILEGED,
    Part.WORLD_WRITABLE,
)
"""The parts of the surface that are priced: all are counted from paths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """How much something is. ``download`` and ``kept`` in bytes: packages as they are fetched,
    files as they are in the image (byte-compiled Python, made by the build, is not counted).

    ``surface`` has the number of paths by part. ``None`` is what nobody counted.
    """

    packages: int
    download: int
    files: int | None = None
    kept: int | None = None
    surface: Mapping[str, int] | None = None
    vulnerabilities: int | None = None

    def minus(self, other: Amount) -> Amount:
        """What is here and not in ``other``; negative where ``other`` has more."""
        return Amount(
            packages=self.packages - other.packages,
            download=self.download - other.download,
            files=_less(self.files, other.files),
            kept=_less(self.kept, other.kept),
            surface=None
            if self.surface is None or other.surface is None
            else {part: count - other.surface[part] for part, count in self.surface.items()},
            vulnerabilities=_less(self.vulnerabilities, other.vulnerabilities),
        )


def _less(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one - other


class Scales:
    """Weighs images that are parts of one whole, which is looked into once."""

    def __init__(self, whole: Portion, workspace: Workspace) -> None:
        self._whole = whole
        self._workspace = workspace
        inventory = self._look(whole)
        self._parts = _paths(inventory)
        self._found, self.note = _judge(inventory, whole.packages, workspace)
        self.whole = self.weigh(whole)

    def weigh(self, image: Portion) -> Amount:
        """How much ``image`` is."""
        tree = image.assembly.tree
        parts = self._parts
        if image is not self._whole and any(e.path not in self._whole.assembly.tree for e in tree):
            parts = _paths(self._look(image))
        return Amount(
            packages=len(image.packages),
            download=sum(package.size for package in image.packages),
            files=sum(1 for entry in tree if entry.kind is not Kind.DIRECTORY),
            kept=sum(entry.content.size for entry in tree if entry.content is not None),
            surface={
                part.value: sum(1 for path in paths if path in tree)
                for part, paths in parts.items()
            },
            vulnerabilities=self._vulnerabilities(image),
        )

    def _vulnerabilities(self, image: Portion) -> int | None:
        """How many there are in what is left; one of two packages of a source counts once."""
        if self._found is None:
            return None
        names = {package.name for package in image.packages}
        tree = image.assembly.tree
        return len({cve for package, cve in self._found if _holds(package, names, tree)})

    def _look(self, image: Portion) -> Inventory:
        return read_inventory(image.assembly.tree, bytes_reader(self._workspace), Depth.INVENTORY)


def _paths(inventory: Inventory) -> dict[Part, tuple[str, ...]]:
    surface = measure_surface(inventory)
    return {part: surface.of(part).subjects for part in SHOWN_PARTS}


def _holds(package: Package, names: set[str], tree: Tree) -> bool:
    if package.type in DISTRIBUTION_TYPES:
        return package.name in names
    return any(path in tree for path in package.paths)


def _judge(
    inventory: Inventory, packages: Iterable[LockedPackage], workspace: Workspace
) -> tuple[tuple[tuple[Package, str], ...] | None, str]:
    """(package, vulnerability) pairs, or ``None`` and why nobody judged; a note on what is lacking.

    Without an index nothing is known, which is not the same as nothing found.
    """
    from neve.verbs.db import open_index
    from neve.vulns.freshness import problems
    from neve.vulns.index import IndexMissingError
    from neve.vulns.match import match

    try:
        with open_index(workspace.settings) as index:
            matched = match(
                inventory.packages,
                inventory.os_release,
                index,
                trusted=frozenset((package.name, package.version) for package in packages),
            )
    except IndexMissingError:
        return None, "not judged: no feeds, run `neve db update`"
    wrong = problems(
        matched.feeds,
        matched.missing,
        now=workspace.clock,
        limit=workspace.settings.max_feed_age,
    )
    if matched.missing:
        lacking = ", ".join(problem.text for problem in wrong)
        return None, f"not judged: {lacking}; run `neve db update`"
    notes = [problem.text for problem in wrong]
    if matched.not_judged:
        notes.append(f"{len(matched.not_judged)} packages could not be judged")
    found = tuple((f.package, f.id) for f in matched.findings if f.affected)
    return found, "; ".join(notes)
