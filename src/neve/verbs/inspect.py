"""``neve inspect``: what is in an image, whoever made it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from neve.formats.deb.types import ElfFacts
from neve.inventory import (
    Account,
    AccountGroup,
    Certificate,
    ChangedFile,
    Configuration,
    Depth,
    ElfHardening,
    ElfVersions,
    InventoryFile,
    OpenPort,
    OsRelease,
    Package,
    Program,
    Secret,
    Service,
    Unjudged,
)
from neve.model import Digest, Platform
from neve.surface import run_user
from neve.verbs.context import Workspace
from neve.verbs.looking import Seen, look, today


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectRequest:
    """An image in any form that ``neve`` reads, and how much of every file to look at."""

    image: str
    depth: Depth = Depth.FULL
    platform: Platform | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectedLayer:
    """One layer. ``size`` as stored and ``inflated`` in bytes; ``members`` counts what its tar
    holds; ``digest`` is ``None`` where the format names none.
    """

    digest: Digest | None
    diff_id: Digest
    size: int
    inflated: int
    members: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectResult:
    """The whole inventory. ``digest`` is "" for what has none, ``layers`` are lowest first and
    ``runs_as`` is who the image starts as, or why that cannot be said.

    Certificates were judged as of the day ``judged_on`` (UTC). ``depth`` says how much was looked
    at: what needs more is empty, not clean.
    """

    image: str
    digest: str
    judged_on: date
    depth: Depth
    os_release: OsRelease
    runs_as: str
    configuration: Configuration | None
    layers: tuple[InspectedLayer, ...]
    packages: tuple[Package, ...]
    files: tuple[InventoryFile, ...]
    elf: tuple[tuple[str, ElfFacts], ...]
    versions: tuple[tuple[str, ElfVersions], ...]
    hardening: tuple[tuple[str, ElfHardening], ...]
    programs: tuple[Program, ...]
    accounts: tuple[Account, ...]
    groups: tuple[AccountGroup, ...]
    certificates: tuple[tuple[str, Certificate], ...]
    secrets: tuple[tuple[str, Secret], ...]
    changed: tuple[ChangedFile, ...]
    services: tuple[Service, ...]
    ports: tuple[OpenPort, ...]
    unjudged: tuple[Unjudged, ...]


def inspect_image(request: InspectRequest, workspace: Workspace) -> InspectResult:
    """Look at the image; raises what ``look`` raises."""
    seen = look(request.image, workspace, depth=request.depth, platform=request.platform)
    return inspected(seen, now=today(workspace))


def inspected(seen: Seen, *, now: int) -> InspectResult:
    """What was seen of an image, whole; certificates are judged at ``now``."""
    held = seen.inventory
    user = run_user(held)
    return InspectResult(
        image=seen.image,
        digest=seen.digest,
        judged_on=datetime.fromtimestamp(now, UTC).date(),
        depth=held.depth,
        os_release=held.os_release,
        runs_as=user if isinstance(user, str) else f"{user.name} ({user.uid})",
        configuration=held.configuration,
        layers=tuple(
            InspectedLayer(
                digest=layer.digest,
                diff_id=layer.diff_id,
                size=layer.size,
                inflated=layer.inflated,
                members=layer.members,
            )
            for layer in seen.layers
        ),
        packages=held.packages,
        files=held.files,
        elf=held.elf,
        versions=held.versions,
        hardening=held.hardening,
        programs=held.programs,
        accounts=held.accounts,
        groups=held.groups,
        certificates=held.certificates,
        secrets=held.secrets,
        changed=held.changed,
        services=held.services,
        ports=held.ports,
        unjudged=held.unjudged,
    )
