"""Effects as JSON and back. Owns the file form of an effect and nothing about what it does.

An operation is an object whose ``op`` names it; fields at their default are left out, modes
are octal text (``"0750"``), file bytes are ``text`` where they are UTF-8 and ``base64``
otherwise. Reading is strict: an unknown operation or key, a wrong type, a path that is not
absolute and normal are refused, since a database may come from elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import json
import posixpath
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

from neve.effects.ops import (
    AddGroup,
    AddMember,
    AddUser,
    Alternative,
    CopyFile,
    DeletePath,
    Divert,
    Effect,
    Generate,
    MakeDirectory,
    MakeLink,
    Operation,
    Precondition,
    SetAttributes,
    WriteFile,
)
from neve.errors import ToolError
from neve.model import Digest, sha256_of

OPERATIONS: Mapping[str, type[Operation]] = {
    "make-directory": MakeDirectory,
    "write-file": WriteFile,
    "copy-file": CopyFile,
    "make-link": MakeLink,
    "set-attributes": SetAttributes,
    "delete-path": DeletePath,
    "add-group": AddGroup,
    "add-user": AddUser,
    "add-member": AddMember,
    "alternative": Alternative,
    "divert": Divert,
    "generate": Generate,
}
_NAMES = {operation: name for name, operation in OPERATIONS.items()}

PROVENANCES = ("traced", "static", "acknowledged")
_ABSOLUTE = {"path", "source", "to", "link", "home"}
_INTEGERS = {"uid", "gid", "priority"}
_OPTIONAL = {"uid", "gid", "mode", "owner", "group"}


class EffectFormatError(ToolError):
    """An effects database, or one effect in it, is not of the documented form."""

    def __init__(self, subject: str, problem: str) -> None:
        super().__init__(
            f"effects database: {subject}: {problem}",
            resolution="Take the database that ships with neve, or make the effect anew with"
            " `neve effects trace PACKAGE`.",
        )


def operation_to_json(operation: Operation) -> dict[str, Any]:
    """The JSON object of one operation, ``op`` first, then its fields in declared order."""
    found: dict[str, Any] = {"op": _NAMES[type(operation)]}
    for field in fields(operation):
        value = getattr(operation, field.name)
        if field.default is not MISSING and value == field.default:
            continue
        if field.name == "data":
            found.update(_bytes_to_json(value))
        elif field.name == "mode":
            found["mode"] = f"{value:04o}"
        elif field.name == "slaves":
            found["slaves"] = [list(slave) for slave in value]
        elif field.name == "arguments":
            found["arguments"] = list(value)
        else:
            found[field.name] = value
    return found


def operation_from_json(value: object, *, subject: str) -> Operation:
    """Read one operation; raises ``EffectFormatError`` naming ``subject``."""
    if not isinstance(value, dict):
        raise EffectFormatError(subject, "an operation is not an object")
    known = OPERATIONS.get(value.get("op", ""))
    if known is None:
        raise EffectFormatError(subject, f"unknown operation {value.get('op')!r}")
    given = {key: item for key, item in value.items() if key != "op"}
    if known is WriteFile:
        given["data"] = _bytes_from_json(given, subject)
    declared: dict[str, Field[Any]] = {field.name: field for field in fields(known)}
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise EffectFormatError(subject, f"{value['op']}: unknown key {unknown[0]!r}")
    missing = [n for n, f in declared.items() if f.default is MISSING and n not in given]
    if missing:
        raise EffectFormatError(subject, f"{value['op']}: {missing[0]!r} is missing")
    arguments = {name: _field(name, item, subject) for name, item in given.items()}
    make: Callable[..., Operation] = known
    return make(**arguments)


def effect_to_json(effect: Effect) -> dict[str, Any]:
    """The JSON object of one effect; empty fields are left out."""
    found: dict[str, Any] = {"package": effect.package, "key": str(effect.key)}
    if effect.provenance != "traced":
        found["provenance"] = effect.provenance
    if effect.suites:
        found["suites"] = sorted(effect.suites)
    if effect.note:
        found["note"] = effect.note
    if effect.reads:
        found["reads"] = {path: str(digest) for path, digest in sorted(effect.reads)}
    present = sorted(p.path for p in effect.preconditions if p.present)
    absent = sorted(p.path for p in effect.preconditions if not p.present)
    if present:
        found["present"] = present
    if absent:
        found["absent"] = absent
    if effect.operations:
        found["operations"] = [operation_to_json(o) for o in effect.operations]
    return found


_EFFECT_KEYS = {
    "package",
    "key",
    "provenance",
    "suites",
    "note",
    "reads",
    "present",
    "absent",
    "operations",
}


def effect_from_json(value: object) -> Effect:
    """Read one effect; raises ``EffectFormatError``."""
    if not isinstance(value, dict) or not isinstance(value.get("package"), str):
        raise EffectFormatError("an effect", "it does not name its package")
    subject = value["package"]
    unknown = sorted(set(value) - _EFFECT_KEYS)
    if unknown:
        raise EffectFormatError(subject, f"unknown key {unknown[0]!r}")
    provenance = value.get("provenance", "traced")
    if provenance not in PROVENANCES:
        raise EffectFormatError(subject, f"unknown provenance {provenance!r}")
    reads = value.get("reads", {})
    operations = value.get("operations", [])
    if not isinstance(reads, dict) or not isinstance(operations, list):
        raise EffectFormatError(subject, "reads is not an object, or operations not a list")
    conditions = [(p, True) for p in _texts(value, "present", subject)]
    conditions += [(p, False) for p in _texts(value, "absent", subject)]
    return Effect(
        package=subject,
        key=_digest(value.get("key"), subject),
        reads=tuple((_path(p, subject), _digest(d, subject)) for p, d in sorted(reads.items())),
        preconditions=tuple(
            Precondition(path=_path(path, subject), present=present) for path, present in conditions
        ),
        operations=tuple(operation_from_json(o, subject=subject) for o in operations),
        provenance=provenance,
        suites=_texts(value, "suites", subject),
        note=_text(value.get("note", ""), subject),
    )


def canonical_json(value: object) -> bytes:
    """Sorted keys, no spaces, UTF-8: the bytes that ids are taken of."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def effect_id(effect: Effect) -> Digest:
    """The id of an effect: SHA-256 of its canonical JSON without ``suites``."""
    content = effect_to_json(effect)
    content.pop("suites", None)
    return sha256_of(canonical_json(content))


