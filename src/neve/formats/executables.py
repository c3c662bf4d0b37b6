"""Where the named sections of a program lie: ELF, PE and Mach-O, by their headers alone.

Sources: the System V ABI (gABI chapter 4), Microsoft's "PE Format", Apple's ``mach-o/loader.h``.
Trusts no offset and no count; reads headers and names, never the sections.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

MAGICS = (
    b"\x7fELF",
    b"MZ",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
)
_MAX_SECTIONS = 4_096
_MAX_COMMANDS = 1_024
_MAX_NAMES = 1 << 20
_PT_LOAD, _PF_X, _PF_W = 1, 1, 2
_SHT_NOBITS = 8
_LC_SEGMENT, _LC_SEGMENT_64 = 0x1, 0x19
_PE_WRITABLE_DATA = 0x80000000 | 0x40


@dataclass(frozen=True, slots=True)
class Section:
    """``name`` ("" for a segment that has none), where it is loaded, where it lies in the file."""

    name: str
    address: int
    offset: int
    size: int
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Executable:
    """A program's sections (all of them) and what maps an address to the file."""

    sections: tuple[Section, ...]
    loaded: tuple[Section, ...]
    big_endian: bool
    data: memoryview

    def named(self, *names: str) -> Section | None:
        """The first section called by one of ``names``."""
        return next((section for section in self.sections if section.name in names), None)

    def content(self, section: Section) -> memoryview:
        """The bytes of ``section``, cut at the end of the file."""
        return self.data[section.offset : section.offset + section.size]

    def at(self, address: int, size: int) -> memoryview | None:
        """``size`` bytes at the loaded ``address``; ``None`` where the file has them not."""
        for part in self.loaded:
            start = address - part.address
            if start >= 0 and start + size <= part.size:
                found = self.data[part.offset + start : part.offset + start + size]
                return found if len(found) == size else None
        return None


def read_executable(data: memoryview) -> Executable | None:
    """The sections of a program; ``None`` for what is none or has a broken header."""
    magic = bytes(data[:4])
    try:
        if magic == MAGICS[0]:
            return _elf(data)
        if magic[:2] == MAGICS[1]:
            return _pe(data)
        if magic in MAGICS[2:]:
            return _mach(data)
    except (struct.error, IndexError):
        return None
    return None


def _elf(data: memoryview) -> Executable | None:
    wide = data[4] == 2
    order = ">" if data[5] == 2 else "<"
    _, _, _, _, phoff, shoff, _, _, phsize, phnum, shsize, shnum, strings = struct.unpack_from(
        order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"), data, 16
    )
    loaded = tuple(_elf_segments(data, order, wide=wide, table=(phoff, phsize, phnum)))
    sections = tuple(
        _elf_sections(data, order, wide=wide, table=(shoff, shsize, shnum), strings=strings)
    )
    return Executable(sections, loaded, order == ">", data)


def _elf_segments(
    data: memoryview, order: str, *, wide: bool, table: tuple[int, int, int]
) -> Iterator[Section]:
    layout = struct.Struct(order + ("IIQQQQQQ" if wide else "IIIIIIII"))
    start, size, count = table
    if size < layout.size:
        return
    for at in range(start, start + size * min(count, _MAX_SECTIONS), size):
        if at + layout.size > len(data):
            return
        if wide:
            kind, flags, offset, address, _, length, _, _ = layout.unpack_from(data, at)
        else:
            kind, offset, address, _, length, _, flags, _ = layout.unpack_from(data, at)
        if kind == _PT_LOAD:
            writable = flags & (_PF_W | _PF_X) == _PF_W
            yield Section("", address, offset, length, writable)


