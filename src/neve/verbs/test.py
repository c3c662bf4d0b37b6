"""``neve test``: an image's contract, judged on its tree and in a sandbox."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from neve.contract.configured import labels_of, subject_from
from neve.contract.read import read_contract
from neve.contract.rootfs import materialise
from neve.contract.run import run_contract
from neve.contract.subject import Subject
from neve.contract.types import Contract
from neve.errors import ExitCode, ToolError, UsageError
from neve.model import Check, Fail, Platform, Skipped, sha256_of
from neve.oci.config import LABEL_RECIPE
from neve.oci.layout_source import open_image
from neve.oci.pack import store_reader
from neve.oci.read_tree import read_tree
from neve.oci.source import ImageSource, ReadLimits, inflate
from neve.sandbox.choose import choose_sandbox
from neve.sandbox.engine import Engine
from neve.sandbox.port import Sandbox
from neve.sandbox.scratch import remove_tree
from neve.verbs.context import Workspace
from neve.verbs.places import (
    CONTRACT_NAME,
    RECIPE_NAME,
    catalogue_recipe,
    catalogue_recipes,
    find_recipe,
)
from neve.verbs.platforms import host_platform


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRequest:
    """Which image to test. ``contract`` ``None`` is the one beside the recipe it was built from,
    found by the recipe's digest in the current directory and in the catalogue. ``platform``
    ``None`` is this machine's.
    """

    image: Path
    contract: Path | None = None
    tag: str | None = None
    platform: Platform | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """The verdict on each check. ``sandbox`` says what ran the image, or why nothing could."""

    image: str
    contract: str
    platform: Platform
    sandbox: str
    checks: tuple[Check, ...]

    @property
    def failed(self) -> int:
        """How many checks failed."""
        return sum(isinstance(check.verdict, Fail) for check in self.checks)

    @property
    def skipped(self) -> int:
        """How many checks could not run."""
        return sum(isinstance(check.verdict, Skipped) for check in self.checks)

    @property
    def exit_code(self) -> ExitCode:
        """Findings where a check failed; else a tool failure where one could not run."""
        if self.failed:
            return ExitCode.FINDINGS
        return ExitCode.TOOL if self.skipped else ExitCode.OK


def test_image(request: TestRequest, workspace: Workspace) -> TestResult:
    """Judge the image by its contract.

    Raises ``UsageError`` where there is no image or no contract, ``ToolError`` where the sandbox
    that was asked for does not work. Without one named, checks that need one are skipped.
    """
    platform = request.platform or host_platform()
    source = open_image(request.image, tag=request.tag, platform=platform)
    path = request.contract or _own_contract(source.configuration, request.image)
    contract = read_contract(path)
    sandbox, reason = _sandbox(contract, platform, workspace)
    with ExitStack() as stack:
        subject = stack.enter_context(_subject(str(request.image), source, sandbox, workspace))
        neighbours: dict[str, Subject | str] = {}
        if sandbox is not None:
            for name in sorted({need.image for need in contract.needs if need.image}):
                neighbours[name] = _neighbour(name, path, stack, sandbox, workspace)
        workspace.progress.stage("testing")
        checks = run_contract(
            contract,
            subject,
            sandbox,
            neighbours=neighbours,
            no_sandbox=reason,
            progress=lambda check: workspace.progress.advance(1, f"{check.rule} {check.subject}"),
        )
    return TestResult(
        image=str(request.image),
        contract=str(path),
        platform=platform,
        sandbox=reason if sandbox is None else sandbox.description,
        checks=checks,
    )


def _own_contract(configuration: bytes, image: Path) -> Path:
    """The contract beside the recipe whose digest the image's label names."""
    digest = labels_of(configuration).get(LABEL_RECIPE)
    candidates = [Path(RECIPE_NAME)]
    candidates += [p for name in catalogue_recipes() if (p := catalogue_recipe(name)) is not None]
    for recipe in candidates:
        if digest and recipe.is_file() and str(sha256_of(recipe.read_bytes())) == digest:
            contract = find_recipe(str(recipe)).contract
            if contract.is_file():
                return contract
    if digest and Path(RECIPE_NAME).is_file() and Path(CONTRACT_NAME).is_file():
        raise UsageError(
            f"{image}: {RECIPE_NAME} is not the recipe that this image was built from",
            details=(f"the image's label {LABEL_RECIPE}: {digest}",),
            resolution=f"Build the image of the recipe as it is now, or test this one all the same"
            f" with `--contract {CONTRACT_NAME}`.",
        )
    raise UsageError(
        f"{image}: no contract is known for this image",
        resolution=f"Name one with --contract, or stand beside its {RECIPE_NAME} and"
        f" {CONTRACT_NAME}.",
    )


