"""The table of all observers: every way that neve looks into a file.

Each module of a kind of package or finding brings its own rows; nothing else names them.
"""

from __future__ import annotations

from neve.inventory.observe_deb import OBSERVERS as DEB
from neve.inventory.observe_elf import OBSERVERS as ELF
from neve.inventory.observe_texts import OBSERVERS as TEXTS
from neve.inventory.types import Observer

OBSERVERS: tuple[Observer, ...] = (*DEB, *TEXTS, *ELF)
