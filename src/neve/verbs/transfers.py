"""What ``neve push``, ``pull`` and ``copy`` share: opening either end, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from neve.errors import UsageError
from neve.model import Digest, Platform
from neve.oci.contents import Contents, Gathered, LayoutContents, RepositoryContents
from neve.oci.layout_source import OciLayout, image_files, is_layout
from neve.oci.manifest import Descriptor
from neve.oci.reference import Reference
from neve.oci.transfer import Moved
from neve.verbs.context import Workspace
from neve.verbs.images import ENGINES, Place, Transport, locate, saved_by_engine


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferResult:
    """What was copied. ``digest`` is that of what the tags point at; ``size`` counts the bytes
    of blobs that were moved, ``blobs_*`` what it took for each blob to be there.
    """

    source: str
    target: str
    tags: tuple[str, ...]
    digest: Digest
    media_type: str
    platforms: tuple[Platform, ...]
    referrers: int
    blobs_moved: int
    blobs_present: int
    blobs_mounted: int
    size: int


def transfer_result(
    source: str, target: str, tags: tuple[str, ...], gathered: Gathered, moved: Moved
) -> TransferResult:
    """The result of one transfer."""
    root = gathered.root.descriptor
    rows = [root, *(manifest.descriptor for manifest in gathered.below)]
    return TransferResult(
        source=source,
        target=target,
        tags=tags,
        digest=root.digest,
        media_type=root.media_type,
        platforms=_platforms(rows),
        referrers=moved.referrers,
        blobs_moved=moved.sent,
        blobs_present=moved.present,
        blobs_mounted=moved.mounted,
        size=moved.size,
    )


def _platforms(rows: list[Descriptor]) -> tuple[Platform, ...]:
    named = (row.platform for row in rows if row.platform is not None)
    return tuple(dict.fromkeys(one for one in named if one.os != "unknown"))


@contextmanager
def open_contents(subject: str, workspace: Workspace) -> Iterator[Contents]:
    """Open the image that ``subject`` names (see ``verbs.images``) to be copied whole."""
    with ExitStack() as stack:
        yield _contents(locate(subject, workspace), workspace, stack)


def _contents(place: Place, workspace: Workspace, stack: ExitStack) -> Contents:
    if place.transport is Transport.REGISTRY:
        return remote_contents(Reference.parse(place.name), workspace)
    path = Path(place.name)
    if place.transport is Transport.ROOTFS:
        raise UsageError(
            f"{place.name}: a root file system, not an image",
            resolution="Name an OCI layout, an archive, or an image in a registry.",
        )
    if place.transport in ENGINES:
        path = saved_by_engine(place, workspace, stack)
    files = image_files(path)
    if is_layout(files):
        return LayoutContents(OciLayout(files, place.name), place.tag)
    from neve.oci.docker_contents import DockerContents

    return DockerContents(files, place.name, place.tag, workspace.store)


def remote_contents(reference: Reference, workspace: Workspace) -> RepositoryContents:
    """The image of ``reference``."""
    repository = workspace.registries.repository(reference)
    return RepositoryContents(repository, reference.wanted)


def total_size(gathered: Gathered) -> int:
    """Bytes of all blobs, for progress."""
    return sum(blob.size for blob in gathered.blobs)
