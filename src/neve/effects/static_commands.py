"""The commands a statically read maintainer script may use: one function each, in one table.

A command is either without consequence for an image on a fresh installation (what it manages
does not exist there: a running init, dpkg's own state, an old version's leavings), or its
literal arguments say exactly which operation it is. Arguments of any other form raise
``NotRecognisedError``.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

from neve.effects.evaluate import Command, Evaluation, NotRecognisedError
from neve.effects.ops import (
    AddUser,
    Alternative,
    DeletePath,
    Generate,
    MakeDirectory,
    MakeLink,
    SetAttributes,
)
from neve.effects.static_accounts import ACCOUNT_COMMANDS, absolute

_NO_INIT = frozenset({"/run/systemd", "/run/systemd/system", "/run/initctl"})


def _harmless(run: Evaluation, arguments: list[str], line: int) -> int:
    """Manages what an image does not have, or prints."""
    return 0


def _false(run: Evaluation, arguments: list[str], line: int) -> int:
    return 1


def _set(run: Evaluation, arguments: list[str], line: int) -> int:
    if arguments and all(re.fullmatch("[-+][eux]+", argument) for argument in arguments):
        return 0
    raise NotRecognisedError(f"set {' '.join(arguments)}", line)


def _test(run: Evaluation, arguments: list[str], line: int) -> int:
    if arguments[:1] == ["!"]:
        return int(_test(run, arguments[1:], line) == 0)
    for operator, stop in (("-o", 0), ("-a", 1)):
        if len(arguments) > 3 and operator in arguments[1:]:
            at = arguments.index(operator, 1)
            first = _test(run, arguments[:at], line)
            return first if bool(first) == bool(stop) else _test(run, arguments[at + 1 :], line)
    match arguments:
        case [text]:
            return int(text == "")
        case ["-n", text]:
            return int(text == "")
        case ["-z", text]:
            return int(text != "")
        case ["-d" | "-e" | "-f" | "-h" | "-L" | "-r" | "-s" | "-x" as operator, path]:
            return _test_path(run, operator, path, line)
        case [left, "=" | "==", right]:
            return int(left != right)
        case [left, "!=", right]:
            return int(left == right)
        case [left, "-eq" | "-gt" | "-ge" | "-lt" | "-le" | "-ne" as operator, right]:
            return _test_numbers(left, operator, right, line)
        case _:
            raise NotRecognisedError(f"the test {' '.join(arguments)}", line)


def _bracket(run: Evaluation, arguments: list[str], line: int) -> int:
    if arguments[-1:] != ["]"]:
        raise NotRecognisedError("a test without its bracket", line)
    return _test(run, arguments[:-1], line)


def _test_path(run: Evaluation, operator: str, path: str, line: int) -> int:
    """A packaged path is there; one that only the running system makes is not."""
    if path == "":
        return 1
    if path in _NO_INIT:
        return 1
    if not path.startswith("/") or posixpath.normpath(path) != path or operator in ("-L", "-h"):
        raise NotRecognisedError(f"the test {operator} {path}", line)
    if run.has(path):
        if operator in ("-e", "-x", "-r") or (operator == "-f" and path.startswith("/etc/init.d/")):
            return 0
        raise NotRecognisedError(f"the test {operator} {path}", line)
    if path.startswith(("/etc/init.d/", "/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/")):
        name = posixpath.basename(path)
        return 1 if path.startswith("/etc/init.d/") else int(run.find_command(name, line) is None)
    raise NotRecognisedError(f"whether {path} is there", line)


def _test_numbers(first: str, operator: str, second: str, line: int) -> int:
    if not first.isdigit() or not second.isdigit():
        raise NotRecognisedError(f"the test {first} {operator} {second}", line)
    a, b = int(first), int(second)
    holds = {"-eq": a == b, "-ne": a != b, "-gt": a > b, "-ge": a >= b, "-lt": a < b, "-le": a <= b}
    return int(not holds[operator])


def _command(run: Evaluation, arguments: list[str], line: int) -> int:
    """``command -v NAME``."""
    if len(arguments) == 2 and arguments[0] == "-v":
        return int(run.find_command(arguments[1], line) is None)
    raise NotRecognisedError(f"command {' '.join(arguments)}", line)


def _which(run: Evaluation, arguments: list[str], line: int) -> int:
    """``which NAME``, ``type NAME``."""
    if len(arguments) == 1 and not arguments[0].startswith("-"):
        return int(run.find_command(arguments[0], line) is None)
    raise NotRecognisedError(f"which {' '.join(arguments)}", line)


def _systemd_helper(run: Evaluation, arguments: list[str], line: int) -> int:
    """Unit links for an init that a container does not run; a new unit was never disabled."""
    verbs = [a for a in arguments if not a.startswith("-")][:1]
    if verbs and verbs[0] in ("enable", "reenable", "unmask", "update-state", "was-enabled"):
        return 0
    raise NotRecognisedError(f"deb-systemd-helper {' '.join(arguments)}", line)


def _systemctl(run: Evaluation, arguments: list[str], line: int) -> int:
    """Acts on a running init only; what asks it (``is-active``) has no answer here."""
    verbs = [a for a in arguments if not a.startswith("-")][:1]
    if verbs and verbs[0] in ("daemon-reload", "daemon-reexec", "preset", "restart", "start"):
        return 0
    raise NotRecognisedError(f"systemctl {' '.join(arguments)}", line)


def _compare_versions(run: Evaluation, arguments: list[str], line: int) -> int:
    """``dpkg --compare-versions "" OP VERSION``: nothing installed is older than anything.

    ``lt-nl`` and its like treat the missing version as the newest (dpkg(1)).
    """
    if len(arguments) == 4 and arguments[0] == "--compare-versions" and arguments[1] == "":
        operator = arguments[2]
        if operator in ("lt", "le", "ne", "gt-nl", "ge-nl", "<<", "<="):
            return 0
        if operator in ("gt", "ge", "eq", "lt-nl", "le-nl", ">>", ">="):
            return 1
    raise NotRecognisedError(f"dpkg {' '.join(arguments)}", line)


def _ldconfig(run: Evaluation, arguments: list[str], line: int) -> int:
    if arguments:
        raise NotRecognisedError(f"ldconfig {' '.join(arguments)}", line)
    return run.do(Generate(generator="ld.so.cache"))


def _alternatives(run: Evaluation, arguments: list[str], line: int) -> int:
    words = [a for a in arguments if a not in ("--quiet", "--force")]
    if words[:1] in (["--remove"], ["--remove-all"]):
        return 0  # nothing of an old version is registered
    if len(words) < 5 or words[0] != "--install" or not re.fullmatch(r"-?[0-9]{1,9}", words[4]):
        raise NotRecognisedError(f"update-alternatives {' '.join(arguments)}", line)
    slaves: list[tuple[str, str, str]] = []
    for start in range(5, len(words), 4):
        group = words[start : start + 4]
        if len(group) != 4 or group[0] not in ("--slave", "--follower"):
            raise NotRecognisedError(f"update-alternatives … {' '.join(group)}", line)
        slaves.append((absolute(group[1], line), group[2], absolute(group[3], line)))
    return run.do(
        Alternative(
            link=absolute(words[1], line),
            name=words[2],
            path=absolute(words[3], line),
            priority=int(words[4]),
            slaves=tuple(slaves),
        )
    )


def _sysusers(run: Evaluation, arguments: list[str], line: int) -> int:
    return run.do(Generate(generator="sysusers", arguments=_files(arguments, line)))


def _tmpfiles(run: Evaluation, arguments: list[str], line: int) -> int:
    if "--create" not in arguments:
        raise NotRecognisedError(f"systemd-tmpfiles {' '.join(arguments)}", line)
    files = _files([a for a in arguments if a != "--create"], line)
    return run.do(Generate(generator="tmpfiles", arguments=files))


def _files(arguments: list[str], line: int) -> tuple[str, ...]:
    for argument in arguments:
        if not re.fullmatch(
            r"(?:/usr/lib/(?:sysusers|tmpfiles)\.d/)?[A-Za-z0-9@._-]+\.conf", argument
        ):
            raise NotRecognisedError(f"the argument {argument}", line)
    if not arguments:
        raise NotRecognisedError("all configuration files at once", line)
    return tuple(posixpath.basename(argument) for argument in arguments)


def _py3compile(run: Evaluation, arguments: list[str], line: int) -> int:
    """Python's own directories are compiled anyway: only further ones matter here."""
    directories: list[str] = []
    words = iter(arguments)
    for word in words:
        if word in ("-p", "-V", "-X", "--package", "--exclude"):
            next(words, "")
        elif word.startswith("/"):
            directories.append(absolute(word.rstrip("/"), line))
        elif not re.fullmatch(r"-[OqvV0-9.-]*", word):
            raise NotRecognisedError(f"py3compile {' '.join(arguments)}", line)
    return run.do(Generate(generator="python-bytecode", arguments=tuple(directories)))


