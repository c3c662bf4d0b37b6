"""What an image would start besides its command: units, init scripts, supervised programs.

A table: one manager a row, with where its services lie. Sources: systemd.unit(5), the LSB and
OpenRC init scripts, runit's runsvdir(8), s6-rc and s6-overlay, supervisord's configuration,
inittab(5).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from neve.inventory.types import Service
from neve.inventory.view import View
from neve.recipe.services import SERVICES_HOME
from neve.tree import FileEntry, Kind

_SECTION = re.compile(rb"^\s*\[(?:program|fcgi-program|eventlistener):([^\]\r\n]{1,200})\]", re.M)
_OPENRC = re.compile(rb"#!\s*/\S*(?:openrc-run|runscript)\b")
_RUNS = (Kind.FILE, Kind.HARDLINK, Kind.SYMLINK)


@dataclass(frozen=True, slots=True)
class _Place:
    """Directories whose children are services of ``manager``: the name of one, or ``None``."""

    directories: tuple[str, ...]
    manager: str
    name: Callable[[View, FileEntry], str | None]


def _unit(view: View, entry: FileEntry) -> str | None:
    name = entry.path.rpartition("/")[2]
    masked = entry.kind is Kind.SYMLINK and entry.target == "/dev/null"
    del view
    return name if name.endswith((".service", ".socket")) and not masked else None


def _script(view: View, entry: FileEntry) -> str | None:
    if entry.kind not in (Kind.FILE, Kind.HARDLINK) or not view.held(entry).mode & 0o111:
        return None
    return entry.path.rpartition("/")[2]


def _run(view: View, entry: FileEntry) -> str | None:
    """A service directory: it holds a program called ``run`` (or ``up``, of a oneshot)."""
    for name in ("run", "up"):
        found = view.tree.get(f"{entry.path}/{name}")
        if found is not None and found.kind in _RUNS:
            return entry.path.rpartition("/")[2]
    return None


_PLACES = (
    _Place(
        ("/usr/lib/systemd/system", "/lib/systemd/system", "/etc/systemd/system"), "systemd", _unit
    ),
    _Place(("/etc/init.d",), "init", _script),
    _Place(("/etc/sv", "/etc/service", "/var/service", "/service"), "runit", _run),
    _Place(
        (
            "/etc/services.d",
            "/etc/s6",
            "/etc/s6-overlay/s6-rc.d",
            "/etc/s6/sv",
            "/etc/s6-rc/source",
            f"{SERVICES_HOME}/template",
        ),
        "s6",
        _run,
    ),
)


def read_services(view: View) -> Iterator[Service]:
    """Every service found, each path once."""
    seen: set[str] = set()
    for place in _PLACES:
        for directory in place.directories:
            for name in view.tree.children(directory):
                entry = view.tree.get(f"{directory}/{name}")
                service = place.name(view, entry) if entry is not None else None
                if entry is None or service is None or entry.path in seen:
                    continue
                seen.add(entry.path)
                manager = place.manager
                if manager == "init" and _OPENRC.match(view.kept(entry.path) or b""):
                    manager = "openrc"
                yield Service(name=service, path=entry.path, manager=manager)
    yield from _supervised(view)
    yield from _inittab(view)


def _supervised(view: View) -> Iterator[Service]:
    for path, facts in view.facts.items():
        if facts.kept is not None and path.startswith("/etc/supervisor"):
            for name in dict.fromkeys(_SECTION.findall(facts.kept)):
                text = name.decode("utf-8", "replace").strip()
                yield Service(name=text, path=path, manager="supervisor")


def _inittab(view: View) -> Iterator[Service]:
    for line in view.lines("/etc/inittab"):
        parts = line.split(":", 3)
        if len(parts) == 4 and parts[2] in ("respawn", "once", "wait", "sysinit", "boot"):
            yield Service(name=parts[3].strip()[:200], path="/etc/inittab", manager="init")
