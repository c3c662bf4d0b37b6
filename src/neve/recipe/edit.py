"""Applies typed edits to the text a person wrote, and judges the result by reading it again.

``neve add``, a customisation and a proposal by a program are all a ``RecipeEdit``. Nothing is
written here: the caller gets the new text, shows the difference and writes the file.
"""

from __future__ import annotations

import copy
import difflib
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from neve.errors import UsageError
from neve.recipe.document import Mapping, Node, Scalar, parse_document
from neve.recipe.document import Sequence as ListNode
from neve.recipe.edits import Append, Drop, Lowered, Put, RecipeEdit, lower
from neve.recipe.grammar import RECIPE
from neve.recipe.merge import request_key
from neve.recipe.problems import Problems
from neve.recipe.shape import Reading
from neve.recipe.spans import (
    Span,
    UneditableError,
    Value,
    add_pair,
    append_item,
    remove_item,
    remove_pair,
    render,
    replace_item,
    replace_value,
    spans_of,
)

Plain: TypeAlias = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """The text after an edit, and one line about what happened to it."""

    text: str
    changed: bool
    summary: str


def apply_edit(text: str, edit: RecipeEdit, *, file: str = "neve.yaml") -> Edited:
    """``text`` with ``edit`` applied and everything else as it was.

    Raises ``SourceError`` when the text is not a sound recipe, ``UsageError`` when the edit would
    not make one or can't be made without rewriting what stands there.
    """
    plain = text.removeprefix("\ufeff")
    crlf = "\r\n" in plain
    edited = _apply(plain.replace("\r\n", "\n") if crlf else plain, edit, file)
    if not edited.changed:
        return replace(edited, text=text)
    after = edited.text.replace("\n", "\r\n") if crlf else edited.text
    return replace(edited, text=text[: len(text) - len(plain)] + after)


def _apply(text: str, edit: RecipeEdit, file: str) -> Edited:
    before, node = _read(text, file)
    lowered = lower(edit)
    where = ".".join(lowered.path)
    try:
        after = _write(text, spans_of(text), node, lowered)
    except UneditableError as error:
        raise UsageError(
            f"{file}: {where} can't be edited in place: {error}",
            resolution=f"Edit it by hand: {where}: {_wanted(lowered)}",
        ) from None
    if after == text:
        return Edited(text=text, changed=False, summary=f"{where}: nothing to change")
    problems = Problems()
    found = _plain(after, file, problems)
    if problems.found:
        first = problems.found[0]
        raise UsageError(f"{file}: {first.brief}", resolution=first.resolution)
    if found == before:
        return Edited(text=text, changed=False, summary=f"{where}: already so")
    if _without(found, lowered) != _without(before, lowered):
        raise UsageError(
            f"{file}: {where} can't be edited in place: other values would change",
            resolution=f"Edit it by hand: {where}: {_wanted(lowered)}",
        )
    return Edited(text=after, changed=True, summary=f"{where}: {_wanted(lowered)}")


def diff_text(old: str, new: str, *, file: str = "neve.yaml") -> str:
    """The difference as a unified diff; empty when there is none."""
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), f"a/{file}", f"b/{file}"
    )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def _wanted(lowered: Lowered) -> str:
    match lowered:
        case Drop(name=name):
            return f"without {name}"
        case Put(value=value) | Append(value=value):
            return render(value)


def _write(text: str, root: Span, node: Mapping, lowered: Lowered) -> str:
    parent, depth = root, 0
    here: Node | None = node
    while depth < len(lowered.path) - 1:
        pair = parent.get(lowered.path[depth]) if parent.kind == "map" else None
        if pair is None or (pair[1].kind == "text" and not pair[1].text):
            break
        parent, depth = pair[1], depth + 1
        here = here.get(lowered.path[depth - 1]) if isinstance(here, Mapping) else None
    if parent.kind != "map":
        raise UneditableError("it is not written as a map")
    key = lowered.path[depth]
    pair = parent.get(key)
    missing = pair is None or (pair[1].kind == "text" and not pair[1].text)
    if depth < len(lowered.path) - 1 or missing:
        if isinstance(lowered, Drop):
            return text
        value = [lowered.value] if isinstance(lowered, Append) else lowered.value
        for name in reversed(lowered.path[depth + 1 :]):
            value = {name: value}
        if pair is not None:
            return replace_value(text, *pair, value)
        return add_pair(text, parent, key, value, before_it=_order(key) if depth == 0 else ())
    value_node = here.get(key) if isinstance(here, Mapping) else None
    assert pair is not None
    match lowered:
        case Put(value=value):
            return replace_value(text, *pair, value)
        case Append(value=value):
            return _append(text, pair[1], value_node, value, key)
        case Drop(name=name):
            return _drop(text, parent, pair, value_node, name)


