"""Execline scripts as data: words and blocks in, text out, everything quoted.

Execline (skarnet.org) turns a script into one command line and executes it: there is no shell,
no expansion and nothing left in memory. Grammar: execlineb's manual, "Syntax of scripts".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias

EXECLINE = "/usr/lib/execline/bin"
"""Where Debian puts execline; ``/usr/bin/execlineb`` is a shell script there."""

Word: TypeAlias = "str | Block"
Line: TypeAlias = "tuple[Word, ...]"


class Block(tuple[Line, ...]):
    """Lines that one word of a command stands for: ``{ … }``."""

    __slots__ = ()


_PLAIN = re.compile(r"[A-Za-z0-9_./:=,+@%^?!-]+")
_ESCAPED = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def block(*lines: Line) -> Block:
    """The block of these lines."""
    return Block(lines)


def line(program: str, *words: Word) -> Line:
    """One line; a bare program name is one of execline's own."""
    return (program if program.startswith("/") else f"{EXECLINE}/{program}", *words)


def script(lines: Sequence[Line], *, arguments: int | None = None) -> bytes:
    """A whole executable script; with ``arguments``, ``$1`` … stand for at least that many."""
    option = "-P" if arguments is None else f"-S{arguments}"
    return f"#!{EXECLINE}/execlineb {option}\n{_render(lines, '')}".encode()


def _render(lines: Sequence[Line], indent: str) -> str:
    return "".join(f"{indent}{' '.join(_word(w, indent) for w in words)}\n" for words in lines)


def _word(word: Word, indent: str) -> str:
    if not isinstance(word, str):
        return "{\n" + _render(word, indent + "  ") + indent + "}"
    return quote(word)


def quote(text: str) -> str:
    """``text`` as exactly one word; a NUL can't stand in one."""
    if "\0" in text:
        raise ValueError("an argument holds a NUL")
    if _PLAIN.fullmatch(text):
        return text
    return '"' + "".join(_ESCAPED.get(character, character) for character in text) + '"'
