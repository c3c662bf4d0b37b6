"""What every command promises: help with an example, JSON, exit codes, quiet, pipes."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.support.archive import ArchiveBuilder, SigningKey, serve
from tests.support.command import RECIPE, Desk, command
from typer.testing import CliRunner

from neve.cli.main import app
from neve.cli.register import register
from neve.effects.database import dump_effects

HEAVY = ("pydantic", "ruamel", "httpx2", "httpx", "rich", "cryptography", "pysequoia", "zstandard")
START_UP = 0.150
"""Seconds."""


@pytest.fixture(scope="module")
def built(
    small_archive: tuple[ArchiveBuilder, SigningKey], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    """A desk with a lock and an image; tests only read there."""
    archive, key = small_archive
    with serve(archive.root) as server:
        desk = Desk.lay(tmp_path_factory.mktemp("line") / "desk", server, key)
        desk.neve("lock")
        desk.build()
        yield desk


def _commands() -> dict[str, Any]:
    if not app.registered_commands:
        register(app)
    found: dict[str, Any] = {}

    def walk(command: Any, words: tuple[str, ...]) -> None:
        found[" ".join(words)] = command
        for name, below in getattr(command, "commands", {}).items():
            walk(below, (*words, name))

    walk(typer.main.get_command(app), ())
    return found


COMMANDS = _commands()
LEAVES = [name for name, command in COMMANDS.items() if name and not hasattr(command, "commands")]


@pytest.mark.parametrize("words", COMMANDS)
def test_help_of(words: str) -> None:
    result = CliRunner().invoke(app, [*words.split(), "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output
    if words in LEAVES:
        assert "Example: neve " + words.split()[0] in result.output


@pytest.mark.parametrize("words", LEAVES)
def test_the_example_in_the_help_is_a_command_line_that_parses(words: str) -> None:
    example = COMMANDS[words].epilog.removeprefix("Example: neve ").partition(" > ")[0]
    line = shlex.split(example)
    command: Any = typer.main.get_command(app)
    while line and line[0] in getattr(command, "commands", {}):
        command = command.commands[line.pop(0)]
    assert command.name == words.split()[-1]
    command.make_context(words, line)  # click refuses what it can't parse


def test_no_words_at_all_shows_the_help(built: Desk) -> None:
    done = built.neve(expect=None)
    assert done.code in (0, 2)
    assert "Usage:" in done.out + done.err


@pytest.mark.parametrize(
    "words",
    [("build", "--nope"), ("nonsense",), ("init", "a", "b", "c"), ("plan", "--platform")],
    ids=" ".join,
)
@pytest.mark.parametrize("form", [("--format", "json"), ("--format=json",), ()], ids=" ".join)
def test_a_command_line_that_means_nothing(
    built: Desk, words: tuple[str, ...], form: tuple[str, ...]
) -> None:
    done = built.neve(*words[:1], *form, *words[1:], expect=2)
    assert "error: neve" in done.err
    assert "--help` shows how" in done.err
    if form:
        error = json.loads(done.out)
        assert (error["kind"], error["exit_code"]) == ("error", 2)
        assert error["brief"] in done.err


def test_version(built: Desk) -> None:
    assert built.neve("--version").out.startswith("neve ")


JSON_OF = {
    "build": ("build", "-o", "json-out"),
    "lock": ("lock", "--dry-run", "--update"),
    "plan": ("plan",),
    "why": ("why", "out", "/etc/passwd"),
    "diff": ("diff", "out", "neve.yaml"),
    "verify": ("verify", "out"),
    "store-verify": ("store", "verify"),
    "store-gc": ("store", "gc", "--max-age", "99d"),
    "config": ("config", "show", "--origin"),
    "catalogue": ("catalogue",),
    "effects": ("effects", "list"),
    "edit": ("add", "env", "A=b", "--dry-run"),
}


@pytest.mark.parametrize("kind", JSON_OF)
def test_json_of(kind: str, built: Desk) -> None:
    done = built.neve(*JSON_OF[kind], "--format", "json")
    document = done.document
    assert document["schema_version"] == 1
    assert document["kind"] == kind
    assert done.err == ""


@pytest.mark.integration
@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
def test_json_of_test(built: Desk) -> None:
    contract = "schema_version: 1\nshell: absent\nfiles: {/etc/tool.conf: {mode: '0644'}}\n"
    built.write("promise.yaml", contract)
    words = ("test", "out", "--contract", "promise.yaml", "--engine", "bubblewrap")
    document = built.neve(*words, "--format", "json").document
    assert (document["schema_version"], document["kind"]) == (1, "test")
    built.write("broken.yaml", contract.replace("0644", "0600"))
    words = ("test", "out", "--contract", "broken.yaml", "--engine", "bubblewrap")
    assert built.neve(*words, "--format", "json", expect=1).document["kind"] == "test"


def test_json_of_effects_update(built: Desk, tmp_path: Path) -> None:
    newer = tmp_path / "trixie.json"
    newer.write_bytes(dump_effects((), codename="trixie"))
    environment = {"XDG_DATA_HOME": str(tmp_path / "data")}
    document = built.neve("effects", "update", newer, "--format", "json", env=environment).document
    assert (document["schema_version"], document["kind"]) == (1, "effects-update")


def test_json_of_init(built: Desk, tmp_path: Path) -> None:
    document = built.neve("init", tmp_path / "new", "--format", "json").document
    assert document["kind"] == "init"
    assert Path(document["recipe"]).is_file()


@pytest.mark.parametrize("kind", JSON_OF)
def test_people_get_text_and_pipes_get_no_colour(kind: str, built: Desk) -> None:
    done = built.neve(*JSON_OF[kind])
    assert done.out.strip()
    assert "\x1b" not in done.out + done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("kind", JSON_OF)
def test_quiet_of(kind: str, built: Desk) -> None:
    assert built.neve(*JSON_OF[kind], "--quiet").err == ""


def test_json_schemas_print(built: Desk) -> None:
    for name in ("recipe", "lock", "contract"):
        assert json.loads(built.neve("schema", name).out)["$schema"]
    as_json = built.neve("schema", "recipe", "--format", "json", "--quiet")
    assert as_json.out == built.neve("schema", "recipe").out
    error = built.neve("schema", "moon", "--format", "json", expect=2).document
    assert (error["kind"], error["exit_code"]) == ("error", 2)


REFUSALS = {
    "usage": (("build", "nowhere.yaml"), 2, "UsageError"),
    "tool": (("build", "--offline", "--store", "empty-store"), 3, None),
    "place": (("plan", "misspelt.yaml"), 2, "SourceError"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_an_error_as_json(name: str, built: Desk) -> None:
    built.write("misspelt.yaml", RECIPE.replace("packages:", "pakages:", 1))
    arguments, code, kind = REFUSALS[name]
    done = built.neve(*arguments, "--format", "json", expect=code)
    document = done.document
    assert (document["schema_version"], document["kind"]) == (1, "error")
    assert document["exit_code"] == code
    assert document["brief"]
    assert document["resolution"]
    assert kind in (None, document["error"])
    assert done.err.startswith("error: ")
    if name == "place":
        assert document["place"]["line"] == 8
        assert "packages" in document["resolution"] + document["brief"]


def test_exit_0_when_all_is_well(built: Desk) -> None:
    built.neve("plan")


def test_exit_1_for_findings(built: Desk, tmp_path: Path) -> None:
    """A damaged store entry is found; the command itself worked."""
    store = tmp_path / "store"
    built.neve("build", "-o", tmp_path / "out", "--store", store)
    blob = next(path for path in (store / "blobs").rglob("*") if path.is_file())
    blob.chmod(0o600)
    blob.write_bytes(b"rotten")
    done = built.neve("store", "verify", "--store", store, expect=1)
    assert blob.name in done.out + done.err


def test_exit_2_for_a_word_that_is_none(built: Desk) -> None:
    assert "--help` shows how" in built.neve("build", "--no-such-option", expect=2).err
    assert "No such command" in built.neve("bild", expect=2).err


@pytest.mark.parametrize(
    "arguments",
    [
        ("build", "--platform", "linux"),
        ("build", "--variant", "missing"),
        ("build", "--image-format", "floppy"),
        ("build", "--image-format", "docker-archive", "--platform", "linux/amd64,linux/arm64"),
        ("why", "out", "/no/such/path"),
        ("why", "out", "no-such-package"),
        ("store", "gc", "--max-age", "soon"),
        ("init", "."),
        ("add", "env", "no-equals-sign"),
        ("schema", "moon"),
        ("plan", "--store", "", "nowhere"),
    ],
    ids=" ".join,
)
def test_exit_2_for(arguments: tuple[str, ...], built: Desk) -> None:
    done = built.neve(*arguments, expect=2)
    assert "neve itself failed" not in done.err
    assert "Traceback" not in done.err


def test_exit_2_for_settings_that_are_wrong(built: Desk) -> None:
    done = built.neve("plan", env={"NEVE_JOBS": "many"}, expect=2)
    assert "jobs" in done.err
    assert "environment" in done.err


def test_exit_3_when_a_tool_or_network_failed(built: Desk) -> None:
    built.neve("verify", built.server.url, expect=2)  # no such file is a usage error …
    (built.directory / "hollow").mkdir(exist_ok=True)
    (built.directory / "hollow" / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (built.directory / "hollow" / "index.json").write_text("{")
    assert built.neve("verify", "hollow", expect=3).err.startswith("error: ")  # … damage is not


def test_exit_4_when_a_rule_says_no(built: Desk) -> None:
    built.write("shell.yaml", RECIPE.replace("[tool, plain]", "[tool, dash]"))
    done = built.neve("plan", "shell.yaml", expect=4)
    assert "no-shell" in done.err
    assert "loosened:" in done.err


def test_a_script_that_needs_a_shell_stops_the_lock_with_its_chain(built: Desk) -> None:
    text = RECIPE.replace("[tool, plain]", "[shelled]") + "run: {entrypoint: [/usr/bin/shelled]}\n"
    built.write("shelled.yaml", text)
    done = built.neve("lock", "shelled.yaml", expect=4)
    assert "/usr/bin/shelled" in done.err
    assert "- rule: no-shell" in done.err
    assert "packages[0]: shelled (shelled.yaml:8:12)" in done.err
    assert not (built.directory / "shelled.lock").exists()


def test_no_colour_on_a_terminal_where_it_is_not_wanted(built: Desk) -> None:
    coloured = _on_a_terminal(built, {"TERM": "xterm"})
    plain = _on_a_terminal(built, {"TERM": "xterm", "NO_COLOR": "1"})
    assert "\x1b[" in coloured
    assert "\x1b[" not in plain
    assert "no such recipe" in plain


def _on_a_terminal(desk: Desk, environment: dict[str, str]) -> str:
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        command("build", "nowhere.yaml"),
        cwd=desk.directory,
        env={**desk.environment, **environment},
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    child.wait(timeout=60)
    said = b""
    try:
        while data := os.read(ours, 4096):
            said += data
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    return said.decode()


def test_a_reader_that_goes_away_is_no_finding_and_no_traceback(built: Desk) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command("catalogue"),
        cwd=built.directory,
        env=built.environment,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert done.returncode == 3
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("output_format", ["table", "json"])
def test_a_full_disk_under_stdout(built: Desk, output_format: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command("catalogue", "--format", output_format),
            cwd=built.directory,
            env=built.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 3
    assert "could not be written to stdout" in done.stderr
    assert "Traceback" not in done.stderr


def _imported(*arguments: str) -> set[str]:
    program = (
        "import sys\n"
        f"sys.argv = ['neve', *{list(arguments)!r}]\n"
        "from neve.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "sys.stderr.write('\\n'.join(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(done.stderr.splitlines())


@pytest.mark.parametrize("arguments", [("--help",), ("build", "--help"), ("--version",)])
def test_help_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    imported = _imported(*arguments)
    assert "neve.cli.main" in imported
    assert {name.partition(".")[0] for name in imported} & set(HEAVY) == set()


def test_help_answers_at_once() -> None:
    """Over the bare interpreter, in processor time: how busy the machine is matters little."""
    resource = pytest.importorskip("resource")

    def spent(line: list[str]) -> float:
        times = []
        for _ in range(5):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(line, stdout=subprocess.DEVNULL, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            times.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
        return float(statistics.median(times))

    assert spent(command("--help")) - spent([sys.executable, "-c", "pass"]) < START_UP
