"""What the pages say holds: links lead somewhere, commands parse, recipes and contracts read."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.archive import SigningKey
from tests.support.certificates import make_certificate
from tools.docs_commands import command_tree
from typer.core import TyperGroup

from neve.contract.grammar import CONTRACT
from neve.contract.read import read_contract
from neve.recipe.grammar import RECIPE
from neve.recipe.read import read_recipe
from neve.verbs.settings import load_settings

ROOT = Path(__file__).parents[3]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / "examples").rglob("*.md"),
]
KEYRING = SigningKey.generate().public
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Snippet:
    """A fenced or indented block of a page; ``language`` is empty where it has none."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def named(path: object) -> str:
    return str(path.relative_to(ROOT)) if isinstance(path, Path) else str(path)


def snippets(page: Path) -> Iterator[Snippet]:
    lines = page.read_text(encoding="utf-8").splitlines()
    block: list[str] = []
    fence: tuple[int, str] | None = None
    for number, line in enumerate(lines, start=1):
        if match := re.match(r"\s*```(\w*)", line):
            if fence:
                yield Snippet(page, fence[0], fence[1], "\n".join(block) + "\n")
            fence, block = (None if fence else (number, match[1])), []
        elif fence:
            block.append(line)
        elif line.startswith("    "):
            yield Snippet(page, number, "", line[4:] + "\n")


SNIPPETS = [snippet for page in PAGES for snippet in snippets(page)]


def command_lines() -> Iterator[tuple[str, list[str]]]:
    for snippet in SNIPPETS:
        for line in snippet.text.splitlines():
            match = re.search(r"(?:^|run: |&& |^\s+- )(neve .*)", line)
            if match and "[OPTIONS]" not in line:
                text = re.sub(r"\$\{\{[^}]*\}\}|\$\([^)]*\)|\$\w+", "X", match[1])
                words = shlex.split(text, comments=True)
                for end in ("&&", "|", ">", ";"):
                    words = words[: words.index(end)] if end in words else words
                yield str(snippet), words[1:]


COMMANDS = list(command_lines())


def anchor(heading: str) -> str:
    words = re.sub(r"[`*]", "", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_inside_the_project_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in LINK.findall(text):
        if "://" in target:
            continue
        name, _, fragment = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), f"{target}: no such file"
        if fragment:
            headings = HEADING.findall(path.read_text(encoding="utf-8"))
            assert fragment in {anchor(one) for one in headings}, f"{target}: no such heading"


def test_every_page_is_reached_from_the_index() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "docs" / "index.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md" or not page.is_file():
            continue
        seen.add(page)
        targets = LINK.findall(page.read_text(encoding="utf-8"))
        waiting.extend((page.parent / one.partition("#")[0]).resolve() for one in targets)
    missing = [named(page) for page in PAGES if page not in seen and "docs" in page.parts]
    assert missing == []


def test_the_pages_show_many_commands() -> None:
    assert len(COMMANDS) > 40


@pytest.mark.parametrize(
    ("place", "words"), COMMANDS, ids=lambda one: one if isinstance(one, str) else None
)
def test_a_command_of_a_page_parses(place: str, words: list[str]) -> None:
    group, name = command_tree(), "neve"
    while words and not words[0].startswith("-"):
        assert words[0] in group.commands, f"{place}: {name} has no command {words[0]}"
        found = group.commands[words[0]]
        name, words = f"{name} {words[0]}", words[1:]
        if not isinstance(found, TyperGroup):
            found.make_context(name, list(words))
            return
        group = found


def keys(snippet: Snippet) -> set[str]:
    return set(re.findall(r"^(\w+):", snippet.text, re.MULTILINE))


RECIPE_KEYS = {entry.name for entry in RECIPE.fields}
CONTRACT_KEYS = {entry.name for entry in CONTRACT.fields}
YAML_SNIPPETS = [one for one in SNIPPETS if one.language == "yaml"]
RECIPES = [one for one in YAML_SNIPPETS if keys(one) <= RECIPE_KEYS]
CONTRACTS = [one for one in YAML_SNIPPETS if keys(one) <= CONTRACT_KEYS and one not in RECIPES]


def test_the_pages_show_recipes_and_contracts() -> None:
    assert len(RECIPES) > 5
    assert len(CONTRACTS) > 2


@pytest.mark.parametrize("snippet", RECIPES, ids=str)
def test_a_recipe_of_a_page_is_valid(snippet: Snippet, tmp_path: Path) -> None:
    for name in re.findall(r"(?:source|keyring): ?\.?/?([\w./-]+)", snippet.text):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("content\n")
    for name in re.findall(r"keyring: ?\.?/?([\w./-]+)", snippet.text):
        (tmp_path / name).write_bytes(KEYRING)
    for name in re.findall(r"[\w-]+\.pem", snippet.text):
        leaf = re.search(rf"{re.escape(name)}, trust: leaf", snippet.text)
        made = make_certificate(name, authority=not leaf)
        (tmp_path / name).write_bytes(made.pem)
    recipe = tmp_path / "neve.yaml"
    head = "" if "distribution" in keys(snippet) else 'distribution: debian\nrelease: "13"\n'
    inside = make_certificate("in the recipe").pem.decode().splitlines()[1:-1]
    text = snippet.text.replace("      …\n", "".join(f"      {line}\n" for line in inside))
    recipe.write_text(head + text, encoding="utf-8")
    read_recipe(recipe)


@pytest.mark.parametrize("snippet", CONTRACTS, ids=str)
def test_a_contract_of_a_page_is_valid(snippet: Snippet, tmp_path: Path) -> None:
    contract = tmp_path / "contract.yaml"
    contract.write_text(snippet.text, encoding="utf-8")
    read_contract(contract)


@pytest.mark.parametrize("snippet", [one for one in SNIPPETS if one.language == "toml"], ids=str)
def test_settings_of_a_page_are_valid(snippet: Snippet, tmp_path: Path) -> None:
    (tmp_path / "neve.toml").write_text(snippet.text, encoding="utf-8")
    settings = load_settings({}, environment={"HOME": str(tmp_path)}, directory=tmp_path)
    assert set(settings.mirrors) == set(tomllib.loads(snippet.text).get("mirrors", {}))


def test_each_decision_has_its_number_and_stands_in_the_list() -> None:
    listed = (ROOT / "docs" / "adr" / "index.md").read_text(encoding="utf-8")
    for path in sorted((ROOT / "docs" / "adr").glob("[0-9]*.md")):
        title = path.read_text(encoding="utf-8").splitlines()[0]
        assert path.name[:4].lstrip("0") in title
        assert re.search(r"[Ss]tatus", path.read_text(encoding="utf-8")), f"{path.name}: no status"
        assert f"({path.name})" in listed
