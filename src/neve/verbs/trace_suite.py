"""Tracing every package of a suite that has scripts, each in the surroundings that matter.

Decides what is run and how often; running is the sandbox's, meaning is ``neve.effects.trace``'s.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from neve.effects.ops import Effect
from neve.effects.script import Parameters, has_scripts, script_key
from neve.effects.trace import TracedEffect, make_effect
from neve.errors import NeveError
from neve.model import Digest
from neve.sandbox.trace import Tracer
from neve.sandbox.trace_record import Trace
from neve.verbs.trace_world import TraceWorld

_MAX_VARIANTS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageTrace:
    """What tracing one package gave: effects (one for each kind of surroundings that made a
    difference), what was left out of them, or why there is none.
    """

    package: str
    version: str
    key: Digest
    effects: tuple[Effect, ...] = ()
    problems: tuple[str, ...] = ()
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteTrace:
    """All packages with scripts in the closure of the names asked for, sorted by name."""

    codename: str
    packages: tuple[PackageTrace, ...]
    without_scripts: int
    unresolved: tuple[str, ...]

    @property
    def effects(self) -> tuple[Effect, ...]:
        """Every effect traced."""
        return tuple(effect for package in self.packages for effect in package.effects)


def trace_suite(
    world: TraceWorld,
    tracer: Tracer,
    *,
    codename: str,
    only: frozenset[str] | None = None,
    jobs: int = 2,
    observe: Callable[[PackageTrace], None] = lambda _: None,
) -> SuiteTrace:
    """Trace every package of ``world`` that has scripts (or those of them in ``only``)."""
    scripted = sorted(name for name in world.names if has_scripts(world.facts(name)))
    wanted = [name for name in scripted if only is None or name in only]
    wanted.sort(key=lambda name: (len(world.closure(name)), name))
    world.prepare_base(tracer)
    run = _SuiteRun(world, tracer, codename)
    found: list[PackageTrace] = []
    with ThreadPoolExecutor(jobs) as pool:
        for traced in pool.map(run.package, wanted):
            observe(traced)
            found.append(traced)
    return SuiteTrace(
        codename=codename,
        packages=tuple(sorted(found, key=lambda item: item.package)),
        without_scripts=len(world.names) - len(scripted),
        unresolved=world.unresolved,
    )


class _SuiteRun:
    def __init__(self, world: TraceWorld, tracer: Tracer, codename: str) -> None:
        self._world = world
        self._tracer = tracer
        self._codename = codename
        self._idle: set[str] = set()

    def package(self, name: str) -> PackageTrace:
        """Trace one package, and again with what it looked for in vain."""
        facts = self._world.facts(name)
        key = script_key(facts, self._world.architecture)
        version = dict(facts.control).get("Version", "")
        try:
            first = self._trace(name, key, ())
        except NeveError as error:
            text = "; ".join((error.brief, *error.details))
            return PackageTrace(package=name, version=version, key=key, failure=text)
        if isinstance(first, str):
            return PackageTrace(package=name, version=version, key=key, failure=first)
        effects = self._variants(name, key, first)
        if not any(effect.operations for effect in effects):
            self._idle.add(name)
        return PackageTrace(
            package=name, version=version, key=key, effects=effects, problems=first.problems
        )

    def _variants(self, name: str, key: Digest, first: TracedEffect) -> tuple[Effect, ...]:
        """Effects with and without each package whose absence changed what the script did."""
        owners = sorted(set(first.absent_owners.values()))
        mattering: dict[str, Effect] = {}
        if owners and not self._same(name, key, first, tuple(owners)):
            for owner in owners[:_MAX_VARIANTS]:
                other = self._other(name, key, (owner,))
                if other is not None and other.effect.operations != first.effect.operations:
                    mattering[owner] = other.effect
        parameters = Parameters.of(self._world.architecture)
        ignored = {
            parameters.abstract(path)
            for path, owner in first.absent_owners.items()
            if owner not in mattering
        }
        effects = [_without(first.effect, ignored)]
        effects.extend(_without(other, ignored) for other in mattering.values())
        return tuple(effects)

    def _same(self, name: str, key: Digest, first: TracedEffect, extra: tuple[str, ...]) -> bool:
        other = self._other(name, key, extra)
        return other is not None and other.effect.operations == first.effect.operations

    def _other(self, name: str, key: Digest, extra: tuple[str, ...]) -> TracedEffect | None:
        try:
            traced = self._trace(name, key, extra)
        except NeveError:
            return None
        return None if isinstance(traced, str) else traced

    def _trace(self, name: str, key: Digest, extra: tuple[str, ...]) -> TracedEffect | str:
        world = self._world
        root = world.root(name, extra=extra, idle=frozenset(self._idle))
        trace = self._tracer.trace(world.layer(name), root)
        if trace.failed is not None:
            trace = self._tracer.trace(world.layer(name), world.named(root))
        failed = trace.failed
        if failed is not None:
            how = "took too long" if failed.exit_code is None else f"exit code {failed.exit_code}"
            tail = " | ".join(failed.output.strip().splitlines()[-4:])
            return f"{failed.name}: {how}: {tail}"
        return self._effect(name, key, trace, extra)

    def _effect(self, name: str, key: Digest, trace: Trace, extra: tuple[str, ...]) -> TracedEffect:
        world = self._world
        return make_effect(
            trace,
            key=key,
            suite=self._codename,
            surrounding=world.surrounding(name, extra=extra),
            packaged_content=world.contents(name),
            triggers=world.layer(name).triggers,
        )


def _without(effect: Effect, paths: set[str]) -> Effect:
    kept = tuple(c for c in effect.preconditions if c.present or c.path not in paths)
    return replace(effect, preconditions=kept)
