"""What one claim means for one version: pure comparison, no feed, no index.

OSV's evaluation: ossf.github.io/osv-schema, "Evaluation". The sentinel ``introduced: 0`` is before
every version, whatever the ecosystem's order says of ``0``.
"""

from __future__ import annotations

from dataclasses import dataclass

from neve.vulns.orders.order import Order, UnorderedError
from neve.vulns.records import Claim, Event, Standing
from neve.vulns.types import State

WEIGHT = {
    State.FIX_AVAILABLE: 9,
    State.OPEN: 8,
    State.END_OF_LIFE: 7,
    State.UNDETERMINED: 6,
    State.IGNORED: 5,
    State.DEFERRED: 4,
    State.UNIMPORTANT: 3,
    State.FIXED: 2,
    State.NOT_AFFECTED: 1,
}
"""Which state counts where one feed says several things of one vulnerability: the worst."""

_STANDINGS = {
    Standing.OPEN: State.OPEN,
    Standing.DEFERRED: State.DEFERRED,
    Standing.IGNORED: State.IGNORED,
    Standing.UNIMPORTANT: State.UNIMPORTANT,
    Standing.END_OF_LIFE: State.END_OF_LIFE,
    Standing.UNDETERMINED: State.UNDETERMINED,
    Standing.NOT_AFFECTED: State.NOT_AFFECTED,
}
_MODULE = ".module"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A claim applied to a version: the state, the fix where it is still to come, the reason."""

    state: State
    fixed: str = ""
    statement: str = ""


def judge(claim: Claim, version: str, order: Order) -> Judged | None:
    """What ``claim`` means for ``version``; ``None`` where it does not speak of such a build.

    ``version`` must have a place in ``order``. A version of the claim that has none leaves the
    state undetermined.
    """
    try:
        if claim.standing is Standing.RANGES:
            return _ranges(claim, version, order)
        if claim.standing is Standing.RESOLVED:
            return _resolved(claim, version, order)
    except UnorderedError as error:
        return Judged(state=State.UNDETERMINED, statement=f"can't be compared: {error}")
    state = _STANDINGS[claim.standing]
    statement = state.value + (f" ({claim.note})" if claim.note else "")
    return Judged(state=state, statement=statement)


def _resolved(claim: Claim, version: str, order: Order) -> Judged:
    if order(version) >= order(claim.fixed):
        return Judged(state=State.FIXED, statement=f"fixed in {claim.fixed}")
    unimportant = claim.urgency == "unimportant"
    return Judged(
        state=State.UNIMPORTANT if unimportant else State.FIX_AVAILABLE,
        fixed=claim.fixed,
        statement=f"fixed in {claim.fixed}",
    )


def _ranges(claim: Claim, version: str, order: Order) -> Judged | None:
    applies = False
    passed = ""
    for events in claim.ranges:
        if not _same_build(events, version):
            continue
        applies = True
        affected, fix = _in_range(events, version, order)
        if affected:
            state = State.FIX_AVAILABLE if fix else State.OPEN
            return Judged(state=state, fixed=fix, statement=_shown(events))
        passed = fix or passed
    if claim.versions:
        applies = True
        if _listed(claim, version, order):
            return Judged(state=State.OPEN, statement=f"{version} is one of those affected")
    if not applies:
        return None
    if passed:
        return Judged(state=State.FIXED, statement=f"fixed in {passed}")
    return Judged(state=State.NOT_AFFECTED, statement="outside the affected versions")


def _in_range(events: tuple[Event, ...], version: str, order: Order) -> tuple[bool, str]:
    """Whether the version is affected, and the fix: the coming one, or the one it has."""
    limits = [value for kind, value in events if kind == "limit" and value != "*"]
    own = order(version)
    if limits and not any(own < order(limit) for limit in limits):
        return False, ""
    steps = [(kind, value) for kind, value in events if kind != "limit"]
    first = [step for step in steps if step[1] == "0" and step[0] == "introduced"]
    others = [step for step in steps if step not in first]
    # Where one range ends and the next begins at one version, the end comes first.
    others.sort(key=lambda step: step[0] == "introduced")
    ordered = [*first, *sorted(others, key=lambda step: order(step[1]))]
    affected, passed, void = False, "", None
    for kind, value in ordered:
        at = (kind, value) in first or own >= order(value)
        if kind == "introduced":
            if not at:
                break
            if value != void:
                affected, passed = True, ""
        elif kind == "fixed":
            if not at:
                return affected, value if affected else passed
            # Nothing to end: with a beginning at the same version, a range that holds nothing.
            void = None if affected else value
            affected, passed = False, value
        elif own > order(value):
            affected = False
    return affected, passed if not affected else ""


def _listed(claim: Claim, version: str, order: Order) -> bool:
    if version in claim.versions:
        return True
    own = order(version)
    for listed in claim.versions:
        try:
            if order(listed) == own:
                return True
        except UnorderedError:
            continue
    return False


def _same_build(events: tuple[Event, ...], version: str) -> bool:
    """Whether a module's fix (RHEL 8 and its rebuilds) speaks of this build.

    Streams of a module (nodejs 16, 18) live beside each other, each with fixes of its own; an
    advisory names them all. A package of no module has no such fix, nor one of another major
    version.
    """
    fixes = [value for kind, value in events if kind == "fixed"]
    modular = any(_MODULE in value for value in fixes)
    if not modular and _MODULE not in version:
        return True
    if not fixes or modular != (_MODULE in version):
        return not fixes
    return any(_major(value) == _major(version) for value in fixes)


def _major(version: str) -> str:
    return version.rpartition(":")[2].partition(".")[0]


def _shown(events: tuple[Event, ...]) -> str:
    return "affected: " + ", ".join(f"{kind} {value}" for kind, value in events[:8])
