"""ELF headers, read within bounds: what a binary needs, and whether it can start a shell.

Source: the System V ABI (gABI chapters 4 and 5), elf(5). Owns its own reader of the program
headers, the dynamic section and the imported symbols; it trusts no offset, no size and no count
of the file, and reads the same few kilobytes however large the file is.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from neve.formats.deb.types import ElfFacts

_MAX_PROGRAM_HEADERS = 512
_MAX_DYNAMIC = 4_096
_MAX_SYMBOLS = 400_000
_MAX_STRING = 4_096
_MAX_STRINGS = 64 << 20
_MAX_SECTIONS = 4_096
_MAX_NAMES = 1 << 20
_SHT_NOBITS = 8

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
_DT_NULL, _DT_NEEDED, _DT_HASH, _DT_STRTAB, _DT_SYMTAB = 0, 1, 4, 5, 6
_DT_STRSZ, DT_SONAME, _DT_RPATH, _DT_RUNPATH, _DT_GNU_HASH = 10, 14, 15, 29, 0x6FFFFEF5
ET_EXECUTABLE, ET_SHARED = 2, 3

_SHELL_IMPORT = re.compile(rb"(?:system|popen|wordexp)\0")


@dataclass(frozen=True, slots=True)
class Segment:
    """One program header: ``size`` bytes of the file at ``offset``, loaded at ``address``."""

    kind: int
    flags: int
    offset: int
    address: int
    size: int


@dataclass(frozen=True, slots=True)
class Section:
    """One section header, with the name it has in the table of names."""

    name: bytes
    kind: int
    offset: int
    size: int


class ElfImage:
    """The bytes of one ELF file with its width and byte order.

    Raises ``struct.error``, ``KeyError`` or ``IndexError`` where the header is broken.
    """

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.bits = {1: 32, 2: 64}[data[4]]
        self.order = {1: "<", 2: ">"}[data[5]]
        if self.bits == 64:
            header = struct.Struct(self.order + "HHIQQQIHHHHHH")
        else:
            header = struct.Struct(self.order + "HHIIIIIHHHHHH")
        fields = header.unpack_from(data, 16)
        self.type: int = fields[0]
        self.machine: int = fields[1]
        self.segments = self._segments(offset=fields[4], entry_size=fields[8], count=fields[9])
        self._table = (fields[5], fields[10], fields[11], fields[12])

    def _segments(self, *, offset: int, entry_size: int, count: int) -> tuple[Segment, ...]:
        layout = struct.Struct(self.order + ("IIQQQQQQ" if self.bits == 64 else "IIIIIIII"))
        if entry_size < layout.size:
            return ()
        segments = []
        for index in range(min(count, _MAX_PROGRAM_HEADERS)):
            start = offset + index * entry_size
            if start + layout.size > len(self.data):
                break
            fields = layout.unpack_from(self.data, start)
            if self.bits == 64:
                kind, flags, at, address, _, size, _, _ = fields
            else:
                kind, at, address, _, size, _, flags, _ = fields
            segments.append(Segment(kind, flags, at, address, size))
        return tuple(segments)

    def sections(self) -> tuple[Section, ...]:
        """The section headers; none in a file that was stripped of them."""
        offset, entry_size, count, names_index = self._table
        layout = struct.Struct(self.order + ("IIQQQQIIQQ" if self.bits == 64 else "IIIIIIIIII"))
        if entry_size < layout.size or offset == 0:
            return ()
        rows = []
        for index in range(min(count, _MAX_SECTIONS)):
            start = offset + index * entry_size
            if start + layout.size > len(self.data):
                break
            rows.append(layout.unpack_from(self.data, start))
        if names_index >= len(rows):
            return ()
        at, size = rows[names_index][4:6]
        names = bytes(self.data[at : at + min(size, _MAX_NAMES)])
        return tuple(
            Section(names[row[0] : row[0] + 64].partition(b"\0")[0], row[1], row[4], row[5])
            for row in rows
        )

    def part(self, section: Section) -> memoryview:
        """The file's bytes of one section; none of one that only takes memory."""
        if section.kind == _SHT_NOBITS:
            return self.data[:0]
        return self.data[section.offset : section.offset + section.size]

    def first(self, kind: int) -> memoryview | None:
        """The file's bytes of the first segment of ``kind``, cut at the end of the file."""
        for segment in self.segments:
            if segment.kind == kind:
                return self.data[segment.offset : segment.offset + segment.size]
        return None

    def offset_of(self, address: int) -> int | None:
        """Where in the file the loaded ``address`` lies."""
        for segment in self.segments:
            if (
                segment.kind == PT_LOAD
                and segment.address <= address < segment.address + segment.size
            ):
                return segment.offset + address - segment.address
        return None

    def words(self, offset: int, count: int) -> tuple[int, ...]:
        """``count`` 32-bit words at ``offset``; fewer where the file ends."""
        count = max(0, min(count, (len(self.data) - offset) // 4))
        return struct.unpack_from(f"{self.order}{count}I", self.data, offset) if count else ()


def read_elf(data: memoryview | bytes) -> ElfFacts | None:
    """The facts of one ELF file, or ``None`` when ``data`` is none or its header is broken.

    Never raises for the content of ``data``. A broken dynamic section reads as an empty one;
    core dumps and relocatable objects (``.o``) have no facts.
    """
    image = open_elf(data)
    return elf_facts(image) if image is not None else None


def open_elf(data: memoryview | bytes) -> ElfImage | None:
    """``data`` as a program or shared object, or ``None``; core dumps and ``.o`` are neither."""
    view = memoryview(data)
    if len(view) < 52 or bytes(view[:4]) != b"\x7fELF" or view[4] not in (1, 2):
        return None
    if view[5] not in (1, 2):
        return None
    try:
        image = ElfImage(view)
    except struct.error:
        return None
    return image if image.type in (ET_EXECUTABLE, ET_SHARED) else None


def elf_facts(image: ElfImage) -> ElfFacts:
    """The facts of an open file, as ``read_elf`` gives them."""
    interpreter = image.first(PT_INTERP)
    dynamic = dynamic_section(image)
    strings = dynamic_strings(image, dynamic)

    def named(tag: int) -> tuple[str, ...]:
        return tuple(
            text for value in dynamic.get(tag, ()) if (text := text_at(strings, value)) is not None
        )

    sonames = named(DT_SONAME)
    return ElfFacts(
        soname=sonames[0] if sonames else None,
        needed=named(_DT_NEEDED),
        interpreter=text_at(interpreter, 0) if interpreter is not None else None,
        runpath=named(_DT_RUNPATH) or named(_DT_RPATH),
        machine=image.machine,
        bits=image.bits,
        runs_shell=_imports_shell(image, dynamic, strings),
    )


def dynamic_section(image: ElfImage) -> dict[int, list[int]]:
    """Tag → values in order, up to DT_NULL; empty for a static program."""
    section = image.first(PT_DYNAMIC)
    found: dict[int, list[int]] = {}
    if section is None:
        return found
    layout = struct.Struct(image.order + ("qQ" if image.bits == 64 else "iI"))
    count = min(len(section) // layout.size, _MAX_DYNAMIC)
    for tag, value in layout.iter_unpack(section[: count * layout.size]):
        if tag == _DT_NULL:
            break
        found.setdefault(tag & 0xFFFFFFFF, []).append(value)
    return found


def dynamic_strings(image: ElfImage, dynamic: dict[int, list[int]]) -> memoryview:
    """The dynamic string table, cut at the end of the file; empty when there is none."""
    address, size = dynamic.get(_DT_STRTAB), dynamic.get(_DT_STRSZ)
    offset = image.offset_of(address[0]) if address else None
    if offset is None or not size:
        return memoryview(b"")
    return image.data[offset : offset + min(size[0], _MAX_STRINGS)]


def text_at(strings: memoryview, offset: int) -> str | None:
    """The NUL-ended string at ``offset``; ``None`` outside the table or when it has no end."""
    if offset >= len(strings):
        return None
    text, end, _ = bytes(strings[offset : offset + _MAX_STRING]).partition(b"\0")
    if not end:
        return None
    return text.decode("utf-8", "backslashreplace")


def _imports_shell(image: ElfImage, dynamic: dict[int, list[int]], strings: memoryview) -> bool:
    """Whether an undefined symbol is one of libc's functions that start ``/bin/sh``."""
    address = dynamic.get(_DT_SYMTAB)
    start = image.offset_of(address[0]) if address else None
    if start is None or _SHELL_IMPORT.search(strings) is None:
        return False
    layout = struct.Struct(image.order + ("IBBHQQ" if image.bits == 64 else "IIIBBH"))
    section_index = 3 if image.bits == 64 else 5
    available = max(0, len(image.data) - start) // layout.size
    count = min(_symbol_count(image, dynamic, layout.size), available, _MAX_SYMBOLS)
    symbols = image.data[start : start + count * layout.size]
    return any(
        symbol[section_index] == 0 and _SHELL_IMPORT.match(strings, symbol[0]) is not None
        for symbol in layout.iter_unpack(symbols)
    )


def _symbol_count(image: ElfImage, dynamic: dict[int, list[int]], size: int) -> int:
    """How many dynamic symbols may be imports; no header says it.

    DT_HASH counts all; DT_GNU_HASH says where the defined ones begin, and the string table
    usually follows the symbols. The largest answer is the safe one: more is only slower.
    """
    counts = [0]
    hashes = image.offset_of(dynamic[_DT_HASH][0]) if _DT_HASH in dynamic else None
    if hashes is not None:
        counts.extend(image.words(hashes, 2)[1:])
    hashes = image.offset_of(dynamic[_DT_GNU_HASH][0]) if _DT_GNU_HASH in dynamic else None
    if hashes is not None:
        counts.extend(image.words(hashes, 2)[1:])
    if _DT_STRTAB in dynamic:
        counts.append((dynamic[_DT_STRTAB][0] - dynamic[_DT_SYMTAB][0]) // size)
    return max(counts)
