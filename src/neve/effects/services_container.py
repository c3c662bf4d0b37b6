"""The scripts of an image's services as a whole: start, stop, the last word, health.

Pure text. ``init`` is the image's entrypoint and becomes ``s6-svscan``, process 1, which reaps
and on its end becomes ``end``.
"""

from __future__ import annotations

from collections.abc import Sequence

from neve.effects.services_execline import Block, Line, block, line, script
from neve.effects.services_lines import (
    ENDED,
    GIVEN_UP,
    LIVE,
    SAY,
    SCAN,
    STOPPING,
    milliseconds,
    say,
)
from neve.recipe.services import SERVICES_HOME, dependents
from neve.recipe.types import Service

TEMPLATE = f"{SERVICES_HOME}/template"
_COMPLETE = f"{LIVE}/complete"
_LAST_SIGNAL = 31
_MARGIN = 2.0  # s; s6-supervise needs a moment after its service died


def init_script(services: Sequence[Service]) -> bytes:
    """The entrypoint: make the live directories (once, for a place that outlives a restart of
    the container), forget an earlier run, become the supervisor.
    """
    maker = ("/usr/bin/s6-instance-maker", "-r", "live", TEMPLATE, "/run/services")
    told = "/run/services can't be set up: it has to be writable and empty, as a tmpfs on /run is"
    made = line("ifelse", block(maker), Block((_emptied(_COMPLETE),)))
    known = line("ifelse", block(line("eltest", "-f", _COMPLETE)), Block(_forget(services)))
    refused = (line("foreground", block(say(told))), line("exit", "111"))
    return script(
        (
            line("if", block(known, made, *refused)),
            line("if", Block((_emptied(ENDED),))),
            line("if", Block((_emptied(STOPPING),))),
            ("/usr/bin/s6-svscan", SCAN),
        )
    )


def _emptied(path: str) -> Line:
    return (*line("redirfd", "-w", "1", path), *line("exit", "0"))


def _forget(services: Sequence[Service]) -> tuple[Line, ...]:
    """Empty what an earlier run of the container left of each service."""
    files = (f"{SCAN}/{one.name}/{file}" for one in services for file in ("delay", GIVEN_UP))
    return (*(line("foreground", Block((_emptied(file),))) for file in files), line("exit", "0"))


def say_script() -> bytes:
    """``say``: one line on the container's standard error."""
    return script(
        (
            line("fdmove", "-c", "1", "2"),
            line("heredoc", "0", "services: ${1}\n"),
            line("/usr/bin/s6-log", "-b", "--", "1"),
        ),
        arguments=1,
    )


def stop_script(services: Sequence[Service]) -> bytes:
    """``stop``: every service after those that depend on it, each within its grace, then the
    supervisor. Running it twice stops once.
    """
    return script(
        (
            line("if", "-t", "-n", block(line("eltest", "-s", STOPPING))),
            line(
                "foreground",
                block(
                    line("redirfd", "-w", "1", STOPPING),
                    line("heredoc", "0", "stopping\n"),
                    line("/usr/bin/s6-log", "-b", "--", "1"),
                ),
            ),
            *(line("background", _stop(service, services)) for service in services),
            line("wait", block()),
            line("/usr/bin/s6-svscanctl", "-t", SCAN),
        )
    )


def _stop(service: Service, services: Sequence[Service]) -> Block:
    own = milliseconds(service.stop_grace_period + _MARGIN)
    stopping = line("/usr/bin/s6-svc", "-wD", "-T", own, "-d", f"{SCAN}/{service.name}")
    waited = _later(service, services)
    if not waited:
        return block(stopping)
    places = (f"{SCAN}/{one}" for one in dependents(services, service.name))
    limit = milliseconds(grace_after(service, services))
    return block(
        line(
            "foreground",
            block(
                line("redirfd", "-w", "2", "/dev/null"),
                line("/usr/bin/s6-svwait", "-D", "-t", limit, *places),
            ),
        ),
        stopping,
    )


def _later(service: Service, services: Sequence[Service]) -> list[Service]:
    names = dependents(services, service.name)
    return [one for one in services if one.name in names]


def grace_after(service: Service, services: Sequence[Service]) -> float:
    """The longest time, in seconds, that all that depends on ``service`` may take to stop."""
    return max(
        (
            one.stop_grace_period + _MARGIN + grace_after(one, services)
            for one in _later(service, services)
        ),
        default=0.0,
    )


def end_script() -> bytes:
    """``.s6-svscan/finish``: process 1's last act. Waits for the loggers' last lines, then exits
    as the service did that ended the container, or with 0 after a stop.
    """
    signals = tuple(
        (str(number), block(line("exit", str(128 + number))))
        for number in range(1, _LAST_SIGNAL + 1)
    )
    told = "the container ends with the exit code of ${NAME}"
    return script(
        (
            line("wait", "-t", "2000", block()),
            line("redirfd", "-r", "0", ENDED),
            line("withstdinas", "ENDED"),
            line("importas", "-i", "ENDED", "ENDED"),
            line("multidefine", "-d", " \n", "${ENDED}", block(("NAME", "CODE", "SIGNAL"))),
            line("if", "-t", block(line("eltest", "-n", "${CODE}"))),
            line("foreground", block(say(told))),
            line(
                "case",
                "${CODE}",
                block(
                    ("256", block(line("case", "${SIGNAL}", Block(signals)), line("exit", "255")))
                ),
            ),
            line("exit", "${CODE}"),
        )
    )


def healthy_script(services: Sequence[Service]) -> bytes:
    """``healthy``: exits 0 while every service whose end would end the container is ready."""
    watched = [one.name for one in services if one.on_exit != "ignore"]
    places = (f"{SCAN}/{name}" for name in watched)
    return script((line("/usr/bin/s6-svwait", "-U", "-t", "500", *places),))


__all__ = [
    "SAY",
    "TEMPLATE",
    "end_script",
    "grace_after",
    "healthy_script",
    "init_script",
    "say_script",
    "stop_script",
]
