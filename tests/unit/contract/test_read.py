from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neve.contract.read import parse_contract, read_contract
from neve.contract.types import Expected, Presence
from neve.errors import NeveError, SourceError, UsageError

WHOLE = b"""
schema_version: 1
description: A web service with its database.
runs_as: 65532
shell: absent
files:
  /bin/sh: absent
  /etc/passwd: {mode: "0644", owner: 0, group: 0, kind: file, contains: [root]}
  /bin: {link: usr/bin}
writable: [/tmp]
not_writable: [/etc]
commands:
  - name: version
    command: [app, --version]
    stdout: "1."
    stderr: {equals: ""}
    exit: 2
    timeout: 1m30s
needs:
  db:
    image: debian-13/postgres
    environment: {PGPASSWORD: "${secret:db}"}
    ports: [5432]
service:
  environment: {PASSWORD: "${secret:db}"}
  ready_within: 5s
  ports: [8080]
  http:
    - port: 8080
      path: /health?x=1
      method: POST
      headers: {Accept: text/plain}
      body: a=1
      status: 201
      answer_headers: {Server: app}
      answer: {matches: '^ok', contains: [a, b]}
  tcp: [{port: 8080, send: "PING\\r\\n", answer: PONG}]
  commands: [{command: [app, check]}]
  logs: ready
  stop: {signal: SIGTERM, exit: 0, within: 3s}
"""


def _problem(text: str) -> SourceError:
    with pytest.raises(SourceError) as caught:
        parse_contract(text.encode(), "contract.yaml")
    return caught.value


def test_every_key_is_read() -> None:
    contract = parse_contract(WHOLE, "contract.yaml")
    assert (contract.runs_as, contract.shell) == (65532, Presence.ABSENT)
    gone, passwd, link = contract.files
    assert gone.presence is Presence.ABSENT
    assert (passwd.mode, passwd.owner, passwd.kind) == (0o644, 0, "file")
    assert (link.kind, link.link) == ("link", "usr/bin")
    (command,) = contract.commands
    assert (command.name, command.argv) == ("version", ("app", "--version"))
    assert (command.exit_code, command.timeout) == (2, 90.0)
    assert command.stdout == Expected(contains=("1.",))
    assert command.stderr == Expected(equals="")
    (need,) = contract.needs
    assert (need.name, need.image, need.ports) == ("db", "debian-13/postgres", (5432,))
    service = contract.service
    assert service is not None
    assert service.ready_within == 5.0
    (http,) = service.http
    assert (http.method, http.path, http.status, http.body) == ("POST", "/health?x=1", 201, "a=1")
    assert http.answer == Expected(contains=("a", "b"), matches="^ok")
    assert service.tcp[0].send == "PING\r\n"
    assert service.commands[0].name == "app check"
    assert service.stop is not None
    assert (service.stop.signal, service.stop.exit_code, service.stop.within) == ("SIGTERM", 0, 3.0)


def test_a_misspelt_key_is_named_with_its_place_and_the_right_word() -> None:
    error = _problem("runs_as: 1\ncomands:\n  - command: [a]\n")
    assert str(error).startswith("contract.yaml:2:1: unknown key")
    assert "Did you mean commands?" in error.resolution


def test_all_problems_come_at_once() -> None:
    error = _problem("shell: gone\nfiles:\n  etc: present\ncommands: [{command: a b}]\n")
    whole = "\n".join([str(error), *error.details])
    for place in ("contract.yaml:1:8", "contract.yaml:3:3", "contract.yaml:4:22"):
        assert place in whole


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("commands: [{command: []}]", "empty"),
        ("commands: [{name: x}]", "command is missing"),
        ("commands: [{command: [a], exit: 256}]", "exit"),
        ("commands: [{command: [a], stdout: {matches: '('}}]", "regular expression"),
        ("commands: [{command: [a], timeout: 30}]", "timeout"),
        ("files: {/x: {mode: 644}}", "mode"),
        ("files: {/x: {kind: file, link: y}}", "only a link"),
        ("files: {/x: {kind: socket}}", "kind"),
        ("service: {ports: [0]}", "port"),
        ("service: {ports: [70000]}", "port"),
        ("service: {http: [{port: 1, path: 'x y'}]}", "request path"),
        ("service: {http: [{port: 1, headers: {'A\\nB': c}}]}", "header"),
        ('service: {http: [{port: 1, headers: {A: "b\\r\\nC: d"}}]}', "header"),
        ("service: {stop: {signal: SIGNOPE}}", "signal"),
        ("needs: {db: {}}", "no service"),
        ("service: {}\nneeds: {Db_: {}}", "host name"),
        ("service: {environment: {A: '${secret:}'}}", "not a secret"),
        ("service: {environment: {A: '${secret db}'}}", "not a secret"),
        ("commands: [{command: [a, '${secret:a b}']}]", "not a secret"),
        ("schema_version: 2", "schema"),
        ("- a", "expected a contract"),
        ("", "empty"),
        ("a: [", "YAML"),
        ("runs_as: 1\nruns_as: 2", "twice"),
    ],
)
def test_what_is_wrong_is_refused_by_name(text: str, word: str) -> None:
    error = _problem(text)
    assert word in "\n".join([str(error), *error.details, error.resolution])


def test_a_dollar_that_is_no_secret_stays_as_written() -> None:
    contract = parse_contract(b"commands: [{command: [sh, -c, 'echo ${HOME} $1']}]", "c")
    assert contract.commands[0].argv[2] == "echo ${HOME} $1"


def test_aliases_that_multiply_are_refused() -> None:
    lines = ["commands:", "  - &a0 {command: [x, y, z]}"]
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    for n in range(1, 8):
        text += f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n"
    with pytest.raises(SourceError):
        parse_contract((text + "\n".join(lines)).encode(), "c")


def test_a_file_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file") as caught:
        read_contract(tmp_path / "missing.yaml")
    assert "--contract" in caught.value.resolution


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_bytes_are_a_contract_or_a_clear_error(data: bytes) -> None:
    with contextlib.suppress(NeveError):
        parse_contract(data, "c")


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(
        ["runs_as", "shell", "files", "commands", "service", "needs", "writable", "description"]
    ),
    _VALUES,
)
def test_any_value_under_any_key_is_read_or_refused(key: str, value: object) -> None:
    with contextlib.suppress(NeveError):
        parse_contract(json.dumps({key: value}).encode(), "c")
