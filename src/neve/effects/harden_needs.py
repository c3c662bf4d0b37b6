"""What programs need without saying so: mostly ``/bin/sh``, which Essential packages silently
provide. Each row stands on evidence; a row holds only where its path is in the image.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A program at ``path`` (pattern) of ``package`` (fnmatch) starts ``need``; ``offer`` is the
    package that has it.
    """

    package: str
    path: str
    need: str
    offer: str
    evidence: str


NEEDS: tuple[Need, ...] = (
    Need(
        package="postgresql-[0-9]*",
        path="/usr/lib/postgresql/*/bin/initdb",
        need="/bin/sh",
        offer="dash",
        evidence="initdb starts `postgres --boot` through popen(3)"
        " (src/bin/initdb/initdb.c, PG_CMD_OPEN)",
    ),
    Need(
        package="postgresql-[0-9]*",
        path="/usr/lib/postgresql/*/bin/pg_ctl",
        need="/bin/sh",
        offer="dash",
        evidence="pg_ctl executes /bin/sh -c to redirect the server's output"
        " (src/bin/pg_ctl/pg_ctl.c, start_postmaster)",
    ),
    Need(
        package="cron",
        path="/usr/sbin/cron",
        need="/bin/sh",
        offer="dash",
        evidence="crontab(5): SHELL is /bin/sh and runs every job",
    ),
    Need(
        package="git",
        path="/usr/bin/git",
        need="/bin/sh",
        offer="dash",
        evidence="git runs aliases, hooks, credential helpers and ssh commands through sh -c"
        " (run-command.c, prepare_shell_cmd)",
    ),
    Need(
        package="openssh-server",
        path="/usr/sbin/sshd",
        need="/bin/sh",
        offer="dash",
        evidence="sshd(8) starts every session through the account's shell",
    ),
    Need(
        package="make",
        path="/usr/bin/make",
        need="/bin/sh",
        offer="dash",
        evidence="make runs recipes with $(SHELL), /bin/sh by default (GNU make manual §5.3.2)",
    ),
)
