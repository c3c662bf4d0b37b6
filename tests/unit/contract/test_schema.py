from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from neve.contract.read import parse_contract
from neve.contract.schema import contract_schema
from neve.errors import NeveError

ROOT = Path(__file__).parents[3]
CATALOGUE = ROOT / "src" / "neve" / "catalogue"
CONTRACTS = sorted(CATALOGUE.glob("*/*.contract.yaml"))


def judge(text: str) -> list[str]:
    loaded: Any = YAML(typ="safe", pure=True).load(text)
    validator = jsonschema.Draft202012Validator(contract_schema())
    return [error.message for error in validator.iter_errors(json.loads(json.dumps(loaded)))]


def test_the_shipped_schema_is_up_to_date() -> None:
    shipped = (ROOT / "src" / "neve" / "contract" / "contract.json").read_text(encoding="utf-8")
    assert json.loads(shipped) == contract_schema(), "run python tools/contract_schema.py"
    jsonschema.Draft202012Validator.check_schema(contract_schema())


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_schema_and_reader_take_every_contract_of_the_catalogue(path: Path) -> None:
    assert judge(path.read_text()) == []
    parse_contract(path.read_bytes(), path.name)


@pytest.mark.parametrize(
    "text",
    [
        "comands: []",
        "runs_as: root",
        "shell: gone",
        "files: {/x: {mode: 644}}",
        "commands: [{name: x}]",
        "commands: [{command: a}]",
        "service: {ports: [http]}",
        "service: {http: [{path: /}]}",
        "service: {tcp: [{port: 1, send: a}]}",
    ],
)
def test_schema_and_reader_refuse_the_same(text: str) -> None:
    assert judge(text) != []
    with pytest.raises(NeveError):
        parse_contract(text.encode(), "c")


def test_the_explanations_example_is_a_contract() -> None:
    page = (ROOT / "docs" / "explanation" / "contracts.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    parse_contract(example.encode(), "contracts.md")
