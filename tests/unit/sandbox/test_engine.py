"""The engines' command lines, recorded by a stand-in program: no engine runs here."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from neve.errors import ToolError, UsageError
from neve.sandbox.choose import choose_engine, choose_sandbox
from neve.sandbox.engine import Engine, run_argv
from neve.sandbox.port import RunnableImage

IMAGE = RunnableImage(
    reference="localhost/app:1",
    uid=65532,
    gid=65533,
    groups=(7, 8),
    workdir="/srv",
    writable=("/var/lib/app", "/run/app"),
)
STAND_IN = """#!{python} -IS
import json, os, sys
with open({log!r}, "a") as log:
    log.write(json.dumps([sys.argv[1:], os.environ.get("TOKEN"), sys.stdin.read()]) + "\\n")
answers = json.load(open({answers!r}))
code, out, err = answers.get(sys.argv[1], [0, "", ""])
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
"""


class StandIn:
    """A program that answers as told and notes how it was called."""

    def __init__(self, directory: Path, name: str) -> None:
        self._log = directory / f"{name}.log"
        self._answers = directory / f"{name}.json"
        self.answer()
        program = directory / name
        text = STAND_IN.format(
            python=sys.executable, log=str(self._log), answers=str(self._answers)
        )
        program.write_text(text)
        program.chmod(0o755)

    def answer(self, **answers: tuple[int, str, str]) -> None:
        self._answers.write_text(json.dumps(answers))

    @property
    def calls(self) -> list[Any]:
        return [json.loads(line) for line in self._log.read_text().splitlines()]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


@pytest.fixture
def docker(path: Path) -> StandIn:
    return StandIn(path, "docker")


def _options(argv: list[str], flag: str) -> list[str]:
    return [argv[i + 1] for i, word in enumerate(argv) if word == flag]


def test_every_field_of_the_image_is_in_the_command_line() -> None:
    argv = run_argv(
        "docker",
        IMAGE,
        "localhost/app:1",
        ["prog", "--flag", "a b"],
        options=["--rm"],
        volumes="neve-1",
        names=["TOKEN"],
    )
    assert argv[:3] == ["docker", "run", "--rm"]
    assert "--read-only" in argv
    assert _options(argv, "--cap-drop") == ["ALL"]
    assert _options(argv, "--security-opt") == ["no-new-privileges"]
    assert _options(argv, "--user") == ["65532:65533"]
    assert _options(argv, "--group-add") == ["7", "8"]
    assert _options(argv, "--workdir") == ["/srv"]
    assert _options(argv, "--tmpfs") == ["/tmp:mode=1777"]
    assert _options(argv, "--volume") == ["neve-1-0:/var/lib/app", "neve-1-1:/run/app"]
    assert _options(argv, "--env") == ["TOKEN"]
    assert argv[-5:] == ["--entrypoint", "prog", "localhost/app:1", "--flag", "a b"]


def test_a_command_runs_without_network_and_secrets_stay_out_of_the_command_line(
    docker: StandIn,
) -> None:
    docker.answer(run=(3, "out", "err"))
    with Engine(program="docker").pod() as pod:
        container = pod.add(IMAGE, name="app")
        ended = container.run(["prog"], stdin=b"fed", environment={"TOKEN": "s3cret"})
    assert (ended.exit_code, ended.stdout, ended.stderr) == (3, b"out", b"err")
    argv, token, fed = docker.calls[0]
    assert _options(argv, "--network") == ["none"]
    assert "s3cret" not in " ".join(argv)
    assert (token, fed) == ("s3cret", "fed")
    assert "--interactive" in argv


def test_the_first_started_container_holds_network_names_and_ports(docker: StandIn) -> None:
    docker.answer(inspect=(0, "true\n", ""), wait=(0, "0\n", ""), logs=(0, "ready", ""))
    with Engine(program="docker").pod(names=("db",), ports=(5432, 8080)) as pod:
        db = pod.add(IMAGE, name="db")
        app = pod.add(IMAGE, name="app")
        db.start(["postgres"])
        app.start(["serve"])
        app.run(["client"])
        assert app.running
        assert app.logs() == b"ready"
        ended = app.stop(15, 5.0)
    calls = [call[0] for call in docker.calls]
    first, second, third = (call for call in calls if call[0] == "run")
    assert _options(first, "--publish") == ["127.0.0.1::5432", "127.0.0.1::8080"]
    assert _options(first, "--add-host") == ["db:127.0.0.1"]
    assert "--detach" in first
    holder = _options(first, "--name")[0]
    assert _options(second, "--network") == [f"container:{holder}"]
    assert _options(third, "--network") == [f"container:{holder}"]
    assert ended.exit_code == 0
    assert ["kill", "--signal", "15", _options(second, "--name")[0]] in calls


def test_containers_and_volumes_are_removed_even_after_a_failure(docker: StandIn) -> None:
    docker.answer(run=(125, "", "no such image"))
    with (
        pytest.raises(ToolError, match="could not start") as caught,
        Engine(program="docker").pod() as pod,
    ):
        pod.add(IMAGE, name="app").start(["serve"])
    assert "no such image" in caught.value.details
    words = [call[0][:2] for call in docker.calls]
    assert words.count(["volume", "rm"]) == 2
    assert ["rm", "--force"] in words


def test_an_engines_own_failure_is_no_answer_of_the_image(docker: StandIn) -> None:
    docker.answer(run=(125, "", "cannot connect"))
    with Engine(program="docker").pod() as pod:
        container = pod.add(IMAGE, name="app")
        with pytest.raises(ToolError, match="could not run the image"):
            container.run(["prog"])


def test_a_port_that_was_not_published_is_not_open(docker: StandIn) -> None:
    docker.answer(port=(1, "", "no public port"))
    with Engine(program="docker").pod(ports=(1,)) as pod:
        assert pod.exchange(1, b"") is None
        pod.add(IMAGE, name="app").start(["serve"])
        assert pod.exchange(1, b"") is None


@pytest.mark.parametrize(
    ("said", "reference"),
    [
        ("Loaded image: localhost/app:1\n", "localhost/app:1"),
        ("Loaded image ID: sha256:abc\n", "sha256:abc"),
        ("Getting image\nLoaded image(s): docker.io/library/x:2\n", "docker.io/library/x:2"),
    ],
)
def test_loading_feeds_the_archive_and_takes_the_engines_name(
    docker: StandIn, path: Path, said: str, reference: str
) -> None:
    docker.answer(load=(0, said, ""))
    archive = path / "image.tar"
    archive.write_text("the archive")
    with archive.open("rb") as file:
        assert Engine(program="docker").load(file) == reference
    assert docker.calls[0][2] == "the archive"


@pytest.mark.parametrize("answer", [(1, "", "disk full"), (0, "done", "")])
def test_a_load_that_failed_or_said_nothing_is_an_error(
    docker: StandIn, path: Path, answer: tuple[int, str, str]
) -> None:
    docker.answer(load=answer)
    archive = path / "image.tar"
    archive.write_text("x")
    with archive.open("rb") as file, pytest.raises(ToolError, match=r"load"):
        Engine(program="docker").load(file)


def test_podman_is_taken_before_docker_and_neither_is_none(path: Path) -> None:
    assert choose_engine() is None
    StandIn(path, "docker").answer(info=(0, "", ""))
    assert choose_engine() == Engine(program="docker")
    podman = StandIn(path, "podman")
    assert choose_engine() == Engine(program="podman")
    podman.answer(info=(1, "", "no socket"))
    assert choose_engine() == Engine(program="docker")


def test_an_engine_that_was_asked_for_must_work(path: Path) -> None:
    with pytest.raises(ToolError, match="podman"):
        choose_sandbox("podman")
    with pytest.raises(UsageError, match="unknown engine"):
        choose_sandbox("containerd")


def test_an_image_without_a_reference_is_refused(docker: StandIn) -> None:
    with Engine(program="docker").pod() as pod, pytest.raises(ToolError, match="by name"):
        pod.add(RunnableImage(root=Path("/x")), name="app")
