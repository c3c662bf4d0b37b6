"""Where each value of a YAML text begins and ends, and insertions that touch nothing else.

An edit of a recipe is a few characters put in or taken out; every comment, quote and indent
that a person wrote stays as it is. Whoever edits reads the result again and compares.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

_Event: TypeAlias = Any
Value: TypeAlias = Any
"""Text, a number, a boolean, a list or a dict of these: what is written into a recipe."""

# What YAML 1.2 and 1.1 readers both take for plain text inside and outside brackets.
_PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./+=@%~^*()$;-]*(?: [A-Za-z0-9_./+=@()-]+)*")
_NOT_TEXT = re.compile(
    r"[-+]?[0-9._]+(?:[eE][-+]?[0-9]+)?|0[xob][0-9a-fA-F_]+|[0-9]+(?::[0-9]+)+|[0-9]{4}-.*"
    r"|(?i:true|false|yes|no|on|off|y|n|null)|\.(?i:inf|nan)|~"
)


class UneditableError(Exception):
    """The text has a shape that can't be edited without rewriting what a person wrote."""


@dataclass(slots=True)
class Span:
    """One value: characters ``start`` to ``end``; ``column`` is where it begins on its line.

    For a block collection ``end`` is the end of its last value. ``pairs`` are those of a map.
    """

    kind: str
    start: int
    end: int
    column: int
    flow: bool = False
    text: str = ""
    items: list[Span] = field(default_factory=list)

    @property
    def pairs(self) -> list[tuple[Span, Span]]:
        """Key and value spans of a map."""
        return list(zip(self.items[::2], self.items[1::2], strict=True))

    def get(self, key: str) -> tuple[Span, Span] | None:
        """The pair of ``key`` in a map."""
        return next((pair for pair in self.pairs if pair[0].text == key), None)


def spans_of(text: str) -> Span:
    """The root value of ``text``, which has been read without problems before."""
    from ruamel.yaml import YAML

    stack: list[Span] = []
    root: Span | None = None
    for event in YAML(typ="safe", pure=True).parse(text):
        done = _step(text, event, stack)
        if done is None:
            continue
        if stack:
            stack[-1].items.append(done)
        else:
            root = done
    if root is None:
        raise UneditableError("nothing in it")
    return root


def _step(text: str, event: _Event, stack: list[Span]) -> Span | None:
    """Take one event; the span that ended with it, if one did."""
    name = type(event).__name__
    if name not in _KINDS:
        return None
    start, column = event.start_mark.index, event.start_mark.column
    if name.endswith("StartEvent"):
        stack.append(Span(_KINDS[name], start, start, column, flow=bool(event.flow_style)))
        return None
    if name.endswith("EndEvent"):
        done = stack.pop()
        last = done.items[-1].end if done.items else done.start
        done.end = event.end_mark.index if done.flow else last
        return done
    end = event.end_mark.index
    if name == "ScalarEvent" and event.style in ("|", ">"):
        end = len(text[:end].rstrip())
    if name == "ScalarEvent" and event.style is None and event.value == "" and stack:
        previous = stack[-1].items[-1].end if stack[-1].items else start
        start = end = text.index(":", previous) + 1 if ":" in text[previous:] else start
    return Span(_KINDS[name], start, end, column, text=getattr(event, "value", "") or "")


_KINDS = {
    "ScalarEvent": "text",
    "AliasEvent": "alias",
    "SequenceStartEvent": "list",
    "SequenceEndEvent": "list",
    "MappingStartEvent": "map",
    "MappingEndEvent": "map",
}


