"""``neve inspect``: what is in an image, whoever made it."""

from __future__ import annotations

from dataclasses import dataclass

from neve.formats.deb.types import ElfFacts
from neve.inventory import (
    Account,
    AccountGroup,
    Certificate,
    ChangedFile,
    Configuration,
    Depth,
    ElfHardening,
    InventoryFile,
    OpenPort,
    OsRelease,
    Package,
    Program,
    Secret,
    Service,
    Unjudged,
)
from neve.inventory.layers import LayerSummary
from neve.model import Platform
from neve.surface import run_user
from neve.verbs.context import Workspace
from neve.verbs.looking import Seen, look


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectRequest:
    """An image in any form that ``neve`` reads, and how much of every file to look at."""

    image: str
    depth: Depth = Depth.FULL
    platform: Platform | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectResult:
    """The whole inventory. ``digest`` is "" for what has none, ``layers`` are lowest first and
    ``runs_as`` is who the image starts as, or why that cannot be said.

    ``clock`` is the second since 1970 at which certificates were judged. ``depth`` says how much
    was looked at: what needs more is empty, not clean.
    """

    image: str
    digest: str
    clock: int
    depth: Depth
    os_release: OsRelease
    runs_as: str
    configuration: Configuration | None
    layers: tuple[LayerSummary, ...]
    packages: tuple[Package, ...]
    files: tuple[InventoryFile, ...]
    elf: tuple[tuple[str, ElfFacts], ...]
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
    return inspected(seen, now=workspace.clock)


def inspected(seen: Seen, *, now: int) -> InspectResult:
    """What was seen of an image, whole; certificates are judged at ``now``."""
    held = seen.inventory
    user = run_user(held)
    return InspectResult(
        image=seen.image,
        digest=seen.digest,
        clock=now,
        depth=held.depth,
        os_release=held.os_release,
        runs_as=user if isinstance(user, str) else f"{user.name} ({user.uid})",
        configuration=held.configuration,
        layers=seen.layers,
        packages=held.packages,
        files=held.files,
        elf=held.elf,
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
