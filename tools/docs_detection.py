"""The reference of what gives a secret or a program away, from the tables that look for them."""

from __future__ import annotations

from neve.inventory.observe_ports import SERVERS
from neve.inventory.program_families import FAMILIES, Family
from neve.inventory.secret_keys import KEY_RULES
from neve.inventory.secret_rules import RULES

_WIDE_STEP = 4


def detection_page(mark: str) -> str:
    """Rules of secrets, families of programs, servers whose ports are read."""
    secrets = "".join(f"| `{rule}` | {meaning} | {how} |\n" for rule, meaning, how in KEY_RULES)
    secrets += "".join(f"| `{item.id}` | {item.meaning} | {item.judged} |\n" for item in RULES)
    programs = "".join(
        f"| `{item.name}` | {', '.join(role.value for role in item.roles)} | {_told(item)} |\n"
        for item in FAMILIES
        if item.roles
    )
    servers = "".join(f"| {server.name} | `{_cell(server.paths)}` |\n" for server in SERVERS)
    return f"""# What gives a secret or a program away

{mark}

What `neve inspect` and `neve surface` look for inside files. Why these, and what is left out, is
told in [What counts as a secret](../explanation/secrets.md).

## Secrets

Looked for at depth `full`, in every file that is text and, by the rules with a form of their own,
in other files; and in environment, labels, command and history of the image's configuration.

| rule | what it finds | judged by |
|---|---|---|
{secrets}
At most 100 are shown of one file; more are noted as not judged.

## Programs

An executable ELF file belongs to the first row that fits: it needs a library, has the name of a
symbol, or holds words. Only symbol names and data are searched, not code. A script belongs to a row
by words in its first 4 KiB; any other script is none of these programs, whatever it is called.
Where content says nothing, the name decides, in directories of programs.

| family | counts as | told by |
|---|---|---|
{programs}
## Ports

Beside what the image's configuration exposes, the ports that these servers' files name. Lines that
are commented out and default ports count for nothing, and no include is followed.

| server | files (a regular expression) |
|---|---|
{servers}"""


def _told(family: Family) -> str:
    parts = [f"needs `{name}…`" for name in family.sonames]
    parts += [f"symbol `{name.decode()}`" for name in family.symbols]
    parts += [" and ".join(f"`{_word(word)}`" for word in row) for row in family.markers]
    parts += [
        "script with " + " and ".join(f"`{_word(word)}`" for word in row) for row in family.scripts
    ]
    return ", or ".join(parts) if parts else "its name alone"


def _word(word: bytes) -> str:
    narrow = word[::_WIDE_STEP] if b"\0\0\0" in word else word
    return _cell(narrow.replace(b"\0", b"").decode().strip())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
