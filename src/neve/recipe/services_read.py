"""The ``services:`` of a recipe: plain data → services, and what takes all of them to judge."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from neve.recipe.problems import closest
from neve.recipe.types import Ready, Restart, Run, Service
from neve.recipe.words import duration_seconds

Refuse: TypeAlias = Callable[[str, str, str], None]
"""Notes a problem: the field, what is wrong, the next step."""

STOP_SIGNALS = (
    "SIGTERM",
    "SIGINT",
    "SIGQUIT",
    "SIGHUP",
    "SIGUSR1",
    "SIGUSR2",
    "SIGPWR",
    "SIGWINCH",
)
"""What the supervisor can take as the signal that stops the container."""


def read_services(data: Mapping[str, Any]) -> tuple[Service, ...]:
    """The services of a checked document, by name."""
    return tuple(_service(name, item) for name, item in sorted(data.items()))


def _service(name: str, item: Mapping[str, Any]) -> Service:
    known = dict(item)
    known["command"] = tuple(item["command"])
    known["environment"] = tuple(sorted(item.get("environment", {}).items()))
    known["depends_on"] = tuple(dict.fromkeys(item.get("depends_on", [])))
    if "stop_grace_period" in item:
        known["stop_grace_period"] = duration_seconds(item["stop_grace_period"])
    if "restart" in item:
        known["restart"] = Restart(**_seconds(item["restart"], ("delay", "max_delay", "window")))
    if "ready" in item:
        ready = _seconds(item["ready"], ("interval", "timeout"))
        ready["command"] = tuple(item["ready"].get("command", []))
        known["ready"] = Ready(**ready)
    return Service(name=name, **known)


def _seconds(item: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    return {key: duration_seconds(v) if key in keys else v for key, v in item.items()}


def check_services(services: Sequence[Service], run: Run, refuse: Refuse) -> None:
    """Note what can't be: dependencies that lead nowhere or in a circle, a second entrypoint."""
    names = {service.name for service in services}
    before = _Counted(refuse)
    for service in services:
        for position, wanted in enumerate(service.depends_on):
            at = f"services.{service.name}.depends_on"
            if wanted == service.name:
                brief = f"{at}[{position}]: {wanted} depends on itself"
                before(f"{at}[{position}]", brief, "Remove it.")
            elif wanted not in names:
                near = closest(wanted, names)
                advice = (
                    f"Did you mean {near}?" if near else f"There is {', '.join(sorted(names))}."
                )
                before(
                    f"{at}[{position}]", f"{at}[{position}]: no service is called {wanted}", advice
                )
    circle = () if before.count else find_circle(services)
    if circle:
        at = f"services.{circle[0]}.depends_on"
        way = " → ".join((*circle, circle[0]))
        refuse(at, f"{at}: the services wait for each other: {way}", "Remove one of the steps.")
    if services:
        _check_run(run, refuse)


def _check_run(run: Run, refuse: Refuse) -> None:
    for key, words in (("entrypoint", run.entrypoint), ("command", run.command)):
        if words:
            brief = f"run.{key}: the services' supervisor is what starts the image"
            advice = f"Make it a service, and write run.{key}: [] where a base recipe sets it."
            refuse(f"run.{key}", brief, advice)
    if run.stop_signal is not None and run.stop_signal not in STOP_SIGNALS:
        brief = f"run.stop_signal: the services' supervisor can't act on {run.stop_signal}"
        advice = f"Use one of {', '.join(STOP_SIGNALS)}, and stop_signal for each service's own."
        refuse("run.stop_signal", brief, advice)


class _Counted:
    """Counts what it passes on."""

    def __init__(self, refuse: Refuse) -> None:
        self._refuse = refuse
        self.count = 0

    def __call__(self, at: str, brief: str, resolution: str) -> None:
        self.count += 1
        self._refuse(at, brief, resolution)


def find_circle(services: Iterable[Service]) -> tuple[str, ...]:
    """The names of services that depend on each other in a circle, each on the next; or none."""
    wants = {service.name: service.depends_on for service in services}
    done: set[str] = set()
    for start in sorted(wants):
        way: list[str] = []
        pending = [(start, iter(wants[start]))] if start not in done else []
        way += [start] if pending else []
        while pending:
            name, rest = pending[-1]
            following = next(rest, None)
            if following is None:
                done.add(name)
                pending.pop()
                way.pop()
            elif following in way:
                return tuple(way[way.index(following) :])
            elif following in wants and following not in done:
                pending.append((following, iter(wants[following])))
                way.append(following)
    return ()
