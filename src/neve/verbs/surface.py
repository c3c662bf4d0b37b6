"""``neve surface``: the attack surface of any image as a vector of counts."""

from __future__ import annotations

from dataclasses import dataclass

from neve.errors import UsageError
from neve.inventory import Depth
from neve.model import Platform
from neve.surface import Measure, Part
from neve.verbs.context import Workspace
from neve.verbs.looking import Seen, look, today


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceRequest:
    """An image, and the parts whose every path is wanted."""

    image: str
    depth: Depth = Depth.FULL
    platform: Platform | None = None
    listed: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceResult:
    """The vector. ``listed`` are the parts that were asked for with all their paths."""

    image: str
    digest: str
    surface_version: int
    measures: tuple[Measure, ...]
    unjudged: tuple[str, ...]
    listed: tuple[Part, ...]


def surface_of_image(request: SurfaceRequest, workspace: Workspace) -> SurfaceResult:
    """Measure the image; raises what ``look`` raises."""
    seen = look(request.image, workspace, depth=request.depth, platform=request.platform)
    return measured(seen, now=today(workspace), listed=request.listed)


def measured(seen: Seen, *, now: int, listed: tuple[Part, ...] = ()) -> SurfaceResult:
    """The surface of an image that was looked at; certificates are judged at ``now``."""
    surface = seen.surface(now)
    return SurfaceResult(
        image=seen.image,
        digest=seen.digest,
        surface_version=surface.surface_version,
        measures=surface.measures,
        unjudged=surface.unjudged,
        listed=listed,
    )


def parse_parts(texts: tuple[str, ...]) -> tuple[Part, ...]:
    """Parts from their names, commas allowed; ``all`` is every part. ``UsageError`` for others."""
    found: dict[Part, None] = {}
    for word in (word.strip() for text in texts for word in text.split(",")):
        if word == "all":
            return tuple(Part)
        try:
            found[Part(word)] = None
        except ValueError:
            raise UsageError(
                f"{word}: the surface has no such part",
                resolution=f"Its parts are {', '.join(Part)}; or all.",
            ) from None
    return tuple(found)
