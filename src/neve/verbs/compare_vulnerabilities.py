"""Known vulnerabilities of compared images: beside the attack surface, never part of it.

A comparison does not fail for want of feeds, and does not say nothing either: an image that could
not be judged says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from neve.errors import NeveError
from neve.verbs.context import Workspace
from neve.verbs.looking import Seen
from neve.verbs.scanned import ScanResult, ScanTotal
from neve.vulns.types import Level, State


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedVulnerabilities:
    """What is known of one image. ``totals`` by state and level, a vulnerability once for each
    source package; ``unknown`` says why that is not all, "" where it is; ``judged`` is whether
    anything was. ``not_judged`` counts packages.
    """

    image: str
    judged: bool
    totals: tuple[ScanTotal, ...]
    not_judged: int
    unknown: str

    def count(self, state: State, *levels: Level) -> int:
        """How many there are of a state, of these levels or of all."""
        return sum(
            total.count
            for total in self.totals
            if total.state is state and (not levels or total.level in levels)
        )


def vulnerabilities_of(
    images: Sequence[Seen], workspace: Workspace
) -> tuple[ComparedVulnerabilities, ...]:
    """What the local index says of each image, in their order; nothing is fetched."""
    from neve.verbs.db import open_index
    from neve.verbs.scan import ScanRequest, judge
    from neve.verbs.scan_subject import seen_subject

    try:
        with open_index(workspace.settings) as index:
            return tuple(
                _judged(judge(ScanRequest(subject=i.image), seen_subject(i), index, workspace))
                for i in images
            )
    except NeveError as error:
        why = f"not judged: {error.brief}. {error.resolution}"
        return tuple(
            ComparedVulnerabilities(
                image=image.image, judged=False, totals=(), not_judged=0, unknown=why
            )
            for image in images
        )


def _judged(result: ScanResult) -> ComparedVulnerabilities:
    problems = "; ".join(item.text for item in result.blocking)
    return ComparedVulnerabilities(
        image=result.subject,
        judged=result.judged > 0,
        totals=result.totals,
        not_judged=len(result.not_judged),
        unknown=f"not all is known: {problems}; `neve scan` says what to do" if problems else "",
    )
