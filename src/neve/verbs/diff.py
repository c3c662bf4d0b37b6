"""``neve diff``: two images or recipes compared: packages, files, users, configuration, size."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, is_dataclass

from neve.attest.record import RecordedPath
from neve.model import Platform
from neve.recipe.plain import to_plain
from neve.recipe.services import run_of
from neve.tree import Kind
from neve.verbs.context import Workspace
from neve.verbs.records import Recorded, recorded
from neve.verbs.trusted import described


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffRequest:
    """Two subjects: images that carry a record, or recipes."""

    before: str
    after: str
    variant: str = "runtime"
    platforms: tuple[Platform, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """One thing on both sides or on one; ``None`` where it is missing."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Counts of one side; sizes in bytes."""

    packages: int
    files: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffResult:
    """All that differs, each tuple sorted by name."""

    before: str
    after: str
    packages: tuple[Changed, ...]
    files: tuple[Changed, ...]
    users: tuple[Changed, ...]
    groups: tuple[Changed, ...]
    configuration: tuple[Changed, ...]
    loosened: tuple[Changed, ...]
    certificates: tuple[Changed, ...] = ()
    totals: tuple[Totals, Totals]

    @property
    def empty(self) -> bool:
        """Nothing differs."""
        parts = (self.packages, self.files, self.users, self.groups, self.configuration)
        return not any(parts) and not self.loosened and not self.certificates


def compare(request: DiffRequest, workspace: Workspace) -> DiffResult:
    """Compare the two subjects by their records."""
    before, after = (
        recorded(subject, workspace, platforms=request.platforms, variant=request.variant)
        for subject in (request.before, request.after)
    )
    return DiffResult(
        before=before.subject,
        after=after.subject,
        packages=_changes(_packages(before), _packages(after)),
        files=_changes(_files(before), _files(after)),
        users=_changes(_users(before), _users(after)),
        groups=_changes(_groups(before), _groups(after)),
        configuration=_changes(_configuration(before), _configuration(after)),
        loosened=_changes(_loosened(before), _loosened(after)),
        certificates=_changes(_certificates(before), _certificates(after)),
        totals=(_totals(before), _totals(after)),
    )


def _changes(before: dict[str, str], after: dict[str, str]) -> tuple[Changed, ...]:
    return tuple(
        Changed(name=name, before=before.get(name), after=after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )


def _packages(found: Recorded) -> dict[str, str]:
    return {name: package.version for name, package in found.packages.items()}


def _files(found: Recorded) -> dict[str, str]:
    return {path: _describe(entry) for path, entry in found.record.paths.items()}


def _describe(entry: RecordedPath) -> str:
    what = f"{entry.kind.value} {entry.mode:04o} {entry.uid}:{entry.gid}"
    if entry.digest is not None:
        return f"{what} {entry.digest.value[:12]}"
    return f"{what} → {entry.target}" if entry.target is not None else what


def _users(found: Recorded) -> dict[str, str]:
    return _rows(found.record.users, ("uid", "gid", "comment", "home", "shell"))


def _groups(found: Recorded) -> dict[str, str]:
    return _rows(found.record.groups, ("gid", "members"))


def _rows(accounts: dict[str, tuple[str, ...]], words: tuple[str, ...]) -> dict[str, str]:
    """Accounts by name, each in words: ``uid 101, gid 101, home /nonexistent``."""
    return {
        name: ", ".join(f"{word} {value}" for word, value in zip(words, row, strict=False) if value)
        for name, row in accounts.items()
    }


def _configuration(found: Recorded) -> dict[str, str]:
    run = run_of(found.lock.recipe)
    shown: dict[str, str] = {}
    for field in fields(run):
        value = getattr(run, field.name)
        if value in (None, (), False):
            continue
        if field.name in ("environment", "labels"):
            shown |= {f"{field.name}.{name}": text for name, text in value}
        else:
            shown[field.name] = _plain(value) if is_dataclass(value) else _text(value)
    return shown | _services(found)


def _services(found: Recorded) -> dict[str, str]:
    """What each service says that is not the default, a row a key."""
    return {
        f"services.{service.name}.{key}": json.dumps(value, ensure_ascii=False)
        for service in found.lock.recipe.services
        for key, value in to_plain(service).items()
        if key != "name"
    }


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return json.dumps([str(item) for item in value], ensure_ascii=False)
    return str(value)


def _loosened(found: Recorded) -> dict[str, str]:
    return {
        f"{item.rule} {item.subject or '*'}": item.reason for item in found.lock.recipe.loosened
    }


def _certificates(found: Recorded) -> dict[str, str]:
    return {one.name: described(one) for one in found.lock.recipe.certificates}


def _plain(row: object) -> str:
    values = {f.name: getattr(row, f.name) for f in fields(row) if f.name != "name"}  # type: ignore[arg-type]  # rows are dataclasses
    return ", ".join(
        f"{name}={_text(value)}" for name, value in values.items() if value not in (None, ())
    )


def _totals(found: Recorded) -> Totals:
    files = [e for e in found.record.paths.values() if e.kind is not Kind.DIRECTORY]
    return Totals(
        packages=len(found.packages), files=len(files), size=sum(entry.size for entry in files)
    )
