"""Choosing where images run."""

from __future__ import annotations

from neve.errors import ToolError, UsageError
from neve.sandbox.bubblewrap import Bubblewrap
from neve.sandbox.engine import ENGINES, Engine
from neve.sandbox.port import Sandbox

SANDBOXES = ("auto", *ENGINES, "bubblewrap")


def choose_sandbox(name: str = "auto") -> Sandbox:
    """The sandbox called ``name``; ``auto`` is Podman or Docker where they work, else bubblewrap.

    ``ToolError`` where what was asked for (or, for ``auto``, anything at all) does not work.
    """
    if name == "bubblewrap":
        return Bubblewrap.probe()
    if name in ENGINES:
        return Engine.probe(name)
    if name != "auto":
        raise UsageError(
            f"unknown engine {name!r}", resolution=f"Choose one of {', '.join(SANDBOXES)}."
        )
    return choose_engine() or Bubblewrap.probe()


def choose_engine() -> Engine | None:
    """Podman or Docker, the first that works; ``None`` where neither does."""
    for program in ENGINES:
        try:
            return Engine.probe(program)
        except ToolError:
            continue
    return None
