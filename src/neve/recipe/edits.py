"""The edits a recipe can have, as data, and the three things any of them does to a text.

A new kind of edit is a class here and a line in ``lower``; ``recipe.edit`` applies them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from neve.recipe.spans import Value

Path: TypeAlias = tuple[str, ...]
"""Keys from the top of a recipe to a field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddPackage:
    """Ask for a package, ``name[:architecture][/release][=version]``; replaces its pin."""

    request: str
    variant: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovePackage:
    """No longer ask for a package."""

    name: str
    variant: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcludePackage:
    """Refuse a package."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddFile:
    """Add a file, directory or link; replaces what the path holds."""

    path: str
    content: str | None = None
    source: str | None = None
    link: str | None = None
    directory: bool = False
    mode: str | None = None
    owner: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetEnvironment:
    """Set an environment variable."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLabel:
    """Set a label."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddUser:
    """Create an account, or pin the ids of one; ``ids`` is ``upstream`` for those of the
    well-known image.
    """

    name: str
    uid: int | None = None
    gid: int | None = None
    ids: str | None = None
    home: str | None = None
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AddGroup:
    """Create a group."""

    name: str
    gid: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddPort:
    """Expose a port: ``8080`` or ``53/udp``."""

    port: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddVolume:
    """Mark a path as a volume."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddWritable:
    """Let the run-as account write a path."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepPath:
    """Keep a path pattern that pruning would take."""

    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRunUser:
    """Choose the account the image runs as."""

    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetWorkdir:
    """Choose the working directory."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetEntrypoint:
    """Set the entrypoint, exec form."""

    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCommand:
    """Set the default arguments, exec form."""

    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddService:
    """Run one more program, supervised; replaces the service of its name."""

    name: str
    command: tuple[str, ...]
    port: int | None = None
    depends_on: tuple[str, ...] = ()
    restart: str | None = None
    user: str | None = None
    stop_signal: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddRepository:
    """Use one more repository; an alias alone is the distribution's own suite."""

    name: str
    url: str | None = None
    suite: str | None = None
    components: tuple[str, ...] = ()
    keyring: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loosen:
    """Loosen one hardening rule, with a reason."""

    rule: str
    reason: str
    subject: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledge:
    """Answer for an unknown package script."""

    script: str
    reason: str
    owner: str
    expires: date


@dataclass(frozen=True, slots=True, kw_only=True)
class AddCertificate:
    """Trust the certificates of a file beside the recipe, or of PEM ``text``; ``trust`` is
    ``leaf`` for a self-signed one that is no CA.
    """

    file: str | None = None
    text: str | None = None
    name: str | None = None
    trust: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetVariant:
    """Say of a variant what kind it is, or until which day it may be used."""

    name: str
    kind: str | None = None
    expires: date | None = None


RecipeEdit = (
    AddPackage
    | RemovePackage
    | ExcludePackage
    | AddFile
    | SetEnvironment
    | SetLabel
    | AddUser
    | AddGroup
    | AddPort
    | AddVolume
    | AddWritable
    | KeepPath
    | SetRunUser
    | SetWorkdir
    | SetEntrypoint
    | SetCommand
    | AddService
    | AddRepository
    | Loosen
    | Acknowledge
    | AddCertificate
    | SetVariant
)


@dataclass(frozen=True, slots=True)
class Put:
    """Set the value at ``path``."""

    path: Path
    value: Value


@dataclass(frozen=True, slots=True)
class Append:
    """Put ``value`` into the list at ``path``, replacing the item of its identity."""

    path: Path
    value: Value


@dataclass(frozen=True, slots=True)
class Drop:
    """Take the items of identity ``name`` from the list at ``path``."""

    path: Path
    name: str


Lowered = Put | Append | Drop


def lower(edit: RecipeEdit) -> Lowered:  # noqa: C901 - one line a kind of edit
    """``edit`` as one of the three things that can happen to a text."""
    match edit:
        case AddPackage(request=request, variant=variant):
            return Append(_packages(variant), request)
        case RemovePackage(name=name, variant=variant):
            return Drop(_packages(variant), name)
        case ExcludePackage(name=name):
            return Append(("exclude",), name)
        case AddFile():
            keys = ("content", "source", "link", "directory", "mode", "owner", "group")
            return Put(("files", edit.path), _given(edit, keys))
        case SetEnvironment(name=name, value=value):
            return Put(("run", "environment", name), value)
        case SetLabel(name=name, value=value):
            return Put(("run", "labels", name), value)
        case AddUser():
            account = _given(edit, ("uid", "gid", "ids", "home", "groups"))
            return Put(("accounts", "users", edit.name), account)
        case AddGroup():
            return Put(("accounts", "groups", edit.name), _given(edit, ("gid",)))
        case AddPort(port=port):
            return Append(("run", "ports"), int(port) if port.isdecimal() else port)
        case AddVolume(path=path):
            return Append(("run", "volumes"), path)
        case AddWritable(path=path):
            return Append(("run", "writable"), path)
        case KeepPath(pattern=pattern):
            return Append(("keep",), pattern)
        case SetRunUser(user=user):
            return Put(("run", "user"), user)
        case SetWorkdir(path=path):
            return Put(("run", "workdir"), path)
        case SetEntrypoint(arguments=arguments):
            return Put(("run", "entrypoint"), list(arguments))
        case SetCommand(arguments=arguments):
            return Put(("run", "command"), list(arguments))
        case AddService():
            return Put(("services", edit.name), _service(edit))
        case AddRepository():
            given = _given(edit, ("name", "url", "suite", "components", "keyring"))
            return Append(("repositories",), given if len(given) > 1 else edit.name)
        case Loosen():
            return Append(("loosened",), _given(edit, ("rule", "subject", "reason")))
        case SetVariant(name=name, kind=kind, expires=None):
            return Put(("variants", name, "kind"), kind)
        case SetVariant(name=name, expires=expires):
            return Put(("variants", name, "expires"), expires.isoformat() if expires else None)
        case AddCertificate():
            return Append(("certificates",), _certificate(edit))
        case Acknowledge():
            answer = _given(edit, ("script", "reason", "owner"))
            return Append(("acknowledged",), answer | {"expires": edit.expires.isoformat()})


def _certificate(edit: AddCertificate) -> Value:
    given = _given(edit, ("file", "name", "trust", "text"))
    return edit.file if list(given) == ["file"] else given


def _service(edit: AddService) -> dict[str, Value]:
    found = _given(edit, ("command", "user", "depends_on", "restart", "stop_signal"))
    ready: dict[str, Value] = {"port": edit.port} if edit.port is not None else {}
    return found | ({"ready": ready} if ready else {})


def _packages(variant: str | None) -> Path:
    return ("packages",) if variant is None else ("variants", variant, "packages")


def _given(edit: object, keys: tuple[str, ...]) -> dict[str, Value]:
    found = {key: getattr(edit, key) for key in keys}
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in found.items()
        if value is not None and value is not False and value != ()
    }
