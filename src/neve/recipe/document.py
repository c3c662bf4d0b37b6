"""One YAML 1.2 document as nodes that know their place: the only reader of YAML text.

Takes ruamel.yaml's event stream and builds nodes itself, so that duplicate keys, tags, deep
nesting and aliases that multiply are refused before they cost anything, and so that a plain
``no`` or ``24.04`` stays the text that was written. Knows nothing of recipes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeAlias

from neve.errors import Place
from neve.recipe.problems import Problems, shown

MAX_BYTES = 1_000_000
MAX_DEPTH = 24
MAX_NODES = 50_000
"""Nodes after every alias has been followed: what bounds "a billion laughs"."""

# YAML 1.2, core schema (§10.3.2).
_NULL = re.compile(r"|~|null|Null|NULL")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)


@dataclass(frozen=True, slots=True)
class Scalar:
    """Text as written; ``plain`` when it stood without quotes."""

    place: Place
    text: str
    plain: bool

    @property
    def kind(self) -> str:
        """What YAML 1.2 takes it for: text, nothing, a boolean, a whole number or a number."""
        if not self.plain:
            return "text"
        for kind, pattern in (
            ("nothing", _NULL),
            ("a boolean", _TRUE),
            ("a boolean", _FALSE),
            ("a whole number", _INTEGER),
            ("a number", _FLOAT),
        ):
            if pattern.fullmatch(self.text):
                return kind
        return "text"


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    place: Place
    items: tuple[Node, ...]
    kind: str = "a list"


@dataclass(frozen=True, slots=True)
class Mapping:
    """A map; keys are scalars and unique."""

    place: Place
    pairs: tuple[tuple[Scalar, Node], ...]
    kind: str = "a map"

    def get(self, name: str) -> Node | None:
        """The value of key ``name``, or ``None``."""
        for key, value in self.pairs:
            if key.text == name:
                return value
        return None


Node = Scalar | Sequence | Mapping


_Event: TypeAlias = Any
"""ruamel.yaml's events and marks, which carry no types."""


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come yet."""

    place: Place
    anchor: str | None
    is_map: bool
    items: list[Node] = field(default_factory=list)
    weight: int = 1


class _RefusedError(Exception):
    """Reading cannot go on; the problem is already noted."""


def parse_document(data: bytes, file: str, problems: Problems) -> Node | None:
    """The one document in ``data``, or ``None`` with the cause noted in ``problems``.

    ``file`` is the name shown in places.
    """
    start = Place(file=file, line=1, column=1)
    if len(data) > MAX_BYTES:
        problems.add(start, f"larger than {MAX_BYTES} bytes", "Move file contents out of it.")
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problems.add(
            Place(file=file, line=line, column=1), "not UTF-8 text", "Save the file as UTF-8."
        )
        return None
    try:
        return _Builder(file, problems).build(text)
    except _RefusedError:
        return None


class _Builder:
    """Turns events into nodes without recursion."""

    def __init__(self, file: str, problems: Problems) -> None:
        self._file = file
        self._problems = problems
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int] | None] = {}
        self._root: Node | None = None
        self._documents = 0

    def build(self, text: str) -> Node | None:
        for event in self._events(text):
            self._take(event)
        if self._root is None:
            place = Place(file=self._file, line=1, column=1)
            self._refuse(place, "the file is empty", "Write at least distribution and release.")
        return self._root

    def _events(self, text: str) -> Iterator[_Event]:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import MarkedYAMLError, YAMLError

        reader = YAML(typ="safe", pure=True)
        try:
            yield from reader.parse(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            cause = error.problem or error.context or "cannot be read"
            self._refuse(self._place(mark), f"not YAML: {cause}", _YAML_HINT)
        except (YAMLError, ValueError, LookupError, AttributeError, TypeError, AssertionError) as e:
            # ruamel.yaml lets a few of its own slips through on text that is not YAML at all.
            cause = str(e).strip().split("\n", 1)[0] or type(e).__name__
            place = Place(file=self._file, line=_line_of(e, text), column=1)
            self._refuse(place, f"not YAML: {cause}", _YAML_HINT)

    def _place(self, mark: _Event) -> Place:
        line = 1 if mark is None else int(mark.line) + 1
        column = 1 if mark is None else int(mark.column) + 1
        return Place(file=self._file, line=line, column=column)

    def _refuse(self, place: Place, brief: str, resolution: str) -> NoReturn:
        self._problems.add(place, brief, resolution)
        raise _RefusedError

    def _take(self, event: _Event) -> None:
        match type(event).__name__:
            case "DocumentStartEvent":
                self._start_document(event)
            case "ScalarEvent":
                place = self._place(event.start_mark)
                self._no_tag(event, place)
                node = Scalar(place, event.value, plain=event.style is None)
                self._close(node, event.anchor, 1)
            case "SequenceStartEvent" | "MappingStartEvent" as name:
                self._open(event, is_map=name == "MappingStartEvent")
            case "SequenceEndEvent" | "MappingEndEvent":
                done = self._stack.pop()
                self._close(self._finished(done), done.anchor, done.weight)
            case "AliasEvent":
                self._alias(event)
            case _:
                pass

    def _start_document(self, event: _Event) -> None:
        self._documents += 1
        place = self._place(event.start_mark)
        if self._documents > 1:
            self._refuse(place, "a second document", "Keep one recipe in a file.")
        if event.version is not None and tuple(event.version) != (1, 2):
            self._refuse(place, "recipes are YAML 1.2", "Remove the %YAML line.")

    def _no_tag(self, event: _Event, place: Place) -> None:
        if event.tag is not None:
            self._problems.add(
                place, f"tags are not allowed: {shown(str(event.tag))}", "Remove the tag."
            )

    def _open(self, event: _Event, *, is_map: bool) -> None:
        place = self._place(event.start_mark)
        self._no_tag(event, place)
        if len(self._stack) >= MAX_DEPTH:
            self._refuse(place, f"nested deeper than {MAX_DEPTH} levels", "Flatten it.")
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._stack.append(_Open(place, event.anchor, is_map))

    def _alias(self, event: _Event) -> None:
        place = self._place(event.start_mark)
        if event.anchor not in self._anchors:
            self._refuse(place, f"no anchor &{event.anchor} before this", "Define it first.")
        known = self._anchors[event.anchor]
        if known is None:
            self._refuse(place, f"*{event.anchor} contains itself", "Remove the alias.")
        node, weight = known
        self._close(node, None, weight)

    def _close(self, node: Node, anchor: str | None, weight: int) -> None:
        """Hand a finished node to what holds it."""
        if anchor is not None:
            self._anchors[anchor] = (node, weight)
        if not self._stack:
            self._root = node
            return
        parent = self._stack[-1]
        parent.items.append(node)
        parent.weight += weight
        if parent.weight > MAX_NODES:
            self._refuse(node.place, f"more than {MAX_NODES} values", "Split the recipe.")

    def _finished(self, done: _Open) -> Node:
        if not done.is_map:
            return Sequence(done.place, tuple(done.items))
        pairs: list[tuple[Scalar, Node]] = []
        seen: dict[str, Place] = {}
        for key, value in zip(done.items[::2], done.items[1::2], strict=True):
            if not isinstance(key, Scalar):
                self._problems.add(key.place, f"{key.kind} as a key", "Use a word as the key.")
            elif key.plain and key.text == "<<":
                self._problems.add(
                    key.place, "merge keys (<<) are not YAML 1.2", "Use extends, or repeat it."
                )
            elif key.text in seen:
                self._problems.add(
                    key.place,
                    f"key {shown(key.text)} stands twice",
                    f"Keep one; the first is on line {seen[key.text].line}.",
                )
            else:
                seen[key.text] = key.place
                if isinstance(value, Scalar) and value.plain and value.text == "":
                    value = Scalar(key.place, "", plain=True)  # its own mark is the next token's
                pairs.append((key, value))
        return Mapping(done.place, tuple(pairs))


_YAML_HINT = "Check indentation, quotes and brackets there."


def _line_of(error: Exception, text: str) -> int:
    """The line of a reader error, which carries an offset and no line."""
    position = getattr(error, "position", 0)
    return text.count("\n", 0, position) + 1 if isinstance(position, int) else 1
