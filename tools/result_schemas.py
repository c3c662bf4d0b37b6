"""The JSON Schemas of ``--format json``, from the dataclasses that results are made of.

Written beside the code by ``tools/docs.py`` and shipped; ``neve schema KIND`` prints one.
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import inspect
import json
import re
import sys
import types
from pathlib import Path
from typing import Any

from neve.report.document import SCHEMA_VERSION
from tools.docs_json import KINDS, is_verdict, members_of, shape_of, split

DIRECTORY = Path(__file__).resolve().parents[1] / "src" / "neve" / "report" / "schema"

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_PLAIN: dict[str, Schema] = {
    "str": _TEXT,
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "bytes": {"type": "string", "contentEncoding": "base64"},
    "Digest": {"type": "string", "pattern": "^[a-z0-9]+:[A-Za-z0-9+/=_-]+$"},
    "Platform": {"type": "string", "pattern": "^[a-z0-9]+/[a-z0-9_]+(/[a-z0-9]+)?$"},
    "Path": _TEXT,
    "PurePath": _TEXT,
    "PurePosixPath": _TEXT,
    "date": {"type": "string", "format": "date"},
    "None": {"type": "null"},
    "object": {},
}
_SPECIAL: dict[str, Schema] = {
    "catalogue": {"recipes": {"type": "array", "items": _TEXT}},
    "error": {
        "error": _TEXT,
        "exit_code": {"type": "integer"},
        "brief": _TEXT,
        "details": {"type": "array", "items": _TEXT},
        "resolution": _TEXT,
        "docs": {"anyOf": [_TEXT, {"type": "null"}]},
        "place": {"anyOf": [{"$ref": "#/$defs/Place"}, {"type": "null"}]},
    },
}


def result_schemas() -> dict[Path, str]:
    """Every schema file and what stands in it."""
    return {
        DIRECTORY / f"{kind}.json": json.dumps(_document(kind, name), indent=1) + "\n"
        for kind, name in KINDS.items()
    }


def _document(kind: str, name: str | None) -> Schema:
    wanted: dict[str, type] = {}
    if name is None:
        properties = _SPECIAL[kind]
        about = f"The document of kind {kind}."
        if kind == "error":
            wanted["Place"] = shape_of("Place", None)
    else:
        module, _, class_name = name.rpartition(".")
        shape = getattr(importlib.import_module(module), class_name)
        properties, about = _properties(shape, wanted), _about(shape)
    head: Schema = {"schema_version": {"const": SCHEMA_VERSION}, "kind": {"const": kind}}
    found: Schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:neve:schema:{kind}:{SCHEMA_VERSION}",
        "title": f"neve {kind}",
        "description": about,
        "type": "object",
        "properties": head | properties,
        "required": [*head, *properties],
    }
    shared = _shared(wanted)
    return found | ({"$defs": shared} if shared else {})


def _shared(wanted: dict[str, type]) -> Schema:
    """The types that are referred to, and those that these refer to."""
    made: Schema = {}
    while todo := [name for name in wanted if name not in made]:
        for name in todo:
            shape = wanted[name]
            properties = _properties(shape, wanted)
            made[name] = {
                "description": _about(shape),
                "type": "object",
                "properties": properties,
                "required": [*properties],
            }
    return dict(sorted(made.items()))


def _properties(shape: type, wanted: dict[str, type]) -> Schema:
    found: Schema = {}
    if is_verdict(shape):
        found["state"] = {"const": shape.__name__.lower()}
    for field in dataclasses.fields(shape):
        found[field.name] = _schema(str(field.type), shape, wanted)
    return found


def _schema(annotation: str, owner: type, wanted: dict[str, type]) -> Schema:
    """An annotation as a schema; the dataclasses it names are added to ``wanted``."""
    parts = split(annotation, "|")
    if len(parts) > 1:
        return {"anyOf": [_schema(part, owner, wanted) for part in parts]}
    word = parts[0]
    if match := re.fullmatch(r"(tuple|frozenset|list|Sequence)\[(.*)\]", word):
        inner = [part for part in split(match[2], ",") if part != "..."]
        if match[1] == "tuple" and "..." not in split(match[2], ","):
            items = [_schema(part, owner, wanted) for part in inner]
            return {"type": "array", "prefixItems": items, "minItems": len(items),
                    "maxItems": len(items)}  # fmt: skip
        return {"type": "array", "items": _schema(inner[0], owner, wanted)}
    if match := re.fullmatch(r"(?:Mapping|dict)\[(.*)\]", word):
        value = _schema(split(match[1], ",")[1], owner, wanted)
        return {"type": "object", "additionalProperties": value}
    return _named(word, owner, wanted)


def _named(word: str, owner: type, wanted: dict[str, type]) -> Schema:
    if word in _PLAIN:
        return _PLAIN[word]
    members = members_of(word, owner)
    if members:
        return {"anyOf": [_refer(member, wanted) for member in members]}
    try:
        shape = shape_of(word, owner)
    except LookupError:
        value = getattr(sys.modules[owner.__module__], word, None)
        if isinstance(value, types.GenericAlias):  # a name for tuple[…] and the like
            return _schema(str(value), owner, wanted)
        origin = getattr(value, "__supertype__", None)
        return _PLAIN[origin.__name__] if origin is not None else {}
    if issubclass(shape, enum.Enum):
        return {"enum": [member.value for member in shape]}
    return _refer(shape, wanted)


def _refer(shape: type, wanted: dict[str, type]) -> Schema:
    name = shape.__name__
    if wanted.setdefault(name, shape) is not shape:
        name = f"{shape.__module__.rpartition('.')[2]}.{name}"
        wanted.setdefault(name, shape)
    return {"$ref": f"#/$defs/{name}"}


def _about(shape: type) -> str:
    paragraph = inspect.cleandoc(shape.__doc__ or "").split("\n\n")[0]
    return " ".join(paragraph.replace("``", "`").split())
