"""Several programs in one container, without a shell: started, watched, stopped, for real."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.images import Image, Works
from tests.support.services import Running, built, laid_out, running

from neve.sandbox.port import RunnableImage

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed"),
]
ACT = "command: [/usr/bin/python3, /srv/actor.py"

Start = Callable[..., Running]


@pytest.fixture
def start(works: Works, tmp_path: Path) -> Iterator[Start]:
    """Build an image of services and start it."""
    with ExitStack() as stack:

        def begin(name: str, services: str, **more: str) -> Running:
            image = stack.enter_context(laid_out(built(works, name, services, **more), tmp_path))
            return stack.enter_context(running(image))

        yield begin


def lines(data: bytes) -> list[str]:
    return data.decode().splitlines()


STARTED_IN_ORDER = f"""\
services:
  db:
    {ACT}, listen, "5432", "0.4"]
    ready: {{port: 5432}}
  api:
    {ACT}, orphans]
    depends_on: [db]
  site:
    {ACT}, serve, "8077"]
    ready: {{http: "http://127.0.0.1:8077/up?x=1", interval: 100ms}}
  web:
    {ACT}, write]
    depends_on: [api, site]
  tick:
    {ACT}, job]
    restart: {{delay: 100ms}}
"""


def test_services_start_in_order_and_stop_in_reverse(start: Start) -> None:
    run = start("order", STARTED_IN_ORDER)
    run.wait_for("to stderr")
    run.wait(lambda: run.container.logs().decode().count("tick: job started") >= 2)
    ended = run.stop()

    assert ended.exit_code == 0
    out, err = lines(ended.stdout), lines(ended.stderr)
    seen = [out.index(line) for line in ("db: listening on 5432", "api: orphans started")]
    assert seen == sorted(seen)
    assert out.index("api: orphans started") < out.index("web: write started")
    asked = [line for line in out if line.startswith("site: GET ")]
    assert asked == [
        "site: GET /up?x=1 HTTP/1.0: 503 Not yet",
        "site: GET /up?x=1 HTTP/1.0: 204 No Content",
    ]
    assert out.index(asked[1]) < out.index("web: write started")
    assert "web: to stdout" in out
    assert "web: to stderr" in err
    assert "web: to stderr" not in out
    stops = {
        match[1]: float(match[2])
        for match in re.finditer(r"(\w+): stopped at ([0-9.]+)", ended.stdout.decode())
    }
    assert stops["web"] < stops["api"] < stops["db"]


def test_orphans_are_reaped_and_health_is_asked(start: Start) -> None:
    run = start("order", STARTED_IN_ORDER)
    run.wait_for("orphans left")
    run.wait(lambda: run.container.run(["/usr/lib/services/healthy"]).exit_code == 0)
    assert run.container._started is not None
    first = run.container._started.child

    def zombies() -> list[str]:
        found = []
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                text = status.read_text()
            except OSError:
                continue
            if "\nState:\tZ" in text and f"\nPPid:\t{first}\n" in text:
                found.append(text)
        return found

    run.wait(lambda: not zombies(), within=5)
    assert run.container.running


def test_a_crash_loop_pauses_longer_and_ends_with_the_exit_code(start: Start) -> None:
    run = start(
        "crash",
        f"""\
services:
  calm: {{{ACT}, calm]}}
  worker:
    {ACT}, crash, "7"]
    restart: {{policy: on-failure, max_attempts: 3, delay: 100ms}}
""",
    )
    ended = run.end()

    assert ended.exit_code == 7
    told = [line for line in lines(ended.stderr) if line.startswith("services: ")]
    assert told == [
        "services: worker ended with exit code 7; it starts again in 0.1 s",
        "services: worker ended with exit code 7; it starts again in 0.2 s",
        "services: worker ended with exit code 7, the 3rd failure in 60 s: the container stops",
        "services: the container ends with the exit code of worker",
    ]
    assert lines(ended.stdout).count("worker: crash started") == 3
    assert re.search(r"^calm: stopped at", ended.stdout.decode(), re.MULTILINE)


def test_a_signal_is_an_exit_code_and_a_job_may_end(start: Start) -> None:
    run = start(
        "signal",
        f"""\
services:
  once: {{{ACT}, job], restart: never, on_exit: ignore}}
  fragile: {{{ACT}, abort], restart: never, depends_on: [once]}}
