"""ELF headers within bounds: both widths, both byte orders, and any damage."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neve.formats.deb import ElfFacts
from neve.formats.elf import read_elf

BASE = 0x400000


def build_elf(
    *,
    bits: int = 64,
    order: str = "<",
    imports: tuple[bytes, ...] = (b"malloc",),
    exports: tuple[bytes, ...] = (),
    with_hash: bool = True,
) -> bytes:
    """A small dynamic ELF: program headers, interpreter, dynamic section, symbols, strings."""
    wide = bits == 64
    word = "Q" if wide else "I"
    strings = bytearray(b"\0")

    def named(text: bytes) -> int:
        strings.extend(text + b"\0")
        return len(strings) - len(text) - 1

    names = {
        key: named(key) for key in (b"libx.so.1", b"libc.so.6", b"libm.so.6", b"$ORIGIN/../lib")
    }
    symbols = [b"\0" * (24 if wide else 16)]
    for index, name in [(0, n) for n in imports] + [(7, n) for n in exports]:
        if wide:
            symbols.append(struct.pack(order + "IBBHQQ", named(name), 0x12, 0, index, 0, 0))
        else:
            symbols.append(struct.pack(order + "IIIBBH", named(name), 0, 0, 0x12, 0, index))
    header_size, program_size = (64, 56) if wide else (52, 32)
    interpreter = b"/lib/ld.so\0"
    at_interpreter = header_size + 3 * program_size
    at_symbols = -(-(at_interpreter + len(interpreter)) // 8) * 8
    at_strings = at_symbols + sum(map(len, symbols))
    at_hash = -(-(at_strings + len(strings)) // 8) * 8
    at_dynamic = at_hash + 8
    tags = [
        (1, names[b"libc.so.6"]), (1, names[b"libm.so.6"]), (14, names[b"libx.so.1"]),
        (29, names[b"$ORIGIN/../lib"]), (5, BASE + at_strings), (6, BASE + at_symbols),
        (10, len(strings)), *([(4, BASE + at_hash)] if with_hash else []), (0, 0),
    ]  # fmt: skip
    dynamic = b"".join(struct.pack(order + 2 * word, *tag) for tag in tags)
    total = at_dynamic + len(dynamic)

    def program(kind: int, at: int, size: int) -> bytes:
        if wide:
            return struct.pack(order + "IIQQQQQQ", kind, 4, at, BASE + at, 0, size, size, 8)
        return struct.pack(order + "IIIIIIII", kind, at, BASE + at, 0, size, size, 4, 8)

    out = bytearray(total)
    out[:16] = b"\x7fELF" + bytes((2 if wide else 1, 1 if order == "<" else 2, 1)) + bytes(9)
    struct.pack_into(
        order + f"HHI{word}{word}{word}IHHHHHH", out, 16,
        3, 62, 1, 0, header_size, 0, 0, header_size, program_size, 3, 0, 0, 0,
    )  # fmt: skip
    out[header_size:at_interpreter] = (
        program(1, 0, total)
        + program(3, at_interpreter, len(interpreter))
        + program(2, at_dynamic, len(dynamic))
    )
    out[at_interpreter : at_interpreter + len(interpreter)] = interpreter
    out[at_symbols:at_strings] = b"".join(symbols)
    out[at_strings : at_strings + len(strings)] = strings
    struct.pack_into(order + "II", out, at_hash, 1, len(symbols))
    out[at_dynamic:] = dynamic
    return bytes(out)


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("order", ["<", ">"])
def test_headers_of_every_width_and_byte_order(bits: int, order: str) -> None:
    assert read_elf(build_elf(bits=bits, order=order)) == ElfFacts(
        soname="libx.so.1",
        needed=("libc.so.6", "libm.so.6"),
        interpreter="/lib/ld.so",
        runpath=("$ORIGIN/../lib",),
        machine=62,
        bits=bits,
        runs_shell=False,
    )


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("with_hash", [True, False])
@pytest.mark.parametrize("name", [b"system", b"popen", b"wordexp"])
def test_an_import_that_starts_a_shell_is_seen(bits: int, with_hash: bool, name: bytes) -> None:
    facts = read_elf(build_elf(bits=bits, imports=(b"malloc", name), with_hash=with_hash))
    assert facts is not None
    assert facts.runs_shell


def test_a_function_of_that_name_of_its_own_is_no_import() -> None:
    facts = read_elf(build_elf(imports=(b"malloc", b"ecosystem"), exports=(b"system",)))
    assert facts is not None
    assert not facts.runs_shell


@pytest.mark.parametrize(
    "data",
    [b"", b"\x7fELF", b"\x7fELF" + bytes(60), b"#!/bin/sh\n" * 9, b"\x7fELF\3\1" + bytes(99)],
)
def test_what_is_no_elf_has_no_facts(data: bytes) -> None:
    assert read_elf(data) is None


@pytest.mark.parametrize("kind", [1, 4])
def test_objects_and_core_dumps_have_no_facts(kind: int) -> None:
    data = bytearray(build_elf())
    data[16] = kind
    assert read_elf(bytes(data)) is None


def test_an_elf_cut_at_any_byte_never_raises() -> None:
    data = build_elf(imports=(b"system",))
    for length in range(len(data)):
        read_elf(data[:length])


@settings(max_examples=400, deadline=1_000)
@given(
    bits=st.sampled_from([32, 64]),
    order=st.sampled_from(["<", ">"]),
    damage=st.lists(
        st.tuples(
            st.integers(0, 700),
            st.sampled_from([b"\xff" * 8, b"\x7f" + b"\xff" * 7, b"\0" * 8, b"\xff", b"\1"]),
        ),
        max_size=6,
    ),
)
def test_a_damaged_elf_never_raises_or_hangs(
    bits: int, order: str, damage: list[tuple[int, bytes]]
) -> None:
    data = bytearray(build_elf(bits=bits, order=order, imports=(b"system",)))
    for at, patch in damage:
        at %= len(data)
        data[at : at + len(patch)] = patch[: len(data) - at]
    read_elf(bytes(data))
