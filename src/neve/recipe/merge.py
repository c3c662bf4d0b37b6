"""``extends``: one recipe laid over another, by the rules the grammar gives each key.

Works on nodes, so that every value keeps the place in the file it came from. Reads no files.

* maps merge by key, lists append, single values replace;
* a list item that names the same thing (a package, a repository, a rule's subject) replaces it;
* ``entrypoint``, ``command``, ``platforms`` and each entry of ``files`` are replaced whole;
* ``exclude`` takes away an inherited request; requesting a package lifts an inherited exclusion;
* ``name``, ``title``, ``description``, ``schema_version`` belong to one file and are not inherited.
"""

from __future__ import annotations

from collections.abc import Callable

from neve.recipe.document import Mapping, Node, Scalar, Sequence
from neve.recipe.grammar import expand_request
from neve.recipe.shape import Field, MapOf, Record


def merge_recipes(base: Mapping, child: Mapping, record: Record) -> Mapping:
    """``child`` laid over ``base``. Both have been checked against ``record``."""
    child_excludes = {_text(item) for item in _items(child.get("exclude"))}
    child_requests = {request_key(item)[0] for item in _items(child.get("packages"))}
    base = _without(base, "packages", lambda item: request_key(item)[0] in child_excludes)
    base = _without(base, "exclude", lambda item: _text(item) in child_requests)
    return _merge_record(base, child, record)


def request_key(item: Node) -> tuple[str, str]:
    """What one package request is about: name and architecture."""
    if isinstance(item, Scalar):
        parts = expand_request(item.text)
        return str(parts["name"]), str(parts.get("architecture", ""))
    return _part(item, "name"), _part(item, "architecture")


def _merge_record(base: Mapping, child: Mapping, record: Record) -> Mapping:
    known = {entry.name: entry for entry in record.fields}
    ours = {key.text: (key, value) for key, value in child.pairs}
    pairs: list[tuple[Scalar, Node]] = []
    for key, value in base.pairs:
        entry = known[key.text]
        if key.text in ours:
            own_key, own_value = ours.pop(key.text)
            pairs.append((own_key, _merge_value(value, own_value, entry)))
        elif entry.merge != "own":
            pairs.append((key, value))
    pairs.extend(pair for pair in child.pairs if pair[0].text in ours)
    return Mapping(child.place, tuple(pairs))


def _merge_value(base: Node, child: Node, entry: Field) -> Node:
    match entry.merge:
        case "append" if isinstance(base, Sequence) and isinstance(child, Sequence):
            return _append(base, child, _IDENTITY.get(entry.name, _text))
        case "merge" | "entries":
            return _merge_maps(_as_map(base), _as_map(child), entry)
        case _:
            return child


def _merge_maps(base: Mapping, child: Mapping, entry: Field) -> Mapping:
    if isinstance(entry.shape, Record):
        return _merge_record(base, child, entry.shape)
    value_shape = entry.shape.value if isinstance(entry.shape, MapOf) else None
    merged = {key.text: (key, value) for key, value in base.pairs}
    for key, value in child.pairs:
        old = merged.get(key.text)
        if old is not None and isinstance(value_shape, Record) and entry.merge == "merge":
            value = _merge_record(_as_map(old[1]), _as_map(value), value_shape)
        merged[key.text] = (key, value)
    return Mapping(child.place, tuple(merged.values()))


def _append(base: Sequence, child: Sequence, identity: Callable[[Node], object]) -> Sequence:
    replaced = {identity(item) for item in child.items}
    kept = tuple(item for item in base.items if identity(item) not in replaced)
    return Sequence(child.place, kept + child.items)


def _without(recipe: Mapping, key: str, gone: Callable[[Node], bool]) -> Mapping:
    """``recipe`` less the items of list ``key`` for which ``gone``."""
    pairs = tuple(
        (name, Sequence(value.place, tuple(item for item in value.items if not gone(item))))
        if name.text == key and isinstance(value, Sequence)
        else (name, value)
        for name, value in recipe.pairs
    )
    return Mapping(recipe.place, pairs)


def _as_map(node: Node) -> Mapping:
    return node if isinstance(node, Mapping) else Mapping(node.place, ())


def _items(node: Node | None) -> tuple[Node, ...]:
    return node.items if isinstance(node, Sequence) else ()


def _text(node: Node) -> str:
    return node.text if isinstance(node, Scalar) else ""


def _part(node: Node, key: str) -> str:
    found = node.get(key) if isinstance(node, Mapping) else None
    return _text(found) if found is not None else ""


_IDENTITY: dict[str, Callable[[Node], object]] = {
    "packages": request_key,
    "repositories": lambda item: _text(item) or _part(item, "name"),
    "loosened": lambda item: (_part(item, "rule"), _part(item, "subject")),
    "acknowledged": lambda item: _part(item, "script"),
    # Equal paths of two recipes are two files, each beside its own.
    "certificates": lambda item: item.place,
}
