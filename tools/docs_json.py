"""The page about ``--format json``, from the dataclasses that results are made of."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re
from collections.abc import Mapping
from functools import cache
from types import ModuleType

import neve
from neve.report.document import SCHEMA_VERSION

KINDS: Mapping[str, str | None] = {
    "init": "neve.verbs.recipes.InitResult",
    "edit": "neve.verbs.recipes.EditResult",
    "priced-edit": "neve.verbs.add_cost.PricedEdit",
    "add-cert": "neve.verbs.add_certs.AddCertsResult",
    "certs": "neve.verbs.certs.CertsResult",
    "debug": "neve.verbs.debug.DebugResult",
    "catalogue": None,
    "lock": "neve.verbs.lock.LockResult",
    "build": "neve.verbs.build.BuildResult",
    "test": "neve.verbs.test.TestResult",
    "verify": "neve.verbs.verify.VerifyResult",
    "plan": "neve.verbs.plan.PlanResult",
    "why": "neve.verbs.why.WhyResult",
    "push": "neve.verbs.transfers.TransferResult",
    "pull": "neve.verbs.transfers.TransferResult",
    "copy": "neve.verbs.transfers.TransferResult",
    "tags": "neve.verbs.tags.TagsResult",
    "diff": "neve.verbs.diff.DiffResult",
    "inventory": "neve.verbs.inspect.InspectResult",
    "surface": "neve.verbs.surface.SurfaceResult",
    "comparison": "neve.verbs.compare.CompareResult",
    "scan": "neve.verbs.scanned.ScanResult",
    "db-update": "neve.verbs.db.DbChange",
    "db-import": "neve.verbs.db.DbChange",
    "db-status": "neve.verbs.db.DbStatus",
    "effects": "neve.verbs.effects.EffectsList",
    "effects-trace": "neve.verbs.effects_trace.TraceResult",
    "effects-update": "neve.verbs.effects.EffectsUpdate",
    "store-verify": "neve.store.reports.StoreReport",
    "store-gc": "neve.store.reports.GcReport",
    "config": "neve.verbs.settings.Settings",
    "error": None,
}
"""The kinds of documents and the types behind them; a test holds it against the commands."""

PLAIN = {
    "str": "text",
    "int": "number",
    "float": "number",
    "bool": "true or false",
    "bytes": "text (base64)",
    "Digest": "digest",
    "Platform": "platform",
    "Path": "path",
    "PurePath": "path",
    "PurePosixPath": "path",
    "date": "date",
    "Kind": "text",
    "object": "any",
}

HEAD = f"""\
# Documents: `--format json`

<!-- written by tools/docs.py -->

With `--format json` a command writes one document to standard output. It is an object that begins
with `schema_version` (now {SCHEMA_VERSION}; it rises when a field goes or changes its meaning, not
when one comes) and `kind`. Digests are `algorithm:value`, platforms `linux/amd64`, dates
`2026-11-01`, sizes bytes, paths text; a field without a value is `null`.

Each kind has a JSON Schema: `neve schema KIND`. Characters that would act on a terminal stand as
`\\uNNNN`, bytes of a name that are no UTF-8 as the text `\\xNN`.

