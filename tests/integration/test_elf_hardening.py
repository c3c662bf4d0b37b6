"""How ELF files are hardened, held against binutils' ``readelf`` on real programs and libraries."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from neve.formats.elf import open_elf
from neve.formats.elf_protections import ElfProtections, RelocationsReadOnly, elf_protections
from neve.formats.elf_versions import needed_versions

pytestmark = pytest.mark.integration

READELF = shutil.which("readelf")
FOLDERS = ("/usr/bin", "/usr/sbin", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu")
MOST = 150
FORTIFIED = re.compile(r" __(?!stack_chk)[a-z0-9_]+_chk(?:@|$)", re.MULTILINE)


def elf_files() -> list[Path]:
    """Programs and libraries of this machine, evenly drawn, so that the test stays short."""
    found = [
        path
        for folder in map(Path, FOLDERS)
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if path.is_file() and not path.is_symlink() and _magic(path) == b"\x7fELF"
    ]
    return found[:: max(1, len(found) // MOST)]


def _magic(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


def read_by_binutils(path: Path) -> tuple[str, str, str]:
    """The file's headers, dynamic section and dynamic symbols as readelf writes them."""

    def run(*flags: str) -> str:
        done = subprocess.run(
            [READELF or "readelf", "-W", *flags, str(path)],
            capture_output=True, text=True, check=True, env={"LC_ALL": "C"},
        )  # fmt: skip
        return done.stdout

    return run("-h", "-l"), run("-d"), run("--dyn-syms")


@pytest.mark.skipif(READELF is None, reason="binutils are not installed")
def test_protections_as_readelf_shows_them() -> None:
    files = elf_files()
    assert len(files) > 20
    wrong: list[str] = []
    for path in files:
        image = open_elf(path.read_bytes())
        if image is None:
            continue
        wrong += [f"{path}: {what}" for what in differences(path, elf_protections(image))]
    assert wrong == []


NEEDED = re.compile(r"Version: \d+  File: (\S+)|Name: (\S+)  Flags")


@pytest.mark.skipif(READELF is None, reason="binutils are not installed")
def test_versions_as_readelf_shows_them() -> None:
    wrong = []
    for path in elf_files()[::2]:
        image = open_elf(path.read_bytes())
        if image is None:
            continue
        command = [READELF or "readelf", "-W", "-V", str(path)]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        wanted: dict[str, set[str]] = {}
        library = ""
        for match in NEEDED.finditer(text.partition("Version needs section")[2]):
            library = match[1] or library
            versions = wanted.setdefault(library, set())
            versions |= {match[2]} if match[2] else set()
        if {name: set(held) for name, held in needed_versions(image)} != wanted:
            wrong.append(str(path))
    assert wrong == []


def differences(path: Path, found: ElfProtections) -> list[str]:
    headers, dynamic, symbols = read_by_binutils(path)
    stack = re.search(r"GNU_STACK(?:\s+0x[0-9a-f]+){5}\s+(\S+)", headers)
    now = "BIND_NOW" in dynamic or re.search(r"FLAGS_1.*\bNOW\b", dynamic)
    relro = RelocationsReadOnly.NONE
    if "GNU_RELRO" in headers:
        relro = RelocationsReadOnly.FULL if now else RelocationsReadOnly.PARTIAL
    shared = re.search(r"Type:\s+DYN", headers) is not None
    pie: bool | None = False
    if shared:
        flagged = re.search(r"FLAGS_1.*\bPIE\b", dynamic) is not None
        program = "INTERP" in headers and "(SONAME)" not in dynamic
        pie = True if flagged or program else None
    wrong = []
    if found.nx is not (stack is not None and "E" not in stack[1]):
        wrong.append(f"nx is {found.nx}")
    if found.relro is not relro:
        wrong.append(f"relro is {found.relro.value}, not {relro.value}")
    if found.pie is not pie:
        wrong.append(f"pie is {found.pie}, not {pie}")
    if "(NEEDED)" in dynamic and bool(found.canary) is not ("__stack_chk_fail" in symbols):
        wrong.append(f"canary is {found.canary}")
    if "(NEEDED)" in dynamic and bool(found.fortify) is not bool(FORTIFIED.search(symbols)):
        wrong.append(f"fortify is {found.fortify}")
    return wrong
