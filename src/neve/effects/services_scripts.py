"""The scripts of one service: how it starts, when it is ready, what happens when it ended.

Pure text. Each runs with the service's live directory as its working directory
(``s6-supervise(1)``, ``servicedir``): what is written stands there, below ``/run``.
"""

from __future__ import annotations

from neve.effects.services_execline import Block, Line, block, line, script
from neve.effects.services_lines import (
    GIVEN_UP,
    NOT_READY,
    NOTIFY,
    QUIET,
    STOPPING,
    Placed,
    end_for_good,
    environment_of,
    milliseconds,
    say,
    shown,
    to_file,
)
from neve.effects.services_ready import missing
from neve.recipe.types import Ready, Service

_LINE_LIMIT = "65536"
_SUPERVISOR_TRIES = tuple(str(number) for number in range(200))


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
            line("fdclose", NOTIFY),
            *placed.as_user,
            line("unexport", "?"),
            line("unexport", "!"),
            *(line("export", name, value) for name, value in environment_of(placed)),
            line("execline-cd", placed.workdir),
            service.command,
        )
    )


def _pause() -> tuple[Line, ...]:
    """Wait as long as ``finish`` wrote: here, where a stop ends the wait at once."""
    waiting = block(
        line("redirfd", "-r", "0", "delay"),
        line("withstdinas", "DELAY"),
        line("importas", "-i", "DELAY", "DELAY"),
        (*QUIET, "/usr/bin/s6-svwait", "-d", "-t", "${DELAY}", "."),
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
            block((*QUIET, "/usr/bin/s6-svwait", "-U", *places)),
            block(line("foreground", block(say(text))), line("exit", str(NOT_READY))),
        ),
    )


def _supervised(place: str) -> Block:
    """Wait until ``place`` has its own s6-supervise: all of them start at the same moment."""
    return block(
        line("forx", "-x", "0", "TRY", block(_SUPERVISOR_TRIES)),
        line(
            "ifelse",
            block((*QUIET, "/usr/bin/s6-svok", place)),
            block(line("exit", "0")),
        ),
        line("foreground", block((*QUIET, "/usr/bin/s6-svwait", "-d", "-t", "25", "."))),
        line("exit", "1"),
    )


def _watch(service: Service, ready: Ready) -> tuple[Line, ...]:
    """Beside the service: what is not ready in time has failed, whether or not it still runs."""
    waiting = (*QUIET, "/usr/bin/s6-svwait", "-U", "-t", milliseconds(ready.timeout), ".")
    told = f"{service.name} is not ready after {shown(ready.timeout)}: {missing(ready)}"
    return (
        line(
            "background",
            "-d",
            block(
                line("fdclose", NOTIFY),
                line("foreground", block(waiting)),
                line("importas", "-i", "CODE", "?"),
                line("if", "-t", block(line("eltest", "${CODE}", "-eq", "99"))),
                line("if", "-t", "-n", block(line("eltest", "-s", STOPPING))),
                *end_for_good(service, told, str(NOT_READY), "0"),
                line("foreground", to_file(GIVEN_UP, "not ready")),
                line("/usr/bin/s6-svc", "-d", "."),
            ),
        ),
    )


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
                    line("fdclose", NOTIFY),
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
