"""Real containers made of this host's own programs, in both of bubblewrap's modes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.roots import small_root

from neve.errors import ToolError
from neve.sandbox.bubblewrap import Bubblewrap, BubblewrapContainer
from neve.sandbox.port import RunnableImage

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed"),
]
PROGRAMS = ["sh", "id", "ls", "cat", "touch", "sleep", "env", "stat", "grep", "readlink"]
REAL_ROOT = os.geteuid() == 0


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = small_root(tmp_path_factory.mktemp("sandbox") / "root", PROGRAMS)
    if REAL_ROOT:
        os.chown(root / "var/lib/app", 65532, 65532)
        os.chown(root / "var/lib/app/inner", 77, 88)
    return root


@pytest.fixture
def container(root: Path) -> Iterator[BubblewrapContainer]:
    sandbox = Bubblewrap.probe()
    with sandbox.pod(names=("neighbour",)) as pod:
        yield pod.add(image(root), name="app")


def image(root: Path, uid: int = 65532) -> RunnableImage:
    return RunnableImage(
        root=root,
        uid=uid,
        gid=uid,
        groups=(4711,) if uid else (),
        environment=(("GREETING", "hello world"),),
        workdir="/var/lib/app",
        writable=("/var/lib/app",),
    )


def out(container: BubblewrapContainer, script: str) -> str:
    ended = container.run(["sh", "-c", script])
    assert ended.succeeded, ended
    return ended.stdout.decode().strip()


def test_it_runs_as_the_images_user_with_its_environment_only(
    container: BubblewrapContainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOST_ONLY", "secret")
    assert out(container, "id -u; id -g") == "65532\n65532"
    seen = dict(line.split("=", 1) for line in out(container, "env").splitlines())
    assert seen["GREETING"] == "hello world"
    assert seen["PWD"] == "/var/lib/app"
    assert set(seen) <= {"GREETING", "PATH", "PWD", "SHLVL", "_", "OLDPWD"}


@pytest.mark.parametrize("exact", [True, False], ids=["real root", "mapped user"])
def test_no_list_of_processes_shows_a_secret_of_the_environment(root: Path, *, exact: bool) -> None:
    if exact and not REAL_ROOT:
        pytest.skip("exact owners need real root")
    secret = "only-the-program-knows"
    with Bubblewrap(exact=exact).pod() as pod:
        app = pod.add(image(root), name="app")
        app.start(["sleep", "60"], environment={"PASSWORD": secret})
        told = app.run(["sh", "-c", "echo $PASSWORD; sleep 0.3"], environment={"PASSWORD": secret})
        assert told.stdout.decode().strip() == secret
        shown = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if _alive(path)]
    assert any(line.startswith(b"sleep\x00") for line in shown)
    assert not any(secret.encode() in line for line in shown)


def _alive(path: Path) -> bool:
    try:
        return bool(path.read_bytes())
    except OSError:
        return False


@pytest.mark.skipif(not REAL_ROOT, reason="exact owners need real root")
def test_as_real_root_owners_and_groups_are_exact(container: BubblewrapContainer) -> None:
    assert "4711" in out(container, "id -G").split()
    assert out(container, "stat -c %u:%g . inner /bin/sh") == "65532:65532\n77:88\n0:0"
    refused = container.run(["touch", "inner/mine"])
    assert b"Permission denied" in refused.stderr


def test_the_root_is_read_only_and_nothing_gains_privileges(
    container: BubblewrapContainer, root: Path
) -> None:
    for path in ("/etc/new", "/bin/new", "/new"):
        refused = container.run(["touch", path])
        assert refused.exit_code == 1
        assert b"Read-only file system" in refused.stderr
    status = out(container, "grep -E 'NoNewPrivs|CapEff|CapPrm|CapAmb' /proc/self/status")
    assert dict(line.split() for line in status.splitlines()) == {
        "NoNewPrivs:": "1",
        "CapPrm:": "0000000000000000",
        "CapEff:": "0000000000000000",
        "CapAmb:": "0000000000000000",
    }
    assert not (root / "etc/new").exists()


def test_writable_paths_start_with_the_images_content_and_are_private(
    container: BubblewrapContainer, root: Path
) -> None:
    assert out(container, "cat inner/seed; touch mine /tmp/t /dev/shm/s; ls") == "seedinner\nmine"
    assert out(container, "ls") == "inner\nmine"
    assert not (root / "var/lib/app/mine").exists()


def test_a_program_may_open_its_standard_streams_by_path(container: BubblewrapContainer) -> None:
    ended = container.run(
        ["sh", "-c", "cat /dev/stdin > /dev/stdout; echo wrong > /dev/stderr"], stdin=b"fed"
    )
    assert (ended.stdout, ended.stderr) == (b"fed", b"wrong\n")


def test_it_sees_neither_host_processes_nor_host_files_nor_a_way_out(
    container: BubblewrapContainer,
) -> None:
    assert set(out(container, "ls /").split()) <= {
        *("bin", "dev", "etc", "home", "lib", "lib64", "proc", "tmp", "usr", "var")
    }
    processes = [name for name in out(container, "ls /proc").split() if name.isdigit()]
    assert len(processes) <= 3
    networks = out(container, "cat /proc/net/dev").splitlines()[2:]
    assert [line.split(":")[0].strip() for line in networks] == ["lo"]
    assert "127.0.0.1\tlocalhost app neighbour" in out(container, "cat /etc/hosts")


def test_a_missing_program_and_a_missing_directory_are_told_apart(root: Path) -> None:
    with Bubblewrap.probe().pod() as pod:
        assert pod.add(image(root), name="a").run(["no-such-program"]).exit_code == 127
        elsewhere = RunnableImage(root=root, uid=65532, gid=65532, workdir="/not/there")
        assert pod.add(elsewhere, name="b").run(["id"]).exit_code not in (0, 127)


def test_a_timeout_leaves_nothing_behind(container: BubblewrapContainer) -> None:
    began = time.monotonic()
    assert container.run(["sleep", "987"], timeout=0.5).timed_out
    assert time.monotonic() - began < 5
    time.sleep(0.2)
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert "sleep 987" not in running.splitlines()


def test_a_service_is_process_one_answers_signals_and_logs(container: BubblewrapContainer) -> None:
    script = "trap 'echo bye; exit 5' TERM; echo up as $$; while :; do sleep 0.05; done"
    container.start(["sh", "-c", script])
    deadline = time.monotonic() + 10
    while b"up" not in container.logs() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert container.running
    assert container.logs() == b"up as 1\n"
    assert out(container, "touch beside; ls beside") == "beside"
    ended = container.stop(15, 10)
    assert (ended.exit_code, ended.timed_out) == (5, False)
    assert ended.stdout == b"up as 1\nbye\n"
    assert not container.running


def test_a_signal_without_a_handler_is_not_seen_by_process_one(
    container: BubblewrapContainer,
) -> None:
    container.start(["sleep", "1000"])
    assert container.stop(15, 0.5).timed_out
    assert not container.running


def test_containers_of_a_pod_share_loopback_and_the_host_does_not(root: Path) -> None:
    python = shutil.which("python3", path="/usr/bin")
    if python is None:
        pytest.skip("no python3 of the host's own")
    with Bubblewrap.probe().pod() as pod, Bubblewrap.probe().pod() as other:
        inside = pod.inside()
        server = "import http.server as h; h.test(h.SimpleHTTPRequestHandler, port=18431)"
        process = subprocess.Popen([*inside, python, "-c", server], stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 15
            while pod.exchange(18431, b"") is None and time.monotonic() < deadline:
                time.sleep(0.05)
            answer = pod.exchange(18431, b"GET /none HTTP/1.0\r\n\r\n")
            assert answer is not None
            assert answer.startswith(b"HTTP/1.0 404")
            assert other.exchange(18431, b"") is None
        finally:
            process.kill()
            process.wait()


def test_everything_ends_with_the_process_that_asked(root: Path, tmp_path: Path) -> None:
    script = (
        "import os, sys, time; from pathlib import Path\n"
        "from neve.sandbox.bubblewrap import Bubblewrap\n"
        "from neve.sandbox.port import RunnableImage\n"
        "with Bubblewrap.probe().pod() as pod:\n"
        f"    image = RunnableImage(root=Path({str(root)!r}), uid=65532, gid=65532)\n"
        "    container = pod.add(image, name='a')\n"
        "    container.start(['sh', '-c', 'echo up; sleep 765; true'])\n"
        "    while b'up' not in container.logs(): time.sleep(0.02)\n"
        "    print('up', flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    process.kill()
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
        if "sleep 765" not in listed.splitlines():
            return
        time.sleep(0.1)
    pytest.fail("the container outlived the process that started it")


@pytest.mark.skipif(not REAL_ROOT, reason="compares with the mode of real root")
def test_a_mapped_user_sees_the_same_but_for_owners(root: Path) -> None:
    with Bubblewrap(exact=False).pod() as pod:
        container = pod.add(image(root), name="app")
        assert out(container, "id -u; touch mine; ls") == "65532\ninner\nmine"
        assert container.run(["touch", "/etc/new"]).exit_code == 1
        assert container.run(["no-such-program"]).exit_code == 127
        container.start(["sh", "-c", "trap 'exit 4' TERM; echo up; while :; do sleep 0.05; done"])
        while b"up" not in container.logs():
            time.sleep(0.02)
        assert container.stop(15, 10).exit_code == 4


@pytest.mark.skipif(not REAL_ROOT, reason="an image that runs as root, run by real root")
def test_an_image_that_runs_as_root_cannot_leave_its_root(root: Path) -> None:
    with Bubblewrap.probe().pod() as pod:
        container = pod.add(image(root, uid=0), name="app")
        assert out(container, "id -u") == "0"
        assert container.run(["touch", "/etc/new"]).exit_code == 1
        for kept in out(container, "grep -E 'CapPrm|CapEff|CapAmb' /proc/self/status").split("\n"):
            for number in (18, 19, 21, 27, 13):  # chroot, ptrace, admin, mknod, raw sockets
                assert not int(kept.split()[1], 16) & (1 << number), kept


def test_a_host_without_namespaces_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = tmp_path / "bwrap"
    refusing.write_text("#!/bin/sh\necho 'No permissions to create new namespace' >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="namespaces") as caught:
        Bubblewrap.probe()
    assert "No permissions to create new namespace" in caught.value.details
    assert "--engine" in caught.value.resolution
