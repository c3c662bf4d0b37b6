"""What ``neve lock --update`` would change: two locks compared, as data for people to judge."""

from __future__ import annotations

from dataclasses import dataclass

from neve.recipe.lock import Lock, LockedPackage


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class PackageChange:
    """One package on one platform × variant; ``None`` where it is not on that side."""

    name: str
    architecture: str
    platform: str
    variant: str
    old: str | None
    new: str | None
    repacked: bool = False
    """The version is the same and the file is another one."""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class ArchiveChange:
    """One signed release file; ``old`` and ``new`` are its dates in seconds since the epoch."""

    id: str
    old: int | None
    new: int | None


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class EffectChange:
    """How one package's scripts are answered, before and after (effect id, as text)."""

    package: str
    platform: str
    variant: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class RuleChange:
    """A rule or codec whose version shapes bytes."""

    name: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockDiff:
    """All that differs between two locks, each tuple sorted."""

    added: tuple[PackageChange, ...] = ()
    removed: tuple[PackageChange, ...] = ()
    changed: tuple[PackageChange, ...] = ()
    archives: tuple[ArchiveChange, ...] = ()
    effects: tuple[EffectChange, ...] = ()
    rules: tuple[RuleChange, ...] = ()
    recipe_changed: bool = False

    @property
    def empty(self) -> bool:
        """Nothing differs."""
        return self == LockDiff()


def diff_locks(old: Lock | None, new: Lock) -> LockDiff:
    """What differs from ``old`` to ``new``; everything is added when there is no ``old``."""
    before, after = _packages(old), _packages(new)
    changes = [
        _package_change(key, before.get(key), after.get(key))
        for key in sorted(before.keys() | after.keys())
        if _identity(before.get(key)) != _identity(after.get(key))
    ]
    old_dates = {item.id: item.date for item in old.archives} if old else {}
    new_dates = {item.id: item.date for item in new.archives}
    old_rules, new_rules = dict(old.rules) if old else {}, dict(new.rules)
    return LockDiff(
        added=tuple(change for change in changes if change.old is None),
        removed=tuple(change for change in changes if change.new is None),
        changed=tuple(c for c in changes if c.old is not None and c.new is not None),
        archives=tuple(
            ArchiveChange(id=key, old=old_dates.get(key), new=new_dates.get(key))
            for key in sorted(old_dates.keys() | new_dates.keys())
            if old_dates.get(key) != new_dates.get(key)
        ),
        effects=_effect_changes(old, new),
        rules=tuple(
            RuleChange(name=key, old=old_rules.get(key), new=new_rules.get(key))
            for key in sorted(old_rules.keys() | new_rules.keys())
            if old_rules.get(key) != new_rules.get(key)
        ),
        recipe_changed=old is None or old.recipe != new.recipe,
    )


_Key = tuple[str, str, str, str]


def _packages(lock: Lock | None) -> dict[_Key, LockedPackage]:
    found: dict[_Key, LockedPackage] = {}
    for target in lock.targets if lock else ():
        for number in target.packages:
            package = lock.packages[number] if lock else None
            if package is not None:
                key = (package.name, package.architecture, str(target.platform), target.variant)
                found[key] = package
    return found


def _identity(package: LockedPackage | None) -> object:
    return package and (package.version, package.digest)


def _package_change(
    key: _Key, old: LockedPackage | None, new: LockedPackage | None
) -> PackageChange:
    name, architecture, platform, variant = key
    before, after = old.version if old else None, new.version if new else None
    return PackageChange(
        name=name,
        architecture=architecture,
        platform=platform,
        variant=variant,
        old=before,
        new=after,
        repacked=before == after,
    )


def _effect_changes(old: Lock | None, new: Lock) -> tuple[EffectChange, ...]:
    before, after = _effects(old), _effects(new)
    return tuple(
        EffectChange(
            package=key[0],
            platform=key[1],
            variant=key[2],
            old=before.get(key),
            new=after.get(key),
        )
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    )


def _effects(lock: Lock | None) -> dict[tuple[str, str, str], str]:
    return {
        (effect.package, str(target.platform), target.variant): str(effect.effect)
        for target in (lock.targets if lock else ())
        for effect in target.effects
    }
