"""Which effect answers each package's maintainer scripts; what nobody can answer is named.

Order of trust: the traced database, then a script of only recognised patterns, then a waiver in
the recipe. Anything else is unknown, and an unknown script stops the lock.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from neve.distro import Release
from neve.effects.codec import effect_id
from neve.effects.database import EffectsDatabase, PackagedPaths, merged
from neve.effects.ops import Effect
from neve.effects.script import Parameters, has_scripts, script_key
from neve.effects.static import UnknownScript, classify_static
from neve.errors import DeniedError
from neve.formats.deb import PackageFacts
from neve.model import Digest, Platform, Waiver
from neve.recipe.lock import LockedEffect

ACKNOWLEDGED_RULE = "unknown-script"
_MIN_PREFIX = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """A package whose scripts nobody can answer. ``surroundings`` says why a traced effect of the
    same scripts does not hold in this image (``/usr/bin/x is missing``).
    """

    script: UnknownScript
    surroundings: tuple[str, ...] = ()

    def lines(self) -> tuple[str, ...]:
        """What is known of it, for people."""
        script = self.script
        found = [f"{script.package} {script.version}: {script.script}: {script.problem}"]
        found += [f"  line {number}: {text}" for number, text in script.excerpt]
        found += [f"  a traced effect exists, but {reason}" for reason in self.surroundings]
        return tuple(found)


class UnknownScriptsError(DeniedError):
    """Scripts without a known effect stop the lock: their result would silently be missing."""

    def __init__(
        self,
        unknown: Sequence[Unanswered],
        release: Release,
        platform: Platform | None = None,
        *,
        because: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """``because`` leads from each package's request to it, where that is known."""
        where = f" on {platform}" if platform is not None else ""
        names = [item.script.package for item in unknown]
        paste = [
            line
            for item in unknown
            for line in (
                f"  - script: {item.script.subject}",
                "    reason: <why the image works without it>",
                "    owner: <who answers for it>",
                "    expires: <YYYY-MM-DD>",
            )
        ]
        super().__init__(
            f"no effect is known for the maintainer scripts of {', '.join(names)}{where}",
            details=tuple(
                line
                for item in unknown
                for line in (*item.lines(), *(because or {}).get(item.script.package, ()))
            ),
            resolution=f"Trace them with `neve effects trace {' '.join(names)} "
            f"--distribution {release.id} --release {release.version}`, or answer for "
            "them in the recipe:\nacknowledged:\n" + "\n".join(paste),
            docs="howto/trace-effects.md",
        )
        self.unknown = tuple(unknown)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The effect of each package (``None``: nothing runs), in the order given; ``locked`` what a
    lock records of them; ``unknown`` the scripts that nothing answers; ``tools`` the programs of
    dropped packages that an answer counted on.
    """

    packages: tuple[tuple[PackageFacts, Effect | None], ...]
    locked: tuple[LockedEffect, ...]
    unknown: tuple[Unanswered, ...]
    tools: tuple[str, ...] = ()


class _Installed:
    """The image's packaged paths, and beside them programs of packages that were dropped.

    A script would have run before anything was dropped, so it would have found them.
    """

    def __init__(self, packages: Sequence[PackageFacts], tools: Collection[str]) -> None:
        self._kept = PackagedPaths(packages)
        self._tools = frozenset(tools)
        self.used: set[str] = set()

    def has(self, path: str) -> bool:
        if self._kept.has(path):
            return True
        if merged(path) not in self._tools:
            return False
        self.used.add(merged(path))
        return True

    def digest(self, path: str) -> Digest | None:
        return self._kept.digest(path)


def tools_of(dropped: Iterable[PackageFacts]) -> frozenset[str]:
    """The programs that packages bring, under their merged-/usr names."""
    return frozenset(
        merged(entry.path)
        for facts in dropped
        for entry in facts.entries
        if posixpath.dirname(merged(entry.path)) in ("/usr/bin", "/usr/sbin")
    )


def answer_scripts(
    packages: Sequence[PackageFacts],
    *,
    database: EffectsDatabase,
    architecture: str,
    acknowledged: Sequence[Waiver],
    today: date | None,
    tools: Collection[str] = (),
) -> Answers:
    """Find the effect of every package. ``packages`` are all of the image, ``tools`` programs of
    packages dropped from it.

    ``today`` judges the expiry of waivers; ``None`` where a lock has accepted them already.
    """
    surroundings = _Installed(packages, tools)
    found: list[tuple[PackageFacts, Effect | None]] = []
    locked: list[LockedEffect] = []
    unknown: list[Unanswered] = []
    for facts in packages:
        parameters = Parameters.of_package(facts, architecture)
        effect = _answer(facts, database, surroundings, parameters, acknowledged, today)
        if isinstance(effect, Unanswered):
            unknown.append(effect)
            continue
        found.append((facts, effect))
        if effect is not None:
            name = dict(facts.control)["Package"]
            locked.append(
                LockedEffect(package=name, effect=effect_id(effect), provenance=effect.provenance)
            )
    return Answers(
        packages=tuple(found),
        locked=tuple(locked),
        unknown=tuple(unknown),
        tools=tuple(sorted(surroundings.used)),
    )


def _answer(
    facts: PackageFacts,
    database: EffectsDatabase,
    surroundings: _Installed,
    parameters: Parameters,
    acknowledged: Sequence[Waiver],
    today: date | None,
) -> Effect | Unanswered | None:
    if not has_scripts(facts):
        return None
    name = dict(facts.control)["Package"]
    key = script_key(facts, parameters.arch)
    traced = database.match(name, key, surroundings, parameters)
    if isinstance(traced, Effect):
        return traced
    static = classify_static(facts, parameters.arch, surroundings)
    if isinstance(static, Effect):
        return static
    for waiver in acknowledged:
        if waiver.rule == ACKNOWLEDGED_RULE and _names(waiver, name, str(key)):
            if today is not None and waiver.expires < today:
                continue
            return Effect(package=name, key=key, provenance="acknowledged", note=waiver.reason)
    return Unanswered(script=static, surroundings=traced.reasons if traced else ())


def _names(waiver: Waiver, package: str, key: str) -> bool:
    """``package:sha256-prefix`` as a lock prints it; a prefix must have twelve digits or more."""
    name, _, prefix = waiver.subject.partition(":")
    value = key.partition(":")[2]
    prefix = prefix.removeprefix("sha256:")
    return name == package and len(prefix) >= _MIN_PREFIX and value.startswith(prefix)
