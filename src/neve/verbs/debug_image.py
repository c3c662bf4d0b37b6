"""Looking into an image on this machine: a shell of the tools image in the sandbox, with the
target's files below ``/target``, read-only.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from neve.contract.configured import labels_of, subject_from
from neve.contract.rootfs import ContentReader, materialise
from neve.oci.layout_source import open_image
from neve.oci.pack import store_reader
from neve.oci.read_tree import read_tree
from neve.oci.source import ImageSource
from neve.sandbox.bubblewrap import Bubblewrap
from neve.sandbox.port import RunnableImage
from neve.sandbox.scratch import remove_tree
from neve.tree import Tree
from neve.verbs.context import Workspace
from neve.verbs.images import OpenedRootFs, open_source
from neve.verbs.places import find_recipe
from neve.verbs.platforms import host_platform

TARGET = "/target"
"""Where the target's root is seen."""

_HOME = "/tmp"  # noqa: S108 - in the tools' root: the sandbox gives every container one
_KEPT = ("TERM", "LANG", "LC_ALL", "COLORTERM")


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A target's root as a directory of this host (``None`` where only the rest was asked for),
    and who its programs run as.
    """

    root: Path | None
    uid: int
    gid: int
    groups: tuple[int, ...]
    labels: Mapping[str, str]


@contextmanager
def looked_into(subject: str, workspace: Workspace, *, unpack: bool) -> Iterator[Looked]:
    """The image or root file system ``subject`` as a directory; a copy, but for one that is a
    directory already. Without ``unpack`` only what is known of it. A root file system says
    nothing of a user: as engines do, that is root.
    """
    with open_source(subject, workspace) as opened:
        if isinstance(opened, OpenedRootFs):
            path = Path(subject.removeprefix("rootfs:"))
            if path.is_dir():
                yield Looked(root=path.resolve(), uid=0, gid=0, groups=(), labels={})
                return
            with _unpacked(opened.root.tree, opened.root.read, workspace, wanted=unpack) as root:
                yield Looked(root=root, uid=0, gid=0, groups=(), labels={})
            return
        configuration = opened.source.configuration
        tree = read_tree(opened.source, workspace.store)
        image = subject_from(subject, tree, store_reader(workspace.store), configuration).image
        with _unpacked(tree, store_reader(workspace.store), workspace, wanted=unpack) as root:
            yield Looked(
                root=root,
                uid=image.uid,
                gid=image.gid,
                groups=image.groups,
                labels=labels_of(configuration),
            )


@contextmanager
def tools_source(name: str, variant: str | None, workspace: Workspace) -> Iterator[ImageSource]:
    """The tools image: the recipe ``name``'s ``variant``, built; without one an image's name."""
    if variant is None:
        with open_source(name, workspace, platform=host_platform()) as opened:
            if isinstance(opened, OpenedRootFs):
                from neve.errors import UsageError

                raise UsageError(
                    f"{name}: a root file system without a configuration",
                    resolution="Name an image with --tools.",
                )
            yield opened.source
        return
    from neve.verbs.build import BuildRequest, build_image

    with tempfile.TemporaryDirectory(prefix="neve-tools-") as folder:
        output = Path(folder) / "image"
        build_image(
            BuildRequest(place=find_recipe(name), variant=variant, output=output), workspace
        )
        yield open_image(output, platform=host_platform())


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """What runs: ``command`` of the tools image in ``sandbox``, as the target's user or as
    ``root``; ``entering`` is called right before it gets the terminal.
    """

    sandbox: Bubblewrap
    command: Sequence[str]
    root: bool
    entering: Callable[[], object]


def run_tools(tools: ImageSource, target: Looked, shell: Shell, workspace: Workspace) -> int:
    """Run ``shell`` on this process's terminal or standard streams; its exit code."""
    tree = read_tree(tools, workspace.store)
    reader = store_reader(workspace.store)
    own = subject_from("tools", tree, reader, tools.configuration).image
    with _unpacked(tree, reader, workspace, wanted=True) as directory, shell.sandbox.pod() as pod:
        image = RunnableImage(
            root=directory,
            uid=0 if shell.root else target.uid,
            gid=0 if shell.root else target.gid,
            groups=() if shell.root else target.groups,
            environment=(*own.environment, *_environment()),
            workdir=TARGET,
            shown=((target.root, TARGET),) if target.root is not None else (),
        )
        container = pod.add(image, name="debug")
        shell.entering()
        return container.attach(shell.command)


def _environment() -> list[tuple[str, str]]:
    kept = [(name, os.environ[name]) for name in _KEPT if os.environ.get(name)]
    return [("HOME", _HOME), *kept]


@contextmanager
def _unpacked(
    tree: Tree, read: ContentReader, workspace: Workspace, *, wanted: bool
) -> Iterator[Path | None]:
    """``tree`` as a directory that no other user of this host can enter, if it is ``wanted``."""
    if not wanted:
        yield None
        return
    private = Path(tempfile.mkdtemp(prefix="neve-root-"))
    try:
        workspace.progress.stage("unpacking")
        root = private / "root"
        root.mkdir(mode=0o700)
        materialise(tree, read, root)
        yield root
    finally:
        remove_tree(private)
