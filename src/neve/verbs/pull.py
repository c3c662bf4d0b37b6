"""``neve pull``: an image out of a registry into a layout or archive, with what refers to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from neve.errors import HostileInputError, UsageError
from neve.model import Platform
from neve.oci.contents import Contents, Gathered, gather
from neve.oci.copied import copied
from neve.oci.documents import json_object, platform_matches, platform_of
from neve.oci.manifest import DOCKER_INDEX_TYPE, INDEX_TYPE, Descriptor
from neve.oci.reference import DEFAULT_TAG, Reference
from neve.oci.transfer import fetch
from neve.verbs.context import Workspace
from neve.verbs.transfers import TransferResult, remote_contents, total_size, transfer_result

_MAX_CONFIG = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """``platform`` takes one platform's image out of an index; ``tag`` is the name in the layout
    (default: the reference's). ``image_format`` is ``oci``, ``oci-archive`` or
    ``docker-archive``, which has no room for referrers.
    """

    reference: str
    output: Path
    image_format: str = "oci"
    platform: Platform | None = None
    tag: str | None = None
    referrers: bool = True


def pull_image(request: PullRequest, workspace: Workspace) -> TransferResult:
    """Pull; nothing is written before every byte has been verified."""
    reference = Reference.parse(request.reference)
    contents = remote_contents(reference, workspace)
    return write_contents(
        contents,
        str(reference),
        request.output,
        request.tag or reference.tag or DEFAULT_TAG,
        workspace,
        name=reference.name,
        image_format=request.image_format,
        platform=request.platform,
        referrers=request.referrers and request.image_format != "docker-archive",
    )


def write_contents(
    contents: Contents,
    source: str,
    output: Path,
    tag: str,
    workspace: Workspace,
    *,
    name: str = "",
    image_format: str,
    platform: Platform | None,
    referrers: bool,
) -> TransferResult:
    """Bring an opened image into the store and write it; other tags of a layout stay. ``name`` is
    what a docker-archive calls it.
    """
    if image_format == "oci":
        from neve.oci.layout import refuse_foreign

        refuse_foreign(output)
    workspace.progress.stage(f"reading {source}")
    gathered = gather(contents, platform=platform, referrers=referrers)
    workspace.progress.stage(f"fetching {source}", total_size(gathered))
    moved = fetch(gathered, contents, workspace.store, told=workspace.progress.advance)
    gathered = _with_platform(gathered, workspace)
    if platform is not None:
        _check_platform(gathered.root.descriptor, platform, source)
    workspace.progress.stage("writing the image")
    if image_format == "docker-archive":
        from neve.oci.copied import write_copied_docker_archive

        names = [f"{name}:{tag}"]
        write_copied_docker_archive(gathered, output, workspace.store, tags=names)
        return transfer_result(source, str(output), (tag,), gathered, moved)
    whole = copied(gathered)
    if image_format == "oci":
        from neve.oci.layout import write_layout

        write_layout(whole, output, workspace.store, tag=tag, merge=True)
    else:
        from neve.oci.archive import write_oci_archive

        write_oci_archive(whole, output, workspace.store, tag=tag)
    return transfer_result(source, str(output), (tag,), gathered, moved)


def _with_platform(gathered: Gathered, workspace: Workspace) -> Gathered:
    """The image with its platform known: a lone manifest says only in its configuration what
    it is for.
    """
    root = gathered.root
    if root.descriptor.platform or root.descriptor.media_type in (INDEX_TYPE, DOCKER_INDEX_TYPE):
        return gathered
    config = json_object(root.data, "the manifest")["config"]["digest"]
    blob = next(blob for blob in gathered.blobs if str(blob.digest) == config)
    if blob.size > _MAX_CONFIG:
        return gathered
    try:
        document = json_object(workspace.store.path(blob.digest).read_bytes(), "its configuration")
    except HostileInputError:
        return gathered  # an artifact: its configuration may be anything
    if not isinstance(document.get("os"), str) or not isinstance(document.get("architecture"), str):
        return gathered
    row = replace(root.descriptor, platform=platform_of({"platform": document}))
    return replace(gathered, root=replace(root, descriptor=row))


def _check_platform(root: Descriptor, platform: Platform, source: str) -> None:
    if root.platform is None or not platform_matches(root.platform, platform):
        raise UsageError(
            f"{source}: the image is for {root.platform or 'no platform'}, not for {platform}",
            resolution="Leave --platform out, or name an image for that platform.",
        )
