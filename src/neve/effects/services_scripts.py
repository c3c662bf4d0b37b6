"""The scripts of one service: how it starts, when it is ready, what happens when it ended.

Pure text. Each runs with the service's live directory as its working directory
(``s6-supervise(1)``, ``servicedir``): what is written stands there, below ``/run``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from neve.effects.services_execline import Block, Line, block, line, script
from neve.recipe.services import SERVICES_HOME
from neve.recipe.types import Ready, Restart, Service

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
_NOTIFY = "9"
_LINE_LIMIT = "65536"
_SUPERVISOR_TRIES = tuple(str(number) for number in range(200))
_QUIET = line("redirfd", "-w", "2", "/dev/null")
_SIGNALS = (
    *("HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2"),
    *("PIPE", "ALRM", "TERM", "XCPU", "XFSZ", "VTALRM", "PROF", "IO", "PWR", "SYS"),
)
_FAILURES = ",".join(("1-255", *(f"SIG{name}" for name in _SIGNALS)))


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


def run_script(placed: Placed) -> bytes:
    """``run``: wait, wait for others, tie up the output, and become the program."""
    service = placed.service
    return script(
        (
            line("redirfd", "-r", "0", "/dev/null"),
            *_pause(),
            *_wait_for(service),
            *(_watch(service, service.ready) if service.ready is not None else ()),
            *_logged(placed),
            *_notify(service),
            line("fdclose", _NOTIFY),
            *placed.as_user,
            line("unexport", "?"),
            line("unexport", "!"),
            *(line("export", name, value) for name, value in _environment(placed)),
            line("execline-cd", placed.workdir),
            service.command,
        )
    )


def _environment(placed: Placed) -> list[tuple[str, str]]:
    return sorted({**placed.environment, **dict(placed.service.environment)}.items())


def _pause() -> tuple[Line, ...]:
    """Wait as long as ``finish`` wrote: here, where a stop ends the wait at once."""
    waiting = block(
        line("redirfd", "-r", "0", "delay"),
        line("withstdinas", "DELAY"),
        line("importas", "-i", "DELAY", "DELAY"),
        (*_QUIET, "/usr/bin/s6-svwait", "-d", "-t", "${DELAY}", "."),
    )
    return (line("foreground", block(line("if", block(line("eltest", "-s", "delay"))), *waiting)),)


def _wait_for(service: Service) -> tuple[Line, ...]:
    if not service.depends_on:
        return ()
    places = [f"../{name}" for name in service.depends_on]
    names = ", ".join(service.depends_on)
    text = f"{service.name} does not start: {names} did not get ready"
    return (
        *(line("foreground", _supervised(place)) for place in places),
        line(
            "ifelse",
            "-n",
            block((*_QUIET, "/usr/bin/s6-svwait", "-U", *places)),
            block(line("foreground", block(say(text))), line("exit", str(NOT_READY))),
        ),
    )


def _supervised(place: str) -> Block:
    """Wait until ``place`` has its own s6-supervise: all of them start at the same moment."""
    return block(
        line("forx", "-x", "0", "TRY", block(_SUPERVISOR_TRIES)),
        line(
            "ifelse",
            block((*_QUIET, "/usr/bin/s6-svok", place)),
            block(line("exit", "0")),
        ),
        line("foreground", block((*_QUIET, "/usr/bin/s6-svwait", "-d", "-t", "25", "."))),
        line("exit", "1"),
    )


def _watch(service: Service, ready: Ready) -> tuple[Line, ...]:
    """Beside the service: what is not ready in time has failed, whether or not it still runs."""
    waiting = (*_QUIET, "/usr/bin/s6-svwait", "-U", "-t", milliseconds(ready.timeout), ".")
    told = f"{service.name} is not ready after {shown(ready.timeout)}: {_missing(ready)}"
    return (
        line(
            "background",
            "-d",
            block(
                line("fdclose", _NOTIFY),
                line("foreground", block(waiting)),
                line("importas", "-i", "CODE", "?"),
                line("if", "-t", block(line("eltest", "${CODE}", "-eq", "99"))),
                line("if", "-t", "-n", block(line("eltest", "-s", STOPPING))),
                *_end(service, told, str(NOT_READY), "0"),
                line("foreground", _to_file(GIVEN_UP, "not ready")),
                line("/usr/bin/s6-svc", "-d", "."),
            ),
        ),
    )


def _missing(ready: Ready) -> str:
    if ready.port is not None:
        return f"nothing listens on port {ready.port}"
    if ready.http is not None:
        return f"{ready.http} does not answer"
    if ready.file is not None:
        return f"there is no {ready.file}"
    return f"{ready.command[0]} does not exit 0"


def _logged(placed: Placed) -> tuple[Line, ...]:
    """Standard output and error each through a logger of its own; a full pipe makes the service
    wait (``-b``), a line without end is ended (``-l``), and the logger goes when the last writer
    does, never by a signal (``-p``).
    """
    prefix = (f"p{placed.name}:",) if placed.service.log == "named" else ()
    logger = line("/usr/bin/s6-log", "-b", "-p", "-l", _LINE_LIMIT, "--", *prefix, "1")
    lines: list[Line] = []
    for number in ("2", "1"):
        back = (line("fdmove", "-c", "1", "2"),) if number == "2" else ()
        lines += [
            line("piperw", "3", "4"),
            line(
                "background",
                "-d",
                block(
                    line("fdclose", "4"),
                    line("fdclose", _NOTIFY),
                    line("fdmove", "0", "3"),
                    *(back or (line("redirfd", "-w", "2", "/dev/null"),)),
                    *placed.as_user,
                    logger,
                ),
            ),
            line("fdclose", "3"),
            line("fdmove", number, "4"),
        ]
    return tuple(lines)


def _notify(service: Service) -> tuple[Line, ...]:
    interval = milliseconds(service.ready.interval if service.ready is not None else 0.01)
    options = ("-d", "-s", "10", "-n", "0", "-w", interval, "-t", "10000")
    return (line("/usr/bin/s6-notifyoncheck", *options),)


def check_script(placed: Placed) -> bytes:
    """``data/check``: exits 0 when the service is ready."""
    ready = placed.service.ready
    quiet = (line("redirfd", "-w", "1", "/dev/null"), line("fdmove", "-c", "2", "1"))
    if ready is None:
        return script((line("exit", "0"),))
    if ready.port is not None:
        return script((*quiet, *_listening(ready.port)))
    if ready.file is not None:
        return script((*quiet, line("eltest", "-e", ready.file)))
    environment = tuple(line("export", name, value) for name, value in _environment(placed))
    program = placed.check if ready.http is not None else ready.command
    where = line("execline-cd", placed.workdir)
    return script((*quiet, *placed.as_user, *environment, where, program))


def _listening(port: int) -> tuple[Line, ...]:
    """Whether the kernel's table has a listening socket (state 0A) on the port: no connection is
    made, so the service never sees one (Documentation/networking/proc_net_tcp.rst).
    """

    def found(table: str) -> Block:
        pattern = f"+^ *[0-9]+: [0-9A-F]+:{port:04X} [0-9A-F]+:0000 0A "
        return block(
            line(
                "pipeline",
                block(
                    line("redirfd", "-r", "0", table),
                    line("/usr/bin/s6-log", "-b", "--", "-", pattern, "1"),
                ),
            ),
            line("withstdinas", "FOUND"),
            line("importas", "-i", "FOUND", "FOUND"),
            line("eltest", "-n", "${FOUND}"),
        )

    return (
        line("ifelse", found("/proc/net/tcp"), block(line("exit", "0"))),
        *found("/proc/net/tcp6"),
    )


def finish_script(service: Service) -> bytes:
    """``finish``: what happens after the program ended (``$1`` its exit code or 256, ``$2`` the
    signal). Exit 125 tells s6-supervise that it ended for good.
    """
    killed = f"{service.name} did not stop within {shown(service.stop_grace_period)}: killed"
    name, failed = service.name, f"{SERVICES_HOME}/{service.name}/failed"
    return script(
        (
            line(
                "ifelse",
                block(line("eltest", "-s", STOPPING)),
                block(
                    line("if", "-t", block(line("eltest", "${1} ${2}", "=", "256 9"))),
                    line("foreground", block(say(killed))),
                    *_note(name, str(KILLED), "0"),
                    line("exit", "0"),
                ),
            ),
            line("ifelse", block(line("eltest", "-s", GIVEN_UP)), Block(_given_up())),
            line("ifelse", block(line("eltest", "${1}", "=", "0")), Block(_clean_end(service))),
            line(
                "ifelse",
                block(line("eltest", "${1}", "=", "256")),
                block((failed, "${1}", "${2}", f"{name} was killed by signal ${{2}}")),
            ),
            (failed, "${1}", "${2}", f"{name} ended with exit code ${{1}}"),
        ),
        arguments=2,
    )


def _given_up() -> tuple[Line, ...]:
    """``_watch`` has told it already; what starts the service by hand starts it afresh."""
    return (
        line("foreground", block(line("redirfd", "-w", "1", GIVEN_UP), line("exit", "0"))),
        line("exit", "125"),
    )


def _clean_end(service: Service) -> tuple[Line, ...]:
    if service.restart.policy == "always":
        return _again(service.restart.delay)
    text = f"{service.name} ended"
    return (*_end(service, text, "0", "0"), line("exit", "125"))


def failed_script(service: Service) -> bytes:
    """``failed``: the end of ``finish`` for a failure. ``$1`` and ``$2`` as there, ``$3`` what
    happened.
    """
    restart = service.restart
    if restart.policy == "never":
        ended = (*_end(service, "${3}", "${1}", "${2}"), line("exit", "125"))
        return script(ended, arguments=3)
    attempts = restart.max_attempts
    lines: list[Line] = []
    if attempts:
        text = f"${{3}}, the {_ordinal(attempts)} failure in {shown(restart.window)}"
        given_up = (*_end(service, text, "${1}", "${2}"), line("exit", "125"))
        lines.append(line("ifelse", "-n", _fewer(attempts, restart), Block(given_up)))
    for number, delay in _delays(restart):
        told = say(f"${{3}}; it starts again in {shown(delay)}")
        again = (line("foreground", block(told)), *_again(delay))
        if number == 1:
            lines += again
        else:
            lines.append(line("ifelse", "-n", _fewer(number, restart), Block(again)))
    return script(lines, arguments=3)


def _fewer(number: int, restart: Restart) -> Block:
    """True while fewer than ``number`` failures lie within the window."""
    seconds = str(math.ceil(restart.window))
    tally = (seconds, str(number), _FAILURES)
    return block((*_QUIET, "/usr/bin/s6-permafailon", *tally, *line("exit", "0")))


def _delays(restart: Restart) -> list[tuple[int, float]]:
    """(failures, pause) from the longest pause down to that after a first failure."""
    limit = max(restart.delay, restart.max_delay)
    found, delay, number = [], restart.delay, 1
    while True:
        found.append((number, delay))
        number += 1
        last = restart.max_attempts and number >= restart.max_attempts
        if last or delay >= limit or number > 16:
            return found[::-1]
        delay = min(max(delay * 2, 0.1), limit)


def _again(delay: float) -> tuple[Line, ...]:
    return tuple(_to_file("delay", milliseconds(delay)))


def _to_file(path: str, text: str) -> Block:
    return block(line("redirfd", "-w", "1", path), *_written(text))


def _end(service: Service, text: str, code: str, signal: str) -> tuple[Line, ...]:
    """Say that a service ended for good, and do what the recipe wants then."""
    if service.on_exit == "ignore":
        return (line("foreground", block(say(text))),)
    return (
        line("foreground", block(say(f"{text}: the container stops"))),
        *_note(service.name, code, signal),
        line("background", "-d", block(line(STOP))),
    )


def _note(name: str, code: str, signal: str) -> tuple[Line, ...]:
    """Write who ended the container; the first line counts."""
    writing = block(line("redirfd", "-a", "1", ENDED), *_written(f"{name} {code} {signal}"))
    return (line("foreground", writing),)


def _written(text: str) -> tuple[Line, ...]:
    """Write ``text`` and a newline to standard output."""
    return (line("heredoc", "0", text), line("/usr/bin/s6-log", "-b", "--", "1"))


def _ordinal(number: int) -> str:
    teen = 10 <= number % 100 <= 20
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
