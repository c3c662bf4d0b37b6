"""``neve compare``: what an image won and lost against one or several others, part by part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from neve.errors import ExitCode, UsageError
from neve.inventory import Depth
from neve.model import Platform
from neve.surface import REDUCED_PARTS, SURFACE_SCHEMA_VERSION, Part, Surface, run_user
from neve.verbs.compare_vulnerabilities import ComparedVulnerabilities, vulnerabilities_of
from neve.verbs.comparing import Difference, Subject, Weight, difference, weights
from neve.verbs.context import Workspace
from neve.verbs.looking import Seen, look, today


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareRequest:
    """Images to compare: one baseline or several, and as last what is held against each."""

    images: tuple[str, ...]
    depth: Depth = Depth.FULL
    platform: Platform | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedImage:
    """One image of a comparison. ``digest`` is "" for what has none (a bare root file system);
    ``unjudged`` says path by path what could not be read, and why.
    """

    image: str
    digest: str
    platform: str
    distribution: str
    user: str
    depth: str
    unjudged: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedPart:
    """One part of the surface in every image, in the order of ``CompareResult.images``; ``None``
    where it was not judged. ``shares`` are ``1 − after/before`` against each baseline, ``None``
    where that is 0 or not judged. ``reduced`` parts are those that the reduction averages.
    """

    part: Part
    reduced: bool
    counts: tuple[int | None, ...]
    shares: tuple[float | None, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareResult:
    """The baselines and, as last of ``images``, what is held against them.

    ``differences`` has one entry a baseline, in their order; ``weights`` are those of the last
    image. Sizes in bytes. ``vulnerabilities`` has one entry an image, by the local index.
    """

    surface_version: int
    images: tuple[ComparedImage, ...]
    parts: tuple[ComparedPart, ...]
    differences: tuple[Difference, ...]
    weights: tuple[Weight, ...]
    vulnerabilities: tuple[ComparedVulnerabilities, ...] = ()

    @property
    def after(self) -> ComparedImage:
        """The image that is held against the others."""
        return self.images[-1]

    @property
    def least(self) -> float | None:
        """The reduction against the baseline that makes it look worst; ``None``: not known."""
        known = [item.reduction for item in self.differences if item.reduction is not None]
        return min(known) if len(known) == len(self.differences) else None

    def exit_code(self, fail_under: float) -> int:
        """0, 1 where the least reduction is under the threshold, 3 where it is not known."""
        if self.least is None:
            return int(ExitCode.TOOL)
        return int(ExitCode.FINDINGS if self.least < fail_under else ExitCode.OK)

    @property
    def unjudged(self) -> int:
        """How many paths of all images could not be judged."""
        return sum(len(image.unjudged) for image in self.images)


def compare_images(request: CompareRequest, workspace: Workspace) -> CompareResult:
    """Look at each image and compare.

    Raises ``UsageError`` for fewer than two, and what ``look`` raises for any of them: a
    comparison with an image that could not be read says nothing.
    """
    if len(request.images) < 2:
        raise UsageError(
            "there is nothing to compare with",
            resolution="Name the image from before, then the one from after: "
            "neve compare BEFORE AFTER.",
        )
    seen = [
        look(name, workspace, depth=request.depth, platform=request.platform)
        for name in request.images
    ]
    compared = compare_seen(seen[:-1], seen[-1], now=today(workspace))
    return replace(compared, vulnerabilities=vulnerabilities_of(seen, workspace))


def compare_seen(baselines: Sequence[Seen], after: Seen, *, now: int) -> CompareResult:
    """Compare ``after`` with each of ``baselines``; certificates are judged at ``now``."""
    seen = (*baselines, after)
    subjects = [
        Subject(name=item.image, inventory=item.inventory, surface=item.surface(now))
        for item in seen
    ]
    surfaces = [subject.surface for subject in subjects]
    return CompareResult(
        surface_version=SURFACE_SCHEMA_VERSION,
        images=tuple(_image(one, surface) for one, surface in zip(seen, surfaces, strict=True)),
        parts=tuple(_part(part, surfaces) for part in Part),
        differences=tuple(difference(item, subjects[-1]) for item in subjects[:-1]),
        weights=weights(after.inventory),
    )


def _image(seen: Seen, surface: Surface) -> ComparedImage:
    inventory = seen.inventory
    user = run_user(inventory)
    return ComparedImage(
        image=seen.image,
        digest=seen.digest,
        platform=seen.platform,
        distribution=inventory.os_release.name or inventory.os_release.id or "unknown",
        user="not known" if isinstance(user, str) else f"{user.name} ({user.uid})",
        depth=inventory.depth.value,
        unjudged=surface.unjudged,
    )


def _part(part: Part, surfaces: Sequence[Surface]) -> ComparedPart:
    measures = [surface.of(part) for surface in surfaces]
    after = measures[-1].count
    return ComparedPart(
        part=part,
        reduced=part in REDUCED_PARTS,
        counts=tuple(measure.count for measure in measures),
        shares=tuple(
            None if not measure.count or after is None else 1 - after / measure.count
            for measure in measures[:-1]
        ),
        notes=tuple(dict.fromkeys(m.unjudged for m in measures if m.unjudged)),
    )
