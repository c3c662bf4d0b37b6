"""The account commands of a statically read maintainer script: getent, addgroup, adduser."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

from neve.effects.evaluate import Command, Evaluation, NotRecognisedError
from neve.effects.ops import AddGroup, AddMember, AddUser
from neve.formats.deb.accounts import STATIC_GROUPS, STATIC_USERS

_NAME = re.compile(r"[a-z_][a-z0-9_.-]*")


def absolute(path: str, line: int) -> str:
    """``path`` if it is absolute and normal; raises ``NotRecognisedError`` otherwise."""
    if path.startswith("/") and posixpath.normpath(path) == path and not path.startswith("//"):
        return path
    raise NotRecognisedError(f"the path {path}", line)


def _getent(run: Evaluation, arguments: list[str], line: int) -> int:
    """Only statically numbered accounts exist before their own package is configured."""
    match arguments:
        case ["passwd", name] if _NAME.fullmatch(name):
            return 0 if name in STATIC_USERS else 2
        case ["group", name] if _NAME.fullmatch(name):
            return 0 if name in STATIC_GROUPS else 2
        case _:
            raise NotRecognisedError(f"getent {' '.join(arguments)}", line)


def _addgroup(run: Evaluation, arguments: list[str], line: int) -> int:
    words = [a for a in arguments if a not in ("--quiet", "--force-badname", "--allow-bad-names")]
    match words:
        case ["--system", name] | [name, "--system"] if _NAME.fullmatch(name):
            return run.do(AddGroup(name=name))
        case ["--gid", gid, "--system", name] if _NAME.fullmatch(name) and gid.isdigit():
            return run.do(AddGroup(name=name, gid=int(gid)))
        case _:
            raise NotRecognisedError(f"addgroup {' '.join(arguments)}", line)


def _adduser(run: Evaluation, arguments: list[str], line: int) -> int:
    given: dict[str, str] = {}
    names: list[str] = []
    todo = list(arguments)
    while todo:
        option, equals, inline = todo.pop(0).partition("=")
        if option in _USER_FLAGS:
            given[option] = ""
        elif option in _USER_VALUES and (equals or todo):
            given[option] = inline if equals else todo.pop(0)
        elif option.startswith("-") or equals:
            raise NotRecognisedError(f"adduser {' '.join(arguments)}", line)
        else:
            names.append(option)
    if not names or not all(_NAME.fullmatch(name) for name in names):
        raise NotRecognisedError(f"adduser {' '.join(arguments)}", line)
    if len(names) == 2 and not set(given) - {"--quiet"}:
        return run.do(AddMember(user=names[0], group=names[1]))
    if len(names) != 1 or "--system" not in given:
        raise NotRecognisedError(f"adduser {' '.join(arguments)}", line)
    return run.do(_system_user(names[0], given, line))


_USER_FLAGS = frozenset(
    {
        "--allow-bad-names",
        "--disabled-login",
        "--disabled-password",
        "--force-badname",
        "--group",
        "--no-create-home",
        "--quiet",
        "--system",
    }
)
_USER_VALUES = frozenset(
    {"--comment", "--gecos", "--gid", "--home", "--ingroup", "--shell", "--uid"}
)


def _system_user(name: str, given: Mapping[str, str], line: int) -> AddUser:
    """``adduser --system``: without ``--group`` or ``--ingroup`` the group is nogroup."""
    for option in ("--uid", "--gid"):
        if option in given and not given[option].isdigit():
            raise NotRecognisedError(f"adduser {option} {given[option]}", line)
    group = given.get("--ingroup", None if "--group" in given else "nogroup")
    home = given.get("--home", "/nonexistent")
    return AddUser(
        name=name,
        uid=int(given["--uid"]) if "--uid" in given else None,
        gid=int(given["--gid"]) if "--gid" in given else None,
        group=group,
        home=absolute(home, line),
        shell=given.get("--shell", "/usr/sbin/nologin"),
        comment=given.get("--gecos", given.get("--comment", "")),
        create_home="--no-create-home" not in given and home != "/nonexistent",
    )


ACCOUNT_COMMANDS: Mapping[str, Command] = {
    "addgroup": _addgroup,
    "adduser": _adduser,
    "getent": _getent,
}
