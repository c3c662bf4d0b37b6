"""How an ELF file is hardened is told by its headers and symbols, and not guessed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neve.formats.elf import open_elf
from neve.formats.elf_protections import ElfProtections, RelocationsReadOnly, elf_protections
from neve.formats.elf_versions import needed_versions

SOURCE = """
#include <string.h>
#include <stdio.h>
int main(int argc, char **argv) {
  char text[64]; strncpy(text, argv[0], argc * 3); puts(text); return text[argc];
}
"""
CC = shutil.which("gcc") or shutil.which("cc")


def protections(path: Path) -> ElfProtections:
    image = open_elf(path.read_bytes())
    assert image is not None
    return elf_protections(image)


def compiled(tmp_path: Path, *flags: str) -> ElfProtections:
    if CC is None:
        pytest.skip("no C compiler")
    source, out = tmp_path / "a.c", tmp_path / "a"
    source.write_text(SOURCE)
    run = subprocess.run([CC, "-w", str(source), "-o", str(out), *flags], capture_output=True)
    if run.returncode:
        pytest.skip(f"the compiler takes no {' '.join(flags)}")
    return protections(out)


HARD = (
    "-O2",
    "-D_FORTIFY_SOURCE=2",
    "-fstack-protector-all",
    "-fPIE",
    "-pie",
    "-Wl,-z,relro,-z,now",
)
SOFT = ("-O2", "-U_FORTIFY_SOURCE", "-fno-stack-protector", "-fno-PIE", "-no-pie",
        "-Wl,-z,norelro,-z,lazy,-z,execstack")  # fmt: skip


def test_a_hardened_program(tmp_path: Path) -> None:
    assert compiled(tmp_path, *HARD) == ElfProtections(
        pie=True, relro=RelocationsReadOnly.FULL, nx=True, canary=True, fortify=True
    )


def test_a_soft_program(tmp_path: Path) -> None:
    assert compiled(tmp_path, *SOFT) == ElfProtections(
        pie=False, relro=RelocationsReadOnly.NONE, nx=False, canary=False, fortify=False
    )


@pytest.mark.parametrize(
    ("flags", "relro"),
    [
        (("-Wl,-z,relro,-z,lazy",), RelocationsReadOnly.PARTIAL),
        (("-Wl,-z,relro,-z,now",), RelocationsReadOnly.FULL),
        (("-Wl,-z,norelro,-z,now",), RelocationsReadOnly.NONE),
    ],
)
def test_relocations(tmp_path: Path, flags: tuple[str, ...], relro: RelocationsReadOnly) -> None:
    assert compiled(tmp_path, *flags).relro is relro


def test_a_library_is_no_program(tmp_path: Path) -> None:
    assert compiled(tmp_path, "-shared", "-fPIC", "-Wl,-soname,libx.so.1").pie is None


@pytest.mark.parametrize(("flag", "pie"), [("-static", False), ("-static-pie", True)])
def test_static_programs_tell_by_their_symbol_table(tmp_path: Path, flag: str, pie: bool) -> None:
    found = compiled(tmp_path, flag, "-fstack-protector-all")
    assert (found.pie, found.nx, found.canary) == (pie, True, True)


def test_a_stripped_static_program_tells_nothing_of_its_code(tmp_path: Path) -> None:
    found = compiled(tmp_path, "-static", "-s", "-fstack-protector-all")
    assert (found.pie, found.canary, found.fortify) == (False, None, None)


WHOLE = Path(sys.executable).resolve().read_bytes()[:200_000]


def test_versions_of_a_real_program() -> None:
    image = open_elf(WHOLE)
    if image is None:
        pytest.skip("this interpreter is no ELF file")
    assert any(held for _, held in needed_versions(image))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20_000), st.binary(min_size=1, max_size=8)), max_size=40))
def test_no_damage_is_fatal_or_endless(damage: list[tuple[int, bytes]]) -> None:
    data = bytearray(WHOLE)
    for at, value in damage:
        data[at : at + len(value)] = value
    image = open_elf(bytes(data))
    if image is not None:
        elf_protections(image)
        needed_versions(image)
