"""Every document of ``--format json`` has a shipped schema, and real documents keep to it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, ValidationError
from tests.support.seen import fat, hostile, seen, slim
from tools.docs_json import KINDS
from tools.result_schemas import DIRECTORY, result_schemas

from neve.errors import Place, SourceError, UsageError
from neve.report.document import document, error_document
from neve.verbs.compare import compare_seen
from neve.verbs.inspect import inspected
from neve.verbs.schemas import schema_paths, schema_text
from neve.verbs.surface import measured


@pytest.mark.parametrize("path", result_schemas(), ids=lambda path: path.name)
def test_a_schema_is_up_to_date_and_is_one(path: Path) -> None:
    assert path.read_text() == result_schemas()[path], "run: python tools/docs.py"
    Draft202012Validator.check_schema(json.loads(path.read_text()))


def test_every_kind_has_its_schema_and_no_other_is_shipped() -> None:
    assert {path.stem for path in DIRECTORY.glob("*.json")} == set(KINDS)


def judged(kind: str, text: str) -> None:
    Draft202012Validator(json.loads(schema_text(kind))).validate(json.loads(text))


def test_real_documents_keep_to_their_schema() -> None:
    for inventory in (fat(), slim(), hostile()):
        one = seen("image", inventory)
        judged("inventory", document("inventory", inspected(one, now=1)))
        judged("surface", document("surface", measured(one, now=1)))
        result = compare_seen([one, seen("slim", slim())], one, now=1)
        judged("comparison", document("comparison", result))
    error = UsageError("no", resolution="yes")
    judged("error", error_document(error))
    placed = SourceError("no", place=Place(file="a", line=1, column=2), resolution="yes")
    judged("error", error_document(placed))


@pytest.mark.parametrize("change", ["drop", "type", "nested"])
def test_a_wrong_document_is_refused(change: str) -> None:
    found = json.loads(document("inventory", inspected(seen("image", fat()), now=1)))
    if change == "drop":
        del found["packages"]
    elif change == "type":
        found["packages"][0]["name"] = 7
    else:
        found["secrets"][0] = ["path"]
    with pytest.raises(ValidationError):
        judged("inventory", json.dumps(found))


def test_packages_of_a_document_have_what_tools_ask_for() -> None:
    found = json.loads(document("inventory", inspected(seen("image", fat()), now=1)))
    assert {"type", "name", "version", "source", "purl"} <= found["packages"][0].keys()


def test_a_document_holds_nothing_that_acts_on_a_terminal() -> None:
    text = document("inventory", inspected(seen("image", hostile()), now=1))
    text.encode("utf-8")
    held = {char for char in text if not char.isprintable()}
    assert held == {"\n"}
    names = {row["path"] for row in json.loads(text)["files"]}
    assert "/\u202egnp.exe\u2066" in names
    assert "/latin\\xe9" in names


def test_schemas_are_called_by_name() -> None:
    names = schema_paths()
    assert {"recipe", "lock", "contract", "inventory", "surface", "comparison"} <= names.keys()
    assert "recipe" in schema_text("recipe")
    assert json.loads(schema_text("result:lock"))["properties"]["kind"] == {"const": "lock"}
    with pytest.raises(UsageError, match="no such schema"):
        schema_text("../pyproject")