def _statoverride(run: Evaluation, arguments: list[str], line: int) -> int:
    words = [a for a in arguments if a not in ("--quiet", "--force", "--force-statoverride-add")]
    match words:
        case ["--list", _]:
            return 1  # nobody has overridden anything on a new system
        case ["--update", "--add", owner, group, mode, path] if re.fullmatch("[0-7]{3,4}", mode):
            if not run.has(path):
                raise NotRecognisedError(
                    f"dpkg-statoverride of {path}, which no package brings", line
                )
            number = int(mode, 8)
            return run.do(
                SetAttributes(path=absolute(path, line), mode=number, owner=owner, group=group)
            )
        case _:
            raise NotRecognisedError(f"dpkg-statoverride {' '.join(arguments)}", line)


def _mkdir(run: Evaluation, arguments: list[str], line: int) -> int:
    match arguments:
        case ["-p", *paths] if paths and not any(p.startswith("-") for p in paths):
            for path in paths:
                if not _made(run, absolute(path, line)) and not run.has(path):
                    run.do(MakeDirectory(path=path))
            return 0
        case _:
            raise NotRecognisedError(f"mkdir {' '.join(arguments)}", line)


def _made(run: Evaluation, path: str) -> bool:
    """Whether the script made the directory itself: ``mkdir -p`` leaves its owner alone."""
    return any(
        (isinstance(one, MakeDirectory) and one.path == path)
        or (isinstance(one, AddUser) and one.create_home and one.home == path)
        for one in run.outcome.operations
    )


