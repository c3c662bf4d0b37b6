"""Why something is in an image. Every tree entry and every locked package carries one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Origin(StrEnum):
    """What kind of thing put an entry there."""

    PACKAGE = "package"
    EFFECT = "effect"
    RECIPE = "recipe"
    RULE = "rule"
    LAYER = "layer"
    """It lay in a layer of an existing image."""


@dataclass(frozen=True, slots=True, order=True)
class Reason:
    """``origin`` and its ``subject`` (package name, effect id, recipe key, rule id), and why.

    ``detail`` is a short phrase for people, such as ``"unpacked"`` or ``"users: sysusers.d"``.
    """

    origin: Origin
    subject: str
    detail: str = ""

    def __str__(self) -> str:
        text = f"{self.origin.value} {self.subject}"
        return f"{text}: {self.detail}" if self.detail else text
