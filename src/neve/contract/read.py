"""Reads a contract: strict, all problems at once, each with file, line and column.

The only way from YAML to a ``Contract``; imports ruamel.yaml when called.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from neve.contract.grammar import CONTRACT
from neve.contract.types import (
    Command,
    Contract,
    Expected,
    FileRule,
    HttpRule,
    Need,
    Presence,
    Service,
    Stop,
    TcpRule,
)
from neve.errors import Place, UsageError
from neve.recipe.document import MAX_BYTES, parse_document
from neve.recipe.problems import Problems
from neve.recipe.shape import INVALID, Data, Reading
from neve.recipe.words import duration_seconds

_SECRET = re.compile(r"\$\{([^}]*)\}?")
_SECRET_NAME = re.compile(r"secret:[A-Za-z][A-Za-z0-9_]{0,63}")


def read_contract(path: Path) -> Contract:
    """The contract at ``path``.

    ``SourceError`` names the first problem and lists the others; ``UsageError`` where the file
    cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"contract {path}: {error.strerror or error}",
            resolution="Name a contract file with --contract.",
        ) from error
    return parse_contract(data, str(path))


def parse_contract(data: bytes, name: str) -> Contract:
    """The contract in ``data``; ``name`` is shown in places."""
    problems = Problems()
    node = parse_document(data, name, problems)
    problems.raise_if_any()
    reading = Reading(problems)
    values = INVALID if node is None else CONTRACT.read(node, "", reading)
    problems.raise_if_any()
    if values is INVALID:
        raise UsageError(f"contract {name}: nothing in it", resolution="Write a contract.")
    _check_placeholders(values, "", Place(file=name, line=1, column=1), reading)
    problems.raise_if_any()
    return _contract(values)


def _check_placeholders(value: Data, at: str, place: Place, reading: Reading) -> None:
    """Note every ``${…}`` that is not ``${secret:NAME}``: it would be sent as it stands."""
    place = reading.places.get(at, place)
    if isinstance(value, dict):
        for key, inner in value.items():
            _check_placeholders(inner, f"{at}.{key}" if at else key, place, reading)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            _check_placeholders(inner, f"{at}[{number}]", place, reading)
    elif isinstance(value, str) and "${secret" in value:
        for match in _SECRET.finditer(value):
            if match[1].startswith("secret") and not _SECRET_NAME.fullmatch(match[1]):
                reading.problems.add(
                    place, f"{at}: {match[0]} is not a secret", "Write ${secret:NAME}."
                )


def _contract(values: dict[str, Any]) -> Contract:
    shell = values.get("shell")
    service = values.get("service")
    return Contract(
        schema_version=values.get("schema_version", 1),
        description=values.get("description", ""),
        runs_as=values.get("runs_as"),
        shell=None if shell is None else Presence(shell),
        files=tuple(_file(path, rule) for path, rule in values.get("files", {}).items()),
        writable=tuple(values.get("writable", ())),
        not_writable=tuple(values.get("not_writable", ())),
        commands=_commands(values.get("commands", ())),
        needs=tuple(_need(name, need) for name, need in values.get("needs", {}).items()),
        service=None if service is None else _service(service),
    )


def _file(path: str, rule: dict[str, Any]) -> FileRule:
    mode = rule.get("mode")
    link = rule.get("link")
    return FileRule(
        path=path,
        presence=Presence(rule.get("presence", "present")),
        kind=rule.get("kind", "link" if link is not None else None),
        mode=None if mode is None else int(mode, 8),
        owner=rule.get("owner"),
        group=rule.get("group"),
        link=link,
        contains=tuple(rule.get("contains", ())),
    )


def _commands(values: Data) -> tuple[Command, ...]:
    return tuple(
        Command(
            name=value.get("name") or " ".join(value["command"])[:80],
            argv=tuple(value["command"]),
            stdin=value.get("stdin", ""),
            environment=_pairs(value, "environment"),
            exit_code=value.get("exit", 0),
            stdout=_expected(value.get("stdout")),
            stderr=_expected(value.get("stderr")),
            timeout=_seconds(value, "timeout", 30.0),
        )
        for value in values
    )


def _expected(value: dict[str, Any] | None) -> Expected:
    if value is None:
        return Expected()
    return Expected(
        equals=value.get("equals"),
        contains=tuple(value.get("contains", ())),
        matches=value.get("matches"),
    )


def _need(name: str, value: dict[str, Any]) -> Need:
    return Need(
        name=name,
        image=value.get("image"),
        command=tuple(value.get("command", ())),
        environment=_pairs(value, "environment"),
        setup=_commands(value.get("setup", ())),
        ports=tuple(value.get("ports", ())),
        ready_within=_seconds(value, "ready_within", 30.0),
    )


def _service(value: dict[str, Any]) -> Service:
    stop = value.get("stop")
    return Service(
        command=tuple(value.get("command", ())),
        environment=_pairs(value, "environment"),
        setup=_commands(value.get("setup", ())),
        ready_within=_seconds(value, "ready_within", 30.0),
        ports=tuple(value.get("ports", ())),
        http=tuple(_http(rule) for rule in value.get("http", ())),
        tcp=tuple(
            TcpRule(
                port=rule["port"],
                send=rule["send"],
                answer=_expected(rule["answer"]),
                timeout=_seconds(rule, "timeout", 5.0),
            )
            for rule in value.get("tcp", ())
        ),
        commands=_commands(value.get("commands", ())),
        logs=_expected(value.get("logs")),
        stop=None
        if stop is None
        else Stop(
            signal=stop.get("signal"),
            exit_code=stop.get("exit"),
            within=_seconds(stop, "within", 10.0),
        ),
    )


def _http(value: dict[str, Any]) -> HttpRule:
    return HttpRule(
        port=value["port"],
        path=value.get("path", "/"),
        method=value.get("method", "GET"),
        headers=_pairs(value, "headers"),
        body=value.get("body", ""),
        status=value.get("status", 200),
        answer_headers=_pairs(value, "answer_headers"),
        answer=_expected(value.get("answer")),
        timeout=_seconds(value, "timeout", 10.0),
    )


def _pairs(value: dict[str, Any], key: str) -> tuple[tuple[str, str], ...]:
    return tuple(value.get(key, {}).items())


def _seconds(value: dict[str, Any], key: str, default: float) -> float:
    return duration_seconds(value[key]) if key in value else default
