"""Shapes: what a value in a recipe may look like. One table of them is both reader and schema.

A shape turns a node into plain data (``str``, ``int``, ``bool``, ``list``, ``dict``), noting
every problem with its place, and describes the same rule as JSON Schema (draft 2020-12). That
both come from one object is what keeps the editor's opinion and the reader's the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from neve.errors import Place
from neve.recipe.document import Mapping, Node, Scalar, Sequence
from neve.recipe.problems import Problems, closest, shown

Data: TypeAlias = Any
"""Plain data that a shape has checked: what it is, the grammar knows and the types do not."""

INVALID: Data = object()
"""Returned in place of a value whose problem has been noted."""


@dataclass(slots=True)
class Reading:
    """What reading one document has found: problems, and the place of each field."""

    problems: Problems
    places: dict[str, Place] = field(default_factory=dict)

    def bad(self, node: Node, brief: str, resolution: str) -> Data:
        """Note a problem at ``node``; returns ``INVALID``."""
        self.problems.add(node.place, brief, resolution)
        return INVALID


class Shape(Protocol):
    """One rule for a value."""

    def read(self, node: Node, at: str, reading: Reading) -> Data:
        """The value of ``node``, which stands at field ``at``, or ``INVALID``."""

    def schema(self) -> dict[str, Any]:
        """The same rule as JSON Schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Text matching ``pattern``. ``numbers`` also takes a number, as it was written.

    ``normal`` turns the text into its one form, or raises ``ValueError`` with what to write.
    ``hint`` is a callable giving a better suggestion for a given wrong text.
    """

    what: str
    pattern: str = r"[^\x00]*"
    example: str = ""
    numbers: bool = False
    normal: Callable[[str], str] | None = None
    hint: Callable[[str], str | None] | None = None
    json: dict[str, Any] = field(default_factory=dict)

    def read(self, node: Node, at: str, reading: Reading) -> Data:
        """The text, in its one form."""
        if not isinstance(node, Scalar) or (node.kind != "text" and not self._number(node)):
            number = isinstance(node, Scalar) and node.kind.endswith("number")
            better = self.hint(node.text) if self.hint and isinstance(node, Scalar) else None
            brief = f"{at}: expected {self.what}, found {_found(node)}"
            return reading.bad(node, brief, (number and better) or _fix(node))
        suggestion = f"For example {self.example}." if self.example else "Correct the value."
        if re.fullmatch(self.pattern, node.text, re.DOTALL) is None:
            better = self.hint(node.text) if self.hint else None
            brief = f"{at}: {shown(node.text)} is not {self.what}"
            return reading.bad(node, brief, better or suggestion)
        if self.normal is None:
            return node.text
        try:
            return self.normal(node.text)
        except ValueError as error:
            brief = f"{at}: {shown(node.text)} is not {self.what}"
            return reading.bad(node, brief, str(error) or suggestion)

    def _number(self, node: Scalar) -> bool:
        return self.numbers and node.kind in ("a whole number", "a number")

    def schema(self) -> dict[str, Any]:
        """A string, or a number too."""
        kind: Any = ["string", "number"] if self.numbers else "string"
        result: dict[str, Any] = {"type": kind}
        if self.pattern != r"[^\x00]*":
            result["pattern"] = f"^(?:{self.pattern})$"
        return result | self.json


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A whole number between ``low`` and ``high``, both included."""

    what: str
    low: int
    high: int
    forbidden: tuple[int, ...] = ()

    def read(self, node: Node, at: str, reading: Reading) -> Data:
        """The number."""
        if not isinstance(node, Scalar) or node.kind != "a whole number":
            found = f"{at}: expected {self.what}, found {_found(node)}"
            return reading.bad(node, found, f"Write a whole number from {self.low} to {self.high}.")
        # A bounded length first: int() of a long numeral takes quadratic time.
        number = int(node.text, 0 if node.text[:2] in ("0o", "0x") else 10) if _short(node) else -1
        if not self.low <= number <= self.high or number in self.forbidden:
            brief = f"{at}: {shown(node.text)} is not {self.what}"
            return reading.bad(node, brief, f"Use a number from {self.low} to {self.high}.")
        return number

    def schema(self) -> dict[str, Any]:
        """An integer with its bounds."""
        result: dict[str, Any] = {"type": "integer", "minimum": self.low, "maximum": self.high}
        if self.forbidden:
            result["not"] = {"enum": list(self.forbidden)}
        return result


