"""Running and loading images with Docker or Podman, through their command lines.

Both take the same words for what is asked here. An engine runs images by reference, as the
image's own configuration says; this module adds only what a hardened deployment would: a
read-only root, no capabilities, no new privileges.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from neve.errors import ToolError
from neve.sandbox import probe
from neve.sandbox.port import RunnableImage
from neve.sandbox.process import Completed, run_command

ENGINES = ("podman", "docker")
_ENGINE_FAILED = 125  # docker-run(1), podman-run(1): the engine itself failed
_EXCHANGE_LIMIT = 1 << 20
_SETUP_TIMEOUT = 120.0
_SAVE_TIMEOUT = 1800.0
_SAVE_OPTIONS = {"podman": ("--format", "docker-archive")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The adapter of ``Sandbox`` for ``program``: ``docker`` or ``podman``."""

    program: str

    @classmethod
    def probe(cls, program: str) -> Engine:
        """The engine, if it answers; ``ToolError`` otherwise."""
        answer = run_command([program, "info"], timeout=20.0)
        if not answer.succeeded:
            raise _failed(program, answer, "does not answer")
        return cls(program=program)

    @property
    def description(self) -> str:
        """The engine's name."""
        return self.program

    @property
    def needs_reference(self) -> bool:
        """It runs images by reference."""
        return True

    def load(self, archive: IO[bytes]) -> str:
        """Load a docker-archive from an open file; the reference the engine gave it."""
        answer = run_command([self.program, "load"], stdin=archive, timeout=600.0)
        if not answer.succeeded:
            raise _failed(self.program, answer, "could not load the image")
        for line in answer.stdout.decode("utf-8", "replace").splitlines():
            label, separator, reference = line.partition(": ")
            if separator and label in ("Loaded image", "Loaded image ID", "Loaded image(s)"):
                return reference.strip()
        raise _failed(self.program, answer, "did not say what it loaded")

    def holds(self, reference: str) -> bool:
        """Whether the engine has an image of that name; ``False`` too where it can't be asked."""
        asked = run_command(
            [self.program, "image", "inspect", "--format", "{{.Id}}", "--", reference],
            timeout=_SETUP_TIMEOUT,
        )
        return asked.succeeded

    def save(self, reference: str, archive: IO[bytes], *, limit: int) -> None:
        """Write the image as a docker-archive, at most ``limit`` bytes, into an open file.

        Raises ``ToolError`` where the engine fails or the image is larger.
        """
        written = 0

        def take(data: bytes) -> None:
            nonlocal written
            written += len(data)
            if written > limit:
                raise ToolError(
                    f"{reference}: {self.program} gives more than {limit} bytes",
                    resolution="Look at the image in parts, or push it to a registry.",
                )
            archive.write(data)

        answer = run_command(
            [self.program, "save", *_SAVE_OPTIONS.get(self.program, ()), "--", reference],
            timeout=_SAVE_TIMEOUT,
            sink=take,
        )
        if not answer.succeeded:
            raise _failed(self.program, answer, f"could not save {reference}")

    @contextmanager
    def pod(self, *, names: Sequence[str] = (), ports: Sequence[int] = ()) -> Iterator[EnginePod]:
        """Containers that share the network of the first one started; all go at the end."""
        opened = EnginePod(self.program, names=tuple(names), ports=tuple(ports))
        try:
            yield opened
        finally:
            opened.close()


class EnginePod:
    """Containers and volumes of one test, under one random prefix."""

    def __init__(self, program: str, *, names: tuple[str, ...], ports: tuple[int, ...]) -> None:
        self.program = program
        self.prefix = f"neve-{secrets.token_hex(6)}"
        self._names = names
        self._ports = ports
        self._containers: list[EngineContainer] = []
        self.holder: str | None = None

    def add(self, image: RunnableImage, *, name: str) -> EngineContainer:
        """Name a container; nothing runs yet."""
        if image.reference is None:
            raise ToolError(
                f"{name}: {self.program} needs an image it knows by name",
                resolution=f"Load the image with --load, or choose --engine bubblewrap"
                f" instead of {self.program}.",
            )
        identity = f"{self.prefix}-{len(self._containers)}"
        container = EngineContainer(image, image.reference, name, identity, self)
        self._containers.append(container)
        return container

    def network(self, *, starting: str | None) -> list[str]:
        """The network options of one run; the first container started holds the network."""
        if self.holder is not None:
            return ["--network", f"container:{self.holder}"]
        if starting is None:
            return ["--network", "none"]
        self.holder = starting
        options = []
        for port in self._ports:
            options += ["--publish", f"127.0.0.1::{port}"]
        for name in self._names:
            options += ["--add-host", f"{name}:127.0.0.1"]
        return options

    def exchange(self, port: int, payload: bytes, *, timeout: float = 10.0) -> bytes | None:
        """One TCP exchange with the published port."""
        if self.holder is None:
            return None
        found = self.ask("port", self.holder, f"{port}/tcp")
        if not found.succeeded:
            return None
        host, _, published = found.stdout.decode("ascii", "replace").split()[0].rpartition(":")
        script = [sys.executable, "-I", "-S", probe.__file__, host.strip("[]"), published]
        answer = run_command(
            [*script, str(timeout), str(_EXCHANGE_LIMIT), "proxied"],
            stdin=payload,
            timeout=timeout + 10.0,
            limit_output=_EXCHANGE_LIMIT,
        )
        return answer.stdout if answer.succeeded else None

    def ask(self, *arguments: str, timeout: float = _SETUP_TIMEOUT) -> Completed:
        """One command of the engine."""
        return run_command([self.program, *arguments], timeout=timeout)

    def close(self) -> None:
        """Remove every container and volume."""
        for container in self._containers:
            container.close()


