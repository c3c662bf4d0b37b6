"""Writes the pages of the reference that follow from the code.

Run ``python tools/docs.py`` after changing a command, setting, error, result, operation or the
contract's grammar; a test compares.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from neve.contract.grammar import CONTRACT
from neve.effects.codec import OPERATIONS
from neve.effects.generators.omitted import OMITTED
from neve.effects.generators.table import GENERATORS
from neve.errors import NeveError
from neve.verbs.settings import ENGINES, known_settings
from tools.docs_commands import EXIT_CODES, commands, commands_page
from tools.docs_detection import detection_page
from tools.docs_json import json_page, modules
from tools.docs_text import ADVICE, DEFAULTS, GENERATED, VARIABLES
from tools.result_schemas import result_schemas
from tools.schema import key_rows

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference"
MARK = "<!-- written by tools/docs.py -->"
IMMEDIATE = ("sysusers", "tmpfiles", "python-bytecode")
"""Generators that act outside the table: two at once, one in the sandbox."""


def error_classes() -> Iterator[tuple[type[NeveError], int]]:
    """Every class of error with its depth below the base, parents first."""
    modules()

    def below(parent: type[NeveError], depth: int) -> Iterator[tuple[type[NeveError], int]]:
        yield parent, depth
        for child in sorted(parent.__subclasses__(), key=lambda one: one.__name__):
            if child.__module__.startswith("neve."):
                yield from below(child, depth + 1)

    return below(NeveError, 0)


def errors_page() -> str:
    """Every class of error: exit code, meaning, what to do."""
    text = f"""# Errors

{MARK}

An error has one line that names the cause, the evidence, and the next step; with `--format json`
it is a [document](json.md#error) whose `error` is one of these names. A class stands below the
one it is a kind of.

{EXIT_CODES}
| error | exit code | what happened | what to do |
|---|---|---|---|
"""
    for one, depth in error_classes():
        name = f"{'· ' * depth}`{one.__name__}`"
        text += f"| {name} | {int(one.exit_code)} | {_first(one)} | {ADVICE[one.__name__]} |\n"
    return text


def settings_page() -> str:
    """Every setting: flag, variable, key of ``neve.toml``."""
    options = {option for _, command in commands() for p in command.params for option in p.opts}
    text = f"""# Settings

{MARK}

How neve itself works; what an image is stands in its [recipe](recipe.md). A flag wins over the
environment, that over `neve.toml` in this directory or the nearest above it, that over
`neve/neve.toml` in your configuration directory (`~/.config`, `%APPDATA%` on Windows).
`neve config show --origin` lists what is in force and where each value comes from. Relative paths
in a file are from where it lies. An unknown key or a wrong type is an error.

| `neve.toml` | variable | flag | meaning | default |
|---|---|---|---|---|
"""
    for name, meaning in known_settings().items():
        flag = f"--{name.replace('_', '-')}"
        shown = f"`{flag}`" if flag in options else "–"
        variable = f"NEVE_{name.upper()}"
        text += f"| `{name}` | `{variable}` | {shown} | {meaning} | {DEFAULTS[name]} |\n"
    engines = ", ".join(f"`{one}`" for one in ENGINES[1:])
    text += f"""
Engines: {engines}. Truth values are `true` and `false` (in variables also `1`, `0`, `yes`, `no`).

## Mirrors

The table `mirrors` of `neve.toml` says where archives are: an alias, and an address or a list of
them, tried in order. Aliases are the distribution's (`debian`, `debian-security`, `ubuntu` …, as
they stand in a lock) and the names of a recipe's repositories. Without it, a Debian or Ubuntu
host's own apt sources are used, else the distribution's official hosts.

```toml
store = "/var/cache/neve"
max_index_age = 3600

[mirrors]
debian = ["https://mirror.example/debian", "https://ftp.debian.org/debian"]
corp = "https://apt.example/corp"
```

## Vulnerability feeds