@dataclass(frozen=True, slots=True)
class Flag:
    """``true`` or ``false``."""

    only: bool | None = None

    def read(self, node: Node, at: str, reading: Reading) -> Data:
        """The boolean."""
        if not isinstance(node, Scalar) or node.kind != "a boolean":
            fix = "Write true or false."
            return reading.bad(node, f"{at}: expected true or false, found {_found(node)}", fix)
        value = node.text.lower() == "true"
        if self.only is not None and value is not self.only:
            return reading.bad(node, f"{at}: {node.text} says nothing", "Remove the key.")
        return value

    def schema(self) -> dict[str, Any]:
        """A boolean."""
        return {"type": "boolean"} if self.only is None else {"const": self.only}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOf:
    """A list of ``item`` with at least ``minimum`` of them."""

    item: Shape
    minimum: int = 0
    text_hint: str = "Write a list: [first, second]."

    def read(self, node: Node, at: str, reading: Reading) -> Data:
        """The values; one that is wrong makes the whole list ``INVALID``."""
        if not isinstance(node, Sequence):
            brief = f"{at}: expected a list, found {_found(node)}"
            return reading.bad(node, brief, self.text_hint)
        if len(node.items) < self.minimum:
            return reading.bad(node, f"{at}: the list is empty", "Add an item or remove the key.")
        values = []
        for number, item in enumerate(node.items):
            field_name = f"{at}[{number}]"
            reading.places[field_name] = item.place
            values.append(self.item.read(item, field_name, reading))
        return INVALID if any(value is INVALID for value in values) else values

    def schema(self) -> dict[str, Any]:
        """An array."""
        result: dict[str, Any] = {"type": "array", "items": self.item.schema()}
        return result | ({"minItems": self.minimum} if self.minimum else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class MapOf:
    """A map from names of one shape to values of another."""

    key: Text
    value: Shape

    def read(self, node: Node, at: str, reading: Reading) -> Data:
        """A dict in the order written."""
        if not isinstance(node, Mapping):
            fix = "Write a map: one name, a colon and its value on each line."
            return reading.bad(node, f"{at}: expected a map, found {_found(node)}", fix)
        result: dict[str, Any] = {}
        broken = False
        for key, value in node.pairs:
            name = self.key.read(Scalar(key.place, key.text, plain=False), at, reading)
            field_name = f"{at}.{key.text}"
            reading.places[field_name] = key.place
            read = self.value.read(value, field_name, reading)
            if name is INVALID or read is INVALID:
                broken = True
            elif name in result:
                reading.bad(key, f"{at}: {shown(name)} stands twice", "Keep one of them.")
            else:
                result[name] = read
        return INVALID if broken else result

    def schema(self) -> dict[str, Any]:
        """An object with patterned names."""
        names = {k: v for k, v in self.key.schema().items() if k == "pattern"}
        return {
            "type": "object",
            "propertyNames": names,
            "additionalProperties": self.value.schema(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One key of a record: its shape and one sentence for people and editors.

    ``merge`` says what ``extends`` does: ``merge`` maps, ``append`` to lists, ``replace``, or
    ``own`` for what is never inherited.
    """

    name: str
    shape: Shape
    doc: str
    required: bool = False
    merge: str = "replace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A map with known keys. ``check`` sees the finished dict and notes what does not fit."""

    what: str
    fields: tuple[Field, ...]
    empty: bool = False
    check: Callable[[dict[str, Any], Node, str, Reading], None] | None = None
    rules: dict[str, Any] = field(default_factory=dict)

    def read(self, node: Node, at: str, reading: Reading) -> Data:
        """A dict of the keys that were given."""
        if self.empty and isinstance(node, Scalar) and node.kind == "nothing":
            return {}
        if not isinstance(node, Mapping):
            keys = ", ".join(f.name for f in self.fields)
            brief = f"{at or 'the recipe'}: expected {self.what}, found {_found(node)}"
            return reading.bad(node, brief, f"Write a map with {keys}.")
        known = {f.name: f for f in self.fields}
        result: dict[str, Any] = {}
        before = len(reading.problems)
        for key, value in node.pairs:
            entry = known.get(key.text)
            if entry is None:
                self._unknown(key, at, reading, known)
                continue
            field_name = f"{at}.{key.text}" if at else key.text
            reading.places[field_name] = _beside(key, value)
            read = entry.shape.read(value, field_name, reading)
            if read is not INVALID:
                result[key.text] = read
        for entry in self.fields:
            if entry.required and node.get(entry.name) is None:
                brief = f"{at or 'the recipe'}: {entry.name} is missing"
                reading.bad(node, brief, f"Add {entry.name}: {_decapital(entry.doc)}")
        if len(reading.problems) > before:
            return INVALID
        if self.check is not None:
            self.check(result, node, at, reading)
        return INVALID if len(reading.problems) > before else result

    def _unknown(self, key: Scalar, at: str, reading: Reading, known: dict[str, Field]) -> None:
        near = closest(key.text, known)
        fix = f"Did you mean {near}?" if near else f"Known keys: {', '.join(known)}."
        where = f" in {at}" if at else ""
        reading.bad(key, f"unknown key {shown(key.text)}{where}", fix)

    def schema(self) -> dict[str, Any]:
        """An object that takes no other keys."""
        properties = {f.name: f.shape.schema() | {"description": f.doc} for f in self.fields}
        result: dict[str, Any] = {
            "type": ["object", "null"] if self.empty else "object",
            "additionalProperties": False,
            "properties": properties,
        }
        required = [f.name for f in self.fields if f.required]
        return result | ({"required": required} if required else {}) | self.rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Either:
    """A short form as text, or the long form as a map. ``expand`` makes the long from the short."""

    short: Text
    expand: Callable[[str], dict[str, Any]]
    long: Record

    def read(self, node: Node, at: str, reading: Reading) -> Data:
        """The long form's dict."""
        if not isinstance(node, Scalar):
            return self.long.read(node, at, reading)
        text = self.short.read(node, at, reading)
        return INVALID if text is INVALID else self.expand(text)

    def schema(self) -> dict[str, Any]:
        """Either of both."""
        return {"anyOf": [self.short.schema(), self.long.schema()]}


def _short(node: Scalar) -> bool:
    return len(node.text) <= 20


def _found(node: Node) -> str:
    if isinstance(node, Scalar) and node.kind not in ("text", "nothing"):
        return f"{node.kind} ({shown(node.text)})"
    return node.kind


def _fix(node: Node) -> str:
    if isinstance(node, Scalar) and node.kind == "nothing":
        return "Give it a value or remove the key."
    if isinstance(node, Scalar):
        return f'Put it in quotes: "{node.text[:40]}".'
    return "Write a single value."


def _beside(key: Scalar, value: Node) -> Place:
    """A field's place: its value where that stands on the key's line, else its key."""
    same = value.place.line == key.place.line and value.place.file == key.place.file
    return value.place if same and isinstance(value, Scalar) else key.place


def _decapital(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