class EngineContainer:
    """One image: commands beside each other share volumes and network."""

    def __init__(
        self, image: RunnableImage, reference: str, name: str, identity: str, pod: EnginePod
    ) -> None:
        self._image = image
        self._reference = reference
        self._name = name
        self._identity = identity
        self._pod = pod
        self._started = False

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout: float = 30.0,
        environment: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run a program to its end in a container of its own, on the shared volumes."""
        options = ["--rm", "--interactive", *self._pod.network(starting=None)]
        ended = run_command(
            self._argv(options, argv, environment),
            stdin=stdin,
            timeout=timeout,
            environment=_with_values(environment),
        )
        if ended.exit_code == _ENGINE_FAILED:
            raise _failed(self._pod.program, ended, "could not run the image")
        return ended

    def start(self, argv: Sequence[str], *, environment: Mapping[str, str] | None = None) -> None:
        """Start the long-running program detached."""
        self._remove()
        network = self._pod.network(starting=self._identity)
        if "--network" not in network:
            network += ["--hostname", self._name]
        options = ["--detach", "--name", self._identity, *network]
        answer = run_command(
            self._argv(options, argv, environment),
            timeout=_SETUP_TIMEOUT,
            environment=_with_values(environment),
        )
        self._started = True
        if not answer.succeeded and answer.exit_code not in (126, 127):
            raise _failed(self._pod.program, answer, "could not start the image")

    @property
    def running(self) -> bool:
        """The started program has not ended."""
        answer = self._pod.ask("inspect", "--format", "{{.State.Running}}", self._identity)
        return self._started and answer.stdout.strip() == b"true"

    def logs(self) -> bytes:
        """The head of what it wrote."""
        answer = self._pod.ask("logs", self._identity)
        return answer.stdout + answer.stderr

    def stop(self, number: int, timeout: float) -> Completed:
        """Send a signal and wait; the exit code is the engine's."""
        self._pod.ask("kill", "--signal", str(number), self._identity)
        waited = self._pod.ask("wait", self._identity, timeout=timeout)
        logs = self.logs()
        self._remove()
        code = waited.stdout.decode("ascii", "replace").strip()
        known = waited.succeeded and code.isdecimal()
        return Completed(
            argv=waited.argv,
            exit_code=int(code) if known else None,
            signal=None,
            stdout=logs,
            stderr=b"",
            timed_out=not known,
        )

    def close(self) -> None:
        """Remove the container and its volumes."""
        self._remove()
        for number, _ in enumerate(self._image.writable):
            with contextlib.suppress(ToolError):
                self._pod.ask("volume", "rm", "--force", f"{self._identity}-{number}")

    def _remove(self) -> None:
        if self._started:
            self._started = False
            with contextlib.suppress(ToolError):
                self._pod.ask("rm", "--force", self._identity)

    def _argv(
        self, options: list[str], argv: Sequence[str], environment: Mapping[str, str] | None
    ) -> list[str]:
        return run_argv(
            self._pod.program,
            self._image,
            self._reference,
            argv,
            options=options,
            volumes=self._identity,
            names=tuple(environment or ()),
        )


def run_argv(
    program: str,
    image: RunnableImage,
    reference: str,
    argv: Sequence[str],
    *,
    options: Sequence[str],
    volumes: str,
    names: Sequence[str],
) -> list[str]:
    """The ``run`` command line. Variables are passed by name: values may be secrets."""
    command = [program, "run", *options, "--read-only", "--cap-drop", "ALL"]
    command += ["--security-opt", "no-new-privileges", "--user", f"{image.uid}:{image.gid}"]
    for group in image.groups:
        command += ["--group-add", str(group)]
    command += ["--workdir", image.workdir, "--tmpfs", "/tmp:mode=1777"]  # noqa: S108
    for number, path in enumerate(image.writable):
        command += ["--volume", f"{volumes}-{number}:{path}"]
    for name in names:
        command += ["--env", name]
    return [*command, "--entrypoint", argv[0], reference, *argv[1:]]


def _with_values(environment: Mapping[str, str] | None) -> dict[str, str]:
    return {**os.environ, **(environment or {})}


def _failed(program: str, answer: Completed, what: str) -> ToolError:
    return ToolError(
        f"{program} {what}: {answer.describe()}",
        details=tuple(answer.stderr.decode("utf-8", "replace").splitlines()[-5:]),
        resolution=f"Check that `{program} info` works for this user, or choose another --engine.",
    )