""",
    )
    ended = run.end()

    assert ended.exit_code == 139
    assert "services: once ended" in lines(ended.stderr)
    assert "services: fragile was killed by signal 11: the container stops" in lines(ended.stderr)


def test_what_ignores_the_signal_is_killed_after_its_grace(start: Start) -> None:
    run = start(
        "stubborn",
        f"""\
services:
  calm: {{{ACT}, calm]}}
  stubborn: {{{ACT}, stubborn], stop_grace_period: 500ms, depends_on: [calm]}}
""",
    )
    run.wait_for("stubborn started")
    ended = run.stop()

    assert ended.exit_code == 137
    assert "services: stubborn did not stop within 0.5 s: killed" in lines(ended.stderr)
    assert "calm: stopped" in ended.stdout.decode()


def test_a_dependency_that_never_gets_ready_ends_the_container(start: Start) -> None:
    run = start(
        "unready",
        f"""\
services:
  db: {{{ACT}, calm], ready: {{port: 5432, timeout: 700ms}}}}
  app: {{{ACT}, calm], depends_on: [db]}}
""",
    )
    ended = run.end()

    assert ended.exit_code == 124
    assert lines(ended.stderr)[:1] == [
        "services: db is not ready after 0.7 s: nothing listens on port 5432: the container stops"
    ]
    assert "app:" not in ended.stdout.decode()


PHP = """\
run: {ports: [8080]}
services:
  fpm:
    command: [/usr/sbin/php-fpm8.4, --nodaemonize, --fpm-config, /srv/fpm.conf]
    ready: {file: /tmp/fpm.sock}
  web:
    command: [/usr/sbin/nginx, -c, /srv/nginx.conf, -g, daemon off;]
    depends_on: [fpm]
    stop_signal: SIGQUIT
    ready: {port: 8080}
"""
PHP_FILES = """\
  /srv/index.php: {content: "<?php echo 'sum ', 19 + 23;"}
  /srv/fpm.conf:
    content: |
      [global]
      error_log = /dev/stderr
      [www]
      listen = /tmp/fpm.sock
      pm = static
      pm.max_children = 1
  /srv/nginx.conf:
    content: |
      pid /tmp/nginx.pid;
      error_log stderr;
      events {}
      http {
        access_log /dev/stdout;
        client_body_temp_path /tmp/a; proxy_temp_path /tmp/b; fastcgi_temp_path /tmp/c;
        uwsgi_temp_path /tmp/d; scgi_temp_path /tmp/e;
        server {
          listen 8080;
          location / {
            fastcgi_pass unix:/tmp/fpm.sock;
            fastcgi_param SCRIPT_FILENAME /srv/index.php;
            fastcgi_param REQUEST_METHOD GET;
          }
        }
      }
"""


def test_nginx_and_php_fpm(start: Start) -> None:
    run = start("php", PHP_FILES + PHP, packages="nginx, php-fpm")
    answers: list[bytes] = []

    def answered() -> bool:
        answers.append(run.pod.exchange(8080, b"GET / HTTP/1.0\r\n\r\n") or b"")
        return b"sum 42" in answers[-1]

    run.wait(answered)
    ended = run.stop()
    assert ended.exit_code == 0
    assert any(
        line.startswith("web: ") and "GET / HTTP/1.0" in line for line in lines(ended.stdout)
    )


ODD = ["", " ", "a b", "{", "}", "#", "$x", "${1}", "\\", '"', "é\n\t", "-c", "'", "\x01", "0x1"]
APART = f"""\
accounts: {{users: {{alice: {{home: /home/alice, groups: [shared]}}, bob: {{}}}}}}
run: {{user: root}}
loosened: [{{rule: non-root, reason: two services that must not read each other}}]
services:
  a: {{{ACT}, show], user: alice, workdir: /home/alice}}
  b:
    command: {json.dumps(["/usr/bin/python3", "/srv/actor.py", "show", *ODD])}
    user: bob
    environment: {{ODD: {json.dumps(" ".join(ODD))}}}
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("release", ["13", "12"])
def test_root_gives_each_service_its_own_user(start: Start, release: str) -> None:
    run = start(f"apart-{release}", APART, release=release)
    run.wait(lambda: run.container.logs().decode().count("uid") == 2)
    run.wait_for("ODD")
    ended = run.stop()

    out = ended.stdout.decode()
    first = re.search(r"^a: uid (\d+) gid (\d+) groups (.*) in (.*)$", out, re.MULTILINE)
    second = re.search(r"^b: uid (\d+) gid (\d+)", out, re.MULTILINE)
    assert first is not None
    assert second is not None
    assert first[4] == "/home/alice"
    assert len(first[3].split(",")) == 2
    assert "0" not in {first[1], second[1]}
    assert first[1] != second[1]
    assert f"b: words {ODD!r}" in out
    assert repr(" ".join(ODD)) in out
    assert "'?'" not in out
    assert "'!'" not in out


