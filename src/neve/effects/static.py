"""Static classification: an effect read from scripts of only recognised patterns.

Used for scripts that no database knows. A script is followed on a fresh installation
(``evaluate``); if every step is recognised, what it does is the effect, marked ``static``.
Otherwise the package has an ``UnknownScript``, which stops a lock. Accepting wrongly is worse
than refusing, so every doubt refuses.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from neve.effects.database import Surroundings
from neve.effects.evaluate import Evaluation, NotRecognisedError, Outcome
from neve.effects.lint import unsafe_operations
from neve.effects.ops import (
    Alternative,
    DeletePath,
    Effect,
    MakeDirectory,
    MakeLink,
    Operation,
    SetAttributes,
)
from neve.effects.script import Parameters, script, script_key, trigger_interests
from neve.effects.shell import parse_script
from neve.effects.shell_ast import Block, ShellSyntaxError
from neve.effects.static_commands import STATIC_COMMANDS
from neve.formats.deb.types import PackageFacts
from neve.model import Digest

_SHELLS = (b"/bin/sh", b"/bin/dash", b"/bin/bash", b"/usr/bin/sh", b"/usr/bin/bash")
_SHELL_FLAGS = (b"", b"-e", b"-eu", b"-ue", b"-u")

# Which arguments dpkg gives on a fresh installation (deb-preinst(5), deb-postinst(5)).
_INVOCATIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("config", ("configure", "")),
    ("preinst", ("install",)),
    ("postinst", ("configure", "")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownScript:
    """A maintainer script whose effect nobody knows: it stops the lock.

    ``key`` identifies the package's scripts (``script_key``), ``script`` is the first that was
    not recognised, ``excerpt`` the lines where that happened as (number from 1, text).
    """

    package: str
    version: str
    script: str
    key: Digest
    problem: str
    excerpt: tuple[tuple[int, str], ...]

    @property
    def subject(self) -> str:
        """What a waiver of rule ``unknown-script`` names."""
        return f"{self.package}:{self.key}"

    @property
    def resolution(self) -> str:
        """The two ways on: trace it, or answer for it."""
        return (
            f"Trace it with `neve effects trace {self.package}`, or add to the recipe, under"
            f" acknowledged:, an entry with rule: unknown-script, subject: {self.subject},"
            " a reason, an owner and an expiry date."
        )


class _Unrecognised(Exception):  # noqa: N818 (carries a result out of a loop)
    def __init__(self, script_name: str, error: NotRecognisedError) -> None:
        super().__init__(error.problem)
        self.script = script_name
        self.error = error


def classify_static(
    facts: PackageFacts, architecture: str, surroundings: Surroundings
) -> Effect | UnknownScript:
    """The effect of a package's scripts if all of it is recognised, else what is not."""
    control = dict(facts.control)
    package = control.get("Package", "")
    key = script_key(facts, architecture)
    outcome = Outcome()
    try:
        for name, arguments in _invocations(facts):
            _follow(facts, name, arguments, surroundings, outcome, architecture)
    except _Unrecognised as found:
        return UnknownScript(
            package=package,
            version=control.get("Version", ""),
            script=found.script,
            key=key,
            problem=found.error.problem,
            excerpt=_excerpt(script(facts, found.script) or b"", found.error.line),
        )
    effect = Effect(
        package=package,
        key=key,
        preconditions=outcome.conditions(),
        operations=_parametrised(outcome.operations, Parameters.of(architecture)),
        provenance="static",
    )
    unsafe = next(unsafe_operations(effect), None)
    if unsafe is None:
        return effect
    return UnknownScript(
        package=package,
        version=control.get("Version", ""),
        script="postinst",
        key=key,
        problem=f"{unsafe[0]}: {unsafe[1]}",
        excerpt=(),
    )


def _invocations(facts: PackageFacts) -> list[tuple[str, tuple[str, ...]]]:
    """Which scripts dpkg runs, in order; a postinst that answers triggers runs once more."""
    found = [(name, arguments) for name, arguments in _INVOCATIONS if script(facts, name)]
    triggers = trigger_interests(facts)
    if triggers and script(facts, "postinst"):
        found.append(("postinst", ("triggered", " ".join(triggers))))
    return found


def _follow(
    facts: PackageFacts,
    name: str,
    arguments: tuple[str, ...],
    surroundings: Surroundings,
    outcome: Outcome,
    architecture: str,
) -> None:
    control = dict(facts.control)
    variables = {
        "DPKG_ROOT": "",
        "DPKG_MAINTSCRIPT_NAME": name,
        "DPKG_MAINTSCRIPT_PACKAGE": control.get("Package", ""),
        "DPKG_MAINTSCRIPT_ARCH": control.get("Architecture", architecture),
    }
    evaluation = Evaluation(
        arguments,
        paths=surroundings,
        commands=STATIC_COMMANDS,
        variables=variables,
        outcome=outcome,
    )
    try:
        evaluation.run(_parse(script(facts, name) or b""))
    except NotRecognisedError as error:
        raise _Unrecognised(name, error) from None


def _parse(data: bytes) -> Block:
    first, _, _ = data.partition(b"\n")
    interpreter, _, flags = first[2:].strip().partition(b" ")
    if not first.startswith(b"#!") or interpreter not in _SHELLS:
        raise NotRecognisedError("not a shell script", 1)
    if flags.strip() not in _SHELL_FLAGS:
        raise NotRecognisedError("unusual options of the shell", 1)
    try:
        return parse_script(data)
    except ShellSyntaxError as error:
        raise NotRecognisedError(str(error), error.line) from None


def _parametrised(operations: list[Operation], parameters: Parameters) -> tuple[Operation, ...]:
    """The operations with the architecture taken out, each once, in order."""
    abstract = parameters.abstract
    found: dict[Operation, None] = {}
    for operation in operations:
        if isinstance(operation, Alternative):
            operation = replace(
                operation,
                name=abstract(operation.name),
                link=abstract(operation.link),
                path=abstract(operation.path),
                slaves=tuple(
                    (abstract(link), abstract(name), abstract(path))
                    for link, name, path in operation.slaves
                ),
            )
        elif isinstance(operation, MakeDirectory | SetAttributes | DeletePath):
            operation = replace(operation, path=abstract(operation.path))
        elif isinstance(operation, MakeLink):
            operation = replace(
                operation, path=abstract(operation.path), target=abstract(operation.target)
            )
        found[operation] = None
    return tuple(found)


def _excerpt(data: bytes, line: int) -> tuple[tuple[int, str], ...]:
    lines = data.decode("utf-8", "replace").splitlines()
    around = range(max(1, line - 1), min(len(lines), line + 1) + 1)
    return tuple((number, lines[number - 1][:160]) for number in around)
