"""Sections of ELF, PE and Mach-O programs: found where they lie, whatever the headers claim."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neve.formats.executables import read_executable

CONTENT = b"what the section holds"


def elf(*, bits: int = 64, order: str = "<") -> bytes:
    """One section ``.note`` at 0x400000 plus its offset, and the section of names."""
    wide = bits == 64
    names = b"\0.note\0.shstrtab\0"
    start = 64 + 56
    body = bytearray(start) + CONTENT.ljust(32, b"\0") + names.ljust(32, b"\0")
    layout = order + ("IIQQQQIIQQ" if wide else "IIIIIIIIII")
    rows = [
        struct.pack(layout, *([0] * 10)),
        struct.pack(layout, 1, 1, 3, 0x400000 + start, start, len(CONTENT), 0, 0, 1, 0),
        struct.pack(layout, 7, 3, 0, 0, start + 32, len(names), 0, 0, 1, 0),
    ]
    table = len(body)
    body += b"".join(rows)
    header = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2, 1])
    fields = struct.pack(
        order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"),
        2, 62, 1, 0, 64, table, 0, 64, 56 if wide else 32, 1, len(rows[0]), len(rows), 2,
    )  # fmt: skip
    body[: 16 + len(fields)] = header.ljust(16, b"\0") + fields
    size = len(body)
    if wide:
        segment = struct.pack(order + "IIQQQQQQ", 1, 6, 0, 0x400000, 0, size, size, 1)
    else:
        segment = struct.pack(order + "IIIIIIII", 1, 0, 0x400000, 0, size, size, 6, 1)
    body[64 : 64 + len(segment)] = segment
    return bytes(body)


def pe(*, wide: bool = True) -> bytes:
    """One writable section ``.data`` at 0x140001000."""
    optional = 112 if wide else 96
    base = (
        struct.pack("<H22xQ", 0x20B, 0x140000000)
        if wide
        else struct.pack("<H26xI", 0x10B, 0x400000)
    )
    head = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x80)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, optional, 0)
    at = 0x80 + len(coff) + optional + 40
    row = struct.pack("<8sIIII12xI", b".data", len(CONTENT), 0x1000, 64, at, 0xC0000040)
    return (
        head.ljust(0x80, b"\0")
        + coff
        + base.ljust(optional, b"\0")
        + row
        + CONTENT.ljust(64, b"\0")
    )


def mach(*, order: str = "<", wide: bool = True) -> bytes:
    """One segment ``__DATA`` with one section ``__go_buildinfo`` at 0x1000."""
    magic = struct.pack(order + "I", 0xFEEDFACF if wide else 0xFEEDFACE)
    size = 72 + 80 if wide else 56 + 68
    at = (32 if wide else 28) + size
    words = "QQQQ" if wide else "IIII"
    segment = struct.pack(
        f"{order}II16s{words}IIII", 0x19 if wide else 1, size, b"__DATA", 0x1000, len(CONTENT), at,
        len(CONTENT), 3, 3, 1, 0,
    )  # fmt: skip
    section = struct.pack(
        order + ("16s16sQQI" if wide else "16s16sIII"),
        b"__go_buildinfo", b"__DATA", 0x1000, len(CONTENT), at,
    )  # fmt: skip
    header = (
        magic + struct.pack(order + "IIIIII", 0, 0, 2, 1, size, 0) + (bytes(4) if wide else b"")
    )
    return header + segment + section.ljust(80 if wide else 68, b"\0") + CONTENT


PROGRAMS = {
    "elf": (elf(), ".note", 0x400000 + 120),
    "elf, 32 bits": (elf(bits=32), ".note", 0x400000 + 120),
    "elf, big": (elf(order=">"), ".note", 0x400000 + 120),
    "pe": (pe(), ".data", 0x140001000),
    "pe, 32 bits": (pe(wide=False), ".data", 0x401000),
    "mach": (mach(), "__go_buildinfo", 0x1000),
    "mach, 32 bits": (mach(wide=False), "__go_buildinfo", 0x1000),
    "mach, big": (mach(order=">"), "__go_buildinfo", 0x1000),
}


@pytest.mark.parametrize("kind", PROGRAMS)
def test_a_section_by_name_and_address(kind: str) -> None:
    data, name, address = PROGRAMS[kind]
    program = read_executable(memoryview(data))
    assert program is not None
    section = program.named("nothing", name)
    assert section is not None
    assert section.address == address
    assert bytes(program.content(section)[: len(CONTENT)]) == CONTENT
    found = program.at(address + 5, 3)
    assert found is not None
    assert bytes(found) == CONTENT[5:8]
    assert program.at(address, 1 << 40) is None
    assert program.at(1, 1) is None or kind.startswith("elf")


@pytest.mark.parametrize(
    "data", [b"", b"\x7fELF", b"MZ", b"MZ" + bytes(70), b"\xcf\xfa\xed\xfe", b"#!"]
)
def test_what_is_no_program(data: bytes) -> None:
    assert read_executable(memoryview(data)) is None


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from(sorted(PROGRAMS)),
    edits=st.lists(st.tuples(st.integers(4, 600), st.integers(0, 255)), max_size=30),
    cut=st.integers(0, 700),
)
def test_any_damage_ends(kind: str, edits: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(PROGRAMS[kind][0][: max(cut, 8)])
    for at, value in edits:
        data[at % len(data)] = value
    program = read_executable(memoryview(data))
    if program is not None:
        for section in program.sections:
            program.content(section)
            program.at(section.address, section.size)
