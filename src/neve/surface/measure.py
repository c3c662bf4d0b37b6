"""Counts an inventory into a surface, and says by how much one is smaller than another.

One function a part, in a table: what a part counts is what its function yields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from neve.inventory import (
    DISTRIBUTION_TYPES,
    Account,
    Change,
    Depth,
    ElfHardening,
    Inventory,
    InventoryFile,
    Package,
    Relro,
    Role,
)
from neve.surface.types import NEEDS, REDUCED_PARTS, Measure, Part, Surface
from neve.surface.user import may_write, run_user
from neve.tree import Kind

_COUNTED_KINDS = (Kind.FILE, Kind.HARDLINK, Kind.SYMLINK)
_DEPTHS = tuple(Depth)
_PRIVATE_KEY = "private-key"
_Subjects = Iterable[str] | str
"""What a part was counted from; a text in its place says why nothing could be."""


def measure_surface(inventory: Inventory, *, now: int | None = None) -> Surface:
    """The surface of one image; each count with what it was counted from.

    ``now`` (seconds since 1970) decides which certificates have expired; without it nobody judges
    that.
    """
    measures = tuple(_measure(part, rule, inventory, now) for part, rule in _RULES.items())
    return Surface(
        measures=measures,
        unjudged=tuple(f"{item.path}: {item.reason}" for item in inventory.unjudged),
    )


def _measure(part: Part, rule: _Rule, inventory: Inventory, now: int | None) -> Measure:
    if _DEPTHS.index(inventory.depth) < _DEPTHS.index(NEEDS[part]):
        why = f"needs --depth {NEEDS[part].value}"
        return Measure(part=part, count=None, subjects=(), unjudged=why)
    found = rule(inventory, now)
    if isinstance(found, str):
        return Measure(part=part, count=None, subjects=(), unjudged=found)
    subjects = tuple(found)
    count = _size(inventory) if part is Part.BYTES else len(subjects)
    return Measure(part=part, count=count, subjects=subjects)


def reduction(before: Surface, after: Surface) -> float | None:
    """By how much ``after`` is smaller than ``before``, between −∞ and 1 (nothing is left).

    The mean of ``1 − after/before`` over those of ``REDUCED_PARTS`` that are not zero before;
    0 where all of them are. ``None`` where one of them was not judged on both sides.
    """
    shares = []
    for part in REDUCED_PARTS:
        was, now = before.of(part).count, after.of(part).count
        if was is None or now is None:
            return None
        if was:
            shares.append(1 - now / was)
    return sum(shares) / len(shares) if shares else 0.0


def counted_packages(inventory: Inventory) -> tuple[Package, ...]:
    """The packages that count: the distribution's, and all that none of these owns. A library
    out of a ``.deb`` is no second package.
    """
    return tuple(
        package
        for package in inventory.packages
        if package.type in DISTRIBUTION_TYPES or not package.owner
    )


def package_label(package: Package) -> str:
    """A package in a word: ``deb openssl:amd64=3.5.1-1``."""
    architecture = f":{package.architecture}" if package.architecture else ""
    return f"{package.type.value} {package.name}{architecture}={package.version}"


def _packages(inventory: Inventory, _: int | None) -> _Subjects:
    return (package_label(package) for package in counted_packages(inventory))


def _those(judge: Callable[[InventoryFile], bool]) -> _Rule:
    """A rule that counts the paths for which ``judge`` holds."""
    return lambda inventory, _: (item.path for item in inventory.files if judge(item))


def _programs(*roles: Role) -> _Rule:
    return lambda inventory, _: (
        program.path for program in inventory.programs if program.role in roles
    )


def _user_writable(inventory: Inventory, _: int | None) -> _Subjects:
    user = run_user(inventory)
    if isinstance(user, str):
        return user
    return (item.path for item in inventory.files if may_write(user, item))


def _runs_as_root(inventory: Inventory, _: int | None) -> _Subjects:
    user = run_user(inventory)
    if isinstance(user, str):
        return user
    return ("uid 0",) if user.uid == 0 else ()


def usable(account: Account) -> bool:
    """Somebody could log in: with a password, without any, or by other means to a real shell."""
    return account.login or account.password.startswith(("none", "hash"))


def _login_accounts(inventory: Inventory, _: int | None) -> _Subjects:
    return (account.name for account in inventory.accounts if usable(account))


def _secrets(*, keys: bool) -> _Rule:
    return lambda inventory, _: (
        f"{path}:{secret.line} {secret.rule}" if secret.line else f"{path} {secret.rule}"
        for path, secret in inventory.secrets
        if (_PRIVATE_KEY in secret.rule) is keys
    )


def _expired(inventory: Inventory, now: int | None) -> _Subjects:
    if now is None:
        return "no clock was given"
    return (
        f"{path}: {certificate.subject}"
        for path, certificate in inventory.certificates
        if certificate.not_after < now
    )


def _unowned(item: InventoryFile) -> bool:
    """Links hold nothing, and a database of checksums alone (``status.d``) names none of them."""
    return item.kind in (Kind.FILE, Kind.HARDLINK) and not item.owners


def weaknesses(hardening: ElfHardening) -> tuple[str, ...]:
    """What an ELF file lacks that its linker gives for nothing."""
    found = []
    if hardening.pie is False:
        found.append("no PIE")
    if hardening.relro is Relro.NONE:
        found.append("no RELRO")
    if not hardening.nx:
        found.append("executable stack")
    return tuple(found)


def _weak(inventory: Inventory, _: int | None) -> _Subjects:
    return (
        f"{path}: {', '.join(lacks)}"
        for path, hardening in inventory.hardening
        if (lacks := weaknesses(hardening))
    )


def _size(inventory: Inventory) -> int:
    return sum(item.size for item in inventory.files if item.kind is Kind.FILE)


_Rule = Callable[[Inventory, int | None], _Subjects]
_RULES: Mapping[Part, _Rule] = {
    Part.PACKAGES: _packages,
    Part.FILES: _those(lambda item: item.kind in _COUNTED_KINDS),
    Part.EXECUTABLES: _those(lambda item: item.executable),
    Part.SHELLS_AND_INTERPRETERS: _programs(Role.SHELL, Role.INTERPRETER),
    Part.PACKAGE_MANAGERS: _programs(Role.PACKAGE_MANAGER),
    Part.NETWORK_TOOLS: _programs(Role.NETWORK_TOOL),
    Part.PRIVILEGED: _those(lambda item: item.privileged),
    Part.WORLD_WRITABLE: _those(lambda item: item.world_writable),
    Part.USER_WRITABLE: _user_writable,
    Part.RUNS_AS_ROOT: _runs_as_root,
    Part.LOGIN_ACCOUNTS: _login_accounts,
    Part.SECRETS: _secrets(keys=False),
    Part.PRIVATE_KEYS: _secrets(keys=True),
    Part.EXPIRED_CERTIFICATES: _expired,
    Part.UNOWNED_FILES: _those(_unowned),
    Part.CHANGED_FILES: lambda inventory, _: (
        f"{item.path}: {item.change.value} of {item.package}"
        for item in inventory.changed
        if item.change is not Change.MISSING  # what is not there helps nobody in
    ),
    Part.SERVICES: lambda inventory, _: (item.path for item in inventory.services),
    Part.OPEN_PORTS: lambda inventory, _: (
        f"{item.port}/{item.protocol} ({item.evidence})" for item in inventory.ports
    ),
    Part.WEAK_BINARIES: _weak,
    Part.BYTES: _those(lambda item: item.kind is Kind.FILE),
}
