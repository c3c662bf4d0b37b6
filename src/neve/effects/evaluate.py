"""Follows a maintainer script on a fresh installation without running anything.

The arguments are known (``configure`` and no old version), so most conditions are too. A
command on the path taken must be in the table of ``static_commands``; a condition must be
decided by the arguments, by literals or by the packaged paths. Whatever else is met raises
``NotRecognisedError``, and nothing is concluded from the script. Paths looked at become
preconditions of the effect.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from neve.effects.ops import Operation, Precondition
from neve.effects.shell_ast import (
    AndOr,
    Block,
    Case,
    For,
    Function,
    Group,
    If,
    Node,
    Not,
    Parameter,
    Part,
    Pipe,
    Redirection,
    Simple,
    Substitution,
    Text,
    While,
    Word,
)

_MAX_STEPS = 20_000
_PATTERN = "*?["
_FROM_OUTSIDE = ("DEB", "DPKG_", "HOME", "LANG", "LC_", "LOGNAME", "PATH", "PWD", "SHELL", "TERM")
_LANGUAGE = ("LANG", "LC_")
_FIXED = frozenset({"BASH_ENV", "ENV", "IFS", "PATH", "POSIXLY_CORRECT", "SHELLOPTS"})
_BRACES = re.compile(r"\{[^{}]*(?:,|\.\.)[^{}]*\}")


class NotRecognisedError(Exception):
    """What the evaluator cannot follow, and on which line (from 1)."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line


class _Stop(Exception):  # noqa: N818 (a signal, not an error)
    """``exit`` or ``return`` was reached."""

    def __init__(self, status: int, *, function: bool) -> None:
        super().__init__(status)
        self.status = status
        self.function = function


class Paths(Protocol):
    """Which paths packages bring."""

    def has(self, path: str) -> bool:
        """Whether some package brings ``path``."""
        ...


@dataclass(slots=True)
class Outcome:
    """What the followed path does, in order, and what it looked at."""

    operations: list[Operation] = field(default_factory=list)
    preconditions: dict[str, bool] = field(default_factory=dict)

    def conditions(self) -> tuple[Precondition, ...]:
        """The preconditions, sorted by path."""
        return tuple(
            Precondition(path=path, present=present)
            for path, present in sorted(self.preconditions.items())
        )


Command = Callable[["Evaluation", list[str], int], int]
"""Takes the evaluation, the arguments after the name and the line; returns the exit status."""


