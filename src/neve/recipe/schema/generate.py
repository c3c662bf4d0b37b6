"""JSON Schema (draft 2020-12) of recipes and locks, made from the grammar and the types.

The files beside it are what ``recipe_schema`` and ``lock_schema`` return; editors read them.
"""

from __future__ import annotations

import dataclasses
import types
from datetime import date
from typing import Any, TypeAlias, Union, get_args, get_origin, get_type_hints

from neve.model import Digest, Platform
from neve.recipe.grammar import RECIPE
from neve.recipe.lock import LOCK_SCHEMA_VERSION, Lock

Schema: TypeAlias = dict[str, Any]
DRAFT = "https://json-schema.org/draft/2020-12/schema"

_LEAVES: dict[Any, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    date: {"type": "string", "format": "date"},
    Digest: {"type": "string", "pattern": "^(?:md5|sha1|sha256|sha512):[0-9a-f]+$"},
    Platform: {"type": "string", "pattern": "^[^/]+/[^/]+(?:/[^/]+)?$"},
}


def recipe_schema() -> Schema:
    """What ``neve.yaml`` may say."""
    about = {"$schema": DRAFT, "title": "neve recipe", "description": "A hardened image, declared."}
    return about | RECIPE.schema()


def lock_schema() -> Schema:
    """What ``neve.lock`` says."""
    definitions: dict[str, Schema] = {}
    root = _of(Lock, definitions)
    lock = definitions.pop(root["$ref"].rpartition("/")[2])
    lock["properties"]["schema_version"] = {"const": LOCK_SCHEMA_VERSION}
    lock["required"] = sorted({*lock["required"], "schema_version"})
    about = {"$schema": DRAFT, "title": "neve lock", "description": "What a recipe resolved to."}
    return about | lock | {"$defs": dict(sorted(definitions.items()))}


def _of(kind: Any, definitions: dict[str, Schema]) -> Schema:  # noqa: ANN401 - a typing form
    origin: object = get_origin(kind)
    if origin is Union or origin is types.UnionType:
        (inner,) = (part for part in get_args(kind) if part is not type(None))
        return {"anyOf": [_of(inner, definitions), {"type": "null"}]}
    if origin is tuple:
        parts = get_args(kind)
        if len(parts) == 2 and parts[1] is Ellipsis:
            return {"type": "array", "items": _of(parts[0], definitions)}
        fixed = [_of(part, definitions) for part in parts]
        return {"type": "array", "prefixItems": fixed, "minItems": len(fixed), "items": False}
    if kind in _LEAVES:
        return dict(_LEAVES[kind])
    if kind.__name__ not in definitions:
        definitions[kind.__name__] = {}
        definitions[kind.__name__] = _record(kind, definitions)
    return {"$ref": f"#/$defs/{kind.__name__}"}


def _record(kind: Any, definitions: dict[str, Schema]) -> Schema:  # noqa: ANN401 - a dataclass
    hints = get_type_hints(kind)
    fields = dataclasses.fields(kind)
    missing = dataclasses.MISSING
    return {
        "type": "object",
        "additionalProperties": False,
        "description": (kind.__doc__ or "").partition("\n\n")[0].replace("\n    ", " ").strip(),
        "properties": {field.name: _of(hints[field.name], definitions) for field in fields},
        "required": sorted(
            field.name
            for field in fields
            if field.default is missing and field.default_factory is missing
        ),
    }
