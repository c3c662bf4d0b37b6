"""What ``services:`` may say, and what each slip says back, with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neve.errors import SourceError
from neve.recipe.read import read_recipe
from neve.recipe.services import run_of, supervisor_requests
from neve.recipe.services_read import find_circle
from neve.recipe.types import Recipe, Service

HEAD = "distribution: debian\nrelease: 13\n"
WEB = "services:\n  web:\n    command: [/usr/sbin/nginx]\n"


def read(tmp_path: Path, body: str) -> Recipe:
    path = tmp_path / "neve.yaml"
    path.write_text(HEAD + body, encoding="utf-8")
    return read_recipe(path).recipe


def refused(tmp_path: Path, body: str) -> str:
    with pytest.raises(SourceError) as caught:
        read(tmp_path, body)
    error = caught.value
    return "\n".join((error.brief, *error.details, error.resolution)).replace(f"{tmp_path}/", "")


def test_one_line_is_a_service_with_safe_defaults(tmp_path: Path) -> None:
    (web,) = read(tmp_path, WEB).services
    assert (web.name, web.command) == ("web", ("/usr/sbin/nginx",))
    assert (web.restart.policy, web.restart.max_attempts, web.restart.window) == ("always", 5, 60.0)
    assert (web.stop_signal, web.stop_grace_period, web.on_exit) == ("SIGTERM", 5, "stop-container")
    assert web.ready is None


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    body = """\
services:
  db: {command: [/usr/bin/db]}
  app:
    command: [/usr/bin/app, --port, 80]
    user: alice
    environment: {B: 2, A: one}
    workdir: /srv
    depends_on: [db, db]
    ready: {http: "http://[::1]:8000/up?x=1", interval: 500ms, timeout: 1m}
    restart: {policy: on-failure, delay: 2s, max_delay: 1m, max_attempts: 0, window: 10m}
    stop_signal: SIGQUIT
    stop_grace_period: 20s
    on_exit: ignore
    log: plain
