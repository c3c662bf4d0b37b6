"""How verbs tell of their progress: an observer that the command line supplies."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told of stages and of work done in them; must be quick and safe to call from threads."""

    def stage(self, name: str, total: int | None = None) -> None:
        """A stage begins; ``total`` is in the stage's own unit (bytes, packages)."""

    def advance(self, amount: int, item: str = "") -> None:
        """``amount`` more of the current stage is done; ``item`` names what."""

    def note(self, text: str) -> None:
        """A line that people should see and that is no result."""


class Silent:
    """Tells nobody."""

    def stage(self, name: str, total: int | None = None) -> None:
        """Ignore the stage."""

    def advance(self, amount: int, item: str = "") -> None:
        """Ignore the progress."""

    def note(self, text: str) -> None:
        """Ignore the note."""
