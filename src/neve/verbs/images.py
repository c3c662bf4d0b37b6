"""Opening any image by what people write: one way in for every verb that looks at images.

==========================  ==================================================================
written                     read from
==========================  ==================================================================
``oci:DIR[:TAG]``           an OCI layout directory
``oci-archive:FILE[:TAG]``  an OCI layout in a tar
``docker-archive:FILE``     what ``docker save`` writes (``:NAME:TAG`` chooses)
``rootfs:PATH``             an unpacked root file system, or a tar of one
``docker://NAME``           a registry (``docker.io`` where the name gives none)
``docker-daemon:NAME``      the local Docker
``containers-storage:NAME`` the local Podman
==========================  ==================================================================

Without a prefix, in this order: what exists as a file or directory (its content decides);
``PATH:TAG`` where ``PATH`` exists; a name that begins with a registry's host; an image that
the local Podman or Docker holds; Docker Hub.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from neve.errors import UsageError
from neve.model import Digest, Platform
from neve.verbs.context import Workspace
from neve.verbs.platforms import host_platform

if TYPE_CHECKING:
    from neve.inventory.rootfs import RootFs
    from neve.oci.source import ImageSource


class Transport(StrEnum):
    """Where an image is read from, in skopeo's words, and ``rootfs``."""

    OCI = "oci"
    OCI_ARCHIVE = "oci-archive"
    DOCKER_ARCHIVE = "docker-archive"
    ROOTFS = "rootfs"
    REGISTRY = "docker"
    DOCKER = "docker-daemon"
    PODMAN = "containers-storage"


