"""Contracts run on a small real image: the host's Python, without a shell."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.roots import python_root

from neve.contract.configured import subject_from
from neve.contract.read import parse_contract
from neve.contract.rootfs import materialise
from neve.contract.run import run_contract
from neve.contract.subject import Subject
from neve.errors import ToolError
from neve.model import Check, Fail, Origin, Pass, Reason, Skipped
from neve.sandbox.bubblewrap import Bubblewrap
from neve.sandbox.process import Completed
from neve.sandbox.scratch import remove_tree
from neve.tree import FileEntry, Inline, Kind, Tree

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed"),
    pytest.mark.skipif(
        not Path("/usr/bin/python3").exists(), reason="the host has no python3 of its own"
    ),
]
WHY = Reason(Origin.RULE, "test", "made for a test")
CONFIG = b"""{"config": {"User": "nonroot", "Env": ["PATH=/usr/bin:/bin", "PYTHONUNBUFFERED=1"],
"Entrypoint": ["/usr/bin/python3"], "Cmd": ["-m", "http.server", "8000"],
"WorkingDir": "/home/nonroot", "StopSignal": "SIGINT"}}"""


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    made = tmp_path_factory.mktemp("contract")
    planted = _tree(python_root(made / "source"))

    def read(entry: FileEntry) -> bytes:
        assert isinstance(entry.content, Inline)
        return entry.content.data

    root = made / "root"
    root.mkdir(mode=0o755)
    materialise(planted, read, root)
    judged = subject_from("image", planted, read, CONFIG)
    yield replace(judged, image=replace(judged.image, root=root))
    remove_tree(root)


def _tree(source: Path) -> Tree:
    entries = [FileEntry(path="/", kind=Kind.DIRECTORY, mode=0o755, reason=WHY)]
    for place in sorted(source.rglob("*")):
        path = f"/{place.relative_to(source)}"
        own = 65532 if path.startswith(("/home/nonroot", "/var/lib/app")) else 0
        mode = stat.S_IMODE(place.lstat().st_mode) & 0o755
        if place.is_dir():
            kind: dict[str, object] = {"kind": Kind.DIRECTORY}
        else:
            kind = {"kind": Kind.FILE, "content": Inline(place.read_bytes())}
        entry = {"path": path, "mode": mode, "uid": own, "gid": own, "reason": WHY} | kind
        entries.append(FileEntry(**entry))  # type: ignore[arg-type]
    return Tree(entries)


def judge(text: str, subject: Subject, **more: object) -> dict[str, Check]:
    contract = parse_contract(text.encode(), "contract.yaml")
    checks = run_contract(contract, subject, Bubblewrap.probe(), **more)  # type: ignore[arg-type]
    return {f"{check.rule} {check.subject}": check for check in checks}


def verdicts(checks: dict[str, Check]) -> dict[str, type]:
    return {name: type(check.verdict) for name, check in checks.items()}


def test_a_whole_contract_passes(subject: Subject) -> None:
    checks = judge(
        """
        runs_as: 65532
        shell: absent
        files: {/usr/bin/python3: {kind: file, owner: 0}, /bin/sh: absent}
        writable: [/tmp, /home/nonroot, /var/lib/app]
        not_writable: [/etc, /usr]
        commands:
          - {name: version, command: [python3, --version], stdout: "Python 3."}
          - name: identity
            command: [python3, -c, "import os; print(os.getuid(), os.getcwd(), len(os.environ))"]
            stdout: {matches: '^65532 /home/nonroot [2-4]$'}
          - {name: input, command: [cat], stdin: fed, stdout: {equals: fed}}
          - name: failure
            command: [python3, -c, "import sys; print('no', file=sys.stderr); sys.exit(7)"]
            exit: 7
            stderr: "no"
          - name: writable
            command: [python3, -c, "open('/var/lib/app/x', 'w'); open('/tmp/y', 'w')"]
          - name: read-only
            command: [python3, -c, "open('/usr/bin/x', 'w')"]
            exit: 1
            stderr: Read-only file system
        service:
          ports: [8000]
          http:
            - {port: 8000, answer_headers: {Server: SimpleHTTP}, answer: Directory listing}
            - {port: 8000, path: /none, status: 404}
            - {port: 8000, method: POST, body: a=1, status: 501}
          tcp: [{port: 8000, send: "GET / HTTP/1.0\\r\\n\\r\\n", answer: "200 OK"}]
          commands:
            - name: beside it
              command:
                - python3
                - -c
                - import urllib.request as u; print(u.urlopen("http://127.0.0.1:8000").status)
              stdout: "200"
          logs: GET /none
          stop: {exit: 0, within: 10s}
        """,
        subject,
    )
    failed = {name: c.verdict for name, c in checks.items() if not isinstance(c.verdict, Pass)}
    # http.server ends with 0 on SIGINT as it catches KeyboardInterrupt.
    assert failed == {}


def test_every_broken_promise_is_named_with_what_was_seen(subject: Subject) -> None:
    checks = judge(
        """
        commands:
          - {name: exit, command: [python3, -c, "import sys; sys.exit(3)"]}
          - {name: output, command: [python3, -c, "print('a thing')"], stdout: another}
          - {name: missing, command: [no-such-program]}
          - {name: slow, command: [sleep, "60"], timeout: 500ms}
        service:
          ports: [8000]
          http: [{port: 8000, status: 418}, {port: 8000, answer: missing}, {port: 8001}]
          tcp: [{port: 8000, send: "nonsense\\r\\n\\r\\n", answer: PONG}]
          stop: {exit: 9, within: 10s}
        """,
        subject,
    )
    assert "exit code 3, not exit code 0" in str(checks["command exit"].verdict)
    assert "a thing" in str(checks["command output"].verdict)
    assert "exit code 127" in str(checks["command missing"].verdict)
    assert "still running after 0.5 s" in str(checks["command slow"].verdict)
    failed = [name for name, check in checks.items() if isinstance(check.verdict, Fail)]
    assert len(failed) >= 7
    assert "nothing accepts" in str(checks["http GET :8001/"].verdict)


def test_a_service_that_does_not_start_skips_what_depends_on_it(subject: Subject) -> None:
    checks = judge(
        """
        service:
          command: [python3, -c, "raise SystemExit('no configuration')"]
          ports: [8000]
          http: [{port: 8000}]
          commands: [{name: ask, command: [cat]}]
          stop: {}
        """,
        subject,
    )
    (start,) = [check for name, check in checks.items() if name.startswith("start ")]
    assert "no configuration" in str(start.verdict)
    others = [check.verdict for name, check in checks.items() if not name.startswith("start ")]
    assert len(others) == 4
    assert all(isinstance(verdict, Skipped) for verdict in others)


def test_a_port_that_never_opens_is_a_failure_in_time(subject: Subject) -> None:
    checks = judge("service: {command: [sleep, '60'], ports: [9], ready_within: 500ms}", subject)
    assert "port 9 not open after 0.5 s" in str(checks["start sleep 60"].verdict)


def test_a_service_that_dies_while_it_is_asked_fails(subject: Subject) -> None:
    script = (
        "import socket; s = socket.create_server(('', 8000)); s.accept(); s.accept()[0].recv(9);"
        " print('gone', flush=True)"
    )
    checks = judge(
        f"""
        service:
          command: [python3, -c, "{script}"]
          ports: [8000]
          tcp: [{{port: 8000, send: x, answer: y}}]
          commands: [{{command: [sleep, "1"]}}]
          stop: {{}}
        """,
        subject,
    )
    assert isinstance(checks["stays-up service"].verdict, Fail)
    assert "gone" in str(checks["stays-up service"].verdict)
    assert isinstance(checks["stop SIGINT"].verdict, Skipped)


NEIGHBOUR = """
        needs:
          api:
            command: [python3, -c, "{script}"]
            environment: {{TOKEN: "${{secret:token}}"}}
            ports: [7000]
        service:
          command: [python3, -m, http.server, "8000"]
          environment: {{TOKEN: "${{secret:token}}"}}
          ports: [8000]
          commands:
            - name: asks its neighbour by name
              command:
                - python3
                - -c
                - |
                  import os, urllib.request as u
                  print(u.urlopen("http://api:7000").read().decode() == os.environ["TOKEN"])
              environment: {{TOKEN: "${{secret:token}}"}}
              stdout: {{equals: "True"}}
            - name: shows it
              command: [python3, -c, 'import os; print(os.environ["TOKEN"]); raise SystemExit(1)']
              environment: {{TOKEN: "${{secret:token}}"}}
