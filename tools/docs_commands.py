"""The page about the commands, from the command tree itself."""

from __future__ import annotations

from collections.abc import Iterator

import typer
import typer.main
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from neve.cli.main import app
from neve.cli.register import register

Parameter = TyperArgument | TyperOption

EXIT_CODES = """\
| exit code | meaning |
|---|---|
| 0 | done, and nothing was found |
| 1 | done, and something was found: a contract's check failed, a store entry was damaged |
| 2 | the recipe, another file of yours or the call is wrong |
| 3 | a tool, the network, an archive or the store failed, so nothing is known |
| 4 | a hardening rule says no |
| 130 | interrupted; nothing half-written is kept |
"""

HEAD = f"""\
# Commands

<!-- written by tools/docs.py -->

Results go to standard output, as a table or with `--format json` as a [document](json.md);
notes, progress and errors go to standard error. An error names its cause, shows the evidence and
says the next step.

{EXIT_CODES}
`RECIPE` is a recipe file, a directory that holds a `neve.yaml` (by default this one), or a name in
the catalogue, as `catalogue/debian-13/python.yaml` (`neve catalogue` lists them). What the options
do not say comes from the [settings](settings.md). `neve --version` shows the version;
`neve --install-completion` makes your shell complete commands and options.
"""


def command_tree() -> TyperGroup:
    """The command line's tree, whatever else the process did with it."""
    if not app.registered_commands:
        register(app)
    tree = typer.main.get_command(app)
    if not isinstance(tree, TyperGroup):
        raise TypeError(type(tree).__name__)
    return tree


def commands(
    group: TyperGroup | None = None, prefix: str = "neve"
) -> Iterator[tuple[str, TyperCommand]]:
    """Every command that can be run, with its full name, in the order people meet them."""
    for name, command in (group or command_tree()).commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, f"{prefix} {name}")
        elif isinstance(command, TyperCommand):
            yield f"{prefix} {name}", command


def parameters(command: TyperCommand) -> list[Parameter]:
    """A command's arguments and options, without the help option, in declared order."""
    return [one for one in command.params if isinstance(one, TyperArgument | TyperOption)]


def commands_page() -> str:
    """The whole page."""
    text = HEAD
    for name, command in commands():
        text += f"\n## {name}\n\n{_sentence(command.help)}\n\n"
        text += f"    {usage(name, command)}\n\n"
        text += "| | |\n|---|---|\n"
        text += "".join(_row(parameter) for parameter in parameters(command))
        text += f"\n{(command.epilog or '').replace('Example: ', 'Example: `', 1)}`\n"
    return text


def usage(name: str, command: TyperCommand) -> str:
    """The command's arguments as its help shows them."""
    known = parameters(command)
    words = [name, *(["[OPTIONS]"] if any(isinstance(one, TyperOption) for one in known) else [])]
    return " ".join([*words, *(_word(one) for one in known if isinstance(one, TyperArgument))])


def _word(parameter: TyperArgument) -> str:
    word = (parameter.name or "").upper()
    word += "..." if parameter.nargs == -1 else ""
    return word if parameter.required else f"[{word}]"


def _row(parameter: Parameter) -> str:
    if isinstance(parameter, TyperArgument):
        word = f"`{_word(parameter)}`"
    else:
        word = ", ".join(f"`{option}`" for option in (*parameter.opts, *parameter.secondary_opts))
        word += "" if parameter.is_flag else f" {_value(parameter)}"
    return f"| {word} | {_sentence(parameter.help)}{_default(parameter)} |\n"


def _value(parameter: TyperOption) -> str:
    if choices := getattr(parameter.type, "choices", None):
        return " or ".join(f"`{choice}`" for choice in choices)
    name = str(parameter.type.name).upper()
    return {"STR": "TEXT", "INT": "NUMBER"}.get(name, name)


def _default(parameter: Parameter) -> str:
    default = parameter.default
    if default in (None, False, ()) or str(default) == "." or parameter.nargs == -1:
        return ""
    return f" Default: `{default}`."


def _sentence(text: str | None) -> str:
    words = " ".join((text or "").split()).replace("|", "\\|")
    return words if words.endswith(".") or not words else f"{words}."