ENGINES = {Transport.PODMAN: "podman", Transport.DOCKER: "docker"}
_MOST_SAVED = 64 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a subject means: ``name`` is a path, or a name in a registry or engine; ``tag``
    chooses inside a layout or archive.
    """

    transport: Transport
    name: str
    tag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedImage:
    """An image whose layers can be read. ``digest`` is that of its manifest, ``None`` where the
    format has none (docker-archive); ``subject`` is what the person wrote.
    """

    subject: str
    transport: Transport
    source: ImageSource
    digest: Digest | None

    def attached(self, artifact_type: str) -> bytes | None:
        """The document attached as ``artifact_type``, verified; ``None`` where there is none."""
        attached = getattr(self.source, "attached", None)
        return None if attached is None else attached(artifact_type)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedRootFs:
    """A root file system without layers or configuration."""

    subject: str
    root: RootFs
    transport: Transport = Transport.ROOTFS


Opened = OpenedImage | OpenedRootFs


@contextmanager
def open_source(
    subject: str,
    workspace: Workspace,
    *,
    platform: Platform | None = None,
    tag: str | None = None,
) -> Iterator[Opened]:
    """Open what ``subject`` names, for the length of the ``with`` block.

    Without ``platform`` the only one there is, else this machine's. ``tag`` chooses inside a
    layout or archive, as ``PATH:TAG`` does. Raises ``UsageError`` for what can't be found or
    is ambiguous, ``TrustError`` and ``HostileInputError`` for what does not hold together,
    ``NetworkError`` and ``ToolError`` where a registry or engine fails.
    """
    place = locate(subject, workspace, tag=tag)
    with ExitStack() as stack:
        if place.transport is Transport.ROOTFS:
            yield OpenedRootFs(subject=subject, root=_root(Path(place.name), stack))
            return
        source = _source(place, workspace, platform, stack)
        yield OpenedImage(
            subject=subject,
            transport=place.transport,
            source=source,
            digest=getattr(source, "manifest_digest", None),
        )


def locate(subject: str, workspace: Workspace, *, tag: str | None = None) -> Place:
    """What ``subject`` means, by the rules above; nothing but the local disk and, for a bare
    name, the local engines are asked.
    """
    prefixed = split_transport(subject)
    if prefixed is not None:
        return _prefixed(*prefixed, tag)
    found = local_place(subject, tag)
    return found if found is not None else _remote(subject, workspace)


def split_transport(text: str) -> tuple[Transport, str] | None:
    """The transport that ``text`` begins with and what stands behind it; ``None`` without one."""
    prefix, separator, rest = text.partition(":")
    if not separator or prefix not in set(Transport):
        return None
    if prefix != Transport.REGISTRY:
        return Transport(prefix), rest
    return (Transport.REGISTRY, rest[2:]) if rest.startswith("//") else None


def is_remote(subject: str) -> bool:
    """Whether ``subject`` can only mean an image: it has a transport, or begins with a
    registry's host, or has ``:TAG`` behind a file that exists.
    """
    from neve.oci.reference import names_registry

    if split_transport(subject) is not None:
        return True
    place = local_place(subject)
    if place is not None:
        return place.tag is not None
    return (
        names_registry(subject)
        and not subject.startswith((".", "/", "~"))
        and not subject.endswith((".yaml", ".yml", ".lock"))
    )


def local_place(subject: str, tag: str | None = None) -> Place | None:
    """The place of a file or directory, ``PATH`` or ``PATH:TAG``; ``None`` for neither."""
    path = Path(subject)
    if path.exists():
        return Place(transport=_kind(path), name=subject, tag=tag)
    head, separator, _ = subject.rpartition(":")
    while separator and head:
        if Path(head).exists():
            return Place(transport=_kind(Path(head)), name=head, tag=subject[len(head) + 1 :])
        head, separator, _ = head.rpartition(":")
    return None


def _prefixed(transport: Transport, rest: str, tag: str | None) -> Place:
    if transport in (Transport.REGISTRY, *ENGINES):
        return Place(transport=transport, name=rest)
    if transport is Transport.ROOTFS or Path(rest).exists():
        return Place(transport=transport, name=rest, tag=tag)
    found = local_place(rest, tag)
    if found is None:
        raise UsageError(
            f"{rest}: there is no such file or directory",
            resolution=f"Write {transport}: and a path, with :TAG behind it where it holds more "
            "than one image.",
        )
    return Place(transport=transport, name=found.name, tag=found.tag)


def _kind(path: Path) -> Transport:
    """What lies at ``path``, by its content."""
    from neve.oci.layout_source import image_files, is_docker_archive, is_layout

    if path.is_dir():
        return Transport.OCI if is_layout(image_files(path)) else Transport.ROOTFS
    if not _is_plain_tar(path):
        return Transport.ROOTFS
    files = image_files(path)
    if is_layout(files):
        return Transport.OCI_ARCHIVE
    return Transport.DOCKER_ARCHIVE if is_docker_archive(files) else Transport.ROOTFS


def _is_plain_tar(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(262)[257:262] == b"ustar"


def _remote(subject: str, workspace: Workspace) -> Place:
    from neve.oci.reference import Reference, names_registry

    if subject.startswith((".", "/", "~")) or subject.endswith((".tar", ".tar.gz", ".tar.xz")):
        raise UsageError(
            f"{subject}: there is no such file or directory",
            resolution="Name an OCI layout, an archive, a root file system, or an image in a "
            "registry (registry.example/team/app:1).",
        )
    Reference.parse(subject)
    if not names_registry(subject):
        held = _in_engine(subject, workspace)
        if held is not None:
            return Place(transport=held, name=subject)
    return Place(transport=Transport.REGISTRY, name=subject)


def _root(path: Path, stack: ExitStack) -> RootFs:
    from neve.inventory.rootfs import open_tar, read_directory

    if not path.exists():
        raise UsageError(
            f"{path}: there is no such file or directory",
            resolution="Name the directory of an unpacked root file system, or a tar of one.",
        )
    if path.is_dir():
        return read_directory(path)
    root = stack.enter_context(open_tar(path))
    packed = any(name in root.tree for name in ("/oci-layout", "/manifest.json"))
    if packed and not any(name in root.tree for name in ("/etc", "/usr", "/bin")):
        raise UsageError(
            f"{path}: a compressed image archive",
            resolution="Decompress it first, as with gunzip or unxz: its parts are read where "
            "they lie.",
        )
    return root


def _source(
    place: Place, workspace: Workspace, platform: Platform | None, stack: ExitStack
) -> ImageSource:
    from neve.oci.layout_source import open_image

    if place.transport is Transport.REGISTRY:
        return _in_registry(place.name, workspace, platform)
    path = Path(place.name)
    if place.transport in ENGINES:
        path = saved_by_engine(place, workspace, stack)
    return open_image(path, tag=place.tag, platform=platform, preferred=host_platform())


def _in_registry(name: str, workspace: Workspace, platform: Platform | None) -> ImageSource:
    from neve.oci.reference import Reference
    from neve.oci.registry_source import RegistryImage

    reference = Reference.parse(name)
    workspace.progress.stage(f"asking {reference.registry} for {reference.repository}")
    return RegistryImage(
        workspace.registries.repository(reference),
        reference.wanted,
        workspace.store,
        platform=platform,
        preferred=host_platform(),
    )


def _in_engine(name: str, workspace: Workspace) -> Transport | None:
    """Which local engine holds an image called ``name``, the chosen one only if one is chosen."""
    from neve.sandbox.engine import Engine

    for transport, program in ENGINES.items():
        chosen = workspace.settings.engine in ("auto", program)
        if chosen and shutil.which(program) and Engine(program=program).holds(name):
            return transport
    return None


def saved_by_engine(place: Place, workspace: Workspace, stack: ExitStack) -> Path:
    """The image as its engine saves it, in a file that goes when ``stack`` is left."""
    import tempfile

    from neve.sandbox.engine import Engine

    program = ENGINES[place.transport]
    workspace.progress.stage(f"taking {place.name} out of {program}")
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="neve-image-"))
    path = Path(folder) / "image.tar"
    with path.open("xb") as archive:
        Engine(program=program).save(place.name, archive, limit=_MOST_SAVED)
    return path
