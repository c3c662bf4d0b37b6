"""Results as JSON: a result dataclass becomes an object with ``schema_version`` and ``kind``."""

from __future__ import annotations

import base64
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from enum import Enum
from pathlib import PurePath

from neve.errors import NeveError, SourceError
from neve.model import Digest, Fail, Pass, Platform, Skipped, Waived
from neve.report.visible import visible

SCHEMA_VERSION = 1

_ACTING = re.compile(r"[\x7f-\uffff\U00010000-\U0010ffff]")

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

_VERDICTS = {Pass: "pass", Fail: "fail", Skipped: "skipped", Waived: "waived"}


def to_json(value: object) -> Json:
    """``value`` in JSON's types; digests, platforms, paths and dates as their text."""
    if isinstance(value, Enum):
        return to_json(value.value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Digest | Platform | PurePath):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_json(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return _object(value)
    raise TypeError(f"no JSON form for {type(value).__name__}")


def _object(value: object) -> dict[str, Json]:
    found: dict[str, Json] = {}
    if type(value) in _VERDICTS:
        found["state"] = _VERDICTS[type(value)]
    for field in fields(value):  # type: ignore[arg-type]  # the caller checked is_dataclass
        found[field.name] = to_json(getattr(value, field.name))
    return found


def document(kind: str, result: object) -> str:
    """One result as a JSON document ending in a newline."""
    body = to_json(result)
    head: dict[str, Json] = {"schema_version": SCHEMA_VERSION, "kind": kind}
    if isinstance(body, dict):
        if clash := head.keys() & body.keys():
            raise TypeError(f"{type(result).__name__} has fields of the envelope: {sorted(clash)}")
        head.update(body)
    else:
        head["items"] = body
    return _plain(json.dumps(head, indent=2, ensure_ascii=False)) + "\n"


def _plain(text: str) -> str:
    """``text``, which is JSON, so that any terminal and any reader can take it.

    What images bring may hold characters that act on a terminal; inside of strings, the only
    place where they can stand, they have an escape. A byte that was no UTF-8 has none in JSON
    that all readers take: it becomes the text ``\\xNN``.
    """
    return text if text.isascii() and "\x7f" not in text else _ACTING.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    char = match[0]
    code = ord(char)
    if 0xD800 <= code <= 0xDFFF:
        return "\\" + visible(char)
    if unicodedata.category(char) not in ("Cc", "Cf", "Co", "Cn", "Zl", "Zp"):
        return char
    return json.dumps(char)[1:-1] if code != 0x7F else "\\u007f"


def error_document(error: NeveError) -> str:
    """An error as a JSON document, for ``--format json``."""
    place = error.place if isinstance(error, SourceError) else None
    return document(
        "error",
        {
            "error": type(error).__name__,
            "exit_code": int(error.exit_code),
            "brief": error.brief,
            "details": error.details,
            "resolution": error.resolution,
            "docs": error.docs,
            "place": place,
        },
    )
