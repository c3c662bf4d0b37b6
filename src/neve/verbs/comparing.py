"""What one image has and another has not: the comparison of two inventories, part by part.

Pure: takes what was seen, opens nothing. What got worse is found here, so that no report can leave
it out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from neve.inventory import Account, Inventory, PackageType
from neve.surface import Part, Surface, counted_packages, reduction
from neve.tree import Kind
from neve.verbs.diff import Changed

NOT_PACKAGED = ""
"""The name under which bytes stand that no package owns."""

_NAMED_ONE_BY_ONE = frozenset(Part) - {
    Part.PACKAGES,
    Part.FILES,
    Part.EXECUTABLES,
    Part.USER_WRITABLE,
    Part.UNOWNED_FILES,
    Part.BYTES,
}
"""Parts whose every new subject is bad news, however many others went."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worse:
    """A part of the surface that grew, or has something that was not there before; ``count`` of the
    two images, ``None`` where it was not judged. ``appeared`` are the new packages or paths.
    """

    part: Part
    before: int | None
    after: int | None
    appeared: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """What a part no longer holds: the packages or paths that only the baseline has."""

    part: Part
    subjects: tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class ChangedPackage:
    """A package on both sides or on one; ``None`` where it is missing."""

    type: PackageType
    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Weight:
    """The bytes of one package's files in an image; ``package`` is "" for those of none."""

    package: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One baseline against the image that comes after; each tuple sorted.

    ``reduction`` is ``None`` where a part that it averages was not judged on both sides.
    ``weights`` are the baseline's, the heaviest package first.
    """

    baseline: str
    reduction: float | None
    worse: tuple[Worse, ...]
    gone: tuple[Gone, ...]
    packages: tuple[ChangedPackage, ...]
    accounts: tuple[Changed, ...]
    services: tuple[Changed, ...]
    ports: tuple[Changed, ...]
    configuration: tuple[Changed, ...]
    weights: tuple[Weight, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One image as a comparison needs it."""

    name: str
    inventory: Inventory
    surface: Surface


def difference(before: Subject, after: Subject) -> Difference:
    """All that differs between two images."""
    was, now = before.inventory, after.inventory
    return Difference(
        baseline=before.name,
        reduction=reduction(before.surface, after.surface),
        worse=tuple(_worse(before, after)),
        gone=tuple(_gone(before.surface, after.surface)),
        packages=_packages(was, now),
        accounts=changes(_accounts(was), _accounts(now)),
        services=changes(_services(was), _services(now)),
        ports=changes(_ports(was), _ports(now)),
        configuration=changes(_configuration(was), _configuration(now)),
        weights=weights(was),
    )


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Changed, ...]:
    """What stands on one side alone, or differs."""
    return tuple(
        Changed(name=name, before=before.get(name), after=after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )


def _only(one: Iterable[str], other: Iterable[str]) -> tuple[str, ...]:
    """What stands in ``one`` more often than in ``other``."""
    return tuple(sorted((Counter(one) - Counter(other)).elements()))


def _worse(before: Subject, after: Subject) -> Iterable[Worse]:
    for part in Part:
        was, now = before.surface.of(part), after.surface.of(part)
        if part is Part.PACKAGES:  # another version of what was there is not new
            rows = _packages(before.inventory, after.inventory)
            appeared = tuple(f"{row.type.value} {row.name}" for row in rows if row.before is None)
        else:
            appeared = _only(now.subjects, was.subjects) if part is not Part.BYTES else ()
        grew = was.count is not None and (now.count is None or now.count > was.count)
        new = bool(appeared) and was.count is not None and part in _NAMED_ONE_BY_ONE
        if grew or new:
            yield Worse(part=part, before=was.count, after=now.count, appeared=appeared)


def _gone(before: Surface, after: Surface) -> Iterable[Gone]:
    for part in Part:
        was, now = before.of(part), after.of(part)
        listed = part in _NAMED_ONE_BY_ONE and part is not Part.RUNS_AS_ROOT
        if listed and now.count is not None:
            subjects = _only(was.subjects, now.subjects)
            if subjects:
                yield Gone(part=part, subjects=subjects)


def _packages(before: Inventory, after: Inventory) -> tuple[ChangedPackage, ...]:
    was, now = _versions(before), _versions(after)
    return tuple(
        ChangedPackage(type=key[0], name=key[1], before=was.get(key), after=now.get(key))
        for key in sorted(was.keys() | now.keys())
        if was.get(key) != now.get(key)
    )


def _versions(inventory: Inventory) -> dict[tuple[PackageType, str], str]:
    """Type and name → version; several of one name (architectures, copies) in one text."""
    found: dict[tuple[PackageType, str], set[str]] = {}
    for package in counted_packages(inventory):
        found.setdefault((package.type, package.name), set()).add(package.version)
    return {key: ", ".join(sorted(versions)) for key, versions in found.items()}


def _accounts(inventory: Inventory) -> dict[str, str]:
    return {account.name: account_text(account) for account in inventory.accounts}


def account_text(account: Account) -> str:
    """An account in a line: ``uid 0, gid 0, home /root, shell /bin/bash, password locked``."""
    text = f"uid {account.uid}, gid {account.gid}, home {account.home}"
    text += f", shell {account.shell}" if account.login else ", no login"
    return text + (f", password {account.password}" if account.password else "")


def _services(inventory: Inventory) -> dict[str, str]:
    return {service.path: service.manager for service in inventory.services}


def _ports(inventory: Inventory) -> dict[str, str]:
    return {f"{item.port}/{item.protocol}": item.evidence for item in inventory.ports}


def _configuration(inventory: Inventory) -> dict[str, str]:
    held = inventory.configuration
    if held is None:
        return {}
    single = {
        "user": held.user or "root (none is named)",
        "working directory": held.workdir,
        "entrypoint": _words(held.entrypoint),
        "command": _words(held.command),
        "stop signal": held.stop_signal,
        "health check": _words(held.health_check),
        "platform": held.platform,
        "ports": ", ".join(held.ports),
        "volumes": ", ".join(held.volumes),
    }
    named = {f"environment {name}": value for name, value in held.environment}
    named |= {f"label {name}": value for name, value in held.labels}
    return {name: value for name, value in {**single, **named}.items() if value}


def _words(command: tuple[str, ...]) -> str:
    return " ".join(word if word and " " not in word else repr(word) for word in command)


def weights(inventory: Inventory) -> tuple[Weight, ...]:
    """Bytes a package, the heaviest first; a file of several counts for the first of them."""
    found: dict[str, int] = {}
    for item in inventory.files:
        if item.kind is Kind.FILE and item.size:
            owner = item.owners[0] if item.owners else NOT_PACKAGED
            found[owner] = found.get(owner, 0) + item.size
    rows = sorted(found.items(), key=lambda row: (-row[1], row[0]))
    return tuple(Weight(package=name, size=size) for name, size in rows)