def render(value: Value) -> str:
    """``value`` on one line, in YAML's flow style, quoted only where it must be."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            plain = _PLAIN.fullmatch(value) and not _NOT_TEXT.fullmatch(value)
            return value if plain else json.dumps(value, ensure_ascii=False)
        case dict():
            inner = ", ".join(f"{render(key)}: {render(item)}" for key, item in value.items())
            return f"{{{inner}}}"
        case list() | tuple():
            return f"[{', '.join(render(item) for item in value)}]"
        case _:
            raise UneditableError(f"no way to write {type(value).__name__}")


def append_item(text: str, sequence: Span, value: Value) -> str:
    """``text`` with ``value`` after the last item of ``sequence``."""
    _editable(sequence, "list")
    if sequence.flow:
        return _into_flow(text, sequence, sequence.items, render(value))
    return _after_line(text, sequence.end, _block_item(" " * sequence.column, value))


def add_pair(
    text: str, mapping: Span, key: str, value: Value, *, before_it: Sequence[str] = ()
) -> str:
    """``text`` with a new ``key`` in ``mapping``, after the last of ``before_it`` it has."""
    _editable(mapping, "map")
    pairs = mapping.pairs
    if mapping.flow:
        return _into_flow(text, mapping, mapping.items, f"{render(key)}: {render(value)}")
    ends = [pair[1].end for pair in pairs if pair[0].text in before_it] if before_it else []
    indent = " " * mapping.column
    if not ends and before_it:
        start = text.rfind("\n", 0, pairs[0][0].start) + 1
        return text[:start] + _block_pair(indent, key, value) + "\n" + text[start:]
    return _after_line(text, max(ends, default=mapping.end), _block_pair(indent, key, value))


def replace_value(text: str, key: Span, value_span: Span, value: Value) -> str:
    """``text`` with the value of ``key`` replaced."""
    if value_span.kind == "alias":
        raise UneditableError("the value is an alias")
    colon = text.index(":", key.end) + 1
    between = text[colon : value_span.start]
    start = colon if "\n" in between or not between else value_span.start
    space = " " if start == colon else ""
    return text[:start] + space + render(value) + text[value_span.end :]


def replace_item(text: str, item: Span, value: Value) -> str:
    """``text`` with one list item replaced."""
    if item.kind == "alias":
        raise UneditableError("the value is an alias")
    return text[: item.start] + render(value) + text[item.end :]


def remove_item(text: str, sequence: Span, number: int) -> str:
    """``text`` without one item of a list that has others."""
    item = sequence.items[number]
    if not sequence.flow:
        start = text.rfind("\n", 0, item.start) + 1
        if text[start : item.start].strip() != "-":
            raise UneditableError("the item does not stand on its own line")
        return text[:start] + text[_line_end(text, item.end) + 1 :]
    if number + 1 < len(sequence.items):
        return text[: item.start] + text[sequence.items[number + 1].start :]
    return text[: sequence.items[number - 1].end] + text[item.end :]


def remove_pair(text: str, mapping: Span, key: Span, value: Span) -> str:
    """``text`` without one key of a block map."""
    if mapping.flow:
        raise UneditableError("the map is written in braces")
    start = text.rfind("\n", 0, key.start) + 1
    if text[start : key.start].strip():
        raise UneditableError("the key does not stand on its own line")
    return text[:start] + text[_line_end(text, max(key.end, value.end)) + 1 :]


def _editable(span: Span, kind: str) -> None:
    if span.kind != kind:
        raise UneditableError(f"it is not written as a {kind}")


_DEEPEST_BLOCK = 2


def _block_pair(indent: str, key: str, value: Value, *, depth: int = 0) -> str:
    """A new key in block style: what a person would write for it, three lines for one wish."""
    lines = [f"{indent}{render(key)}:"]
    if depth == _DEEPEST_BLOCK:
        return f"{lines[0]} {render(value)}"
    if isinstance(value, dict) and value:
        deeper = depth + 1
        lines += [
            _block_pair(f"{indent}  ", name, item, depth=deeper) for name, item in value.items()
        ]
    elif isinstance(value, list) and value and key not in ("entrypoint", "command"):
        lines += [_block_item(f"{indent}  ", item) for item in value]
    else:
        return f"{lines[0]} {render(value)}"
    return "\n".join(lines)


def _block_item(indent: str, value: Value) -> str:
    """A list item; text of several lines stands in a block of its own, as a person writes it."""
    long = [k for k, v in value.items() if "\n" in str(v)] if isinstance(value, dict) else []
    if not long:
        return f"{indent}- {render(value)}"
    lines: list[str] = []
    for key, item in value.items():
        head = f"{indent}{'  ' if lines else '- '}{render(key)}:"
        if key in long:
            lines += [f"{head} |", *(f"{indent}    {row}" for row in item.splitlines())]
        else:
            lines.append(f"{head} {render(item)}")
    return "\n".join(lines)


def _into_flow(text: str, span: Span, items: list[Span], rendered: str) -> str:
    if not items:
        return text[: span.start + 1] + rendered + text[span.end - 1 :]
    last = items[-1]
    separator = ", "
    step = 2 if span.kind == "map" else 1
    if len(items) > step and "#" not in text[last.end : span.end]:
        between = text[items[-step - 1].end : items[-step].start]
        separator = between if not between.strip(", \n") and "," in between else separator
    return text[: last.end] + separator + rendered + text[last.end :]


def _after_line(text: str, position: int, line: str) -> str:
    end = _line_end(text, position)
    start = "" if end < len(text) or text.endswith("\n") or not text else "\n"
    if end >= len(text):
        return f"{text}{start}{line}\n"
    return text[: end + 1] + line + "\n" + text[end + 1 :]


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end