class Evaluation:
    """One script followed with given arguments."""

    def __init__(
        self,
        arguments: tuple[str, ...],
        *,
        paths: Paths,
        commands: Mapping[str, Command],
        variables: Mapping[str, str],
        outcome: Outcome,
    ) -> None:
        self.paths = paths
        self.outcome = outcome
        self._commands = commands
        self._arguments = arguments
        self._variables = dict(variables)
        self._functions: dict[str, Block] = {}
        self._steps = 0
        self._calls = 0
        self._status = 0

    def run(self, block: Block) -> None:
        """Follow ``block`` to its end; raises ``NotRecognisedError``."""
        try:
            self._block(block)
        except _Stop as stop:
            if stop.status != 0:
                raise NotRecognisedError("the script fails", 1) from None

    def do(self, operation: Operation) -> int:
        """Record an operation; the exit status of a command that succeeded."""
        self.outcome.operations.append(operation)
        return 0

    def has(self, path: str) -> bool:
        """Whether a package brings ``path``; the answer becomes a precondition."""
        found = self.paths.has(path)
        self.outcome.preconditions[path] = found
        return found

    def _block(self, block: Block, *, tested: bool = False) -> int:
        self._status = 0
        for node in block:
            self._status = self._node(node, tested=tested)
        return self._status

    def _node(self, node: Node, *, tested: bool = False) -> int:
        """The exit status of ``node``; one that is neither 0 nor ``tested`` is a failure."""
        self._steps += 1
        if self._steps > _MAX_STEPS:
            raise NotRecognisedError("the script is too long to follow", 1)
        match node:
            case Simple():
                return self._simple(node, tested=tested)
            case AndOr():
                return self._and_or(node, tested=tested)
            case Not(command):
                return int(self._node(command, tested=True) == 0)
            case If():
                return self._if(node, tested=tested)
            case Case():
                return self._case(node, tested=tested)
            case For():
                return self._for(node, tested=tested)
            case Function(name, body):
                self._functions[name] = body
                return 0
            case Group(body, redirections, False, _):
                self._redirect(redirections)
                return self._block(body, tested=tested)
            case Pipe(_, line) | While(_, _, line) | Group(_, _, _, line):
                raise NotRecognisedError("a pipe, loop or subshell", line)

    def _for(self, node: For, *, tested: bool) -> int:
        status = 0
        for value in [value for word in node.words for value in self.fields(word)]:
            self._assign(node.name, value, 1)
            status = self._block(node.body, tested=tested)
        return status

    def _and_or(self, node: AndOr, *, tested: bool) -> int:
        status = self._node(node.first, tested=True)
        for index, (operator, command) in enumerate(node.rest):
            last = index == len(node.rest) - 1
            if (status == 0) == (operator == "&&"):
                status = self._node(command, tested=tested or not last)
        return status

    def _if(self, node: If, *, tested: bool) -> int:
        for condition, body in node.branches:
            if self._block(condition, tested=True) == 0:
                return self._block(body, tested=tested)
        return self._block(node.otherwise, tested=tested)

    def _case(self, node: Case, *, tested: bool) -> int:
        value = self.text(node.word)
        for patterns, body in node.branches:
            if any(fnmatch.fnmatchcase(value, self._pattern(p)) for p in patterns):
                return self._block(body, tested=tested)
        return 0

    def _simple(self, node: Simple, *, tested: bool) -> int:
        self._redirect(node.redirections)
        words = [value for word in node.words for value in self.fields(word)]
        if not words:
            for name, word in node.assignments:
                self._assign(name, self.text(word), node.line)
            return 0
        if any(not name.startswith(_LANGUAGE) for name, _ in node.assignments):
            raise NotRecognisedError("a changed environment", node.line)
        status = self._command(words, node.line)
        if status != 0 and not tested:
            raise NotRecognisedError(f"{words[0]} fails", node.line)
        return status

    def _command(self, words: list[str], line: int) -> int:
        name, arguments = words[0], words[1:]
        if name in self._functions:
            return self._call(name, arguments, line)
        if name in ("exit", "return"):
            text = arguments[0] if arguments else str(self._status)
            if not text.isdigit():
                raise NotRecognisedError(f"{name} {text}", line)
            raise _Stop(int(text), function=name == "return")
        if name in ("export", "local"):
            for argument in arguments:
                variable, equals, value = argument.partition("=")
                if equals or name == "local":
                    self._assign(variable, value, line)
            return 0
        plain = name.rsplit("/", 1)[-1] if name.startswith(("/bin/", "/usr/", "/sbin/")) else name
        command = self._commands.get(plain)
        if command is None:
            raise NotRecognisedError(f"the command {name}", line)
        return command(self, arguments, line)

    def _call(self, name: str, arguments: list[str], line: int) -> int:
        if self._calls >= 20:
            raise NotRecognisedError("functions call each other too deeply", line)
        outer, self._arguments = self._arguments, tuple(arguments)
        self._calls += 1
        try:
            return self._block(self._functions[name])
        except _Stop as stop:
            if not stop.function:
                raise
            return stop.status
        finally:
            self._calls -= 1
            self._arguments = outer

    def _assign(self, name: str, value: str, line: int) -> None:
        guarded = name in _FIXED or name.startswith(("DPKG_", "LD_"))
        if guarded and value != self._variables.get(name):
            raise NotRecognisedError(f"a changed {name}", line)
        self._variables[name] = value

    def _redirect(self, redirections: tuple[Redirection, ...]) -> None:
        """Only what goes nowhere or to the terminal may be redirected."""
        for redirection in redirections:
            target = self.text(redirection.target)
            quiet = redirection.operator in (">", ">>", "<") and target == "/dev/null"
            shown = redirection.operator == ">&" and target in ("1", "2")
            if not quiet and not shown:
                raise NotRecognisedError(f"a redirection to {target}", redirection.target.line)

    def text(self, word: Word) -> str:
        """The word as one string, as in an assignment or after ``case``."""
        return "".join(self._part(part, word.line) for part in word.parts)

    def fields(self, word: Word) -> list[str]:
        """The word's fields: what splitting and globbing would change is not recognised."""
        said = [part for part in word.parts if part != Text("", quoted=True)]
        if len(said) == 1 and _is_all_arguments(said[0]):
            return list(self._arguments)
        if len(said) == 1 and said[0] == Text("[", quoted=False):
            return ["["]
        value, quoted, literal = "", False, False
        for part in word.parts:
            text = self._part(part, word.line)
            quoted |= part.quoted
            literal |= isinstance(part, Text) and bool(part.text)
            if not part.quoted:
                split = not isinstance(part, Text) and any(c.isspace() for c in text)
                if split or any(c in text for c in _PATTERN):
                    raise NotRecognisedError(f"splitting or globbing of {text!r}", word.line)
            value += text
        bare = "".join(p.text for p in word.parts if isinstance(p, Text) and not p.quoted)
        if _BRACES.search(bare):
            raise NotRecognisedError("an expansion of braces", word.line)
        return [value] if value or quoted or literal else []

    def _pattern(self, word: Word) -> str:
        """A ``case`` pattern for fnmatch: quoted characters stand for themselves."""
        found = ""
        for part in word.parts:
            text = self._part(part, word.line)
            if part.quoted:
                found += "".join(f"[{c}]" if c in _PATTERN else c for c in text)
            elif "[!" in text or "\\" in text:
                raise NotRecognisedError(f"the pattern {text}", word.line)
            else:
                found += text
        return found

    def _part(self, part: Part, line: int) -> str:
        match part:
            case Text(text):
                if not part.quoted and text.startswith("~"):
                    raise NotRecognisedError("a home directory", line)
                return text
            case Parameter():
                return self._parameter(part, line)
            case Substitution(text):
                return self._substitution(text.strip(), line)

    def _parameter(self, part: Parameter, line: int) -> str:
        value = self._value(part.name, line)
        if part.operator.startswith(":") and value == "":
            value = None
        other = "" if part.word is None else self.text(part.word)
        if part.operator.endswith("-"):
            return other if value is None else value
        if part.operator.endswith("+"):
            return "" if value is None else other
        if value is None:
            raise NotRecognisedError(f"the variable {part.name}", line)
        return value

    def _value(self, name: str, line: int) -> str | None:
        if name in ("@", "*", "0"):
            raise NotRecognisedError(f"${name} inside a word", line)
        if name == "#":
            return str(len(self._arguments))
        if name == "?":
            return str(self._status)
        if name not in self._variables and name.startswith(_FROM_OUTSIDE):
            raise NotRecognisedError(f"the environment's {name}", line)
        if name.isdigit():
            index = int(name) - 1
            return self._arguments[index] if index < len(self._arguments) else ""
        return self._variables.get(name)

    def _substitution(self, text: str, line: int) -> str:
        words = text.replace("2>/dev/null", "").split()
        safe = all(w.replace("-", "").replace("_", "").replace(".", "").isalnum() for w in words)
        if safe and len(words) == 3 and words[:2] == ["command", "-v"]:
            return self.find_command(words[2], line) or ""
        if safe and len(words) == 2 and words[0] == "which":
            return self.find_command(words[1], line) or ""
        raise NotRecognisedError(f"the output of {text}", line)

    def find_command(self, name: str, line: int) -> str | None:
        """Where a packaged command lies; ``None`` only if no package and no link could be it."""
        for directory in ("/usr/sbin", "/usr/bin"):
            if self.paths.has(f"{directory}/{name}"):
                self.has(f"{directory}/{name}")
                return f"{directory}/{name}"
        if name not in NEVER_ALTERNATIVES:
            raise NotRecognisedError(f"whether {name} is there", line)
        for directory in ("/usr/sbin", "/usr/bin"):
            self.has(f"{directory}/{name}")
        return None


NEVER_ALTERNATIVES = frozenset(
    {
        "deb-systemd-helper",
        "deb-systemd-invoke",
        "dpkg-maintscript-helper",
        "fc-cache",
        "gtk-update-icon-cache",
        "invoke-rc.d",
        "install-info",
        "py3clean",
        "py3compile",
        "pypy3compile",
        "systemctl",
        "systemd-sysusers",
        "systemd-tmpfiles",
        "ucf",
        "update-desktop-database",
        "update-mime",
        "update-rc.d",
        "update-xmlcatalog",
    }
)
"""Commands that a package brings as a file or not at all: no script makes a link of the name."""


def _is_all_arguments(part: Part) -> bool:
    return isinstance(part, Parameter) and part.name == "@" and part.quoted
