"""``neve build``: a recipe's image, from its lock where there is one, into a layout or archive."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from neve.build.made import ImageFacts, MadeImage, annotations_of
from neve.build.variant_kinds import DEV, RUNTIME, expiry
from neve.errors import UsageError
from neve.model import Check, Digest, Fail, Pass, Platform, Skipped, Waived, sha256_of
from neve.oci.bundle import Bundle, assemble
from neve.oci.codec import Compression
from neve.recipe.lock import Lock
from neve.recipe.lockfile import dump_lock
from neve.verbs.building import BuildPlan, build_images
from neve.verbs.context import Workspace
from neve.verbs.lock import matching_lock, read_recipe_at, repository_addresses
from neve.verbs.places import RecipePlace
from neve.verbs.platforms import host_platform
from neve.verbs.settings import EPOCH_VARIABLE

if TYPE_CHECKING:
    from neve.recipe.types import ReadRecipe
    from neve.verbs.transfers import TransferResult

FORMATS = ("oci", "oci-archive", "docker-archive")

# Registries' grammar of names (github.com/distribution/reference, regexp.go).
_WORD = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?"
_REPOSITORY = re.compile(rf"(?:{_HOST}/)?{_WORD}(?:/{_WORD})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """What to build and where to put it.

    ``output`` is a layout directory or archive file (``None``: the recipe's name in the current
    directory, or nothing with ``load`` or ``push``); ``platforms`` empty means this machine's.
    """

    place: RecipePlace
    output: Path | None = None
    image_format: str = "oci"
    tag: str | None = None
    variant: str = "runtime"
    platforms: tuple[Platform, ...] = ()
    compression: str = "gzip"
    load: bool = False
    push: tuple[str, ...] = ()
    attestations: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltPlatform:
    """One platform's image in a result."""

    platform: Platform
    manifest: Digest
    config: Digest
    facts: ImageFacts
    waived: tuple[Check, ...]
    skipped: tuple[Check, ...]
    certificates: tuple[Check, ...] = ()
    """What is worth knowing about the recipe's certificates: a failure is a warning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildResult:
    """What was built. ``root`` is the digest a registry shows for the tag; ``locked`` is false
    where the recipe has no lock and was resolved for this build alone. ``notices`` are what the
    chosen format could not hold.
    """

    name: str
    variant: str
    output: Path | None
    image_format: str
    tag: str
    root: Digest
    lock: Digest
    locked: bool
    loaded: str | None
    pushed: tuple[TransferResult, ...]
    platforms: tuple[BuiltPlatform, ...]
    notices: tuple[str, ...]


def build_image(request: BuildRequest, workspace: Workspace) -> BuildResult:
    """Build the image and write it. Raises what locking, building and writing raise."""
    platforms = request.platforms or (host_platform(),)
    _check(request, platforms)
    plan, locked = _plan(request, platforms, workspace)
    made = build_images(plan, workspace)
    bundle = _bundle(plan.lock, made)
    repository, tag = _names(request, plan.lock.recipe.name)
    output = _output(request, plan.lock.recipe.name)
    workspace.progress.stage("writing the image")
    if output is not None:
        _write(request, bundle, output, repository, tag, workspace)
    loaded = _load(bundle, repository, tag, workspace) if request.load else None
    pushed = _push(request, bundle, tag, workspace)
    if request.attestations is not None:
        _write_attestations(request.attestations, made)
    return BuildResult(
        name=plan.lock.recipe.name,
        variant=request.variant,
        output=output,
        image_format=request.image_format,
        tag=f"{repository}:{tag}" if repository else tag,
        root=bundle.root.digest,
        lock=sha256_of(plan.data),
        locked=locked,
        loaded=loaded,
        pushed=pushed,
        platforms=tuple(_platform(one) for one in made),
        notices=(
            *_notices(request, made, plan.lock),
            *_purpose(request, plan.lock),
            *_expiring(plan.lock, workspace),
        ),
    )


def _plan(
    request: BuildRequest, platforms: tuple[Platform, ...], workspace: Workspace
) -> tuple[BuildPlan, bool]:
    compression = Compression(request.compression)
    existing = matching_lock(request.place)
    if existing is not None:
        lock, data = existing
        if request.variant != RUNTIME:
            _refuse_expired(read_recipe_at(request.place), request, workspace, time=lock.time)
        return (
            BuildPlan(
                lock=lock,
                data=data,
                platforms=platforms,
                variant=request.variant,
                compression=compression,
                contents=lambda: read_recipe_at(request.place).contents,
                addresses=lambda: repository_addresses(request.place),
                assemblies={},
            ),
            True,
        )
    from neve.verbs.locking import make_lock

    read = read_recipe_at(request.place)
    if request.variant != RUNTIME:
        _refuse_expired(read, request, workspace, time=workspace.clock)
    fresh = make_lock(read, workspace, platforms=platforms, variants=(request.variant,))
    return (
        BuildPlan(
            lock=fresh.lock,
            data=dump_lock(fresh.lock),
            platforms=platforms,
            variant=request.variant,
            compression=compression,
            contents=lambda: read.contents,
            assemblies=fresh.assemblies,
        ),
        False,
    )


def _refuse_expired(
    read: ReadRecipe, request: BuildRequest, workspace: Workspace, *, time: int
) -> None:
    from neve.verbs.expiring import refuse_expired

    refuse_expired(read, request.variant, time=time, clock=workspace.clock)


def _check(request: BuildRequest, platforms: tuple[Platform, ...]) -> None:
    _names(request, request.place.recipe.stem)
    if request.push:
        from neve.oci.reference import Reference

        for reference in request.push:
            Reference.parse(reference)
    one_only = request.image_format == "docker-archive" or request.load
    if one_only and len(platforms) > 1:
        raise UsageError(
            "a docker-archive holds one platform, and so does a local engine",
            resolution="Name one with --platform, or write an OCI layout.",
        )
    if request.image_format not in FORMATS:
        raise UsageError(
            f"{request.image_format}: no such image format",
            resolution=f"The formats are {', '.join(FORMATS)}.",
        )


def _bundle(lock: Lock, made: tuple[MadeImage, ...]) -> Bundle:
    artifacts = {one.image.platform: one.artifacts for one in made}
    return assemble(
        [one.image for one in made], annotations=annotations_of(lock), artifacts=artifacts
    )


def _names(request: BuildRequest, name: str) -> tuple[str, str]:
    """Repository and tag: ``app:1.0`` gives both, ``1.0`` alone and nothing the recipe's name."""
    text = request.tag or "latest"
    head, separator, tail = text.rpartition(":")
    if separator and "/" not in tail:
        repository, tag = head, tail
    else:
        repository, tag = (text, "latest") if "/" in text else (name, text)
    own = repository == name or _REPOSITORY.fullmatch(repository)
    if not own or not _TAG.fullmatch(tag):
        raise UsageError(
            f"--tag {text}: not a name that a registry takes",
            resolution="Write it as app:1.0 or registry.example/team/app:1.0, in lower case "
            "before the colon.",
        )
    return repository, tag


