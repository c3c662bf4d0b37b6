"""When a service is ready, as a script that exits 0 then."""

from __future__ import annotations

from neve.effects.services_execline import Block, Line, block, line, script
from neve.effects.services_lines import Placed, environment_of
from neve.recipe.types import Ready


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
    environment = tuple(line("export", name, value) for name, value in environment_of(placed))
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


def missing(ready: Ready) -> str:
    """What an unready service lacks, for people."""
    if ready.port is not None:
        return f"nothing listens on port {ready.port}"
    if ready.http is not None:
        return f"{ready.http} does not answer"
    if ready.file is not None:
        return f"there is no {ready.file}"
    return f"{ready.command[0]} does not exit 0"