def _append(text: str, span: Span, node: Node | None, value: Value, key: str) -> str:
    items = node.items if isinstance(node, ListNode) else ()
    wanted = _identity(key, value)
    for number, item in enumerate(items):
        if span.kind == "list" and _node_identity(key, item) == wanted:
            return replace_item(text, span.items[number], value)
    return append_item(text, span, value)


def _drop(text: str, parent: Span, pair: tuple[Span, Span], node: Node | None, name: str) -> str:
    items = node.items if isinstance(node, ListNode) else ()
    numbers = [number for number, item in enumerate(items) if request_key(item)[0] == name]
    if numbers and len(numbers) == len(items):
        return remove_pair(text, parent, *pair)
    for number in reversed(numbers):
        text = remove_item(text, pair[1], number)
        pair[1].items.pop(number)
    return text


def _identity(key: str, value: Value) -> object:
    problems = Problems()
    node = parse_document(render(value).encode(), "", problems)
    return None if node is None else _node_identity(key, node)


def _node_identity(key: str, item: Node) -> object:
    if key == "packages":
        return request_key(item)
    if isinstance(item, Scalar):
        return item.text.removesuffix("/tcp") if key == "ports" else item.text
    names = {
        "repositories": ("name",),
        "loosened": ("rule", "subject"),
        "acknowledged": ("script",),
        "certificates": ("file", "text"),
    }
    if isinstance(item, Mapping):
        parts = [item.get(name) for name in names.get(key, ())]
        found = tuple(part.text if isinstance(part, Scalar) else "" for part in parts)
        return next(filter(None, found), "") if key in _ONE_NAME else found
    return None


_ONE_NAME = ("repositories", "certificates")

_NAMED_BY = {
    "repositories": ("name",),
    "loosened": ("rule", "subject"),
    "acknowledged": ("script",),
}


def _order(key: str) -> tuple[str, ...]:
    """The top-level keys that come before ``key`` in a recipe."""
    names = [field.name for field in RECIPE.fields]
    return tuple(names[: names.index(key)])


def _read(text: str, file: str) -> tuple[Plain, Mapping]:
    problems = Problems()
    node = parse_document(text.encode(errors="replace"), file, problems)
    found = None if node is None else RECIPE.read(node, "", Reading(problems))
    problems.raise_if_any()
    if not isinstance(node, Mapping):
        raise UsageError(f"{file}: not a recipe", resolution="Start with neve init.")
    return found, node


def _plain(text: str, file: str, problems: Problems) -> Plain:
    node = parse_document(text.encode(errors="replace"), file, problems)
    return None if node is None else RECIPE.read(node, "", Reading(problems))


def _without(data: Plain, lowered: Lowered) -> Plain:
    """``data`` less what the edit is about, so that the rest can be compared."""
    result = copy.deepcopy(data)
    parents: list[dict[str, Plain]] = []
    here = result
    for name in lowered.path[:-1]:
        if not isinstance(here.get(name), dict):
            break
        parents.append(here)
        here = here[name]
    else:
        _strip(here, lowered)
    for parent, name in reversed(list(zip(parents, lowered.path, strict=False))):
        if not parent[name]:
            del parent[name]
    return result


def _strip(here: dict[str, Plain], lowered: Lowered) -> None:
    key = lowered.path[-1]
    if isinstance(lowered, Put):
        here.pop(key, None)
        return
    about = _identity(key, lowered.value) if isinstance(lowered, Append) else lowered.name
    kept = []
    for item in here.get(key, []):
        identity = _identity(key, item)
        same = identity == about or (
            isinstance(lowered, Drop) and isinstance(identity, tuple) and identity[0] == about
        )
        if not same:
            kept.append(item)
    here[key] = kept
    if not kept:
        del here[key]
