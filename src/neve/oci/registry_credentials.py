"""Logins for registries, from Docker's and Podman's own files and credential helpers.

Read from containers-auth.json(5), Docker's ``config.json`` (docs.docker.com, "docker login") and
docker-credential-helpers' protocol. A secret leaves this module only inside a ``Login`` or an
``IdentityToken``, whose representations hide it; no message quotes a file or a helper.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neve.errors import ToolError, UsageError
from neve.net import Login

_FILE_LIMIT = 1 << 20
_HELPER_LIMIT = 64 << 10
_HELPER_TIMEOUT = 60.0
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ABSENT = b"credentials not found"
_TOKEN_USER = "<token>"  # noqa: S105 - the helpers' word for "the secret is an identity token"
_HUB_KEYS = ("https://index.docker.io/v1/", "index.docker.io", "registry-1.docker.io")


@dataclass(frozen=True, slots=True)
class IdentityToken:
    """A refresh token that the registry's token service takes in place of a password."""

    token: str = field(repr=False)


Secret = Login | IdentityToken


class RegistryCredentials:
    """Finds the login of a registry or of a repository in it; each is looked up once.

    Files are asked in Podman's order; ``REGISTRY_AUTH_FILE`` names the only one where it is set.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._lock = threading.Lock()
        self._found: dict[str, Secret | None] = {}
        self._files: tuple[_AuthFile, ...] | None = None

    def find(self, registry: str, repository: str) -> Secret | None:
        """The login for ``registry/repository``: the longest matching name wins, in the first
        file that has one. ``None`` where nobody logged in.

        Raises ``UsageError`` for an unreadable file, ``ToolError`` for a helper that fails.
        """
        name = f"{registry}/{repository}"
        with self._lock:
            if name not in self._found:
                self._found[name] = self._look(registry, name)
            return self._found[name]

    def _look(self, registry: str, name: str) -> Secret | None:
        if self._files is None:
            self._files = tuple(_read_files(self._environment))
        for file in self._files:
            secret = file.find(registry, name)
            if secret is not None:
                return secret
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _AuthFile:
    """One file; ``environment`` is what its helpers run with."""

    path: Path
    auths: Mapping[str, Any] = field(repr=False)
    helpers: Mapping[str, Any]
    store: object
    environment: Mapping[str, str] = field(repr=False)

    def find(self, registry: str, name: str) -> Secret | None:
        for key in _keys(registry, name):
            helper = self.helpers.get(key)
            if helper is not None:
                return self._ask(helper, key)
            if key in self.auths:
                secret = self._entry(key)
                if secret is not None:
                    return secret
        if self.store:
            return self._ask(self.store, _HUB_KEYS[0] if registry == "docker.io" else registry)
        return None

    def _entry(self, key: str) -> Secret | None:
        entry = self.auths[key]
        if not isinstance(entry, dict):
            raise self._wrong(f"auths.{key} is no table")
        token = entry.get("identitytoken")
        if isinstance(token, str) and token:
            return IdentityToken(token)
        text = entry.get("auth")
        if isinstance(text, str) and text:
            try:
                pair = base64.b64decode(text, validate=True).decode("utf-8").rstrip("\0")
            except (binascii.Error, UnicodeDecodeError):
                raise self._wrong(f"auths.{key}.auth is no base64") from None
            user, separator, password = pair.partition(":")
            if not separator:
                raise self._wrong(f"auths.{key}.auth holds no user and password")
            return Login(user, password)
        user, password = entry.get("username", ""), entry.get("password", "")
        if isinstance(user, str) and isinstance(password, str) and user:
            return Login(user, password)
        return None

    def _ask(self, helper: object, server: str) -> Secret | None:
        """What the helper ``docker-credential-NAME`` says; its words are never shown."""
        from neve.sandbox.process import run_command

        if not isinstance(helper, str) or not _HELPER.fullmatch(helper):
            raise self._wrong("it names a credential helper that is no program's name")
        program = f"docker-credential-{helper}"
        ended = run_command(
            [program, "get"],
            stdin=server.encode() + b"\n",
            timeout=_HELPER_TIMEOUT,
            environment=self.environment,
            limit_output=_HELPER_LIMIT,
        )
        if not ended.succeeded:
            if _ABSENT in ended.stdout.lower() or _ABSENT in ended.stderr.lower():
                return None
            raise _failed(program, server, ended.describe())
        try:
            answer = json.loads(ended.stdout)
            user, secret = answer["Username"], answer["Secret"]
        except (ValueError, TypeError, KeyError, RecursionError):
            raise _failed(program, server, "its answer is not as the protocol says") from None
        if not isinstance(user, str) or not isinstance(secret, str):
            raise _failed(program, server, "its answer is not as the protocol says")
        if not secret:
            return None
        return IdentityToken(secret) if user == _TOKEN_USER else Login(user, secret)

    def _wrong(self, cause: str) -> UsageError:
        return _unreadable(self.path, cause)


def _keys(registry: str, name: str) -> Iterator[str]:
    """The names under which a login may stand, the most exact first."""
    parts = name.split("/")
    for count in range(len(parts), 0, -1):
        yield "/".join(parts[:count])
    for key in (f"https://{registry}", f"http://{registry}"):
        yield from (key, f"{key}/", f"{key}/v1/", f"{key}/v2/")
    if registry == "docker.io":
        yield from _HUB_KEYS


def _read_files(environment: Mapping[str, str]) -> Iterator[_AuthFile]:
    for path in _paths(environment):
        try:
            with path.open("rb") as file:
                data = file.read(_FILE_LIMIT + 1)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise _unreadable(path, error.strerror or "it can't be opened") from error
        if not data.strip():
            continue
        try:
            document = json.loads(data) if len(data) <= _FILE_LIMIT else None
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise _unreadable(path, "it is no JSON object")
        auths, helpers = document.get("auths") or {}, document.get("credHelpers") or {}
        if not isinstance(auths, dict) or not isinstance(helpers, dict):
            raise _unreadable(path, "auths and credHelpers are tables")
        yield _AuthFile(
            path=path,
            auths=auths,
            helpers=helpers,
            store=document.get("credsStore"),
            environment=environment,
        )


def _paths(environment: Mapping[str, str]) -> Iterator[Path]:
    chosen = environment.get("REGISTRY_AUTH_FILE")
    if chosen:
        yield Path(chosen)
        return
    home = environment.get("HOME") or environment.get("USERPROFILE")
    if runtime := environment.get("XDG_RUNTIME_DIR"):
        yield Path(runtime) / "containers" / "auth.json"
    if settings := environment.get("XDG_CONFIG_HOME"):
        yield Path(settings) / "containers" / "auth.json"
    elif home:
        yield Path(home) / ".config" / "containers" / "auth.json"
    if docker := environment.get("DOCKER_CONFIG"):
        yield Path(docker) / "config.json"
    elif home:
        yield Path(home) / ".docker" / "config.json"


def _unreadable(path: Path, cause: str) -> UsageError:
    return UsageError(
        f"{path}: not readable as logins: {cause}",
        resolution="Mend the file, or write it anew with `podman login` or `docker login`.",
    )


def _failed(program: str, server: str, cause: str) -> ToolError:
    return ToolError(
        f"the credential helper {program} gave no login for {server}: {cause}",
        resolution=f"Try `echo {server} | {program} get` yourself, or log in anew.",
    )