def _output(request: BuildRequest, name: str) -> Path | None:
    if request.output is not None or request.load or request.push:
        return request.output
    return Path(name if request.image_format == "oci" else f"{name}.tar")


def _write(
    request: BuildRequest,
    bundle: Bundle,
    output: Path,
    repository: str,
    tag: str,
    workspace: Workspace,
) -> None:
    if request.image_format == "oci":
        from neve.oci.layout import write_layout

        write_layout(bundle, output, workspace.store, tag=tag)
        return
    from neve.oci.archive import write_docker_archive, write_oci_archive

    if request.image_format == "oci-archive":
        write_oci_archive(bundle, output, workspace.store, tag=tag)
    else:
        tags = [f"{repository}:{tag}"]
        write_docker_archive(bundle.images[0], output, workspace.store, tags=tags)


def _load(bundle: Bundle, repository: str, tag: str, workspace: Workspace) -> str:
    from neve.verbs.loading import load_into_engine

    return load_into_engine(bundle.images[0], f"{repository}:{tag}", workspace)


def _push(
    request: BuildRequest, bundle: Bundle, tag: str, workspace: Workspace
) -> tuple[TransferResult, ...]:
    if not request.push:
        return ()
    from neve.oci.contents import BuiltContents
    from neve.oci.reference import Reference
    from neve.verbs.push import push_contents

    contents = BuiltContents(bundle, request.place.recipe.stem)
    found = []
    for reference in map(Reference.parse, request.push):
        target = reference if reference.tag or reference.digest else reference.tagged(tag)
        found.append(push_contents(contents, contents.where, target, (), workspace, referrers=True))
    return tuple(found)


def _write_attestations(folder: Path, made: tuple[MadeImage, ...]) -> None:
    from neve.verbs.atomic import write_atomically

    for one in made:
        below = folder if len(made) == 1 else folder / str(one.image.platform).replace("/", "-")
        for artifact in one.artifacts:
            write_atomically(below / artifact.name, artifact.data)


def _platform(made: MadeImage) -> BuiltPlatform:
    return BuiltPlatform(
        platform=made.image.platform,
        manifest=made.image.manifest.digest,
        config=sha256_of(made.image.config_data),
        facts=made.facts,
        waived=tuple(c for c in made.notable if isinstance(c.verdict, Waived)),
        skipped=tuple(c for c in made.notable if isinstance(c.verdict, Skipped)),
        certificates=tuple(c for c in made.notable if isinstance(c.verdict, Fail | Pass)),
    )


def _purpose(request: BuildRequest, lock: Lock) -> tuple[str, ...]:
    """What a variant is for, where it is not for production."""
    found = next((one for one in lock.recipe.variants if one.name == request.variant), None)
    if found is None:
        return ()
    last = expiry(found, lock.time)
    if last is not None:
        return (f"{found.name}: to look into the image with, until {last}; not for production",)
    if found.kind == DEV:
        return (f"{found.name}: to build in, not to run: nothing in it is hardened",)
    return ()


def _expiring(lock: Lock, workspace: Workspace) -> tuple[str, ...]:
    """Certificates that the clock has caught up with: beside the build, never in its bytes."""
    if not lock.recipe.certificates:
        return ()
    from neve.verbs.trusted import soon_expired

    return soon_expired(lock.recipe.certificates, since=lock.time, clock=workspace.clock)


def _notices(request: BuildRequest, made: tuple[MadeImage, ...], lock: Lock) -> tuple[str, ...]:
    """What the caller asked for and this image does not have."""
    found: list[str] = []
    epoch = os.environ.get(EPOCH_VARIABLE)
    if epoch and epoch != str(lock.time):
        found.append(f"{EPOCH_VARIABLE} is not obeyed: the lock's time is {lock.time}")
    if request.image_format == "docker-archive":
        lost = "docker-archive: SBOMs, provenance and build record are not in it (--attestations)"
        return (*found, lost)
    return (*found, *dict.fromkeys(text for one in made for text in one.image.dropped))
