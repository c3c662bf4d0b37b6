"""What each line of a recipe costs: packages, bytes, files, surface and known vulnerabilities.

A line's price is what would go if it alone were taken out. What several lines need goes with none
of them: it is told beside each, and counted once in the whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from neve.errors import NeveError, UsageError
from neve.model import Digest
from neve.recipe.lock import Lock, LockedTarget
from neve.recipe.services import supervisor_requests
from neve.recipe.types import ReadRecipe
from neve.verbs.context import Workspace
from neve.verbs.costs_kitchen import Kitchen
from neve.verbs.costs_lines import RecipeLine, recipe_lines
from neve.verbs.costs_measure import Amount, Scales

MAX_LINES = 200
"""Lines that are priced at most: for each an image is put together in memory."""
EVERY_IMAGE = "distribution"
"""What a price is shared with if every image has it: the recipe's key that asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCost:
    """One line's price. ``alone`` is what would go with it, ``packages`` the names of those.

    ``needs`` counts all packages that it needs, ``needs_download`` their bytes, including those
    that the lines ``shared_with`` need too (``distribution``: every image). ``required`` says why
    no image could be built without the line; ``alone`` is ``None`` where none could even be put
    together.
    """

    line: str
    kind: str
    what: str
    place: str
    alone: Amount | None
    packages: tuple[str, ...] = ()
    needs: int = 0
    needs_download: int = 0
    shared_with: tuple[str, ...] = ()
    required: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """The whole image and each line. ``shared`` is what no single line takes away;
    ``vulnerabilities`` says why they were not judged, or what was not.
    """

    whole: Amount
    shared: Amount
    lines: tuple[LineCost, ...]
    vulnerabilities: str = ""


def price_lines(
    read: ReadRecipe,
    lock: Lock,
    target: LockedTarget,
    workspace: Workspace,
    *,
    addresses: Mapping[str, str],
) -> Costs:
    """The price of every line of ``read`` in the runtime image ``target`` of ``lock``.

    Fetches what the store lacks of the lock's packages; raises ``UsageError`` for too many lines.
    """
    lines = recipe_lines(read)
    if len(lines) > MAX_LINES:
        raise UsageError(
            f"the recipe has {len(lines)} lines: at most {MAX_LINES} can be priced one by one",
            resolution="Leave out --costs, and compare two recipes with `neve diff`.",
        )
    kitchen = Kitchen(
        lock, target, workspace, contents=lambda: read.contents, addresses=lambda: addresses
    )
    pricing = _Pricing(kitchen, workspace)
    workspace.progress.stage("pricing lines", len(lines))
    found = []
    for line in lines:
        found.append(pricing.price(line))
        workspace.progress.advance(1, line.label)
    shared = pricing.scales.whole
    for one in found:
        if one.alone is not None and one.kind != "variant":
            shared = shared.minus(one.alone)
    return Costs(
        whole=pricing.scales.whole,
        shared=shared,
        lines=tuple(found),
        vulnerabilities=pricing.scales.note,
    )


class _Pricing:
    """Prices lines against the whole image."""

    def __init__(self, kitchen: Kitchen, workspace: Workspace) -> None:
        self._kitchen = kitchen
        self._whole = kitchen.image(kitchen.lock.recipe)
        self.scales = Scales(self._whole, workspace)
        self._reach = {
            label: frozenset(kitchen.needed(roots, ())) for label, roots in self._roots().items()
        }

    def price(self, line: RecipeLine) -> LineCost:
        """The price of one line."""
        if line.variant is not None:
            return self._variant(line, line.variant)
        priced = LineCost(
            line=line.label, kind=line.kind, what=line.what, place=line.place, alone=None
        )
        try:
            image = self._kitchen.image(line.without)
        except NeveError as error:
            return replace(priced, required=error.brief)
        gone = self._whole.digests - image.digests
        reach = self._reach.get(line.label, frozenset())
        shared = reach - gone
        return replace(
            priced,
            alone=self.scales.whole.minus(self.scales.weigh(image)),
            packages=tuple(sorted(p.name for p in self._whole.packages if p.digest in gone)),
            needs=len(reach),
            needs_download=sum(p.size for p in self._whole.packages if p.digest in reach),
            shared_with=tuple(
                label
                for label, other in self._reach.items()
                if label != line.label and other & shared
            ),
            required="; ".join(refusal.brief for refusal in image.assembly.hardened.refusals),
        )

    def _roots(self) -> dict[str, tuple[Digest, ...]]:
        """Line → the packages that it names itself."""
        kitchen, recipe = self._kitchen, self._kitchen.lock.recipe
        supervisor = tuple(
            digest
            for request, _ in supervisor_requests(recipe)
            for digest in kitchen.answering(request)
        )
        return {
            **{
                f"packages[{number}]": kitchen.answering(request)
                for number, request in enumerate(recipe.packages)
            },
            **{f"services.{service.name}": supervisor for service in recipe.services},
            EVERY_IMAGE: tuple(kitchen.roots(replace(recipe, packages=(), services=()))),
        }

    def _variant(self, line: RecipeLine, name: str) -> LineCost:
        """What a variant has besides the runtime's packages: its image is not put together."""
        lock, runtime = self._kitchen.lock, self._kitchen.target
        priced = LineCost(
            line=line.label, kind=line.kind, what=line.what, place=line.place, alone=None
        )
        for target in lock.targets:
            if (target.platform, target.variant) == (runtime.platform, name):
                extra = set(target.packages) - set(runtime.packages)
                more = [lock.packages[position] for position in sorted(extra)]
                return replace(
                    priced,
                    alone=Amount(packages=len(more), download=sum(p.size for p in more)),
                    packages=tuple(package.name for package in more),
                )
        return replace(priced, required="its packages are known once `neve lock` has run")