`feeds` names [groups or single feeds](../howto/closed-network.md#which-feeds). The table
`feed_sources` gives a feed another address, a mirror's, or adds a feed of its own name: its format
is told from what it sends.

```toml
feeds = ["debian", "alpine", "exploited", "python"]
max_feed_age = 172800

[feed_sources]
debian-tracker = "https://mirror.example/security-tracker/data.json"
osv-pypi = "https://mirror.example/osv/PyPI/all.zip"
```

## Further variables

| variable | meaning |
|---|---|
"""
    return text + "".join(f"| `{name}` | {meaning} |\n" for name, meaning in VARIABLES.items())


def effects_page() -> str:
    """Every operation of an effect and every generator."""
    text = f"""# Effects: operations and generators

{MARK}

An effects database is JSON: `effects` holds, for each package, objects with `operations`. How
effects are found and proven is told in [its explanation](../explanation/effects.md). In paths and
text `{{triplet}}` is the multiarch triplet and `{{arch}}` Debian's name of the architecture. Owners
and groups are names. Fields at their default are left out.

| `op` | what it does | fields |
|---|---|---|
"""
    for name, operation in OPERATIONS.items():
        fields = ", ".join(f"`{field.name}`" for field in dataclasses.fields(operation))
        text += f"| `{name}` | {_first(operation)} | {fields} |\n"
    text += "\n## Generators\n\nWhat `generate` names: computed from the whole image.\n\n"
    text += "| generator | makes |\n|---|---|\n"
    for name in (*GENERATORS, *IMMEDIATE):
        text += f"| `{name}` | {GENERATED[name]} |\n"
    text += "\nLeft out on purpose, and named where a package asks for it:\n\n"
    text += "| generator | why an image does without |\n|---|---|\n"
    return text + "".join(f"| `{name}` | {why} |\n" for name, why in OMITTED.items())


def contract_page() -> str:
    """Every key of a contract."""
    text = f"""# The contract

{MARK}

`contract.yaml` says what an image must do; `neve test` runs it, as the image's own user on a
read-only root. It is read as strictly as a [recipe](recipe.md), and values are written as there:
commands are lists, modes octal digits in quotes, durations carry their unit.

Each check passes, fails or is *skipped* with a reason, where it could not run; a skipped check is
never a passed one (exit code 3). What needs no running image (`files`, `runs_as`, `shell`,
`writable`) is judged on the image's files.

```yaml
schema_version: 1
runs_as: 65532
shell: absent
files:
  /etc/passwd: {{owner: 0, mode: "0644"}}
  /usr/bin/apt: absent
commands:
  - command: [/usr/bin/python3, -c, "print(6 * 7)"]
    stdout: "42"
service:
  ports: [8000]
  http:
    - {{port: 8000, path: /, answer: "<html"}}
```

Text that is expected is written as text it must contain, or as a map of `equals`, `contains` and
`matches`. A placeholder `${{secret:NAME}}` in a value is replaced with random text that is made for
the run, the same everywhere in it, so that no contract holds a password.

| key | value | |
|---|---|---|
"""
    return text + "\n".join(key_rows(CONTRACT, "")) + "\n"


def pages() -> dict[Path, str]:
    """Every generated page and what stands in it."""
    return {
        REFERENCE / "commands.md": commands_page(),
        REFERENCE / "contract.md": contract_page(),
        REFERENCE / "detection.md": detection_page(MARK),
        REFERENCE / "effects.md": effects_page(),
        REFERENCE / "errors.md": errors_page(),
        REFERENCE / "json.md": json_page(),
        REFERENCE / "settings.md": settings_page(),
    }


def _first(shape: type) -> str:
    paragraph = inspect.cleandoc(shape.__doc__ or "").split("\n\n")[0]
    return " ".join(paragraph.replace("``", "`").replace("|", "\\|").split())


def main() -> None:
    """Write all of it."""
    for path, text in {**pages(), **result_schemas()}.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
