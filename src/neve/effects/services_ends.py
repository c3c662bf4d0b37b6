"""What happens after a service's program ended: again, after a pause, or for good."""

from __future__ import annotations

import math

from neve.effects.services_execline import Block, Line, block, line, script
from neve.effects.services_lines import (
    GIVEN_UP,
    KILLED,
    QUIET,
    STOPPING,
    end_for_good,
    milliseconds,
    note,
    say,
    shown,
    to_file,
)
from neve.recipe.services import SCRIPTS_HOME
from neve.recipe.types import Restart, Service

_SIGNALS = (
    *("HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2"),
    *("PIPE", "ALRM", "TERM", "XCPU", "XFSZ", "VTALRM", "PROF", "IO", "PWR", "SYS"),
)
_FAILURES = ",".join(("1-255", *(f"SIG{name}" for name in _SIGNALS)))


def finish_script(service: Service) -> bytes:
    """``finish``: what happens after the program ended (``$1`` its exit code or 256, ``$2`` the
    signal). Exit 125 tells s6-supervise that it ended for good.
    """
    killed = f"{service.name} did not stop within {shown(service.stop_grace_period)}: killed"
    name, failed = service.name, f"{SCRIPTS_HOME}/{service.name}/failed"
    return script(
        (
            line(
                "ifelse",
                block(line("eltest", "-s", STOPPING)),
                block(
                    line("if", "-t", block(line("eltest", "${1} ${2}", "=", "256 9"))),
                    line("foreground", block(say(killed))),
                    *note(name, str(KILLED), "0"),
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
    return (*end_for_good(service, text, "0", "0"), line("exit", "125"))


def failed_script(service: Service) -> bytes:
    """``failed``: the end of ``finish`` for a failure. ``$1`` and ``$2`` as there, ``$3`` what
    happened.
    """
    restart = service.restart
    if restart.policy == "never":
        ended = (*end_for_good(service, "${3}", "${1}", "${2}"), line("exit", "125"))
        return script(ended, arguments=3)
    attempts = restart.max_attempts
    lines: list[Line] = []
    if attempts:
        text = f"${{3}}, the {_ordinal(attempts)} failure in {shown(restart.window)}"
        given_up = (*end_for_good(service, text, "${1}", "${2}"), line("exit", "125"))
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
    seconds = str(max(1, math.ceil(restart.window)))
    tally = (seconds, str(number), _FAILURES)
    return block((*QUIET, "/usr/bin/s6-permafailon", *tally, *line("exit", "0")))


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
    return tuple(to_file("delay", milliseconds(delay)))


def _ordinal(number: int) -> str:
    teen = 10 <= number % 100 <= 20
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
