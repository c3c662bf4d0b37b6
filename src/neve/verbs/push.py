"""``neve push``: an image into a registry, with all platforms and what refers to it."""

from __future__ import annotations

from dataclasses import dataclass

from neve.errors import UsageError
from neve.oci.contents import Contents, gather
from neve.oci.reference import DEFAULT_TAG, Reference
from neve.oci.transfer import push
from neve.verbs.context import Workspace
from neve.verbs.transfers import TransferResult, open_contents, total_size, transfer_result


@dataclass(frozen=True, slots=True, kw_only=True)
class PushRequest:
    """``image`` is anything that holds a whole image; ``tags`` come on top of the reference's."""

    image: str
    reference: str
    tags: tuple[str, ...] = ()
    referrers: bool = True


def push_image(request: PushRequest, workspace: Workspace) -> TransferResult:
    """Push; a tag moves only when all below it is in the registry."""
    target = Reference.parse(request.reference)
    with open_contents(request.image, workspace) as contents:
        return push_contents(
            contents, request.image, target, request.tags, workspace, referrers=request.referrers
        )


def push_contents(
    contents: Contents,
    source: str,
    target: Reference,
    tags: tuple[str, ...],
    workspace: Workspace,
    *,
    referrers: bool,
) -> TransferResult:
    """Push an opened image to ``target`` under its tag and ``tags``; without any it is
    ``latest``, or nothing where ``target`` names the digest to expect.
    """
    names = _tags(target, tags)
    repository = workspace.registries.repository(target)
    workspace.progress.stage(f"reading {source}")
    gathered = gather(contents, platform=None, referrers=referrers)
    if target.digest is not None and target.digest != gathered.root.descriptor.digest:
        raise UsageError(
            f"{source} has the digest {gathered.root.descriptor.digest}, not {target.digest}",
            resolution="Leave out the digest, or push the image that has it.",
        )
    workspace.progress.stage(f"pushing to {target.name}", total_size(gathered))
    moved = push(
        gathered,
        contents,
        repository,
        tags=names,
        store=workspace.store,
        told=workspace.progress.advance,
    )
    return transfer_result(source, target.name, names, gathered, moved)


def _tags(target: Reference, more: tuple[str, ...]) -> tuple[str, ...]:
    own = target.tag or (None if target.digest or more else DEFAULT_TAG)
    checked = (target.tagged(tag).tag or tag for tag in more)
    return tuple(dict.fromkeys([*([own] if own else []), *checked]))
