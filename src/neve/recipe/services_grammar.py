"""The grammar of ``services:``: what one service may say, and what no service may.

Only what a single file can tell; what takes the whole recipe (dependencies) is judged in
``recipe.services_read``.
"""

from __future__ import annotations

from typing import Any

from neve.recipe import words
from neve.recipe.document import Mapping, Node
from neve.recipe.problems import closest
from neve.recipe.shape import Either, Field, ListOf, MapOf, Reading, Record, Shape, Text, Whole

_EXEC = "Write the exec form, a list: [/usr/bin/program, argument]. There is no shell."
READY = ("port", "http", "file", "command")
POLICIES = ("always", "on-failure", "never")
_MAX_NAME = 32


def _key(
    name: str, shape: Shape, doc: str, *, required: bool = False, merge: str = "replace"
) -> Field:
    return Field(name=name, shape=shape, doc=doc, required=required, merge=merge)


def _absolute(text: str) -> str | None:
    if not text or "\n" in text or "\0" in text:
        return None
    return f"There is no search path: write the program's whole path, as /usr/bin/{_base(text)}."


def _base(text: str) -> str:
    return text.rstrip("/").rpartition("/")[2] or "program"


def _check_service(read: dict[str, Any], node: Node, at: str, reading: Reading) -> None:
    _check_program(read.get("command", []), node, "command", at, reading)


def _check_ready(read: dict[str, Any], node: Node, at: str, reading: Reading) -> None:
    kinds = [kind for kind in READY if kind in read]
    if len(kinds) != 1:
        said = " and ".join(kinds) or "none of them"
        brief = f"{at}: exactly one of {', '.join(READY)} is needed, found {said}"
        reading.bad(node, brief, "Keep one of them.")
    _check_program(read.get("command", ["/"]), node, "command", at, reading)


def _check_program(command: list[str], node: Node, key: str, at: str, reading: Reading) -> None:
    if command and not command[0].startswith("/"):
        where = node.get(key) if isinstance(node, Mapping) else None
        brief = f"{at}.{key}[0]: {command[0]!r} is not an absolute path"
        advice = _absolute(command[0]) or "Write the program's whole path."
        reading.bad(where or node, brief, advice)


def _address(text: str) -> str:
    port = text.partition("://")[2].partition("/")[0].rpartition(":")[2]
    if not 1 <= int(port) <= 65_535:
        raise ValueError("Use a port from 1 to 65535.")
    return text


_NAME = Text(
    what="a service's name",
    pattern=rf"[a-z][a-z0-9-]{{0,{_MAX_NAME - 1}}}",
    example="web",
    hint=lambda text: (
        f"Service names are lower-case: {text.lower()}" if text != text.lower() else None
    ),
)
_POLICY = Text(what="a restart policy", pattern="|".join(POLICIES), example="on-failure")
_ON_EXIT = Text(
    what="what the container does", pattern="stop-container|ignore", example="stop-container"
)
_LOG = Text(what="how lines are written", pattern="named|plain", example="plain")
_ADDRESS = Text(
    what="an address on the container's own loopback",
    pattern=r"http://(?:127\.0\.0\.1|localhost|\[::1\]):[0-9]{1,5}(?:/[\x21\x23-\x7e]*)?",
    example="http://127.0.0.1:8000/health",
    normal=_address,
)
_SIGNALS = (
    *("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2"),
    *("SIGWINCH", "SIGPWR", "SIGALRM", "SIGABRT", "SIGKILL"),
)


def _signal_hint(text: str) -> str:
    word = text.lower() if text.lower().startswith("sig") else f"sig{text.lower()}"
    near = closest(word, [signal.lower() for signal in _SIGNALS])
    return f"Did you mean {near.upper()}?" if near else f"Use one of {', '.join(_SIGNALS)}."


_SIGNAL = Text(
    what="a signal that ends a program",
    pattern="|".join(_SIGNALS),
    example="SIGTERM",
    hint=_signal_hint,
)
_PORT = Whole(what="a port", low=1, high=65_535)


_COMMAND = ListOf(item=words.ARGUMENT, minimum=1, text_hint=_EXEC)
_READY = Record(
    what="a readiness check",
    check=_check_ready,
    fields=(
        _key("port", _PORT, "Ready when something listens on this TCP port."),
        _key("http", _ADDRESS, "Ready when this address answers with a status below 400."),
        _key("file", words.PATH, "Ready when this path exists."),
        _key("command", _COMMAND, "Ready when this program exits 0."),
        _key("interval", words.DURATION, "Time between checks; by default 250ms."),
        _key("timeout", words.DURATION, "Time to get ready in; by default 30s."),
    ),
    rules={"oneOf": [{"required": [kind]} for kind in READY]},
)
_RESTART = Either(
    short=_POLICY,
    expand=lambda text: {"policy": text},
    long=Record(
        what="a restart policy",
        fields=(
            _key("policy", _POLICY, "always, on-failure or never; by default always."),
            _key("delay", words.DURATION, "Pause before a restart; by default 1s."),
            _key(
                "max_delay",
                words.DURATION,
                "The pause doubles with every failure up to this; by default 30s.",
            ),
            _key(
                "max_attempts",
                Whole(what="a number of failures", low=0, high=100),
                "Failures within window that end it for good; by default 5, 0 for no limit.",
            ),
            _key("window", words.DURATION, "Time in which failures count; by default 1m."),
        ),
    ),
)
_SERVICE = Record(
    what="a service",
    check=_check_service,
    fields=(
        _key("command", _COMMAND, "Program (absolute path) and arguments.", required=True),
        _key("user", words.OWNER, "Account it runs as; by default the image's own."),
        _key(
            "environment",
            MapOf(key=words.VARIABLE, value=words.VALUE),
            "Variables besides the image's own.",
            merge="merge",
        ),
        _key("workdir", words.PATH, "Working directory; by default the image's own."),
        _key(
            "depends_on",
            ListOf(item=_NAME),
            "Services that must be ready before it starts, and that stop after it.",
        ),
        _key("ready", _READY, "When it is ready; by default as soon as it runs."),
        _key("restart", _RESTART, "Whether it starts again when it ends; by default always."),
        _key("stop_signal", _SIGNAL, "Signal that stops it; by default SIGTERM."),
        _key(
            "stop_grace_period",
            words.DURATION,
            "Time it gets to stop before it is killed; by default 5s.",
        ),
        _key(
            "on_exit",
            _ON_EXIT,
            "When it ended for good: stop-container (by default) or ignore.",
        ),
        _key("log", _LOG, "named (by default): its name before each line; or plain."),
    ),
)
SERVICES = MapOf(key=_NAME, value=_SERVICE)
