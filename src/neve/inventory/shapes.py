"""Dataclasses as plain JSON values and back, by the shape of their types alone.

Knows the few types that facts are made of: text, numbers, bytes, enumerations, tuples, frozen
sets, optional values and dataclasses of those. A dataclass becomes the list of its fields in
order, without those at its end that have their default.
"""

# ruff: noqa: ANN401 - values of any type go through here, told apart at run time
from __future__ import annotations

import hashlib
import types
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

Convert = Callable[[Any], Any]
_ATOMS = (str, int, float, bool)


@cache
def shape_of(kind: Any) -> str:
    """A digest of all that ``kind`` is made of: other fields, names or defaults, another digest."""
    return hashlib.sha256(_described(kind).encode()).hexdigest()


@cache
def writer_of(kind: Any) -> Convert:
    """Values of ``kind`` to what ``json.dumps`` takes. ``TypeError`` for a type not known here."""
    if kind in _ATOMS:
        return _same
    if kind is bytes:
        return bytes.hex
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _value_of
    if is_dataclass(kind):
        return _dataclass_writer(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        inner = writer_of(_optional(kind))
        return lambda value: None if value is None else inner(value)
    if origin is frozenset:
        inner = writer_of(arguments[0])
        return lambda value: sorted(inner(item) for item in value)
    if origin is tuple and arguments[-1] is Ellipsis:
        inner = writer_of(arguments[0])
        return list if inner is _same else lambda value: [inner(item) for item in value]
    if origin is tuple:
        each = tuple(writer_of(item) for item in arguments)
        return lambda value: [write(item) for write, item in zip(each, value, strict=True)]
    raise TypeError(f"no way to write {kind}")


@cache
def reader_of(kind: Any) -> Convert:
    """What ``writer_of`` made back to ``kind``.

    Raises ``ValueError``, ``TypeError``, ``LookupError`` or ``AttributeError`` for anything else.
    """
    if kind in _ATOMS:
        return _same
    if kind is bytes:
        return bytes.fromhex
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    if is_dataclass(kind):
        return _dataclass_reader(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        inner = reader_of(_optional(kind))
        return lambda value: None if value is None else inner(value)
    if origin is frozenset:
        inner = reader_of(arguments[0])
        return lambda value: frozenset(inner(item) for item in value)
    if origin is tuple and arguments[-1] is Ellipsis:
        inner = reader_of(arguments[0])
        return tuple if inner is _same else lambda value: tuple([inner(item) for item in value])
    if origin is tuple:
        each = tuple(reader_of(item) for item in arguments)
        if all(read is _same for read in each):
            return tuple
        return lambda value: tuple([read(item) for read, item in zip(each, value, strict=True)])
    raise TypeError(f"no way to read {kind}")


def _same(value: Any) -> Any:
    return value


def _value_of(value: Enum) -> Any:
    return value.value


def _optional(kind: Any) -> Any:
    inner = [item for item in get_args(kind) if item is not type(None)]
    if len(inner) != 1 or len(get_args(kind)) != 2:
        raise TypeError(f"no way to write {kind}")
    return inner[0]


def _columns(kind: Any) -> list[tuple[str, Any, Any]]:
    hints = get_type_hints(kind)
    return [(item.name, hints[item.name], item.default) for item in fields(kind)]


def _default(value: Any) -> str:
    return "" if value is MISSING else repr(value)


def _dataclass_writer(kind: Any) -> Convert:
    columns = [(name, writer_of(hint), default) for name, hint, default in _columns(kind)]

    def write(value: Any) -> list[Any]:
        row: list[Any] = []
        kept = 0
        for position, (name, convert, default) in enumerate(columns, start=1):
            item = getattr(value, name)
            row.append(convert(item))
            if item is not default and item != default:
                kept = position
        return row[:kept]

    return write


def _dataclass_reader(kind: Any) -> Convert:
    columns = [(name, reader_of(hint)) for name, hint, _ in _columns(kind)]

    def read(row: Any) -> Any:
        if not isinstance(row, list) or len(row) > len(columns):
            raise ValueError(f"not a {kind.__name__}")
        pairs = zip(columns, row, strict=False)
        return kind(**{name: convert(item) for (name, convert), item in pairs})

    return read


def _described(kind: Any) -> str:
    if is_dataclass(kind):
        rows = (
            f"{name}={_default(default)}:{_described(hint)}"
            for name, hint, default in _columns(kind)
        )
        return f"{getattr(kind, '__name__', kind)}({','.join(rows)})"
    arguments = get_args(kind)
    if arguments:
        inner = ",".join("..." if item is Ellipsis else _described(item) for item in arguments)
        return f"{get_origin(kind)}[{inner}]"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return f"{kind.__name__}({[item.value for item in kind]})"
    return str(kind)