def _elf_sections(
    data: memoryview, order: str, *, wide: bool, table: tuple[int, int, int], strings: int
) -> Iterator[Section]:
    layout = struct.Struct(order + ("IIQQQQIIQQ" if wide else "IIIIIIIIII"))
    start, size, count = table
    if size < layout.size or not start:
        return
    stop = min(start + size * min(count, _MAX_SECTIONS), len(data) - layout.size + 1)
    rows = [layout.unpack_from(data, at) for at in range(start, stop, size)]
    if strings >= len(rows):
        return
    names = bytes(data[rows[strings][4] : rows[strings][4] + min(rows[strings][5], _MAX_NAMES)])
    for name, kind, flags, address, offset, length, *_ in rows:
        end = names.find(b"\0", name)
        if kind != _SHT_NOBITS and end >= 0:
            text = names[name:end].decode("latin-1")
            yield Section(text, address, offset, length, bool(flags & 1))


def _pe(data: memoryview) -> Executable | None:
    (start,) = struct.unpack_from("<I", data, 0x3C)
    if bytes(data[start : start + 4]) != b"PE\0\0":
        return None
    (count,) = struct.unpack_from("<H", data, start + 6)
    (optional,) = struct.unpack_from("<H", data, start + 20)
    base = _pe_base(data, start + 24, optional)
    sections: list[Section] = []
    for index in range(min(count, _MAX_SECTIONS)):
        at = start + 24 + optional + index * 40
        name, length, address, size, offset, flags = struct.unpack_from("<8sIIII12xI", data, at)
        text = name.rstrip(b"\0").decode("latin-1")
        writable = flags & _PE_WRITABLE_DATA == _PE_WRITABLE_DATA
        kept = min(size, length) if length else size
        sections.append(Section(text, base + address, offset, kept, writable))
    return Executable(tuple(sections), tuple(sections), big_endian=False, data=data)


def _pe_base(data: memoryview, at: int, size: int) -> int:
    if size < 32:
        return 0
    (magic,) = struct.unpack_from("<H", data, at)
    if magic == 0x20B:
        return int(struct.unpack_from("<Q", data, at + 24)[0])
    return int(struct.unpack_from("<I", data, at + 28)[0])


def _mach(data: memoryview) -> Executable | None:
    order = ">" if data[0] == 0xFE else "<"
    wide = 0xCF in (data[0], data[3])
    count, length = struct.unpack_from(order + "II", data, 16)
    at = 32 if wide else 28
    end = min(at + length, len(data))
    sections: list[Section] = []
    loaded: list[Section] = []
    for _ in range(min(count, _MAX_COMMANDS)):
        if at + 8 > end:
            break
        command, size = struct.unpack_from(order + "II", data, at)
        if size < 8:
            break
        if command in (_LC_SEGMENT, _LC_SEGMENT_64):
            loaded.append(_mach_segment(data, at, order, wide=command == _LC_SEGMENT_64))
            found = _mach_sections(data, at, order, wide=command == _LC_SEGMENT_64)
            sections.extend(list(found)[: _MAX_SECTIONS - len(sections)])
        at += size
    return Executable(tuple(sections), tuple(loaded), order == ">", data)


def _mach_segment(data: memoryview, at: int, order: str, *, wide: bool) -> Section:
    layout = "16sQQQQ" if wide else "16sIIII"
    name, address, _, offset, size = struct.unpack_from(order + layout, data, at + 8)
    text = name.rstrip(b"\0").decode("latin-1")
    return Section(text, address, offset, size, text == "__DATA")


def _mach_sections(data: memoryview, at: int, order: str, *, wide: bool) -> Iterator[Section]:
    (count,) = struct.unpack_from(order + "I", data, at + (64 if wide else 48))
    start, step = at + (72 if wide else 56), 80 if wide else 68
    layout = struct.Struct(order + ("16s16sQQI" if wide else "16s16sIII"))
    for index in range(min(count, _MAX_SECTIONS)):
        name, _, address, size, offset = layout.unpack_from(data, start + index * step)
        yield Section(name.rstrip(b"\0").decode("latin-1"), address, offset, size, writable=True)
