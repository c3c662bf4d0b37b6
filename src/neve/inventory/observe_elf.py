"""What an ELF file needs, how it is hardened, and which family of programs its content makes it."""

from __future__ import annotations

from neve.formats.elf import elf_facts, open_elf
from neve.formats.elf_protections import elf_protections
from neve.formats.elf_versions import needed_versions
from neve.inventory.programs import judge_elf, judge_script
from neve.inventory.types import Candidate, Depth, ElfHardening, FileFacts, Observer, Relro

_MAGIC = (b"\x7fELF",)


def _elf(candidate: Candidate, data: memoryview) -> FileFacts | None:
    image = open_elf(data)
    if image is None:
        return None
    elf = elf_facts(image)
    judged = judge_elf(image, elf) if candidate.mode & 0o111 else None
    program = (judged[0].name, judged[1]) if judged is not None else None
    return FileFacts(elf=elf, versions=needed_versions(image), program=program)


def _hardening(candidate: Candidate, data: memoryview) -> FileFacts | None:
    del candidate
    image = open_elf(data)
    if image is None:
        return None
    found = elf_protections(image)
    hardening = ElfHardening(
        pie=found.pie,
        relro=Relro(found.relro.value),
        nx=found.nx,
        canary=found.canary,
        fortify=found.fortify,
    )
    return FileFacts(hardening=hardening)


def _script(candidate: Candidate, data: memoryview) -> FileFacts | None:
    if not candidate.mode & 0o111:
        return None
    family, evidence = judge_script(candidate.path, data)
    return FileFacts(program=(family.name, evidence))


OBSERVERS = (
    Observer(name="elf", version=3, depth=Depth.INVENTORY, observe=_elf, magics=_MAGIC),
    Observer(name="elf-hardening", version=1, depth=Depth.FULL, observe=_hardening, magics=_MAGIC),
    Observer(name="script", version=1, depth=Depth.INVENTORY, observe=_script, magics=(b"#!",)),
)
"""The rows for programs."""
