"""Whatever stands in a file, reading ends soon and in a message with a line."""

from __future__ import annotations

import dataclasses
import json
import tempfile
import types
from datetime import date
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neve.errors import SourceError, UsageError
from neve.model import Digest, Platform, sha256_of
from neve.recipe.lock import Lock
from neve.recipe.lockfile import dump_lock, load_lock
from neve.recipe.read import read_recipe

SETTINGS = settings(max_examples=80, deadline=2000, suppress_health_check=[HealthCheck.too_slow])
WORDS = st.sampled_from(
    [
        "distribution",
        "release",
        "packages",
        "run",
        "files",
        "accounts",
        "users",
        "extends",
        "name",
        ":",
        "-",
        "[",
        "]",
        "{",
        "}",
        ",",
        "&",
        "*",
        "!",
        "%",
        "@",
        "`",
        "|",
        ">",
        "'",
        '"',
        "#",
        "?",
        "<<",
        "13",
        "no",
        "true",
        "~",
        "/etc/x",
        "content",
        "source",
        "mode",
        "0644",
        "debian",
        "\n",
        "\n",
        "",
        "\n",
        "",
        "",
        "\t",
        "\x00",
        "\x85",
        "é",
        "\ufeff",
        "---",
        "...",
        "%YAML",
        "&a",
        "*a",
        "!!str",
        "1e999",
        "0x1",
        "\\",
    ]
)
TEXT = st.one_of(st.text(max_size=200), st.lists(WORDS, max_size=60).map(" ".join))


def refusal(data: bytes) -> UsageError | None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "a.yaml"
        path.write_bytes(data)
        try:
            read_recipe(path)
        except UsageError as error:
            return error
        return None


def attempt(data: bytes) -> None:
    error = refusal(data)
    if error is None:
        return
    assert error.resolution
    assert "\n" not in error.brief
    if isinstance(error, SourceError):
        assert error.place.line >= 1
        assert f"a.yaml:{error.place.line}:" in error.brief


@SETTINGS
@given(TEXT)
def test_any_text(text: str) -> None:
    attempt(text.encode("utf-8", "surrogatepass"))


@SETTINGS
@given(TEXT)
def test_any_text_after_a_good_start(text: str) -> None:
    attempt(b"distribution: debian\nrelease: 13\n" + text.encode("utf-8", "surrogatepass"))


@SETTINGS
@given(st.binary(max_size=100))
def test_any_bytes(data: bytes) -> None:
    attempt(data)


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), WORDS
)
KEYS = st.one_of(
    st.sampled_from(
        [
            "packages",
            "exclude",
            "run",
            "files",
            "accounts",
            "users",
            "groups",
            "keep",
            "platforms",
            "variants",
            "loosened",
            "name",
            "user",
            "ports",
            "environment",
            "entrypoint",
            "content",
            "mode",
            "source",
            "uid",
            "release",
            "version",
            "url",
        ]
    ),
    st.text(max_size=6),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=20,
)


@SETTINGS
@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_any_structure(data: dict[str, object]) -> None:
    attempt(json.dumps({"distribution": "debian", "release": 13} | data).encode())


def lock_refusal(data: bytes) -> UsageError | None:
    try:
        load_lock(data)
    except UsageError as error:
        return error
    return None


@SETTINGS
@given(VALUES)
def test_any_json_as_a_lock(data: object) -> None:
    for text in (json.dumps(data), json.dumps({"schema_version": 1, "recipe": data})):
        error = lock_refusal(text.encode())
        assert error is not None
        assert "neve" in error.resolution


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
LEAF: dict[object, st.SearchStrategy[Any]] = {
    str: NAMES,
    bool: st.booleans(),
    int: st.integers(-(2**53), 2**53),
    float: st.floats(0, 1e6).map(lambda number: round(number, 3)),
    date: st.dates(),
    Digest: st.binary(max_size=4).map(sha256_of),
    Platform: st.sampled_from([Platform("linux", "amd64"), Platform("linux", "arm", "v7")]),
}


def every(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of an annotation, every field of a dataclass filled."""
    origin: object = get_origin(kind)
    if kind in LEAF:
        return LEAF[kind]
    if origin is Union or origin is types.UnionType:
        return st.one_of(st.none(), *(every(p) for p in get_args(kind) if p is not type(None)))
    if origin is tuple:
        parts = get_args(kind)
        if parts[1] is Ellipsis:
            return st.lists(every(parts[0]), max_size=2).map(tuple)
        return st.tuples(*(every(part) for part in parts))
    hints = get_type_hints(kind)
    return st.builds(kind, **{f.name: every(hints[f.name]) for f in dataclasses.fields(kind)})


def sound(lock: Lock) -> Lock:
    """``lock`` without what must lead somewhere else in it."""
    repositories = tuple(dataclasses.replace(r, url=None) for r in lock.recipe.repositories)
    recipe = dataclasses.replace(lock.recipe, repositories=repositories)
    targets = tuple(dataclasses.replace(target, packages=()) for target in lock.targets)
    return dataclasses.replace(
        lock, schema_version=1, recipe=recipe, sources=(), packages=(), targets=targets
    )


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(every(Lock).map(sound))
def test_whatever_is_locked_comes_back(lock: Lock) -> None:
    data = dump_lock(lock)
    assert load_lock(data) == lock
    assert dump_lock(load_lock(data)) == data
