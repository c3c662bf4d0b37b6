"""``neve debug`` as text for people: the commands to paste, and what they show."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from neve.report.table import wrapped

if TYPE_CHECKING:
    from neve.verbs.debug import DebugResult


def debug_text(result: DebugResult, width: int) -> str:
    """The commands, one a line so that they can be pasted; nothing once the shell has run."""
    if result.exit_code is not None:
        return ""
    text = "".join(f"{shlex.join(step)}\n" for step in result.steps if result.command)
    for name, content in result.files:
        text += f"printf '%s' {shlex.quote(content)} > {shlex.quote(name)}\n"
    if result.command:
        text += f"{shlex.join(result.command)}\n"
    return text + "\n" + "".join(wrapped(line, width) for line in _words(result))


def _words(result: DebugResult) -> list[str]:
    words = [
        f"tools: {result.tools}",
        f"runs as: {result.user}",
        f"the target's root is seen at {result.seen_at}",
    ]
    if not result.command:
        words.append("runs here in the sandbox, the target's files read-only: leave out --print")
    return [*words, *(f"note: {note}" for note in result.notes)]
