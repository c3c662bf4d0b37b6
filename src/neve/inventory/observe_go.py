"""Go: the modules that the compiler writes into every program, and the standard library.

Source: Go's ``debug/buildinfo`` and ``runtime/debug`` documentation: an information block with
the magic ``\\xff Go buildinf:`` that holds, or before Go 1.18 points at, the compiler's version
and the list of modules.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from neve.formats.executables import Executable
from neve.inventory.observing import one_line
from neve.inventory.purl import package_url
from neve.inventory.types import Package, PackageType

SECTIONS = (".go.buildinfo", "__go_buildinfo")
_MAGIC = b"\xff Go buildinf:"
_HEADER = 32
_INLINE, _BIG_ENDIAN = 2, 1
_MAX_SEARCH = 1 << 20
_MAX_TEXT = 32 << 20
_MAX_MODULES = 50_000
_MAX_FLAGS = 16_384
_SENTINEL = 16
_DEVEL = "(devel)"
_UNNAMED = "command-line-arguments"
_LINKED = re.compile(
    r"\.[A-Za-z0-9]*(?:[rR]elease)?(?:[gG]it)?(?:[bB]uild)?[vV]er(?:sion)?=(?:\S{0,200}/)?"
    r"(v?[0-9]+\.[0-9]+\.[0-9]+[-\w.+]*)"
)
_SET_TEXT = re.compile(
    rb"\0(v?[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}(?:[-+][-+0-9A-Za-z_.~]{0,80})?)(?=\0)"
)
_VALUE = re.compile(r"""-X\s*["']?([^\s"'=]{1,300}=[^\s"']{0,300})""")


@dataclass(frozen=True, slots=True)
class _Module:
    path: str
    version: str


def go_packages(program: Executable, path: str) -> Iterator[Package]:
    """The modules of a Go program: its own, all it was built from, and ``stdlib``."""
    found = _build_info(program)
    if found is None:
        return
    compiler, listed = found
    version = compiler.partition(" ")[0].removeprefix("go")
    settings: dict[str, str] = {}
    modules: list[_Module] = []
    main: _Module | None = None
    for kind, module in _modules(listed, settings):
        if kind == "mod":
            main = module
        elif kind == "=>" and modules:
            modules[-1] = module
        elif kind == "dep":
            modules.append(module)
    if main is None and settings.get("path"):
        main = _Module(settings["path"], _DEVEL)
    if main is not None and main.path != _UNNAMED:
        own = _own_version(main, settings)
        if own in ("", _DEVEL):
            own = _linked_version(program) or own
        yield _package(_Module(main.path, own), path)
    for module in dict.fromkeys(modules):
        if module != main:
            yield _package(module, path)
    if re.match(r"[0-9]", version):
        yield Package(
            type=PackageType.GOLANG,
            name="stdlib",
            version=f"go{version}",
            purl=package_url("golang", "stdlib", version),
            paths=(path,),
        )


def _package(module: _Module, path: str) -> Package:
    namespace, _, name = module.path.rpartition("/")
    return Package(
        type=PackageType.GOLANG,
        name=module.path,
        version=module.version,
        purl=package_url("golang", name, module.version, namespace=namespace),
        paths=(path,),
    )


def _own_version(main: _Module, settings: dict[str, str]) -> str:
    """The main module's version: recorded, else in the linker's flags, else of its commit.

    ``(devel)``, as Go writes it, where none of these says.
    """
    if main.version and main.version != _DEVEL:
        return main.version
    for assignment in _VALUE.findall(settings.get("-ldflags", "")[:_MAX_FLAGS]):
        target = assignment.partition("=")[0]
        match = _LINKED.search(assignment)
        if match and target.startswith(("main.", main.path)):
            return match[1] if match[1].startswith("v") else f"v{match[1]}"
    revision, time = settings.get("vcs.revision", ""), settings.get("vcs.time", "")
    moment = re.sub(r"[^0-9]", "", time)[:14]
    if revision and len(moment) == 14:
        return f"v0.0.0-{moment}-{revision[:12]}"
    return main.version


def _linked_version(program: Executable) -> str:
    """The one version that the linker was told to set (``-X``); "" where there is none or several.

    ``-trimpath`` leaves the flags out of the information block. The linker ends such texts with
    NUL and puts them among the read-only data; the compiler's own texts have no end.
    """
    section = program.named(".rodata", "__rodata")
    if section is None:
        return ""
    found = {match[1] for match in _SET_TEXT.finditer(program.content(section)[:_MAX_TEXT])}
    text = found.pop().decode("ascii") if len(found) == 1 else ""
    return f"v{text.removeprefix('v')}" if text else ""


def _modules(listed: str, settings: dict[str, str]) -> Iterator[tuple[str, _Module]]:
    """Kind and module of each line; ``path`` and ``build`` lines go into ``settings``."""
    for count, line in enumerate(listed.split("\n")):
        kind, *rest = line.split("\t")
        if count > _MAX_MODULES:
            return
        if kind == "build" and rest:
            key, _, value = rest[0].partition("=")
            settings[key] = _unquoted(value)
        elif kind == "path" and rest:
            settings["path"] = one_line(rest[0])
        elif kind in ("mod", "dep", "=>") and rest and one_line(rest[0]):
            yield kind, _Module(one_line(rest[0]), one_line(rest[1]) if len(rest) > 1 else "")


def _unquoted(value: str) -> str:
    return value[1:-1].replace('\\"', '"') if value[:1] == '"' and value[-1:] == '"' else value


def _build_info(program: Executable) -> tuple[str, str] | None:
    """The compiler's version and the text that lists the modules."""
    block = _block(program)
    if block is None or len(block) < _HEADER:
        return None
    size, flags = block[14], block[15]
    try:
        if flags & _INLINE:
            version, at = _inline(block, _HEADER)
            listed, _ = _inline(block, at)
        else:
            order = ">" if flags & _BIG_ENDIAN else "<"
            version = _pointed(program, block, 16, order, size)
            listed = _pointed(program, block, 16 + size, order, size)
    except (struct.error, IndexError, ValueError):
        return None
    if not version:
        return None
    inner = listed[_SENTINEL:-_SENTINEL] if len(listed) > 2 * _SENTINEL else b""
    text = inner.decode("utf-8", "replace") if listed[-_SENTINEL - 1 :][:1] == b"\n" else ""
    return version.decode("utf-8", "replace"), text


