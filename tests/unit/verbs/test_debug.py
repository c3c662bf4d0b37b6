"""``neve debug``: the command lines that look into containers and pods, recorded, none run."""

from __future__ import annotations

import io
import json
import sys
import tarfile
from pathlib import Path

import pytest

from neve.errors import ToolError, UsageError
from neve.report.debug import debug_text
from neve.verbs.context import Workspace
from neve.verbs.debug import DebugRequest, DebugResult, debug_target
from neve.verbs.debug_commands import (
    ContainerTarget,
    PodTarget,
    engine_command,
    kubectl_command,
    parse_target,
    root_container,
)
from neve.verbs.debug_tools import DEFAULT_TOOLS, tools_recipe
from neve.verbs.places import catalogue_recipe, find_recipe
from neve.verbs.progress import Silent
from neve.verbs.settings import load_settings

WEB = ContainerTarget(program="docker", name="web")
IMAGE = "registry.example/tools:1"
ENGINE = """#!{python} -IS
import json, sys
with open({log!r}, "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
answers = json.load(open({answers!r}))
for begin, (code, out) in answers.items():
    if " ".join(sys.argv[1:]).startswith(begin):
        sys.stdout.buffer.write(out.encode("latin-1"))
        sys.exit(code)
sys.exit(1)
"""


class StandIn:
    """An engine's or cluster's client that answers as told and notes how it was called."""

    def __init__(self, directory: Path, name: str) -> None:
        self._log = directory / f"{name}.log"
        self._log.touch()
        self._answers = directory / f"{name}.json"
        self.answer({})
        program = directory / name
        log, answers = str(self._log), str(self._answers)
        program.write_text(ENGINE.format(python=sys.executable, log=log, answers=answers))
        program.chmod(0o755)

    def answer(self, answers: dict[str, tuple[int, str]]) -> None:
        self._answers.write_text(json.dumps(answers))

    @property
    def calls(self) -> list[list[str]]:
        return [json.loads(line) for line in self._log.read_text().splitlines()]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty PATH, and an empty current directory."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return programs


def debug(request: DebugRequest, tmp_path: Path) -> DebugResult:
    settings = load_settings(
        {"store": tmp_path / "store", "offline": True}, environment={}, directory=tmp_path
    )
    with Workspace(settings, Silent()) as workspace:
        return debug_target(request, workspace)


def inspected(user: str = "", labels: dict[str, str] | None = None) -> str:
    return json.dumps([{"Config": {"User": user, "Labels": labels}}])


