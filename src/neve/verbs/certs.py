"""``neve certs``: the certificates of an image or recipe, and which of them expire soon."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from neve.errors import ExitCode, UsageError
from neve.inventory.types import Depth, Unjudged
from neve.model import Platform
from neve.recipe.lock import Lock
from neve.recipe.types import TrustedCertificate
from neve.tree import Tree
from neve.verbs.certs_found import (
    ContentReader,
    Found,
    Held,
    Whose,
    about_certificates,
    group,
    look_into,
)
from neve.verbs.context import Workspace
from neve.verbs.places import RECIPE_NAME, catalogue_recipe, find_recipe
from neve.verbs.platforms import host_platform
from neve.verbs.trusted import day_of

_DAY = 86_400
_SPAN = re.compile(r"([0-9]{1,5})(d|w|y)")
_DAYS = {"d": 1, "w": 7, "y": 365}


@dataclass(frozen=True, slots=True, kw_only=True)
class CertsRequest:
    """An image or recipe. A certificate that is no public root and ends within ``within`` days
    is a finding (0: only one that has expired). ``every`` lists public roots as well.
    """

    subject: str
    within: int = 0
    every: bool = False
    variant: str = "runtime"
    platforms: tuple[Platform, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCertificate:
    """One certificate. ``whose`` is ``recipe``, ``public`` (a package's root), ``bundle`` (in a
    bundle that says nothing of its origin) or ``image``; ``name`` and ``trust`` are the recipe's.
    ``days_left`` is negative once it has expired; ``finding`` when that is fewer than asked for.
    """

    subject: str
    issuer: str
    fingerprint: str
    not_before: date
    not_after: date
    days_left: int
    key: str
    signature_hash: str
    authority: bool
    self_signed: bool
    whose: str
    name: str
    trust: str
    paths: tuple[str, ...]
    finding: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CertsResult:
    """The certificates, those that end first at the top; ``public`` counts the roots that are
    not listed, ``today`` is the day they were judged on.
    """

    subject: str
    today: date
    within: int
    certificates: tuple[ListedCertificate, ...]
    public: int
    unjudged: tuple[Unjudged, ...]

    @property
    def findings(self) -> int:
        """How many expire within the days asked for."""
        return sum(one.finding for one in self.certificates)

    @property
    def exit_code(self) -> ExitCode:
        """Findings where a certificate expires; else a tool failure where a file can't be read."""
        if self.findings:
            return ExitCode.FINDINGS
        return ExitCode.TOOL if self.unjudged else ExitCode.OK


def list_certificates(request: CertsRequest, workspace: Workspace) -> CertsResult:
    """Every certificate of the subject. Raises ``UsageError`` for what is neither image nor
    recipe, and whatever opening or resolving it raises.
    """
    held, unjudged, own = _look(request, workspace)
    found = group(held, own)
    missing = tuple(
        Unjudged(path=f"certificates[{one.name}]", reason="of the recipe, but no file holds it")
        for one in own.values()
        if one.fingerprint not in found
    )
    rows = [_listed(one, own, request, workspace.clock) for one in found.values()]
    shown = [row for row in rows if request.every or row.whose not in _PUBLIC]
    return CertsResult(
        subject=request.subject,
        today=day_of(workspace.clock),
        within=request.within,
        certificates=tuple(sorted(shown, key=lambda row: (row.not_after, row.fingerprint))),
        public=len(rows) - len(shown),
        unjudged=(*missing, *sorted(unjudged)),
    )


def parse_days(text: str) -> int:
    """The days that ``30d``, ``8w`` or ``1y`` mean; raises ``UsageError``."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise UsageError(
            f"--expires-within {text}: no span of time",
            resolution="Write days, weeks or years: 30d, 8w, 1y.",
        )
    return int(match[1]) * _DAYS[match[2]]


_PUBLIC = (Whose.PUBLIC, Whose.BUNDLE)
_Own = dict[str, TrustedCertificate]


def _look(
    request: CertsRequest, workspace: Workspace
) -> tuple[Iterable[Held], Iterable[Unjudged], _Own]:
    """What the subject holds, what could not be judged, and the recipe's certificates."""
    if _is_recipe(request.subject):
        tree, read, own = _recipe(request, workspace)
        workspace.progress.stage("reading certificates")
        return (*look_into(tree, read), own)
    from neve.verbs.images import OpenedRootFs, open_source

    platform = request.platforms[0] if request.platforms else None
    with open_source(request.subject, workspace, platform=platform) as opened:
        workspace.progress.stage(f"reading {request.subject}")
        if isinstance(opened, OpenedRootFs):
            held, unjudged = look_into(opened.root.tree, opened.root.read)
            return held, [*unjudged, *opened.root.left_out], {}
        from neve.attest.record import MEDIA_TYPE, read_record
        from neve.inventory.layers import read_image
        from neve.verbs.records import record_lock

        attached = opened.attached(MEDIA_TYPE)
        own = {} if attached is None else _own(record_lock(read_record(attached)))
        seen = read_image(opened.source, cache=workspace.store, depth=Depth.INVENTORY).inventory
        return seen.certificates, about_certificates(seen.unjudged), own


def _is_recipe(subject: str) -> bool:
    path = Path(subject)
    if path.is_dir():
        return (path / RECIPE_NAME).is_file() and not (path / "oci-layout").is_file()
    return (path.is_file() and path.suffix in (".yaml", ".yml")) or (
        not path.exists() and catalogue_recipe(subject) is not None
    )


def _recipe(request: CertsRequest, workspace: Workspace) -> tuple[Tree, ContentReader, _Own]:
    """The tree that the recipe's image has, from its lock or from resolving it now."""
    from neve.oci.pack import store_reader
    from neve.verbs.building import assemble_target, find_target
    from neve.verbs.lock import matching_lock, read_recipe_at, repository_addresses
    from neve.verbs.locking import make_lock

    place = find_recipe(request.subject)
    platform = request.platforms[0] if request.platforms else host_platform()
    existing = matching_lock(place)
    if existing is None:
        fresh = make_lock(
            read_recipe_at(place), workspace, platforms=(platform,), variants=(request.variant,)
        )
        lock, assembly = fresh.lock, fresh.assemblies[platform, request.variant]
    else:
        lock = existing[0]
        assembly = assemble_target(
            lock,
            find_target(lock, platform, request.variant),
            workspace,
            contents=lambda: read_recipe_at(place).contents,
            addresses=lambda: repository_addresses(place),
        )
    return assembly.tree, store_reader(workspace.store), _own(lock)


def _own(lock: Lock) -> _Own:
    return {one.fingerprint: one for one in lock.recipe.certificates}


def _listed(found: Found, own: _Own, request: CertsRequest, clock: int) -> ListedCertificate:
    facts = found.certificate
    known = own.get(facts.fingerprint)
    left = (facts.not_after - clock) // _DAY
    expires = facts.not_after - clock < request.within * _DAY
    return ListedCertificate(
        subject=facts.subject,
        issuer=facts.issuer,
        fingerprint=facts.fingerprint,
        not_before=day_of(facts.not_before),
        not_after=day_of(facts.not_after),
        days_left=left,
        key=facts.key,
        signature_hash=facts.signature_hash,
        authority=facts.authority,
        self_signed=facts.self_signed,
        whose=found.whose.value,
        name="" if known is None else known.name,
        trust="" if known is None else known.trust,
        paths=tuple(found.paths),
        finding=expires and found.whose not in _PUBLIC,
    )
