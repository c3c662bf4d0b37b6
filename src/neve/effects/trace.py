"""From the trace of a package's maintainer scripts to its effect. Pure: data in, data out.

Owns what is literal, what is generated, what is a condition and what is left out and said.
Running scripts is ``neve.sandbox.trace``; choosing what to run is ``neve.verbs``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from neve.effects.lint import unsafe_operations
from neve.effects.ops import (
    AddUser,
    Alternative,
    Effect,
    Generate,
    Operation,
    Precondition,
    WriteFile,
)
from neve.effects.script import Parameters
from neve.effects.trace_commands import answered, asked_ids, read_commands
from neve.effects.trace_conditions import Conditions, Surrounding, read_conditions
from neve.effects.trace_files import (
    combine,
    generate_operations,
    read_accounts,
    read_files,
)
from neve.model import Digest
from neve.sandbox.trace_record import Change, Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedEffect:
    """An effect with what a reviewer should know: what was left out, and why.

    ``absent_owners`` are the packages that the script looked for and did not find, by path:
    tracing again with one of them tells whether its absence mattered.
    """

    effect: Effect
    problems: tuple[str, ...]
    absent_owners: Mapping[str, str]


def make_effect(
    trace: Trace,
    *,
    key: Digest,
    suite: str,
    surrounding: Surrounding,
    packaged_content: Mapping[Digest, str],
    triggers: tuple[str, ...] = (),
) -> TracedEffect:
    """The effect of a trace that did not fail.

    ``packaged_content`` names the packaged file of a digest, so that a copy follows its
    package's updates; ``triggers`` are those the package answers. Secrets and extra
    privilege are left out, each with a line.
    """
    parameters = Parameters.of(trace.architecture)
    stages = [stage for stage in trace.stages if stage.name != "triggered"]
    commands = [command for stage in trace.stages for command in stage.commands]
    changes = combine(change for stage in stages for change in stage.changes)
    asked = read_commands(commands)
    allocators, fixed = asked_ids(commands)
    unstable, explained = trace.unstable, asked.explained
    files = read_files(
        changes, explained=explained, unstable=unstable, packaged_content=packaged_content
    )
    from_triggers = combine(c for s in trace.stages if s.name == "triggered" for c in s.changes)
    files.generated |= _generated_by(from_triggers)
    accounts = read_accounts(changes, allocators, fixed)
    operations: list[Operation] = [*_early(asked.operations), *accounts, *files.operations]
    operations += [op for op in asked.operations if op not in operations]
    _add_generators(operations, answered(triggers, parameters))
    _add_generators(operations, generate_operations(files.generated))
    copied = any(isinstance(op, WriteFile) and op.data for op in operations)
    looks = [look for stage in stages for look in stage.looks]
    conditions = read_conditions(looks, surrounding, changed=frozenset(changes), own_content=copied)
    effect = Effect(
        package=trace.package,
        key=key,
        reads=conditions.reads,
        preconditions=conditions.preconditions,
        operations=tuple(operations),
        suites=(suite,),
    )
    safe, left_out = _safe(effect)
    problems = (*files.problems, *left_out)
    return TracedEffect(
        effect=abstract_effect(replace(safe, note="; ".join(problems)), parameters),
        problems=problems,
        absent_owners=conditions.absent_owners,
    )


def _add_generators(operations: list[Operation], more: Iterable[Operation]) -> None:
    """Append of ``more`` the generators that nothing asks for yet."""
    known = {op.generator for op in operations if isinstance(op, Generate)}
    for request in more:
        if isinstance(request, Generate) and request.generator not in known:
            known.add(request.generator)
            operations.append(request)


def abstract_effect(effect: Effect, parameters: Parameters) -> Effect:
    """The effect with the architecture taken out of paths and text."""
    text = parameters.abstract
    return replace(
        effect,
        reads=tuple((text(path), digest) for path, digest in effect.reads),
        preconditions=tuple(
            Precondition(path=text(c.path), present=c.present) for c in effect.preconditions
        ),
        operations=tuple(_abstract(operation, parameters) for operation in effect.operations),
    )


def _early(operations: list[Operation]) -> list[Operation]:
    """What makes the accounts that later operations name."""
    return [op for op in operations if isinstance(op, Generate) and op.generator == "sysusers"]


def _generated_by(changes: Mapping[str, Change]) -> set[str]:
    """Answers to triggers are computed from the whole image: only which generator counts."""
    found = read_files(changes, explained=set(), unstable=frozenset(), packaged_content={})
    return found.generated


def _safe(effect: Effect) -> tuple[Effect, list[str]]:
    """Without what no effect may do; a line for each operation left out."""
    kept: list[Operation] = []
    left_out: list[str] = []
    for operation in effect.operations:
        refusals = [why for _, why in unsafe_operations(replace(effect, operations=(operation,)))]
        if refusals:
            left_out.extend(f"left out: {why}" for why in refusals)
        else:
            kept.append(operation)
    return replace(effect, operations=tuple(kept)), left_out


def _abstract(operation: Operation, parameters: Parameters) -> Operation:
    text = parameters.abstract
    changes: dict[str, object] = {}
    for name in ("path", "source", "target", "to", "link", "home"):
        value = getattr(operation, name, None)
        if isinstance(value, str):
            changes[name] = text(value)
    match operation:
        case Alternative():
            changes["name"] = text(operation.name)
            changes["slaves"] = tuple(
                (text(link), text(name), text(path)) for link, name, path in operation.slaves
            )
        case Generate():
            changes["arguments"] = tuple(text(word) for word in operation.arguments)
        case WriteFile():
            changes["data"] = parameters.abstract_bytes(operation.data)
        case AddUser():
            changes["comment"] = operation.comment
        case _:
            pass
    return replace(operation, **changes)  # type: ignore[arg-type]


__all__ = ["Conditions", "Surrounding", "TracedEffect", "abstract_effect", "make_effect"]