An error is a document too, beside its text on standard error and the exit code.
"""

SPECIAL = {
    "catalogue": "What `neve catalogue` lists.\n\n| field | type |\n|---|---|\n"
    "| `recipes` | list of text |\n",
    "error": "What went wrong; [errors](errors.md) lists the names.\n\n"
    "| field | type |\n|---|---|\n| `error` | text |\n"
    "| `exit_code` | number |\n| `brief` | text |\n"
    "| `details` | list of text |\n| `resolution` | text |\n| `docs` | text or null |\n"
    "| `place` | [Place](#place) or null |\n",
}


@cache
def modules() -> tuple[ModuleType, ...]:
    """Every module of neve but the one that runs it."""
    return tuple(
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(neve.__path__, "neve.")
        if not found.name.endswith("__main__") and not found.name.endswith("_worker")
    )


@cache
def _types() -> Mapping[str, tuple[type, ...]]:
    found: dict[str, dict[type, None]] = {}
    for module in modules():
        for name, value in vars(module).items():
            if inspect.isclass(value) and value.__module__ == module.__name__:
                found.setdefault(name, {})[value] = None
    return {name: tuple(values) for name, values in found.items()}


def json_page() -> str:
    """The whole page: a section a kind, then the types they share."""
    text, wanted = HEAD, ["Place"]
    for kind, name in KINDS.items():
        text += f"\n## {kind}\n\n"
        if name is None:
            text += SPECIAL[kind]
            continue
        module, _, class_name = name.rpartition(".")
        section, named = _section(getattr(importlib.import_module(module), class_name))
        text += section
        wanted.extend(named)
    text += "\n## Shared types\n\nVerdicts begin with `state`, which tells them apart.\n"
    done: set[str] = set()
    while wanted:
        name = wanted.pop(0)
        if name not in done:
            done.add(name)
            section, named = _section(_dataclass(name))
            text += f"\n### {name}\n\n{section}"
            wanted.extend(named)
    return text


def _section(shape: type) -> tuple[str, list[str]]:
    text = f"{_first(shape)}\n\n| field | type |\n|---|---|\n"
    named: list[str] = []
    if is_verdict(shape):
        text += f"| `state` | `{shape.__name__.lower()}` |\n"
    for field in dataclasses.fields(shape):
        written, found = _written(str(field.type), shape)
        named.extend(found)
        text += f"| `{field.name}` | {written} |\n"
    return text, named


def is_verdict(shape: type) -> bool:
    return shape.__module__ == "neve.model.verdict" and shape.__name__ in {
        "Pass",
        "Fail",
        "Skipped",
        "Waived",
    }


def _first(shape: type) -> str:
    paragraph = inspect.cleandoc(shape.__doc__ or "").split("\n\n")[0]
    return " ".join(paragraph.replace("``", "`").split())


def shape_of(name: str, owner: type | None) -> type:
    """The dataclass or enumeration that ``name`` means in ``owner``'s module, or the only one of
    that name anywhere in neve. Raises ``LookupError`` where there is none.
    """
    if owner is not None:
        here = vars(importlib.import_module(owner.__module__)).get(name)
        if inspect.isclass(here):
            return here
    found = _types().get(name, ())
    for one in (*filter(dataclasses.is_dataclass, found), *found):
        return one
    raise LookupError(name)


def members_of(name: str, owner: type) -> tuple[type, ...]:
    """The dataclasses of a union that has a name, such as ``Verdict``; none for all else."""
    here = importlib.import_module(owner.__module__)
    if inspect.isclass(vars(here).get(name)):
        return ()
    for module in (here, *modules()):
        value = vars(module).get(name)
        if value is not None and not inspect.isclass(value):
            members = tuple(getattr(value, "__args__", ()))
            classes = all(inspect.isclass(one) and dataclasses.is_dataclass(one) for one in members)
            return members if members and classes else ()
    return ()


def _dataclass(name: str) -> type:
    return next(found for found in _types()[name] if dataclasses.is_dataclass(found))


def _written(annotation: str, owner: type) -> tuple[str, list[str]]:
    """An annotation in JSON's words, and the types it names."""
    parts = split(annotation, "|")
    if len(parts) > 1:
        pairs = [_written(part, owner) for part in parts]
        return " or ".join(text for text, _ in pairs), [
            name for _, found in pairs for name in found
        ]
    word = parts[0]
    if word == "None":
        return "null", []
    if match := re.fullmatch(r"(tuple|frozenset|list|Sequence)\[(.*)\]", word):
        inner = [part for part in split(match[2], ",") if part != "..."]
        pairs = [_written(part, owner) for part in inner]
        named = [name for _, found in pairs for name in found]
        if match[1] == "tuple" and (len(inner) > 1 or "..." not in match[2]):
            return f"[{', '.join(text for text, _ in pairs)}]", named
        return f"list of {pairs[0][0]}", named
    if match := re.fullmatch(r"(?:Mapping|dict)\[(.*)\]", word):
        value, named = _written(split(match[1], ",")[1], owner)
        return f"object of {value}", named
    return _named(word, owner)


def _named(word: str, owner: type) -> tuple[str, list[str]]:
    if word in PLAIN:
        return PLAIN[word], []
    try:
        shape = shape_of(word, owner)
    except LookupError:
        return _alias(word, owner)
    if dataclasses.is_dataclass(shape):
        return f"[{word}](#{word.lower()})", [word]
    return "text", []


def _alias(word: str, owner: type) -> tuple[str, list[str]]:
    """A type alias, such as ``Verdict``: a union of types, or JSON made elsewhere."""
    for module in (importlib.import_module(owner.__module__), *modules()):
        value = vars(module).get(word)
        if value is None or inspect.isclass(value):
            continue
        members = getattr(value, "__args__", ())
        names = [one.__name__ for one in members if inspect.isclass(one)]
        if names and all(dataclasses.is_dataclass(one) for one in members):
            return " or ".join(f"[{name}](#{name.lower()})" for name in names), names
        return "any", []
    raise LookupError(f"{owner.__name__}: no type {word}")


def split(text: str, at: str) -> list[str]:
    parts, depth, begin = [], 0, 0
    for i, letter in enumerate(text):
        depth += (letter == "[") - (letter == "]")
        if letter == at and depth == 0:
            parts.append(text[begin:i].strip())
            begin = i + 1
    return [*parts, text[begin:].strip()]