def _chown(run: Evaluation, arguments: list[str], line: int) -> int:
    match arguments:
        case [who, path] if re.fullmatch(r"[a-z0-9_-]*[:.]?[a-z0-9_-]*", who) and who:
            owner, _, group = who.replace(".", ":").partition(":")
            _made_or_packaged(run, path, line)
            return run.do(SetAttributes(path=path, owner=owner or None, group=group or None))
        case _:
            raise NotRecognisedError(f"chown {' '.join(arguments)}", line)


def _chmod(run: Evaluation, arguments: list[str], line: int) -> int:
    match arguments:
        case [mode, path] if re.fullmatch("[0-7]{3,4}", mode) and not int(mode, 8) & 0o6000:
            _made_or_packaged(run, path, line)
            return run.do(SetAttributes(path=path, mode=int(mode, 8)))
        case _:
            raise NotRecognisedError(f"chmod {' '.join(arguments)}", line)


def _made_or_packaged(run: Evaluation, path: str, line: int) -> None:
    absolute(path, line)
    made = any(
        isinstance(o, MakeDirectory) and o.path == path for o in run.outcome.operations
    ) or any(
        isinstance(o, AddUser) and o.home == path and o.create_home for o in run.outcome.operations
    )
    if not made and not run.has(path):
        raise NotRecognisedError(f"{path}, which no package brings", line)


def _rm(run: Evaluation, arguments: list[str], line: int) -> int:
    flags = [a for a in arguments if a.startswith("-")]
    if set(flags) - {"-f", "-rf", "-r", "-fr"} or not any("f" in flag for flag in flags):
        raise NotRecognisedError(f"rm {' '.join(arguments)}", line)
    for path in arguments:
        if not path.startswith("-") and run.has(absolute(path, line)):
            run.do(DeletePath(path=path))
    return 0


def _ln(run: Evaluation, arguments: list[str], line: int) -> int:
    match arguments:
        case ["-s" | "-sf" | "-sfn" | "-fs", target, path] if not run.has(absolute(path, line)):
            return run.do(MakeLink(path=path, target=target))
        case _:
            raise NotRecognisedError(f"ln {' '.join(arguments)}", line)


STATIC_COMMANDS: Mapping[str, Command] = {
    ":": _harmless,
    "[": _bracket,
    **ACCOUNT_COMMANDS,
    "chmod": _chmod,
    "chown": _chown,
    "command": _command,
    "deb-systemd-helper": _systemd_helper,
    "deb-systemd-invoke": _harmless,
    "dpkg": _compare_versions,
    "dpkg-maintscript-helper": _harmless,
    "dpkg-statoverride": _statoverride,
    "echo": _harmless,
    "false": _false,
    "invoke-rc.d": _harmless,
    "ldconfig": _ldconfig,
    "ln": _ln,
    "mkdir": _mkdir,
    "printf": _harmless,
    "py3clean": _harmless,
    "py3compile": _py3compile,
    "rm": _rm,
    "set": _set,
    "systemctl": _systemctl,
    "systemd-sysusers": _sysusers,
    "systemd-tmpfiles": _tmpfiles,
    "test": _test,
    "true": _harmless,
    "type": _which,
    "update-alternatives": _alternatives,
    "update-rc.d": _harmless,
    "which": _which,
}
