"""What compiler and linker did to harden an ELF file, from its headers and symbol names.

Sources: elf(5), the gABI, ld(1) ``-z``, gcc(1) ``-fstack-protector``, glibc's
``_FORTIFY_SOURCE``. Code is not looked at, so ``None`` means that names do not tell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from neve.formats.elf import (
    DT_SONAME,
    ET_EXECUTABLE,
    PT_DYNAMIC,
    PT_INTERP,
    ElfImage,
    dynamic_section,
    dynamic_strings,
)

_PT_GNU_STACK, _PT_GNU_RELRO = 0x6474E551, 0x6474E552
_PF_EXECUTE = 1
_DT_DEBUG, _DT_BIND_NOW, _DT_FLAGS, _DT_FLAGS_1 = 21, 24, 30, 0x6FFFFFFB
_DF_BIND_NOW = 8
_DF_1_NOW, _DF_1_PIE = 1, 0x08000000
_MAX_SYMBOL_NAMES = 64 << 20

_CANARY = re.compile(rb"__(?:stack_chk_(?:fail|guard)|stack_smash_handler)")
_FORTIFIED = re.compile(rb"\0__(?!stack_chk)[a-z0-9_]{2,40}_chk\0")
# Those of glibc's functions that have a checking twin and that programs use most.
_FORTIFIABLE = re.compile(
    rb"\0(?:v?(?:f|s|sn|as|d)?printf|mem(?:cpy|move|set|pcpy)|st[rp]n?c(?:py|at)|fgets|gets|read"
    rb"|p?read64|recv(?:from)?|readlink(?:at)?|realpath|getcwd|v?syslog|fread|poll|confstr)\0"
)


class RelocationsReadOnly(StrEnum):
    """How much of the relocation tables is read-only once the program runs (``-z relro``)."""

    NONE = "none"
    PARTIAL = "partial"
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class ElfProtections:
    """``pie`` only of programs (``None``: a library); ``canary`` and ``fortify`` from the names
    of symbols, ``None`` where a file has none or none that could tell.
    """

    pie: bool | None
    relro: RelocationsReadOnly
    nx: bool
    canary: bool | None
    fortify: bool | None


def elf_protections(image: ElfImage) -> ElfProtections:
    """The protections of an open ELF file; never raises for what it holds."""
    dynamic = dynamic_section(image)
    names = _symbol_names(image, dynamic)
    has_names = len(names) > 1
    return ElfProtections(
        pie=_pie(image, dynamic),
        relro=_relro(image, dynamic),
        nx=_nx(image),
        canary=_CANARY.search(names) is not None if has_names else None,
        fortify=_fortify(names),
    )


def _pie(image: ElfImage, dynamic: dict[int, list[int]]) -> bool | None:
    if image.type == ET_EXECUTABLE:
        return False
    if any(flags & _DF_1_PIE for flags in dynamic.get(_DT_FLAGS_1, ())):
        return True
    # Linkers before binutils 2.26 set no flag: a program asks for a loader or a debugger's hook.
    runs = image.first(PT_INTERP) is not None or _DT_DEBUG in dynamic
    return True if runs and DT_SONAME not in dynamic else None


def _relro(image: ElfImage, dynamic: dict[int, list[int]]) -> RelocationsReadOnly:
    if not any(segment.kind == _PT_GNU_RELRO for segment in image.segments):
        return RelocationsReadOnly.NONE
    now = (
        _DT_BIND_NOW in dynamic
        or any(flags & _DF_BIND_NOW for flags in dynamic.get(_DT_FLAGS, ()))
        or any(flags & _DF_1_NOW for flags in dynamic.get(_DT_FLAGS_1, ()))
    )
    return RelocationsReadOnly.FULL if now else RelocationsReadOnly.PARTIAL


def _nx(image: ElfImage) -> bool:
    """Whether the stack is not executable; a file that does not say gets one that is."""
    stacks = [segment for segment in image.segments if segment.kind == _PT_GNU_STACK]
    return bool(stacks) and not any(stack.flags & _PF_EXECUTE for stack in stacks)


def _symbol_names(image: ElfImage, dynamic: dict[int, list[int]]) -> memoryview:
    """The names of dynamic symbols; of a static program those of its symbol table, if any."""
    if image.first(PT_DYNAMIC) is not None:
        names = dynamic_strings(image, dynamic)
        if len(names) > 1:
            return names
    for section in image.sections():
        if section.name == b".strtab":
            return image.part(section)[:_MAX_SYMBOL_NAMES]
    return memoryview(b"")


def _fortify(names: memoryview) -> bool | None:
    if _FORTIFIED.search(names) is not None:
        return True
    return False if _FORTIFIABLE.search(names) is not None else None
