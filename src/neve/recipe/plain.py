"""Frozen dataclasses ↔ plain JSON data, by their annotations: the one codec of a lock.

Strict on the way in: a key too many or too few, or a value of another type, is refused with
the field's name. Defaults are left out on the way out, so that a lock stays short. Converters
are made once per type and then only called.
"""

from __future__ import annotations

import dataclasses
import re
import types
from collections.abc import Callable
from datetime import date
from functools import cache, lru_cache
from typing import Any, TypeAlias, Union, get_args, get_origin, get_type_hints

from neve.model import Digest, Platform

Json: TypeAlias = Any
"""``None``, ``bool``, ``int``, ``float``, ``str``, ``list`` or ``dict`` of these."""

Kind: TypeAlias = Any
"""A dataclass, a leaf type or a typing form of them."""

_Into: TypeAlias = Callable[[Json], Any]


class MisfitError(ValueError):
    """Plain data that is not of the type wanted; the text says which field and why.

    The field's name grows on the way out, so that what fits pays nothing for it.
    """


def to_plain(value: object) -> Json:
    """``value`` as plain data; a dataclass's fields with their default value are left out."""
    match value:
        case Digest() | Platform() | date():
            return str(value)
        case tuple():
            return [to_plain(item) for item in value]
        case None | bool() | int() | float() | str():
            return value
        case _:
            return _fields_to_plain(value, type(value))


def _fields_to_plain(value: object, kind: Kind) -> dict[str, Json]:
    result = {}
    for name, default in _defaults(kind):
        item = getattr(value, name)
        if default is _NONE or item != default:
            result[name] = to_plain(item)
    return result


def from_plain(kind: Kind, data: Json, at: str) -> Json:
    """A ``kind`` made of ``data``, called ``at`` in messages; raises ``MisfitError``."""
    try:
        return _reader(kind)(data)
    except MisfitError as error:
        raise MisfitError(f"{at}{error}") from None


_NONE = object()


@cache
def _defaults(kind: Kind) -> tuple[tuple[str, object], ...]:
    found = []
    for entry in dataclasses.fields(kind):
        default: object = _NONE
        if entry.default is not dataclasses.MISSING:
            default = entry.default
        elif entry.default_factory is not dataclasses.MISSING:
            default = entry.default_factory()
        found.append((entry.name, default))
    return tuple(found)


@cache
def _reader(kind: Kind) -> _Into:
    origin: object = get_origin(kind)
    if origin is Union or origin is types.UnionType:
        (inner,) = (part for part in get_args(kind) if part is not type(None))
        read_inner = _reader(inner)
        return lambda data: None if data is None else read_inner(data)
    if origin is tuple:
        return _tuple_reader(get_args(kind))
    if kind in _LEAVES:
        return _LEAVES[kind]
    return _record_reader(kind)


def _tuple_reader(parts: tuple[Kind, ...]) -> _Into:
    many = len(parts) == 2 and parts[1] is Ellipsis
    readers = [_reader(part) for part in parts if part is not Ellipsis]

    def read_tuple(data: Json) -> tuple[Json, ...]:
        if type(data) is not list:
            raise MisfitError(": expected a list")
        if not many and len(data) != len(readers):
            raise MisfitError(f": expected a list of {len(readers)}")
        found: list[Json] = []
        try:
            if many:
                read = readers[0]
                for item in data:
                    found.append(read(item))
            else:
                for read, item in zip(readers, data, strict=True):
                    found.append(read(item))
        except MisfitError as error:
            raise MisfitError(f"[{len(found)}]{error}") from None
        return tuple(found)

    return read_tuple


def _record_reader(kind: Kind) -> _Into:
    hints = get_type_hints(kind)
    readers = {name: _reader(hints[name]) for name, _ in _defaults(kind)}
    required = {name for name, default in _defaults(kind) if default is _NONE}
    what = kind.__name__

    def read_record(data: Json) -> Json:
        if type(data) is not dict:
            raise MisfitError(f": expected a {what}")
        if not required <= data.keys():
            raise MisfitError(f": {min(required - data.keys())} is missing")
        values = {}
        name = ""
        try:
            for name, item in data.items():
                values[name] = readers[name](item)
        except KeyError:
            raise MisfitError(f": unknown key {name[:60]!r}") from None
        except MisfitError as error:
            raise MisfitError(f".{name}{error}") from None
        return kind(**values)

    return read_record


def _leaf(kind: type[object], word: str) -> _Into:
    def read(data: Json) -> Json:
        if type(data) is not kind:
            raise MisfitError(f": expected {word}")
        return data

    return read


def _read_text(data: Json) -> str:
    if type(data) is not str:
        raise MisfitError(": expected text")
    if not data.isascii() and not data.isprintable():
        _refuse_surrogates(data)
    return data


def _refuse_surrogates(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise MisfitError(": expected text, found half a character") from None


def _read_number(data: Json) -> float:
    if type(data) not in (int, float) or not abs(data) < 1e15:
        raise MisfitError(": expected a number")
    return float(data)


def _read_whole(data: Json) -> int:
    if type(data) is not int or abs(data) > 2**63:
        raise MisfitError(": expected a whole number")
    return data


@lru_cache(maxsize=4096)
def _digest(text: str) -> Digest:
    return Digest.parse(text)


def _read_digest(data: Json) -> Digest:
    try:
        return _digest(data)
    except (ValueError, AttributeError, TypeError):
        raise MisfitError(": expected a digest, as sha256:…") from None


def _read_platform(data: Json) -> Platform:
    try:
        return Platform.parse(data)
    except (ValueError, AttributeError, TypeError):
        raise MisfitError(": expected a platform, as linux/amd64") from None


def _read_date(data: Json) -> date:
    if type(data) is not str or re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", data) is None:
        raise MisfitError(": expected a date, as 2027-01-31")
    try:
        return date.fromisoformat(data)
    except ValueError:
        raise MisfitError(": expected a date, as 2027-01-31") from None


_LEAVES: dict[Kind, _Into] = {
    str: _read_text,
    bool: _leaf(bool, "true or false"),
    int: _read_whole,
    float: _read_number,
    Digest: _read_digest,
    Platform: _read_platform,
    date: _read_date,
}