SMALL = f"services:\n  only: {{{ACT}, show]}}\n"


def test_a_restarted_container_starts_again_on_what_the_first_run_left(start: Start) -> None:
    run = start("small", SMALL)
    for _ in range(2):
        run.container.start(["/usr/lib/services/init"])
        run.wait_for("uid")
        assert run.container.run(
            ["/usr/bin/s6-svstat", "/run/services/live/template/only"]
        ).succeeded
        assert run.stop().exit_code == 0


@contextmanager
def mounted(image: RunnableImage, options: str) -> Iterator[list[str]]:
    """The command line of ``image`` on a read-only root with a new ``/run``, as engines mount."""
    script = (
        'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" &&'
        ' mount -t tmpfs -o "$1" tmpfs "$0/run" && mount -t proc proc "$0/proc" &&'
        ' mount --bind /dev "$0/dev" && exec chroot --userspec="$2" "$0" /usr/lib/services/init'
    )
    assert image.root is not None
    for needed in ("proc", "dev"):
        (image.root / needed).mkdir(exist_ok=True)
    user = f"{image.uid}:{image.gid}"
    inside = ["sh", "-c", script, str(image.root), options, user]
    yield ["unshare", "--mount", "--pid", "--fork", "--kill-child", *inside]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
@pytest.mark.parametrize(
    ("options", "uid", "told"),
    [
        ("noexec,nosuid,nodev,mode=1777", 65532, "only: uid 65532"),
        ("noexec,mode=1777", 1_000_650_000, "only: uid 1000650000 gid 0"),
        ("ro", 65532, "services: /run/services can't be set up: it has to be writable"),
    ],
    ids=["noexec", "arbitrary-uid", "read-only"],
)
def test_any_uid_runs_on_a_read_only_root(
    works: Works, tmp_path: Path, options: str, uid: int, told: str
) -> None:
    image: Image = built(works, "small", SMALL)
    with laid_out(image, tmp_path) as laid:
        gid = 0 if uid > 65535 else uid
        with (
            mounted(replace(laid, uid=uid, gid=gid), options) as command,
            subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env={"PATH": os.environ["PATH"]},
            ) as process,
        ):
            assert process.stdout is not None
            written = []
            for line in process.stdout:
                written.append(line)
                if told in line:
                    break
            else:
                pytest.fail("".join(written))
            if options == "ro":
                assert process.wait(10) == 111
            process.kill()


def test_a_service_that_is_not_in_the_image_stops_the_lock(works: Works) -> None:
    place = works.recipe(
        "absent",
        """\
schema_version: 1
distribution: debian
release: "13"
packages: [nginx]
services:
  web:
    command: [/usr/bin/nginx, -g, daemon off;]
""",
    )
    done = works.neve("lock", place, "--dry-run", expect=2)
    assert "neve.yaml:7:15: /usr/bin/nginx is not in the image" in done.err.replace("\n  ", " ")
    assert "/usr/sbin/nginx" in done.err


def test_a_recipe_shows_its_services_and_their_supervisor(works: Works) -> None:
    image = built(works, "small", SMALL)
    assert image.settings["Entrypoint"] == ["/usr/lib/services/init"]
    assert "Cmd" not in image.settings
    chains = {package.name: package.because for package in image.packages}
    assert chains["s6"] == ("services: s6",)
    assert chains["libskarnet2.14t64"][0].startswith("services: ")
    why = works.neve("why", image.path, "/usr/lib/services/each/only/run").out
    assert "services.only" in why
    gone = works.neve("why", image.path, "/usr/bin/s6-sudo").out
    assert "services-minimal" in gone
    assert "/usr/bin/execlineb" not in image.tree