def _block(program: Executable) -> memoryview | None:
    """The information block, with all that follows it in the file."""
    section = program.named(*SECTIONS)
    if section is None:
        section = next((part for part in program.loaded if part.writable), None)
    if section is None:
        return None
    end = section.offset + min(section.size, _MAX_SEARCH)
    found = bytes(program.data[section.offset : end]).find(_MAGIC)
    while found > 0 and found % 16:
        found = bytes(program.data[section.offset : end]).find(_MAGIC, found + 1)
    return program.data[section.offset + found :] if found >= 0 else None


def _inline(block: memoryview, at: int) -> tuple[bytes, int]:
    """A text with its length before it, and what follows it."""
    length = shift = 0
    while True:
        byte = block[at]
        at += 1
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > 35:
            raise ValueError("no length")
    if length > _MAX_TEXT or at + length > len(block):
        raise ValueError("a text outside of the file")
    return bytes(block[at : at + length]), at + length


def _pointed(program: Executable, block: memoryview, at: int, order: str, size: int) -> bytes:
    """The text that a pointer to a Go string means: its header holds address and length."""
    if size not in (4, 8):
        raise ValueError("no pointer")
    word = "Q" if size == 8 else "I"
    (header,) = struct.unpack_from(order + word, block, at)
    raw = program.at(header, 2 * size)
    if raw is None:
        return b""
    address, length = struct.unpack(order + 2 * word, raw)
    text = program.at(address, length) if length <= _MAX_TEXT else None
    return bytes(text) if text is not None else b""
