"""What the scripts of services share: places, small lines, a service as an image has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from neve.effects.services_execline import Block, Line, block, line
from neve.recipe.services import SERVICES_HOME
from neve.recipe.types import Service

LIVE = "/run/services/live"
"""The one place the supervisor writes: copied from the image at the first start."""
SCAN = f"{LIVE}/template"
STOPPING = f"{LIVE}/stopping"
ENDED = f"{LIVE}/ended"
GIVEN_UP = "given-up"
"""Beside ``run``: not empty where the service is stopped because it did not get ready."""
SAY = f"{SERVICES_HOME}/say"
STOP = f"{SERVICES_HOME}/stop"
NOT_READY = 124
"""The exit code of what did not get ready in time, as timeout(1) has it."""
KILLED = 137
NOTIFY = "9"
"""The descriptor on which a service is told to be ready."""
QUIET = line("redirfd", "-w", "2", "/dev/null")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A service as an image has it: ``workdir`` and ``check`` settled, and whom it runs as where
    that is not who the container starts as (``identity``: uid, gid, groups).
    """

    service: Service
    workdir: str
    identity: tuple[int, int, tuple[int, ...]] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    check: tuple[str, ...] = ()
    """The program that asks an ``http`` address; empty for other kinds of readiness."""

    @property
    def name(self) -> str:
        """The service's name."""
        return self.service.name

    @property
    def as_user(self) -> tuple[Line, ...]:
        """The line that gives up root, if there is any to give up."""
        if self.identity is None:
            return ()
        uid, gid, groups = self.identity
        numbers = ("-u", str(uid), "-g", str(gid), "-G", ",".join(map(str, groups or (gid,))))
        return (line("/usr/bin/s6-applyuidgid", "-z", *numbers),)


def milliseconds(seconds: float) -> str:
    """A whole number of milliseconds, at least one."""
    return str(max(1, round(seconds * 1000)))


def shown(seconds: float) -> str:
    """``2.5 s``, for people."""
    return f"{seconds:g} s"


def say(text: str) -> Line:
    """The line that writes one line to the container's standard error."""
    return line(SAY, text)


def environment_of(placed: Placed) -> list[tuple[str, str]]:
    """What the service's program sees besides the container's own environment, by name."""
    return sorted({**placed.environment, **dict(placed.service.environment)}.items())


def to_file(path: str, text: str) -> Block:
    """Replace what the file holds by one line."""
    return block(line("redirfd", "-w", "1", path), *written(text))


def end_for_good(service: Service, text: str, code: str, signal: str) -> tuple[Line, ...]:
    """Say that a service ended for good, and do what the recipe wants then."""
    if service.on_exit == "ignore":
        return (line("foreground", block(say(text))),)
    return (
        line("foreground", block(say(f"{text}: the container stops"))),
        *note(service.name, code, signal),
        line("background", "-d", block(line(STOP))),
    )


def note(name: str, code: str, signal: str) -> tuple[Line, ...]:
    """Write who ended the container; the first line counts."""
    writing = block(line("redirfd", "-a", "1", ENDED), *written(f"{name} {code} {signal}"))
    return (line("foreground", writing),)


def written(text: str) -> tuple[Line, ...]:
    """Write ``text`` and a newline to standard output."""
    return (line("heredoc", "0", f"{text}\n"), line("/usr/bin/s6-log", "-b", "--", "1"))
