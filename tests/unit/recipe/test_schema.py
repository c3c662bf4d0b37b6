"""The shipped schemas are those of the model, and agree with the reader about documents."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML
from tests.support.archive import SigningKey

import neve.recipe
from neve.errors import SourceError
from neve.recipe.grammar import RECIPE
from neve.recipe.lock import Lock
from neve.recipe.lockfile import dump_lock
from neve.recipe.read import read_recipe
from neve.recipe.schema import lock_schema, recipe_schema
from neve.recipe.shape import Either, ListOf, MapOf, Record, Shape
from neve.recipe.types import Distribution, Recipe

ROOM = Path(neve.recipe.__file__).parent
ROOT = Path(__file__).parents[3]
CATALOGUE = sorted(
    path
    for path in (ROOM.parent / "catalogue").glob("*/*.yaml")
    if not path.name.endswith(".contract.yaml")
)

GOOD = [
    "release: 13",
    'release: "13"',
    "packages: [python3, 'libpq5=17.*', {name: git, release: backports}]",
    "repositories: [backports, {name: c, url: 'https://h/d', suite: s, keyring: k.gpg}]",
    "accounts: {users: {app: , b: {uid: 10001}}, groups: {g: {members: [app]}}}",
    "run: {user: 10001, ports: [8080, 53/udp], environment: {A: 1, B: x}, stop_signal: 15}",
    "run: {health_check: {command: [a, 1], interval: 30s, retries: 3}, arbitrary_uid: true}",
    'files: {/a: {content: x, mode: "0644"}, /b: {link: /a}, /c: {directory: true}}',
    "loosened: [{rule: no-shell, reason: because}]",
    "acknowledged: [{script: 'a1:sha256:0123456789ab', reason: r, owner: o, expires: 2027-01-01}]",
    "variants: {debug: {packages: [busybox], keep: [/usr/share/doc/**]}}",
    "platforms: [linux/amd64, linux/arm/v7]",
    "bytecode: false",
]
BAD = [
    "pakages: []",
    "run: {entrypoint: sh -c x}",
    "run: {usr: a}",
    "run: {ports: [0]}",
    "run: {workdir: srv}",
    "run: {workdir: /srv/../x}",
    "run: {stop_signal: TERM}",
    "run: {environment: {A: true}}",
    "run: {environment: {1A: x}}",
    "files: {/a: {content: x, mode: 644}}",
    "files: {/a: {content: x, link: y}}",
    "files: {/a: {}}",
    "files: {/a: {link: x, mode: '0644'}}",
    "files: {/a: {directory: false}}",
    "files: {a: {content: x}}",
    "packages: python3",
    "packages: [Python]",
    "packages: [{version: 1}]",
    "repositories: [{name: c, url: 'https://h/d'}]",
    "repositories: [{url: 'https://h/d'}]",
    "accounts: {users: {app: {uid: 0}}}",
    "accounts: {users: {app: {uid: 4294967295}}}",
    "loosened: [{rule: no-shell}]",
    "platforms: []",
    "platforms: [x86_64]",
    "schema_version: 2",
    "bytecode: yes",
    "title: [x]",
]


def document(body: str) -> str:
    release = "" if body.startswith("release") else 'release: "13"\n'
    return f"distribution: debian\n{release}{body}\n"


def judge(text: str) -> list[str]:
    loaded: Any = YAML(typ="safe", pure=True).load(text)
    as_json = json.loads(json.dumps(loaded, default=str))
    validator = jsonschema.Draft202012Validator(recipe_schema())
    return [error.message for error in validator.iter_errors(as_json)]


@pytest.mark.parametrize("name", ["recipe", "lock"])
def test_shipped_schema_is_up_to_date(name: str) -> None:
    made = {"recipe": recipe_schema, "lock": lock_schema}[name]()
    shipped = json.loads((ROOM / "schema" / f"{name}.json").read_text(encoding="utf-8"))
    assert shipped == made, "run python tools/schema.py"
    jsonschema.Draft202012Validator.check_schema(made)


@pytest.mark.parametrize("body", GOOD)
def test_schema_and_reader_take_the_same(tmp_path: Path, body: str) -> None:
    assert judge(document(body)) == []
    (tmp_path / "k.gpg").write_bytes(SigningKey.generate().public)
    (tmp_path / "a.yaml").write_text(document(body))
    read_recipe(tmp_path / "a.yaml")


@pytest.mark.parametrize("body", BAD)
def test_schema_and_reader_refuse_the_same(tmp_path: Path, body: str) -> None:
    assert judge(document(body)) != []
    (tmp_path / "a.yaml").write_text(document(body))
    with pytest.raises(SourceError):
        read_recipe(tmp_path / "a.yaml")


def test_a_recipe_needs_a_base() -> None:
    assert judge("title: x\n") != []
    assert judge("extends: ../base.yaml\n") == []


@pytest.mark.parametrize("path", CATALOGUE, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_catalogue_recipes_read_and_validate(path: Path) -> None:
    assert judge(path.read_text(encoding="utf-8")) == []
    shipped = ROOM.parent / "catalogue"
    read_recipe(path, catalogue=lambda name: shipped / f"{name}.yaml")


def test_a_lock_validates() -> None:
    base = Distribution(name="debian", release="13")
    lock = Lock(
        recipe=Recipe(name="a", base=base),
        sources=(),
        rules=(("plant", "1"),),
        time=1,
        archives=(),
        packages=(),
        targets=(),
    )
    jsonschema.validate(json.loads(dump_lock(lock)), lock_schema())


def keys(shape: Shape, prefix: str) -> list[str]:
    match shape:
        case Record():
            found = []
            for field in shape.fields:
                name = f"{prefix}.{field.name}".lstrip(".")
                found += [name, *keys(field.shape, name)]
            return found
        case ListOf():
            return keys(shape.item, f"{prefix}[]")
        case MapOf():
            return keys(shape.value, f"{prefix}.*")
        case Either():
            return keys(shape.long, prefix)
        case _:
            return []


def test_the_reference_names_every_key_with_a_sentence() -> None:
    page = (ROOT / "docs" / "reference" / "recipe.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([^`]+)` \| .+ \| (.+) \|$", page, re.MULTILINE))
    assert sorted(rows) == sorted(keys(RECIPE, "")), "run python tools/schema.py"
    assert all(sentence.strip() for sentence in rows.values())


def test_the_lock_reference_names_every_key() -> None:
    page = (ROOT / "docs" / "reference" / "lock.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)
    assert sorted(rows) == sorted(lock_schema()["properties"])