def _sandbox(
    contract: Contract, platform: Platform, workspace: Workspace
) -> tuple[Sandbox | None, str]:
    """What runs the image, or ``None`` and why nothing can."""
    if not contract.commands and contract.service is None:
        return None, "the contract runs nothing"
    if platform.architecture != host_platform().architecture:
        return None, f"this machine does not run {platform} programs"
    asked = workspace.settings.engine
    try:
        return choose_sandbox(asked), ""
    except ToolError as error:
        if asked != "auto":
            raise
        return None, f"{error.brief}: {error.resolution}"


@contextmanager
def _subject(
    name: str, source: ImageSource, sandbox: Sandbox | None, workspace: Workspace
) -> Iterator[Subject]:
    """The image's subject, made ready for ``sandbox`` and taken away afterwards."""
    tree = read_tree(source, workspace.store)
    subject = subject_from(name, tree, store_reader(workspace.store), source.configuration)
    if sandbox is None:
        yield subject
    elif isinstance(sandbox, Engine):
        with tempfile.TemporaryFile() as archive:
            _write_archive(source, archive, workspace)
            archive.seek(0)
            reference = sandbox.load(archive)
        yield replace(subject, image=replace(subject.image, reference=reference))
    else:
        # The image's root takes the owner and mode that the image says: it must lie below a
        # directory that no other user of this host can enter, as it may hold setuid programs.
        private = Path(tempfile.mkdtemp(prefix="neve-root-"))
        try:
            workspace.progress.stage("unpacking")
            root = private / "root"
            root.mkdir(mode=0o700)
            materialise(tree, subject.read, root)
            yield replace(subject, image=replace(subject.image, root=root))
        finally:
            remove_tree(private)


def _write_archive(source: ImageSource, archive: IO[bytes], workspace: Workspace) -> None:
    """A docker-archive of ``source`` with inflated layers, which every engine loads."""
    import io
    import json

    name = f"neve-test:{sha256_of(source.configuration).value[:12]}"
    layers = []
    with tarfile.open(fileobj=archive, mode="w|", format=tarfile.USTAR_FORMAT) as tar:

        def add(path: str, size: int, file: IO[bytes]) -> None:
            member = tarfile.TarInfo(path)
            member.size = size
            tar.addfile(member, file)

        for layer in source.layers:
            digest = inflate(source, layer, workspace.store, ReadLimits())
            layers.append(f"{layer.diff_id.value}/layer.tar")
            with workspace.store.path(digest).open("rb") as file:
                add(layers[-1], workspace.store.size(digest), file)
        add("config.json", len(source.configuration), io.BytesIO(source.configuration))
        row = {"Config": "config.json", "RepoTags": [name], "Layers": layers}
        manifest = json.dumps([row]).encode()
        add("manifest.json", len(manifest), io.BytesIO(manifest))


def _neighbour(
    name: str, contract: Path, stack: ExitStack, sandbox: Sandbox, workspace: Workspace
) -> Subject | str:
    """The subject of a need's image: a catalogue recipe, built, or an image beside the contract."""
    beside = contract.parent / name
    recipe = catalogue_recipe(name)
    if beside.exists():
        source = open_image(beside, platform=host_platform())
    elif recipe is not None:
        source = open_image(_build(name, stack, workspace), platform=host_platform())
    else:
        return f"{name} is neither an image beside the contract nor a catalogue recipe"
    return stack.enter_context(_subject(name, source, sandbox, workspace))


def _build(name: str, stack: ExitStack, workspace: Workspace) -> Path:
    from neve.verbs.build import BuildRequest, build_image

    directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="neve-need-")))
    output = directory / "image"
    build_image(BuildRequest(place=find_recipe(name), output=output), workspace)
    return output


def summary(result: TestResult) -> Mapping[str, int]:
    """How many checks passed, failed and were skipped."""
    passed = len(result.checks) - result.failed - result.skipped
    return {"passed": passed, "failed": result.failed, "skipped": result.skipped}
