"""What ``services:`` means for an image as a whole: its entrypoint, its programs, its packages.

Stays light: a warm build loads it. Reading and judging them is the business of
``recipe.services_read``, what ends in the tree that of ``effects.services``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from neve.recipe.types import PackageRequest, Recipe, Run, Service

SERVICES_HOME = "/usr/lib/services"
"""Where the scripts are that start, watch and stop the services; nothing writes there."""
SCRIPTS_HOME = f"{SERVICES_HOME}/each"
"""Where each service has a directory of its name; apart from the others' own names."""
SERVICES_INIT = f"{SERVICES_HOME}/init"
"""The entrypoint of an image with services."""
SERVICES_HEALTHY = f"{SERVICES_HOME}/healthy"
"""Exits 0 while every service is ready: what a health check runs."""
SERVICES_VERSION = "1"
"""Changes whenever the same services would give other bytes; part of a lock that has any."""
SUPERVISOR = ("s6", "execline")
"""The packages that start and watch services, on Debian and what derives from it."""


def dependents(services: Iterable[Service], name: str) -> tuple[str, ...]:
    """The services that directly depend on ``name``, sorted: those that stop before it."""
    return tuple(sorted(one.name for one in services if name in one.depends_on))


def run_of(recipe: Recipe) -> Run:
    """How the image runs: with services, their supervisor is its entrypoint."""
    if not recipe.services:
        return recipe.run
    signal = recipe.run.stop_signal or "SIGTERM"
    return replace(recipe.run, entrypoint=(SERVICES_INIT,), command=(), stop_signal=signal)


def programs_of(recipe: Recipe) -> tuple[str, ...]:
    """The programs the services run and ask whether they are ready, each once."""
    found = [service.command[0] for service in recipe.services]
    found += [
        s.ready.command[0] for s in recipe.services if s.ready is not None and s.ready.command
    ]
    return tuple(dict.fromkeys(found))


def supervisor_requests(recipe: Recipe) -> tuple[tuple[PackageRequest, str], ...]:
    """The packages that supervise the services, each with the field that wants it; none without
    services.
    """
    if not recipe.services:
        return ()
    asked = {request.name for request in recipe.packages}
    return tuple(
        (PackageRequest(name=name), "services") for name in SUPERVISOR if name not in asked
    )