def _bytes_to_json(data: bytes) -> dict[str, str]:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}
    return {"text": text}


def _bytes_from_json(given: dict[str, Any], subject: str) -> bytes:
    text, encoded = given.pop("text", None), given.pop("base64", None)
    if isinstance(text, str) and encoded is None:
        return text.encode()
    if isinstance(encoded, str) and text is None:
        try:
            return base64.b64decode(encoded, validate=True)
        except binascii.Error as error:
            raise EffectFormatError(subject, f"write-file: bad base64: {error}") from None
    raise EffectFormatError(subject, "write-file: exactly one of text and base64 is needed")


def _field(name: str, value: object, subject: str) -> object:
    if value is None and name in _OPTIONAL:
        return None
    match name:
        case "data":
            return value
        case "mode":
            return _mode(value, subject)
        case "slaves":
            return _slaves(value, subject)
        case "arguments":
            return _texts({name: value}, name, subject)
        case "create_home":
            if isinstance(value, bool):
                return value
            raise EffectFormatError(subject, "create_home is not true or false")
        case _:
            return _plain_field(name, value, subject)


def _plain_field(name: str, value: object, subject: str) -> object:
    if name in _INTEGERS:
        if isinstance(value, int) and not isinstance(value, bool) and -(2**31) < value < 2**31:
            return value
        raise EffectFormatError(subject, f"{name} is not a whole number: {value!r}")
    if name in _ABSOLUTE:
        return _path(value, subject)
    return _text(value, subject)


def _mode(value: object, subject: str) -> int:
    if isinstance(value, str) and 3 <= len(value) <= 5 and all(c in "01234567" for c in value):
        mode = int(value, 8)
        if mode <= 0o7777:
            return mode
    raise EffectFormatError(subject, f'mode is not octal text such as "0755": {value!r}')


def _slaves(value: object, subject: str) -> tuple[tuple[str, str, str], ...]:
    found: list[tuple[str, str, str]] = []
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, list) or len(item) != 3:
            raise EffectFormatError(subject, "a slave is not [link, name, path]")
        link, name, path = item
        found.append((_path(link, subject), _text(name, subject), _path(path, subject)))
    return tuple(found)


def _path(value: object, subject: str) -> str:
    """An absolute, normal path: nothing else may reach a tree."""
    text = _text(value, subject)
    if not text.startswith("/") or posixpath.normpath(text) != text or text.startswith("//"):
        raise EffectFormatError(subject, f"not an absolute, normal path: {text!r}")
    return text


def _text(value: object, subject: str) -> str:
    if isinstance(value, str) and "\0" not in value:
        return value
    raise EffectFormatError(subject, f"not text: {value!r}")


def _texts(value: dict[str, Any], key: str, subject: str) -> tuple[str, ...]:
    items = value.get(key, [])
    if not isinstance(items, list):
        raise EffectFormatError(subject, f"{key} is not a list")
    return tuple(_text(item, subject) for item in items)


def _digest(value: object, subject: str) -> Digest:
    try:
        return Digest.parse(_text(value, subject))
    except ValueError as error:
        raise EffectFormatError(subject, str(error)) from None
