"""What the code knows stands in the reference: nothing is missing, nothing is stale."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from tools.docs import MARK, error_classes, pages
from tools.docs_commands import command_tree, commands, parameters
from tools.docs_json import KINDS
from tools.docs_text import ADVICE, VARIABLES
from tools.schema import REFERENCE as RECIPE_PAGE
from tools.schema import key_rows, reference
from typer.core import TyperGroup

from neve.contract.grammar import CONTRACT
from neve.effects.codec import OPERATIONS
from neve.effects.generators.omitted import ELSEWHERE, OMITTED
from neve.effects.generators.table import GENERATORS
from neve.recipe.grammar import RECIPE
from neve.recipe.initial import KINDS as KINDS_OF_RECIPE
from neve.verbs.settings import known_settings

ROOT = Path(__file__).parents[3]
SOURCES = ROOT / "src" / "neve"
REFERENCE = ROOT / "docs" / "reference"


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_a_generated_page_is_up_to_date(path: Path) -> None:
    written = path.read_text(encoding="utf-8")
    assert MARK in written
    assert written == pages()[path], "run: python tools/docs.py"


def test_the_recipe_page_is_up_to_date() -> None:
    written = RECIPE_PAGE.read_text(encoding="utf-8")
    assert written == reference(written), "run: python tools/schema.py"


@pytest.mark.parametrize("name", dict(commands()))
def test_a_command_has_help_an_example_and_its_options_documented(name: str) -> None:
    found = dict(commands())[name]
    assert found.help
    assert (found.epilog or "").startswith(f"Example: {name}")
    section = page("commands.md").partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    for parameter in parameters(found):
        assert parameter.help, f"{name} {parameter.name} has no help"
        for option in parameter.opts:
            assert not option.startswith("-") or f"`{option}`" in section


@pytest.mark.parametrize("name", dict(commands()))
def test_the_example_of_a_command_is_one(name: str) -> None:
    example = (dict(commands())[name].epilog or "").removeprefix("Example: ")
    words = shlex.split(example.partition(" > ")[0].partition(" | ")[0], comments=True)
    assert " ".join(words[: len(name.split())]) == name
    dict(commands())[name].make_context(name, words[len(name.split()) :])


@pytest.mark.parametrize("name", dict(commands()))
def test_a_command_can_be_quiet_and_its_result_be_json(name: str) -> None:
    options = {option for one in parameters(dict(commands())[name]) for option in one.opts}
    assert {"--format", "--quiet"} <= options


def test_the_list_of_commands_is_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    tree = command_tree()
    for group in (tree, *(one for one in tree.commands.values() if isinstance(one, TyperGroup))):
        with pytest.raises(SystemExit):
            group.main(["--help"], prog_name="neve", terminal_width=80)
        shown = capsys.readouterr().out
        assert "..." not in shown.replace("[ARGS]...", ""), shown


def test_init_names_every_kind_of_recipe() -> None:
    (option,) = (p for p in parameters(dict(commands())["neve init"]) if p.name == "kind")
    assert set(re.findall(r"[a-z]+", option.help or "")) - {"or"} == set(KINDS_OF_RECIPE)


def test_every_setting_has_its_key_and_variable() -> None:
    for name in known_settings():
        assert f"| `{name}` | `NEVE_{name.upper()}` |" in page("settings.md")


def test_every_variable_that_the_code_reads_is_documented() -> None:
    read = set()
    for path in SOURCES.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        read.update(re.findall(r'environ(?:ment)?(?:\.get\(|\[)"([A-Z_]+)"', text))
    own = {f"NEVE_{name.upper()}" for name in known_settings()}
    of_the_system = {"HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PATH", "TERM"}
    assert read - own - of_the_system <= set(VARIABLES)


def test_every_error_has_advice_and_only_those() -> None:
    names = {one.__name__ for one, _ in error_classes()}
    assert names == set(ADVICE)
    for name in names:
        assert f"`{name}` |" in page("errors.md")


def test_every_kind_of_document_has_its_section() -> None:
    shown = set()
    for path in (SOURCES / "cli").rglob("*.py"):
        shown.update(re.findall(r'\.show\(\s*"([a-z-]+)"', path.read_text(encoding="utf-8")))
    assert shown | {"error"} == set(KINDS)
    for kind in KINDS:
        assert f"\n## {kind}\n" in page("json.md")


def test_every_operation_and_generator_is_documented() -> None:
    text = page("effects.md")
    for name in (*OPERATIONS, *GENERATORS, *OMITTED, *ELSEWHERE):
        assert f"| `{name}` |" in text


def test_every_generator_that_a_shipped_effect_names_is_documented() -> None:
    named = set()
    for path in (SOURCES / "effects" / "database").glob("*.json"):
        named.update(re.findall(r'"generator":\s*"([^"]+)"', path.read_text(encoding="utf-8")))
    text = page("effects.md")
    assert [name for name in sorted(named) if f"| `{name}` |" not in text] == []


@pytest.mark.parametrize(
    ("name", "record"),
    [("recipe.md", RECIPE), ("contract.md", CONTRACT)],
    ids=["recipe", "contract"],
)
def test_every_key_is_documented(name: str, record: object) -> None:
    rows = key_rows(RECIPE if record is RECIPE else CONTRACT, "")
    text = page(name)
    assert [row for row in rows if row not in text] == []
