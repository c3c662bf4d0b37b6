"""``neve why``: which package, rule or effect put a path there, and which request pulled it in.

Answers as well for what is not there on purpose, for packages, certificates and accounts.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import PurePosixPath

from neve.attest.record import RecordedPath
from neve.errors import UsageError
from neve.model import Origin, Platform, Reason
from neve.recipe.lock import LockedEffect, LockedPackage
from neve.verbs.context import Workspace
from neve.verbs.records import Recorded, recorded
from neve.verbs.trusted import CertificateReason, held_at, matching


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyRequest:
    """An image or recipe, and a path (absolute) or the name of a package, certificate or account
    in it.
    """

    subject: str
    target: str
    variant: str = "runtime"
    platforms: tuple[Platform, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageReason:
    """A package of the image: the chain from a request to it, and who answers its scripts."""

    name: str
    version: str
    architecture: str
    archive: str
    source: str
    because: tuple[str, ...]
    effect: LockedEffect | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReason:
    """A user or group (``kind``), what made it, and the packages behind that.

    ``fields`` are those of ``passwd(5)`` or ``group(5)`` after the password; ``reason`` is
    ``None`` where the image's record is of a neve that did not note it.
    """

    kind: str
    name: str
    fields: tuple[str, ...]
    reason: Reason | None
    packages: tuple[PackageReason, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyResult:
    """The answer. ``state`` is ``path``, ``removed`` (with the rule), ``left-out`` (never made,
    with the reason), ``package``, ``dropped``, ``certificate``, ``account``.

    ``paths`` counts what of a package is in the image; ``certificates`` are those of the recipe
    that a trust store at this path holds, or the one that was asked about; ``accounts`` are the
    users and groups of this name, whatever else has it.
    """

    subject: str
    target: str
    state: str
    path: RecordedPath | None = None
    reason: Reason | None = None
    packages: tuple[PackageReason, ...] = ()
    evidence: str = ""
    paths: int = 0
    certificates: tuple[CertificateReason, ...] = ()
    accounts: tuple[AccountReason, ...] = ()


def explain(request: WhyRequest, workspace: Workspace) -> WhyResult:
    """Answer for a path or name. Raises ``UsageError`` for one the image never had."""
    found = recorded(
        request.subject, workspace, platforms=request.platforms, variant=request.variant
    )
    return answer(found, request.target)


def answer(found: Recorded, target: str) -> WhyResult:
    """Answer for ``target`` from a record that is read already. Raises as ``explain`` does."""
    if target.startswith("/"):
        return _path(found, posixpath.normpath(target))
    return _package(found, target)


def _path(found: Recorded, path: str) -> WhyResult:
    entry = found.record.paths.get(path) or found.record.paths.get(_through_links(found, path))
    if entry is not None:
        return WhyResult(
            subject=found.subject,
            target=path,
            state="path",
            path=entry,
            reason=entry.reason,
            packages=_behind(found, entry.owners, entry.reason),
            certificates=held_at(found, path, entry.path),
        )
    removed = found.record.removed.get(path) or found.record.removed.get(
        _through_links(found, path)
    )
    if removed is not None:
        return WhyResult(subject=found.subject, target=path, state="removed", reason=removed)
    for name in dict.fromkeys((path, _through_links(found, path))):
        left_out = next(_left_out(found, name), None)
        if left_out is not None:
            return WhyResult(subject=found.subject, target=path, state="left-out", reason=left_out)
    near = get_close_matches(path, found.record.paths, n=3, cutoff=0.8)
    raise UsageError(
        f"{path}: not in {found.subject}, and nothing brought or removed it",
        details=tuple(f"there is {name}" for name in near),
        resolution="Paths are absolute, as in the image; packages are named without a slash.",
    )


def _left_out(found: Recorded, path: str) -> Iterator[Reason]:
    """Why the image's builder never made ``path``, which a machine would have."""
    for pattern, reason in found.record.left_out:
        if PurePosixPath(path).match(pattern):
            yield reason


def _through_links(found: Recorded, path: str) -> str:
    """``path`` with links in its directories followed, as ``/bin/x`` is ``/usr/bin/x``."""
    here = "/"
    for word in path.strip("/").split("/")[:-1]:
        here = posixpath.join(here, word)
        entry = found.record.paths.get(here)
        if entry is not None and entry.target is not None:
            here = posixpath.normpath(posixpath.join(posixpath.dirname(here), entry.target))
    return posixpath.join(here, posixpath.basename(path))


def _behind(found: Recorded, owners: tuple[str, ...], reason: Reason) -> tuple[PackageReason, ...]:
    names = list(owners)
    if reason.origin in (Origin.PACKAGE, Origin.EFFECT):
        names.append(reason.subject)
    packages = found.packages
    return tuple(
        _reason(found, packages[name]) for name in dict.fromkeys(names) if name in packages
    )


def _reason(found: Recorded, package: LockedPackage) -> PackageReason:
    effect = next((e for e in found.target.effects if e.package == package.name), None)
    return PackageReason(
        name=package.name,
        version=package.version,
        architecture=package.architecture,
        archive=package.archive,
        source=package.source,
        because=package.because,
        effect=effect,
    )


def _accounts(found: Recorded, name: str) -> Iterator[AccountReason]:
    """The user and the group called ``name``."""
    for kind, rows in (("user", found.record.users), ("group", found.record.groups)):
        if name in rows:
            reason = found.record.accounts.get(f"{kind} {name}")
            behind = () if reason is None else _behind(found, (), reason)
            yield AccountReason(
                kind=kind, name=name, fields=rows[name], reason=reason, packages=behind
            )


def _package(found: Recorded, name: str) -> WhyResult:
    package = found.packages.get(name)
    accounts = tuple(_accounts(found, name))
    if package is not None:
        held = sum(1 for entry in found.record.paths.values() if name in entry.owners)
        return WhyResult(
            subject=found.subject,
            target=name,
            state="package",
            packages=(_reason(found, package),),
            paths=held,
            accounts=accounts,
        )
    for dropped in found.target.dropped:
        if dropped.name == name:
            return WhyResult(
                subject=found.subject,
                target=name,
                state="dropped",
                reason=Reason(Origin.RULE, dropped.rule, f"{name} {dropped.version}"),
                evidence=dropped.evidence,
                accounts=accounts,
            )
    certificates = matching(found, name)
    if certificates:
        return WhyResult(
            subject=found.subject,
            target=name,
            state="certificate",
            certificates=certificates,
            accounts=accounts,
        )
    if accounts:
        return WhyResult(subject=found.subject, target=name, state="account", accounts=accounts)
    known = dict.fromkeys((*found.packages, *found.record.users, *found.record.groups))
    near = get_close_matches(name, known, n=3, cutoff=0.6)
    raise UsageError(
        f"{name}: no package or account of this name in {found.subject}",
        details=tuple(f"there is {other}" for other in near),
        resolution="Name a package, certificate, user or group of the image, or a path beginning "
        "with a slash.",
    )
