"""``neve copy``: an image from anywhere to a registry, a layout or an archive."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from neve.errors import UsageError
from neve.oci.reference import DEFAULT_TAG, Reference
from neve.verbs.context import Workspace
from neve.verbs.images import Transport, split_transport
from neve.verbs.pull import write_contents
from neve.verbs.push import push_contents
from neve.verbs.transfers import TransferResult, open_contents


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyRequest:
    """``source`` is what ``verbs.images`` opens; ``target`` is ``oci:DIR[:TAG]``,
    ``oci-archive:FILE[:TAG]``, ``docker://NAME``, or without prefix a path (with a leading
    ``.`` or ``/``, or an existing directory) or a name in a registry.
    """

    source: str
    target: str
    referrers: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    transport: Transport
    name: str


def copy_image(request: CopyRequest, workspace: Workspace) -> TransferResult:
    """Copy, digests unchanged; blobs are mounted where both ends are one registry."""
    target = _target(request.target)
    with open_contents(request.source, workspace) as contents:
        if target.transport is Transport.REGISTRY:
            reference = Reference.parse(target.name)
            return push_contents(
                contents, request.source, reference, (), workspace, referrers=request.referrers
            )
        path, tag = _split_tag(target.name, request.source)
        return write_contents(
            contents,
            request.source,
            path,
            tag,
            workspace,
            image_format=target.transport.value,
            platform=None,
            referrers=request.referrers,
        )


def _target(text: str) -> _Target:
    found = split_transport(text)
    if found is not None:
        transport, name = found
        if transport not in (Transport.REGISTRY, Transport.OCI, Transport.OCI_ARCHIVE):
            raise UsageError(
                f"{text}: neve does not copy to {transport.value}:",
                resolution="Copy to docker://NAME, oci:DIR or oci-archive:FILE.",
            )
        return _Target(transport=transport, name=name)
    if text.startswith((".", "/", "~")) or Path(text).is_dir():
        archive = text.endswith(".tar")
        return _Target(transport=Transport.OCI_ARCHIVE if archive else Transport.OCI, name=text)
    return _Target(transport=Transport.REGISTRY, name=text)


def _split_tag(name: str, source: str) -> tuple[Path, str]:
    """The path and the tag behind its last colon, else the tag that the source had."""
    head, separator, tail = name.rpartition(":")
    if separator and "/" not in tail and head and not Path(name).exists():
        return Path(head), tail
    _, separator, tag = source.rpartition("/")[2].partition("@")[0].rpartition(":")
    return Path(name), tag if separator else DEFAULT_TAG
