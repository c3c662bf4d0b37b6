"""The build record of an image or of a recipe: one thing that ``why``, ``diff`` and ``plan`` read.

An image carries its record; a recipe gets one from the tree its build would have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from neve.attest.record import MEDIA_TYPE, BuildRecord, read_record, record
from neve.attest.subject import AttestedImage
from neve.build.tree import Assembly
from neve.errors import ToolError
from neve.model import Digest, Platform, sha256_of
from neve.oci.pack import store_reader
from neve.recipe.lock import Lock, LockedPackage, LockedTarget
from neve.recipe.lockfile import dump_lock, load_lock
from neve.verbs.building import find_target
from neve.verbs.context import Workspace
from neve.verbs.images import Opened, OpenedImage, is_remote, open_source
from neve.verbs.lock import matching_lock, read_recipe_at, repository_addresses
from neve.verbs.places import RecipePlace, find_recipe
from neve.verbs.platforms import host_platform

_NO_IMAGE = Digest("sha256", "0" * 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A record with its lock as types, and what it was read from (for people)."""

    subject: str
    record: BuildRecord
    lock: Lock
    target: LockedTarget

    @property
    def packages(self) -> dict[str, LockedPackage]:
        """The image's packages by name (``name:arch`` for a second architecture)."""
        found: dict[str, LockedPackage] = {}
        for index in self.target.packages:
            package = self.lock.packages[index]
            name = package.name
            found[name if name not in found else f"{name}:{package.architecture}"] = package
        return found


def recorded(
    subject: str, workspace: Workspace, *, platforms: Sequence[Platform], variant: str
) -> Recorded:
    """The record of ``subject``: an image if it is one, else the recipe of that name.

    Without ``platforms`` this machine's is meant, where there is a choice. Raises ``ToolError``
    for an image that carries no record.
    """
    platform = platforms[0] if platforms else None
    if is_image(Path(subject)) or is_remote(subject):
        with open_source(subject, workspace, platform=platform) as opened:
            return opened_record(opened)
    platform = platform or host_platform()
    return recipe_record(find_recipe(subject), workspace, platform=platform, variant=variant)


def is_image(path: Path) -> bool:
    """Whether ``path`` looks like an image: a layout directory, or a file that is a tar."""
    if path.is_dir():
        return (path / "oci-layout").is_file()
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(262)[257:262] == b"ustar"


def opened_record(opened: Opened) -> Recorded:
    """The record that an image carries as a referrer; ``ToolError`` where it carries none."""
    data = opened.attached(MEDIA_TYPE) if isinstance(opened, OpenedImage) else None
    if data is None:
        raise no_record(opened.subject)
    read = read_record(data)
    lock = record_lock(read)
    target = find_target(lock, read.platform, read.variant)
    return Recorded(subject=opened.subject, record=read, lock=lock, target=target)


def no_record(subject: str) -> ToolError:
    """The error for an image about which nothing was recorded, or whose record was lost."""
    return ToolError(
        f"{subject}: the image carries no build record",
        resolution="Copies by tag leave it behind: take the layout that `neve build` wrote, "
        "or ask about the recipe and its lock instead.",
    )


def record_lock(read: BuildRecord) -> Lock:
    """The lock that a record carries; raises ``UsageError`` for one that is none."""
    import json

    return load_lock(json.dumps(read.lock).encode(), "the record's lock")


def recipe_record(
    place: RecipePlace, workspace: Workspace, *, platform: Platform, variant: str
) -> Recorded:
    """The record an image of the recipe would have, from its lock or from resolving it now."""
    from neve.build.image import noted_of
    from neve.verbs.building import assemble_target
    from neve.verbs.locking import make_lock

    existing = matching_lock(place)
    assembly: Assembly
    if existing is not None:
        lock, data = existing
        target = find_target(lock, platform, variant)
        assembly = assemble_target(
            lock,
            target,
            workspace,
            contents=lambda: read_recipe_at(place).contents,
            addresses=lambda: repository_addresses(place),
        )
    else:
        fresh = make_lock(
            read_recipe_at(place), workspace, platforms=(platform,), variants=(variant,)
        )
        lock, data = fresh.lock, dump_lock(fresh.lock)
        target = find_target(lock, platform, variant)
        assembly = fresh.assemblies[platform, variant]
    image = AttestedImage(
        name=lock.recipe.name,
        identity=_NO_IMAGE,
        lock=lock,
        lock_data=data,
        lock_digest=sha256_of(data),
        recipe_digest=lock.sources[0].digest,
        target=target,
        tree=assembly.tree,
        read=store_reader(workspace.store),
    )
    read = read_record(record(image, noted_of(assembly)))
    return Recorded(subject=str(place.recipe), record=read, lock=lock, target=target)