"""
    app = read(tmp_path, body).services[0]
    assert app.name == "app"
    assert app.command == ("/usr/bin/app", "--port", "80")
    assert app.environment == (("A", "one"), ("B", "2"))
    assert app.depends_on == ("db",)
    assert app.ready is not None
    assert (app.ready.http, app.ready.interval, app.ready.timeout) == (
        "http://[::1]:8000/up?x=1",
        0.5,
        60.0,
    )
    assert (app.restart.delay, app.restart.max_delay, app.restart.max_attempts) == (2, 60, 0)
    assert (app.stop_grace_period, app.log, app.on_exit) == (20, "plain", "ignore")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            WEB + "  web: {command: [/x]}\n",
            ["neve.yaml:6:3", 'key "web" stands twice', "the first is on line 4"],
        ),
        (
            WEB + "    depends_on: [wep]\n",
            ["neve.yaml:6:18: services.web.depends_on[0]: no service is called wep", "web?"],
        ),
        (
            WEB + "    depends_on: [web]\n",
            ["neve.yaml:6:18: services.web.depends_on[0]: web depends on itself"],
        ),
        (
            WEB
            + "    depends_on: [b]\n  b: {command: [/b], depends_on: [c]}\n"
            + "  c: {command: [/c], depends_on: [web]}\n",
            ["the services wait for each other: b → c → web → b", "neve.yaml:7:"],
        ),
        (
            "services:\n  web: {command: [nginx]}\n",
            [
                "neve.yaml:4:18: services.web.command[0]: 'nginx' is not an absolute",
                "/usr/bin/nginx",
            ],
        ),
        (
            "services:\n  web: {command: [./bin/app]}\n",
            ["'./bin/app' is not an absolute path", "/usr/bin/app"],
        ),
        ("services:\n  web: {command: nginx -g x}\n", ["neve.yaml:4:18", "exec form"]),
        ("services:\n  web: {command: []}\n", ["the list is empty"]),
        ("services:\n  web: {}\n", ["command is missing"]),
        (WEB + "    stop_signal: SIGTREM\n", ["neve.yaml:6:18", "Did you mean SIGTERM?"]),
        (WEB + "    stop_signal: SIGCHLD\n", ["neve.yaml:6:18"]),
        (WEB + "    ready: {port: 70000}\n", ["neve.yaml:6:19", "70000", "65535"]),
        (WEB + "    ready: {port: http}\n", ["neve.yaml:6:19", "whole number"]),
        (WEB + '    ready: {http: "http://db:80/"}\n', ["neve.yaml:6:19", "loopback"]),
        (WEB + '    ready: {http: "http://127.0.0.1:99999/"}\n', ["Use a port from 1 to 65535"]),
        (WEB + "    ready: {port: 80, file: /x}\n", ["exactly one of", "port and file"]),
        (WEB + "    ready: {timeout: 5s}\n", ["exactly one of", "none of them"]),
        (WEB + "    ready: {command: [pg_isready]}\n", ["ready.command[0]", "/usr/bin/pg_isready"]),
        (WEB + "    restart: sometimes\n", ["neve.yaml:6:14", "restart policy"]),
        (WEB + "    restart: {max_attempts: 1000}\n", ["from 0 to 100"]),
        (WEB + "    on_exit: explode\n", ["neve.yaml:6:14"]),
        (WEB + "    comand: []\n", ['unknown key "comand"', "Did you mean command?"]),
        ("services:\n  Web: {command: [/x]}\n", ["neve.yaml:4:3", "lower-case: web"]),
        ("services:\n  ../x: {command: [/x]}\n", ["neve.yaml:4:3", "not a service's name"]),
        (
            "run: {entrypoint: [/usr/bin/app]}\n" + WEB,
            ["neve.yaml:3:7: run.entrypoint", "Make it a service"],
        ),
        ("run: {command: [--debug]}\n" + WEB, ["run.command"]),
        ("run: {stop_signal: SIGRTMIN+3}\n" + WEB, ["neve.yaml:3:20: run.stop_signal", "SIGTERM"]),
    ],
)
def test_a_slip_is_shown_where_it_is(tmp_path: Path, body: str, told: list[str]) -> None:
    text = refused(tmp_path, body)
    for words in told:
        assert words in text, text


def test_a_base_recipes_services_can_be_changed_and_depended_on(tmp_path: Path) -> None:
    base = HEAD + WEB + '    ready: {port: 80}\n    environment: {A: "1"}\nrun: {entrypoint: []}\n'
    (tmp_path / "base.yaml").write_text(base)
    (tmp_path / "neve.yaml").write_text(
        "extends: base.yaml\nservices:\n"
        "  job: {command: [/usr/bin/job], depends_on: [web]}\n"
        '  web: {command: [/usr/sbin/other], ready: {file: /x}, environment: {B: "2"}}\n'
    )
    job, web = read_recipe(tmp_path / "neve.yaml").recipe.services
    assert job.depends_on == ("web",)
    assert web.command == ("/usr/sbin/other",)
    assert web.ready is not None
    assert (web.ready.file, web.ready.port) == ("/x", None)
    assert web.environment == (("A", "1"), ("B", "2"))


def test_the_entrypoint_of_a_base_recipe_can_be_set_aside(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(HEAD + "run: {entrypoint: [/usr/bin/app], command: [-x]}\n")
    child = tmp_path / "neve.yaml"
    child.write_text("extends: base.yaml\n" + WEB)
    with pytest.raises(SourceError, match=r"base\.yaml:3:7: run\.entrypoint"):
        read_recipe(child)
    child.write_text("extends: base.yaml\nrun: {entrypoint: [], command: []}\n" + WEB)
    assert read_recipe(child).recipe.services


def test_the_supervisor_is_the_entrypoint_and_asked_for(tmp_path: Path) -> None:
    recipe = read(tmp_path, "run: {stop_signal: SIGQUIT, user: app}\npackages: [s6]\n" + WEB)
    run = run_of(recipe)
    assert (run.entrypoint, run.command) == (("/usr/lib/services/init",), ())
    assert (run.stop_signal, run.user) == ("SIGQUIT", "app")
    assert [request.name for request, _ in supervisor_requests(recipe)] == ["execline"]


def test_without_services_nothing_changes(tmp_path: Path) -> None:
    recipe = read(tmp_path, "run: {entrypoint: [/usr/bin/app]}\n")
    assert run_of(recipe) is recipe.run
    assert supervisor_requests(recipe) == ()


_NAMES = "abcdefgh"


@given(st.dictionaries(st.sampled_from(_NAMES), st.sets(st.sampled_from(_NAMES)), min_size=1))
def test_a_circle_is_found_where_there_is_one(wants: dict[str, set[str]]) -> None:
    services = [
        Service(name=name, command=("/x",), depends_on=tuple(sorted(others)))
        for name, others in wants.items()
    ]
    circle = find_circle(services)
    for name, following in zip(circle, (*circle[1:], *circle[:1]), strict=True):
        assert following in wants[name]
    settled: set[str] = set()
    known = set(wants)
    while True:
        more = {n for n in known - settled if not (wants[n] & known) - settled}
        if not more:
            break
        settled |= more
    assert bool(circle) == (settled != known)