def copied(name: str, text: str) -> str:
    """What ``docker cp CONTAINER:FILE -`` writes."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text.encode()))
    return file.getvalue().decode("latin-1")


def test_tools_join_processes_and_network_with_no_more_rights_than_the_target() -> None:
    assert engine_command(WEB, tools=IMAGE, user=(65532, 65532)) == (
        *("docker", "run", "-it", "--rm", "--pid", "container:web", "--network", "container:web"),
        *("--user", "65532:65532", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *("--read-only", "--tmpfs", "/tmp:mode=1777", "--workdir", "/tmp", "--env", "HOME=/tmp"),
        *("--entrypoint", "/bin/bash", IMAGE),
    )


def test_root_may_trace_and_a_command_replaces_the_shell() -> None:
    words = engine_command(
        ContainerTarget(program="podman", name="web"),
        tools=IMAGE,
        user=(0, 0),
        command=["ls", "-l", "/proc/1/root"],
        terminal=False,
    )
    assert words[:3] == ("podman", "run", "-i")
    assert "SYS_PTRACE" in words
    assert "--cap-drop" not in words
    assert words[-5:] == ("--entrypoint", "ls", IMAGE, "-l", "/proc/1/root")


def test_a_pod_gets_an_ephemeral_container_under_the_restricted_standard() -> None:
    pod = PodTarget(pod="web-1", namespace="shop", container="app")
    assert kubectl_command(pod, tools=IMAGE) == (
        *("kubectl", "debug", "-it", "pod/web-1", "--namespace", "shop", f"--image={IMAGE}"),
        *("--target=app", "--profile=restricted", "--", "/bin/bash"),
    )
    root = kubectl_command(pod, tools=IMAGE, root=True, custom="root.json", command=["id"])
    assert root[-5:] == ("--target=app", "--profile=general", "--custom=root.json", "--", "id")
    assert json.loads(root_container())["securityContext"]["runAsUser"] == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pod/web", PodTarget(pod="web", namespace="n")),
        ("pod/web/app", PodTarget(pod="web", namespace="n", container="app")),
        ("kubectl:shop/web-1", PodTarget(pod="web-1", namespace="shop")),
        ("kubectl:shop/web-1/app", PodTarget(pod="web-1", namespace="shop", container="app")),
        ("docker:web", ContainerTarget(program="docker", name="web")),
        ("podman:0a1b", ContainerTarget(program="podman", name="0a1b")),
        ("docker://library/web", None),
        ("web", None),
        ("oci:out", None),
    ],
)
def test_targets_are_told_apart(text: str, expected: object) -> None:
    assert parse_target(text, namespace="n") == expected


@pytest.mark.parametrize(
    "text",
    [
        *("docker:", "docker:--privileged", "podman:a b", "pod/", "pod/-x", "pod/a/b/c"),
        *("pod/a/--as=root", "kubectl:web", "kubectl:/web", "kubectl:n/a/b/c", "pod/UPPER"),
    ],
)
def test_what_could_be_an_option_is_no_name(text: str) -> None:
    with pytest.raises(UsageError, match="no name of a container or pod"):
        parse_target(text)


def test_a_running_container_is_found_with_its_user(path: Path, tmp_path: Path) -> None:
    docker = StandIn(path, "docker")
    docker.answer(
        {
            "container inspect -- web": (0, inspected("app:web")),
            "cp web:/etc/passwd": (0, copied("passwd", "root:x:0:0::/:\napp:x:101:7::/:\n")),
            "cp web:/etc/group": (0, copied("group", "web:x:33:\n")),
        }
    )
    result = debug(DebugRequest(target="web"), tmp_path)
    assert (result.where, result.user, result.seen_at) == ("docker", "101:33", "/proc/1/root")
    assert result.tools == "debug-tools:debug"
    build = ("neve", "build", DEFAULT_TOOLS, "--variant", "debug", "--load", "--tag", result.tools)
    assert result.steps == (build,)
    assert result.exit_code is None
    assert not any(call[0] == "run" for call in docker.calls)
    lines = debug_text(result, 200).splitlines()
    assert lines[0] == " ".join(build)
    assert lines[1].startswith("docker run -it --rm --pid container:web ")


@pytest.mark.parametrize(
    ("user", "expected"), [("", "0:0"), ("1000", "1000:0"), ("1000:5", "1000:5"), ("root", "0:0")]
)
def test_numbers_need_no_account(path: Path, tmp_path: Path, user: str, expected: str) -> None:
    StandIn(path, "docker").answer({"container inspect": (0, inspected(user))})
    assert debug(DebugRequest(target="docker:web"), tmp_path).user == expected


def test_run_gives_the_engine_the_terminal_and_its_exit_code(path: Path, tmp_path: Path) -> None:
    podman = StandIn(path, "podman")
    podman.answer({"container inspect": (0, inspected("65532:65532")), "run": (7, "")})
    request = DebugRequest(target="podman:web", tools=IMAGE, run=True, command=("id",))
    result = debug(request, tmp_path)
    assert result.exit_code == 7
    assert podman.calls[-1][0] == "run"
    assert podman.calls[-1][-3:] == ["--entrypoint", "id", IMAGE]
    assert result.steps == ()
    assert debug_text(result, 80) == ""


def test_a_container_that_is_not_there_is_said(path: Path, tmp_path: Path) -> None:
    StandIn(path, "docker").answer({"container inspect": (1, ""), "info": (0, "")})
    with pytest.raises(UsageError, match="docker has no container 'web'"):
        debug(DebugRequest(target="docker:web"), tmp_path)


def test_without_an_engine_the_command_is_for_another_machine(path: Path, tmp_path: Path) -> None:
    result = debug(DebugRequest(target="docker:web", tools=IMAGE), tmp_path)
    assert "--user" not in result.command
    assert any("--user UID:GID" in note for note in result.notes)
    with pytest.raises(ToolError, match="docker"):
        debug(DebugRequest(target="docker:web", tools=IMAGE, run=True), tmp_path)
    with pytest.raises(UsageError, match="no container engine answers") as caught:
        debug(DebugRequest(target="web"), tmp_path)
    assert "docker://web" in caught.value.resolution


def test_a_hostile_engine_s_answer_is_refused(path: Path, tmp_path: Path) -> None:
    StandIn(path, "docker").answer({"container inspect": (0, "[1]")})
    with pytest.raises(ToolError, match="not understood"):
        debug(DebugRequest(target="docker:web", run=True), tmp_path)


def test_a_pod_needs_an_image_that_the_cluster_can_pull(path: Path, tmp_path: Path) -> None:
    shown = debug(DebugRequest(target="pod/web/app"), tmp_path)
    assert shown.steps[0][-2:] == ("--push", "REGISTRY/debug-tools:debug")
    assert any("registry" in note for note in shown.notes)
    with pytest.raises(UsageError, match="the cluster can pull"):
        debug(DebugRequest(target="pod/web/app", run=True), tmp_path)
    with pytest.raises(UsageError, match="which container"):
        debug(DebugRequest(target="pod/web", tools=IMAGE, run=True), tmp_path)


def test_a_pod_is_entered_as_root_with_a_file_that_goes_again(path: Path, tmp_path: Path) -> None:
    kubectl = StandIn(path, "kubectl")
    kubectl.answer({"debug": (3, "")})
    request = DebugRequest(target="pod/web/app", tools=IMAGE, root=True, run=True, namespace="n")
    assert debug(request, tmp_path).exit_code == 3
    (call,) = kubectl.calls
    assert call[:5] == ["debug", "-i", "pod/web", "--namespace", "n"]
    (custom,) = [word for word in call if word.startswith("--custom=")]
    assert not Path(custom.removeprefix("--custom=")).exists()


def test_the_own_recipe_s_debug_variant_is_found_by_the_image_s_label(
    path: Path, tmp_path: Path
) -> None:
    from neve.model import sha256_of

    python = catalogue_recipe("debian-13/python")
    assert python is not None
    shipped = {"io.neve.recipe": str(sha256_of(python.read_bytes()))}
    found = tools_recipe(shipped)
    assert (found.recipe, found.own) == ("catalogue/debian-13/dev/python.yaml", True)
    assert tools_recipe({"io.neve.recipe": "sha256:" + "0" * 64}).recipe == DEFAULT_TOOLS
    assert tools_recipe({}).own is False
    text = (
        "extends: catalogue:debian-13/python\nvariants: {look: {kind: debug, packages: [bash]}}\n"
    )
    Path("neve.yaml").write_text(text)
    own = tools_recipe({"io.neve.recipe": str(sha256_of(text.encode()))})
    assert (own.recipe, own.variant) == ("neve.yaml", "look")
    assert find_recipe(DEFAULT_TOOLS).shipped
