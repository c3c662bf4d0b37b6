"""The contract's grammar: every key, its shape and one sentence about it, in one table.

The reader, the JSON Schema and the reference page all come from here, as a recipe's do.
"""

from __future__ import annotations

import re
from typing import Any

from neve.recipe import words
from neve.recipe.document import Mapping, Node
from neve.recipe.shape import Either, Field, ListOf, MapOf, Reading, Record, Shape, Text, Whole

_EXEC = "Write the exec form, a list: [program, argument]. There is no shell to split a string."


def _key(name: str, shape: Shape, doc: str, *, required: bool = False) -> Field:
    return Field(name=name, shape=shape, doc=doc, required=required)


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"Correct the regular expression: {error}.") from None
    return text


_ARGUMENTS = ListOf(item=words.ARGUMENT, minimum=1, text_hint=_EXEC)
_ENVIRONMENT = MapOf(key=words.VARIABLE, value=words.VALUE)
_NAME = Text(what="a host name", pattern=r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", example="db")
_PRESENCE = Text(what="present or absent", pattern="present|absent", example="absent")
_KIND = Text(what="file, directory or link", pattern="file|directory|link", example="file")
_PATTERN = Text(
    what="a regular expression", pattern=r"[^\x00]{1,2000}", example="'^3\\.'", normal=_pattern
)
_PORT = Whole(what="a port", low=1, high=65_535)
_EXIT = Whole(what="an exit code", low=0, high=255)
_ID = Whole(what="a numeric id", low=0, high=4_294_967_294)
_METHOD = Text(what="an HTTP method", pattern=r"[A-Z]{1,16}", example="GET")
_TARGET = Text(what="a request path", pattern=r"/[\x21-\x7e]*", example="/health")
_HEADER = Text(what="a header's name", pattern=r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", example="Host")
_HEADER_VALUE = Text(what="a header's value", pattern=r"[^\x00\r\n]*", numbers=True, example="a")
_HEADERS = MapOf(key=_HEADER, value=_HEADER_VALUE)

EXPECTED = Either(
    short=Text(what="text, or a map of equals, contains, matches", numbers=True, example='"ok"'),
    expand=lambda text: {"contains": [text]},
    long=Record(
        what="what text must be",
        fields=(
            _key("equals", words.VALUE, "The whole text, but for one newline at its end."),
            _key("contains", ListOf(item=words.VALUE, minimum=1), "Texts that must be in it."),
            _key("matches", _PATTERN, "A regular expression that must match somewhere in it."),
        ),
    ),
)
COMMAND = Record(
    what="a command",
    fields=(
        _key("name", words.LINE, "What it shows, for people; by default the command itself."),
        _key("command", _ARGUMENTS, "Program and arguments.", required=True),
        _key("stdin", words.ANY_TEXT, "What it can read."),
        _key("environment", _ENVIRONMENT, "Variables besides the image's own."),
        _key("exit", _EXIT, "Exit code it must end with; by default 0."),
        _key("stdout", EXPECTED, "What it must write to standard output."),
        _key("stderr", EXPECTED, "What it must write to standard error."),
        _key("timeout", words.DURATION, "Time it may take; by default 30s."),
    ),
)
_COMMANDS = ListOf(item=COMMAND)


def _check_file(read: dict[str, Any], node: Node, at: str, reading: Reading) -> None:
    if "link" in read and read.get("kind", "link") != "link":
        where = node.get("kind") if isinstance(node, Mapping) else None
        brief = f"{at}.kind: only a link has a target"
        reading.bad(where or node, brief, "Remove kind or link.")


FILE = Either(
    short=_PRESENCE,
    expand=lambda text: {"presence": text},
    long=Record(
        what="what a path must be",
        check=_check_file,
        fields=(
            _key("kind", _KIND, "file, directory or link."),
            _key("mode", words.MODE, 'Permission bits in quotes, as "0644".'),
            _key("owner", _ID, "Numeric user id."),
            _key("group", _ID, "Numeric group id."),
            _key("link", words.LINK_TARGET, "The text of a symbolic link."),
            _key("contains", ListOf(item=words.VALUE, minimum=1), "Texts that must be in it."),
        ),
    ),
)
HTTP = Record(
    what="an HTTP request and its answer",
    fields=(
        _key("port", _PORT, "Port to ask.", required=True),
        _key("path", _TARGET, "Path and query; by default /."),
        _key("method", _METHOD, "Method; by default GET."),
        _key("headers", _HEADERS, "Headers to send."),
        _key("body", words.ANY_TEXT, "Body to send."),
        _key("status", Whole(what="a status", low=100, high=599), "Status; by default 200."),
        _key("answer_headers", _HEADERS, "Texts that these headers of the answer must contain."),
        _key("answer", EXPECTED, "What the body of the answer must be."),
        _key("timeout", words.DURATION, "Time the answer may take; by default 10s."),
    ),
)
TCP = Record(
    what="text to send and its answer",
    fields=(
        _key("port", _PORT, "Port to send to.", required=True),
        _key("send", words.VALUE, "What to send, as it is.", required=True),
        _key("answer", EXPECTED, "What must come back.", required=True),
        _key("timeout", words.DURATION, "Time to wait for the stream's end; by default 5s."),
    ),
)
NEED = Record(
    what="a neighbour",
    empty=True,
    fields=(
        _key("image", words.LINE, "Catalogue recipe or image; by default the tested image."),
        _key("command", _ARGUMENTS, "Program and arguments; by default the image's own."),
        _key("environment", _ENVIRONMENT, "Variables besides the image's own."),
        _key("setup", _COMMANDS, "Commands that run to their end before."),
        _key("ports", ListOf(item=_PORT), "Ports that mean it is ready."),
        _key("ready_within", words.DURATION, "Time to get ready in; by default 30s."),
    ),
)
STOP = Record(
    what="how it must end",
    empty=True,
    fields=(
        _key("signal", words.SIGNAL, "Signal to send; by default the image's stop signal."),
        _key("exit", _EXIT, "Exit code; by default any."),
        _key("within", words.DURATION, "Time to end in; by default 10s."),
    ),
)
SERVICE = Record(
    what="a service",
    empty=True,
    fields=(
        _key("command", _ARGUMENTS, "Program and arguments; by default the image's own."),
        _key("environment", _ENVIRONMENT, "Variables besides the image's own."),
        _key("setup", _COMMANDS, "Commands that run to their end before it starts."),
        _key("ready_within", words.DURATION, "Time to listen on every port; by default 30s."),
        _key("ports", ListOf(item=_PORT), "TCP ports it must listen on."),
        _key("http", ListOf(item=HTTP), "Requests it must answer."),
        _key("tcp", ListOf(item=TCP), "Plain text exchanges it must answer."),
        _key("commands", _COMMANDS, "Commands to run beside it."),
        _key("logs", EXPECTED, "What it must have written when everything was asked."),
        _key("stop", STOP, "How it must end."),
    ),
)


def _check_contract(read: dict[str, Any], node: Node, at: str, reading: Reading) -> None:
    if "needs" in read and "service" not in read:
        where = node.get("needs") if isinstance(node, Mapping) else None
        reading.bad(where or node, "needs: there is no service", "Add service:, or remove needs.")


CONTRACT = Record(
    what="a contract",
    check=_check_contract,
    fields=(
        _key(
            "schema_version",
            Whole(what="a schema version", low=1, high=1),
            "Version of this format: 1.",
        ),
        _key("description", words.ANY_TEXT, "What the image is for."),
        _key("runs_as", _ID, "User id it must run as."),
        _key("shell", _PRESENCE, "Whether a shell is in it: present or absent."),
        _key("files", MapOf(key=words.PATH, value=FILE), "What must be at these paths."),
        _key("writable", ListOf(item=words.PATH), "Paths its user must be able to write."),
        _key("not_writable", ListOf(item=words.PATH), "Paths its user must not be able to write."),
        _key("commands", _COMMANDS, "Commands to run, each by itself."),
        _key("needs", MapOf(key=_NAME, value=NEED), "Neighbours of the service, by host name."),
        _key("service", SERVICE, "The long-running program."),
    ),
)
