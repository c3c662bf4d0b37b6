"""The contract: what an image must do, as frozen data.

Reading YAML lives in ``contract.read``; running it in ``contract.run``. Times are in seconds.
Text may hold ``${secret:NAME}``: a value made anew for every run and never shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Presence(StrEnum):
    """Whether something has to be in the image."""

    PRESENT = "present"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What text must be: equal to, containing each of, or matched somewhere by a pattern.

    ``equals`` ignores one newline at the end of the output.
    """

    equals: str | None = None
    contains: tuple[str, ...] = ()
    matches: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program to run to its end in the image, and how it must end."""

    name: str
    argv: tuple[str, ...]
    stdin: str = ""
    environment: tuple[tuple[str, str], ...] = ()
    exit_code: int = 0
    stdout: Expected = field(default_factory=Expected)
    stderr: Expected = field(default_factory=Expected)
    timeout: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRule:
    """What must be at ``path``; ``None`` is not checked.

    A path with ``*`` or ``?`` is a pattern within directories: every match must hold, and there
    must be one (none, if absent). Links on the way to the last component are followed. ``kind``
    is ``file``, ``directory`` or ``link``; ``link`` the link's text; ``mode`` permission bits.
    """

    path: str
    presence: Presence = Presence.PRESENT
    kind: str | None = None
    mode: int | None = None
    owner: int | None = None
    group: int | None = None
    link: str | None = None
    contains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRule:
    """One plain HTTP request to the service, and its answer."""

    port: int
    path: str = "/"
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    status: int = 200
    answer_headers: tuple[tuple[str, str], ...] = ()
    answer: Expected = field(default_factory=Expected)
    timeout: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpRule:
    """Text sent to a port, and what comes back until the end of the stream or the timeout."""

    port: int
    send: str
    answer: Expected
    timeout: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A neighbour the service needs, reachable under its ``name`` on the pod's loopback.

    ``image`` is a catalogue recipe or an image; ``None`` is the tested image itself. Without a
    ``command`` the image's own entrypoint runs. ``setup`` runs to its end before.
    """

    name: str
    image: str | None = None
    command: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    setup: tuple[Command, ...] = ()
    ports: tuple[int, ...] = ()
    ready_within: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """How the service must end: ``signal`` ``None`` is the image's own stop signal."""

    signal: str | None = None
    exit_code: int | None = None
    within: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The long-running program: what runs before it, what it answers, how it ends.

    Without a ``command`` the image's entrypoint and command run.
    """

    command: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    setup: tuple[Command, ...] = ()
    ready_within: float = 30.0
    ports: tuple[int, ...] = ()
    http: tuple[HttpRule, ...] = ()
    tcp: tuple[TcpRule, ...] = ()
    commands: tuple[Command, ...] = ()
    logs: Expected = field(default_factory=Expected)
    stop: Stop | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """Everything an image must do. ``runs_as`` is the user id it must run as."""

    schema_version: int = 1
    description: str = ""
    runs_as: int | None = None
    shell: Presence | None = None
    files: tuple[FileRule, ...] = ()
    writable: tuple[str, ...] = ()
    not_writable: tuple[str, ...] = ()
    commands: tuple[Command, ...] = ()
    needs: tuple[Need, ...] = ()
    service: Service | None = None