"""
SERVER = (
    "import os; from http.server import *; H = type('H', (BaseHTTPRequestHandler,), {'do_GET':"
    " lambda s: (s.send_response(200), s.end_headers(), s.wfile.write(os.environ['TOKEN']"
    ".encode()))}); HTTPServer(('', 7000), H).serve_forever()"
)


def test_a_neighbour_is_reached_by_name_and_secrets_are_shared_but_never_shown(
    subject: Subject,
) -> None:
    checks = judge(NEIGHBOUR.format(script=SERVER), subject)
    assert isinstance(checks["need api"].verdict, Pass)
    assert isinstance(checks["service-command asks its neighbour by name"].verdict, Pass)
    shown = str(checks["service-command shows it"].verdict)
    assert "${secret:token}" in shown


def test_a_neighbour_that_is_not_there_skips_the_service(subject: Subject) -> None:
    checks = judge(
        "needs: {db: {image: nowhere/db}}\nservice: {ports: [8000], http: [{port: 8000}]}",
        subject,
        neighbours={"nowhere/db": "nowhere/db is not an image"},
    )
    assert "nowhere/db is not an image" in str(checks["need db"].verdict)
    assert all(isinstance(check.verdict, Skipped) for check in checks.values())


def test_a_neighbour_that_fails_is_a_failure_and_the_service_is_skipped(subject: Subject) -> None:
    checks = judge(
        "needs: {db: {command: [python3, -c, 'raise SystemExit(1)'], ports: [1]}}\n"
        "service: {http: [{port: 8000}]}",
        subject,
    )
    assert isinstance(checks["need db"].verdict, Fail)
    assert isinstance(checks["http GET :8000/"].verdict, Skipped)


class _Breaking:
    """A sandbox whose containers break, as an engine that goes away does."""

    description = "broken"
    needs_reference = False

    @contextmanager
    def pod(self, *, names: object = (), ports: object = ()) -> Iterator[_Breaking]:
        yield self

    def add(self, image: object, *, name: str) -> _Breaking:
        return self

    def run(self, argv: object, **_: object) -> Completed:
        raise ToolError("the engine went away", resolution="Start it again.")


def test_a_sandbox_that_breaks_is_never_a_verdict(subject: Subject) -> None:
    contract = parse_contract(b"commands: [{command: [a]}]", "c")
    with pytest.raises(ToolError, match="went away"):
        run_contract(contract, subject, _Breaking())  # type: ignore[arg-type]
