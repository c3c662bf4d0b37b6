"""Where a registry's login comes from, and that nothing ever shows it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from neve.errors import NeveError, ToolError, UsageError
from neve.net import Login
from neve.oci.registry_credentials import IdentityToken, RegistryCredentials

SECRET = "s3cret-w0rd"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def file(name: str, document: object) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return path

    return file


def auth(user: str, password: str = SECRET) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def found(environment: dict[str, str], registry: str, repository: str = "team/app") -> Any:
    return RegistryCredentials(environment).find(registry, repository)


def test_podmans_files_come_before_dockers(write: Write, tmp_path: Path) -> None:
    write("run/containers/auth.json", {"auths": {"one.example": auth("runtime")}})
    write("home/.config/containers/auth.json", {"auths": {"two.example": auth("settings")}})
    everywhere = {f"{name}.example": auth("docker") for name in ("one", "two", "three")}
    write("home/.docker/config.json", {"auths": everywhere})
    environment = {"HOME": str(tmp_path / "home"), "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    for name, user in (("one", "runtime"), ("two", "settings"), ("three", "docker")):
        assert found(environment, f"{name}.example") == Login(user, SECRET)
    assert found(environment, "four.example") is None


def test_docker_config_and_the_one_file(write: Write, tmp_path: Path) -> None:
    write("docker/config.json", {"auths": {"r.example": auth("moved")}})
    only = write("only.json", {"auths": {"r.example": auth("only")}})
    environment = {"HOME": str(tmp_path), "DOCKER_CONFIG": str(tmp_path / "docker")}
    assert found(environment, "r.example") == Login("moved", SECRET)
    assert found({**environment, "REGISTRY_AUTH_FILE": str(only)}, "r.example") == Login(
        "only", SECRET
    )


def test_the_longest_name_wins_and_no_neighbour_gets_it(write: Write) -> None:
    path = write(
        "a.json",
        {
            "auths": {
                "r.example": auth("host"),
                "r.example/team": auth("team"),
                "r.example/team/app": auth("app"),
            }
        },
    )
    credentials = RegistryCredentials({"REGISTRY_AUTH_FILE": str(path)})
    assert credentials.find("r.example", "team/app") == Login("app", SECRET)
    assert credentials.find("r.example", "team/application") == Login("team", SECRET)
    assert credentials.find("r.example", "other") == Login("host", SECRET)
    for stranger in ("r.example.evil", "evil-r.example", "r.example:444", "example"):
        assert credentials.find(stranger, "team/app") is None


def test_docker_hub_under_its_old_address(write: Write) -> None:
    path = write("a.json", {"auths": {"https://index.docker.io/v1/": auth("hub")}})
    assert found({"REGISTRY_AUTH_FILE": str(path)}, "docker.io") == Login("hub", SECRET)


def test_identity_tokens_and_plain_pairs(write: Write) -> None:
    path = write(
        "a.json",
        {
            "auths": {
                "a.example": {"auth": auth("u", "")["auth"], "identitytoken": SECRET},
                "b.example": {"username": "u", "password": SECRET},
                "c.example": {},
            }
        },
    )
    environment = {"REGISTRY_AUTH_FILE": str(path)}
    assert found(environment, "a.example") == IdentityToken(SECRET)
    assert found(environment, "b.example") == Login("u", SECRET)
    assert found(environment, "c.example") is None


@pytest.mark.parametrize(
    "document",
    [
        "{" + SECRET,
        json.dumps([SECRET]),
        json.dumps({"auths": SECRET}),
        json.dumps({"auths": {"r.example": SECRET}}),
        json.dumps({"auths": {"r.example": {"auth": f"!{SECRET}"}}}),
        json.dumps({"auths": {"r.example": {"auth": base64.b64encode(b"no-colon").decode()}}}),
        json.dumps({"credHelpers": {"r.example": f"../{SECRET}"}}),
        json.dumps({"credHelpers": {"r.example": 5}}),
        "[" * 100_000,
        "x" * (2 << 20),
    ],
)
def test_a_damaged_file_is_an_error_that_quotes_nothing(write: Write, document: str) -> None:
    path = write("a.json", document)
    with pytest.raises(UsageError) as caught:
        found({"REGISTRY_AUTH_FILE": str(path)}, "r.example")
    assert str(path) in caught.value.brief
    assert SECRET not in text_of(caught.value)


def helper(tmp_path: Path, name: str, script: str) -> dict[str, str]:
    path = tmp_path / "bin" / f"docker-credential-{name}"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {"PATH": f"{path.parent}:/usr/bin:/bin"}


@pytest.fixture
def with_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")


@pytest.mark.usefixtures("with_path")
def test_helpers_are_asked_on_their_standard_input(write: Write, tmp_path: Path) -> None:
    answer = f'{{"ServerURL":"x","Username":"me","Secret":"{SECRET}"}}'
    script = f"read server; echo \"$1 $server $*\" > {tmp_path}/seen; echo '{answer}'"
    environment = helper(tmp_path, "good", script)
    path = write("a.json", {"credHelpers": {"r.example": "good"}})
    environment["REGISTRY_AUTH_FILE"] = str(path)
    assert found(environment, "r.example") == Login("me", SECRET)
    assert (tmp_path / "seen").read_text() == "get r.example get\n"
    assert found(environment, "other.example") is None


@pytest.mark.usefixtures("with_path")
def test_a_store_serves_every_host(write: Write, tmp_path: Path) -> None:
    answer = f'{{"Username":"<token>","Secret":"{SECRET}"}}'
    script = f"read server; echo $server >> {tmp_path}/seen; echo '{answer}'"
    environment = helper(tmp_path, "all", script)
    environment["REGISTRY_AUTH_FILE"] = str(write("a.json", {"credsStore": "all"}))
    assert found(environment, "r.example") == IdentityToken(SECRET)
    assert found(environment, "docker.io") == IdentityToken(SECRET)
    assert (tmp_path / "seen").read_text() == "r.example\nhttps://index.docker.io/v1/\n"


@pytest.mark.usefixtures("with_path")
def test_a_helper_that_knows_nothing_is_no_error(write: Write, tmp_path: Path) -> None:
    script = "echo 'credentials not found in native keychain'; exit 1"
    environment = helper(tmp_path, "empty", script)
    environment["REGISTRY_AUTH_FILE"] = str(write("a.json", {"credsStore": "empty"}))
    assert found(environment, "r.example") is None


@pytest.mark.usefixtures("with_path")
@pytest.mark.parametrize(
    "script",
    [
        f"echo {SECRET}; echo {SECRET} >&2; exit 3",
        f"echo {SECRET}",
        f'echo \'{{"Username": 1, "Secret": "{SECRET}"}}\'',
        f"kill -9 $$; echo {SECRET}",
        f"yes {SECRET} | head -c 1000000",
    ],
)
def test_a_helper_that_fails_is_named_and_never_quoted(
    write: Write, tmp_path: Path, script: str
) -> None:
    environment = helper(tmp_path, "bad", script)
    environment["REGISTRY_AUTH_FILE"] = str(write("a.json", {"credsStore": "bad"}))
    with pytest.raises(ToolError, match="docker-credential-bad") as caught:
        found(environment, "r.example")
    assert SECRET not in text_of(caught.value)


def test_a_missing_helper_is_an_error(write: Write) -> None:
    path = write("a.json", {"credsStore": "not-there-at-all"})
    with pytest.raises(ToolError, match="docker-credential-not-there-at-all"):
        found({"REGISTRY_AUTH_FILE": str(path)}, "r.example")


def test_no_representation_shows_a_secret(write: Write) -> None:
    path = write("a.json", {"auths": {"r.example": auth("u")}})
    credentials = RegistryCredentials({"REGISTRY_AUTH_FILE": str(path)})
    secret = credentials.find("r.example", "a")
    shown = f"{credentials!r} {secret!r} {credentials._files!r} {IdentityToken(SECRET)!r}"
    assert SECRET not in shown
    assert auth("u")["auth"] not in shown


def text_of(error: NeveError) -> str:
    return "\n".join((error.brief, *error.details, error.resolution))
