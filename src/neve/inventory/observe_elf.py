"""What an ELF file needs, and which family of programs its content makes it."""

from __future__ import annotations

from neve.formats.elf import read_elf
from neve.inventory.programs import judge_content
from neve.inventory.types import Candidate, Depth, FileFacts, Observer


def _observe(candidate: Candidate, data: memoryview) -> FileFacts | None:
    elf = read_elf(data)
    if elf is None:
        return None
    judged = judge_content(data, elf) if candidate.mode & 0o111 else None
    program = (judged[0].name, judged[1]) if judged is not None else None
    return FileFacts(elf=elf, program=program)


OBSERVERS = (
    Observer(name="elf", version=1, depth=Depth.INVENTORY, observe=_observe, magics=(b"\x7fELF",)),
)
"""The row for ELF files."""
