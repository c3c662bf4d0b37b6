"""Tracing every package of a suite that has scripts, each in the surroundings that matter.

Decides what is run and how often; running is the sandbox's, meaning is ``neve.effects.trace``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from neve.effects.ops import Effect
from neve.effects.script import Parameters, has_scripts, script_key
from neve.effects.trace import TracedEffect, abstract_effect, make_effect
from neve.errors import NeveError
from neve.formats.deb import PackageFacts
from neve.model import Digest
from neve.sandbox.trace import Tracer
from neve.sandbox.trace_record import PackageLayer, Trace
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


def trace_foreign(
    world: TraceWorld,
    tracer: Tracer,
    traced: SuiteTrace,
    packages: Mapping[str, PackageFacts],
    *,
    architecture: str,
) -> tuple[PackageTrace, ...]:
    """Trace the scripts of ``packages`` as ``architecture`` has them, where ``traced`` (this
    machine's) does not cover them already. Names that ``world`` lacks are failures.
    """
    run = _SuiteRun(world, tracer, traced.codename)
    known = {(effect.package, effect.key) for effect in traced.effects}
    native: dict[str, tuple[Effect, ...]] = {p.package: p.effects for p in traced.packages}
    found: list[PackageTrace] = []
    for name in sorted(packages):
        facts = packages[name]
        key = script_key(facts, architecture)
        if not has_scripts(facts) or (name, key) in known:
            continue
        if name not in world.names:
            version = dict(facts.control).get("Version", "")
            why = f"only on {architecture}: not traced"
            found.append(PackageTrace(package=name, version=version, key=key, failure=why))
            continue
        found.append(run.foreign(name, facts, architecture, native.get(name, ())))
    return tuple(found)


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

    def foreign(
        self, name: str, facts: PackageFacts, architecture: str, native: tuple[Effect, ...]
    ) -> PackageTrace:
        """Trace the scripts that ``name`` has on another architecture, over this one's files.

        Where they do the same as here, the conditions found here hold for them too.
        """
        key = script_key(facts, architecture)
        version = dict(facts.control).get("Version", "")
        layer = self._world.foreign_layer(name, facts, architecture)
        try:
            first = self._trace(name, key, (), layer)
        except NeveError as error:
            first = "; ".join((error.brief, *error.details))
        if isinstance(first, str):
            return PackageTrace(package=name, version=version, key=key, failure=first)
        effects: tuple[Effect, ...] = (abstract_effect(first.effect, Parameters.of(architecture)),)
        if any(effect.operations == effects[0].operations for effect in native):
            effects = tuple(replace(effect, key=key) for effect in native)
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

    def _trace(
        self, name: str, key: Digest, extra: tuple[str, ...], layer: PackageLayer | None = None
    ) -> TracedEffect | str:
        world = self._world
        subject = layer if layer is not None else world.layer(name)
        root = world.root(name, extra=extra, idle=frozenset(self._idle))
        trace = self._tracer.trace(subject, root)
        if trace.failed is not None:
            root = world.root(name, extra=(*extra, *world.required), idle=frozenset(self._idle))
            trace = self._tracer.trace(subject, world.named(root))
        failed = trace.failed
        if failed is not None:
            how = "took too long" if failed.exit_code is None else f"exit code {failed.exit_code}"
            tail = " | ".join(failed.output.strip().splitlines()[-4:])
            return f"{failed.name}: {how}: {tail}"
        return self._effect(subject, key, trace, extra)

    def _effect(
        self, subject: PackageLayer, key: Digest, trace: Trace, extra: tuple[str, ...]
    ) -> TracedEffect:
        world = self._world
        name = subject.name
        return make_effect(
            trace,
            key=key,
            suite=self._codename,
            surrounding=world.surrounding(name, extra=extra),
            packaged_content=world.contents(name),
            triggers=subject.triggers,
        )


def _without(effect: Effect, paths: set[str]) -> Effect:
    kept = tuple(c for c in effect.preconditions if c.present or c.path not in paths)
    return replace(effect, preconditions=kept)
