"""The syntax tree of the part of POSIX shell that ``shell`` reads. Types only."""

from __future__ import annotations

from dataclasses import dataclass


class ShellSyntaxError(ValueError):
    """The script uses shell that this parser does not read; ``line`` counts from 1."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(problem)
        self.line = line


@dataclass(frozen=True, slots=True)
class Text:
    """Literal text; ``quoted`` text is never split or matched as a pattern."""

    text: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class Parameter:
    """``$name``, ``${name}`` or ``${name:-word}``: ``operator`` is ``:-``, ``-``, ``:+``, ``+``."""

    name: str
    quoted: bool
    operator: str = ""
    word: Word | None = None


@dataclass(frozen=True, slots=True)
class Substitution:
    """``$(…)``: the text between the brackets."""

    text: str
    quoted: bool


Part = Text | Parameter | Substitution


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a command, as its parts."""

    parts: tuple[Part, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Redirection:
    """``2>/dev/null``: ``descriptor`` is the number before the operator."""

    descriptor: int | None
    operator: str
    target: Word


@dataclass(frozen=True, slots=True)
class Simple:
    """Assignments, a command's words, redirections."""

    assignments: tuple[tuple[str, Word], ...]
    words: tuple[Word, ...]
    redirections: tuple[Redirection, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Pipe:
    """``a | b``."""

    commands: tuple[Node, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Not:
    """``! a``."""

    command: Node


@dataclass(frozen=True, slots=True)
class AndOr:
    """``a && b || c``: left-associative."""

    first: Node
    rest: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class If:
    """``if``/``elif`` branches as (condition, body), and ``else``."""

    branches: tuple[tuple[Block, Block], ...]
    otherwise: Block


@dataclass(frozen=True, slots=True)
class Case:
    """``case word in pattern) body ;; … esac``."""

    word: Word
    branches: tuple[tuple[tuple[Word, ...], Block], ...]


@dataclass(frozen=True, slots=True)
class For:
    """``for name in words; do body; done``."""

    name: str
    words: tuple[Word, ...]
    body: Block


@dataclass(frozen=True, slots=True)
class While:
    """``while``/``until`` and what it repeats."""

    condition: Block
    body: Block
    line: int


@dataclass(frozen=True, slots=True)
class Function:
    """``name() { body; }``."""

    name: str
    body: Block


@dataclass(frozen=True, slots=True)
class Group:
    """``{ …; }``, or ``( … )`` where ``subshell``, with redirections."""

    body: Block
    redirections: tuple[Redirection, ...]
    subshell: bool
    line: int


Node = Simple | Pipe | Not | AndOr | If | Case | For | While | Function | Group
Block = tuple[Node, ...]
