"""Which programs of an image are shells, interpreters, package managers, network or build tools.

Content decides first, so that a renamed copy is found and a script that is only called ``python``
is told apart; the name decides where the content says nothing. Links count as the program they
lead to; those to a program of many names (BusyBox) as the one they are called. Only names of
symbols, needed libraries and data are searched, not code.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from neve.errors import HostileInputError
from neve.formats.deb.types import ElfFacts
from neve.formats.elf import PT_LOAD, ElfImage, dynamic_section, dynamic_strings
from neve.inventory.program_families import FAMILIES, SCRIPT, Family
from neve.inventory.types import Program, Role
from neve.tree import FileEntry, Kind, Tree

__all__ = ["FAMILIES", "Family", "judge_elf", "judge_name", "judge_script", "with_links"]

_NAMES = tuple((family, re.compile(family.names)) for family in FAMILIES)
_DIRECTORIES = re.compile(
    r"(?:/usr)?(?:/local)?/s?bin/[^/]+|/opt/[^/]+/s?bin/[^/]+|.*/(?:libexec|bin)/[^/]+"
)
_PF_WRITE = 2
_STARTS = re.compile(
    rb"\0_*(?:exec[lv]|v?fork|posix_spawn|system|popen|daemon|clone|syscall|dlopen)"
)
_CONNECTS = re.compile(
    rb"\0_*(?:connect|socket|sendto|sendmsg|getaddrinfo|syscall|curl_|BIO_|dlopen)"
)
_WIDE = re.compile(rb"\0(?:wcs|wmem|mbs|mbr?to|wcr?to)")
_TEXTS = (b".rodata", b".data")
_MAX_TEXT = 128 << 20
_GO_SECTIONS = (b".go.buildinfo", b".gopclntab")
_SCRIPT_HEAD = 4_096
_RUNNERS = frozenset((Role.SHELL, Role.INTERPRETER))


@dataclass(frozen=True, slots=True)
class _Words:
    """Where an ELF file keeps words: the names of its symbols, and its read-only data."""

    symbols: bytes
    data: tuple[bytes, ...]
    go: bool
    able: frozenset[Role]
    wide: bool

    def holds(self, word: bytes) -> bool:
        return any(word in part for part in self.data) or word in self.symbols


def judge_elf(image: ElfImage, elf: ElfFacts) -> tuple[Family, str] | None:
    """The family a program belongs to by what is in it, and the evidence; ``None`` for others and
    for libraries.
    """
    if elf.soname is not None:
        return None
    words = _words(image)
    for family in FAMILIES:
        evidence = _evidence(family, elf, words)
        if evidence is not None:
            return family, evidence
    return None


def _evidence(family: Family, elf: ElfFacts, words: _Words) -> str | None:
    needed = _needed(family, elf.needed)
    symbol = next((name for name in family.symbols if b"\0%b\0" % name in words.symbols), None)
    if needed is not None and (symbol is not None or not family.symbols):
        if any(words.holds(word) for word in family.absent):
            return None
        return f"needs {needed}"
    if symbol is not None and not family.sonames:
        return f"has the symbol {symbol.decode()}"
    if family.go is not words.go or words.able.isdisjoint(family.roles):
        return None
    for row in family.markers:
        if (words.wide or b"\0\0\0" not in row[0]) and all(words.holds(word) for word in row):
            return f"holds {', '.join(map(_shown, row))}"
    return None


def _needed(family: Family, needed: Iterable[str]) -> str | None:
    if not family.sonames:
        return None
    return next((name for name in needed if name.startswith(family.sonames)), None)


def _shown(word: bytes) -> str:
    return word.replace(b"\0", b"").decode().strip()


def _words(image: ElfImage) -> _Words:
    sections = image.sections()
    go = any(section.name in _GO_SECTIONS for section in sections)
    parts = [image.part(section) for section in sections if section.name.startswith(_TEXTS)]
    if not parts:
        # Stripped of its section headers: what is loaded and not written, code included.
        parts = [
            image.data[segment.offset : segment.offset + segment.size]
            for segment in image.segments
            if segment.kind == PT_LOAD and not segment.flags & _PF_WRITE
        ] or [image.data]
    symbols = bytes(dynamic_strings(image, dynamic_section(image)))
    return _Words(
        symbols=symbols,
        data=tuple(bytes(part[:_MAX_TEXT]) for part in parts),
        go=go,
        able=_able(symbols) if symbols and not go else frozenset(Role),
        wide=not symbols or _WIDE.search(symbols) is not None,
    )


def _able(symbols: bytes) -> frozenset[Role]:
    """The roles a program can have by what it imports: a shell starts processes, a network tool
    connects. (One that imports nothing, or Go's, may do all by itself.)
    """
    able: set[Role] = set()
    if _STARTS.search(symbols):
        able |= set(Role) - {Role.NETWORK_TOOL}
    if _CONNECTS.search(symbols):
        able.add(Role.NETWORK_TOOL)
    return frozenset(able)


def judge_script(path: str, data: memoryview) -> tuple[Family, str]:
    """The family of a file that begins with ``#!``: a package manager or tool, or just a script,
    which is no shell and no interpreter whatever it is called.
    """
    head = bytes(data[:_SCRIPT_HEAD])
    for family in FAMILIES:
        for row in family.scripts:
            if all(word in head for word in row):
                return family, f"a script that holds {', '.join(map(_shown, row))}"
    named = judge_name(path)
    if named is not None and not _RUNNERS.intersection(named[0].roles):
        return named
    line = head[2:].partition(b"\n")[0].decode("utf-8", "replace").strip()
    return SCRIPT, f"a script of {line[:80]}"


def judge_name(path: str) -> tuple[Family, str] | None:
    """The family an executable belongs to by its name in a directory of programs."""
    if _DIRECTORIES.fullmatch(path) is None:
        return None
    name = posixpath.basename(path)
    for family, pattern in _NAMES:
        if pattern.fullmatch(name):
            return family, f"is called {name}"
    return None


def with_links(tree: Tree, found: dict[str, tuple[Family, str]]) -> tuple[Program, ...]:
    """``found`` as programs, one a role, with every link that leads to one of them."""
    programs: list[Program] = []
    for path, (family, evidence) in found.items():
        programs.extend(_in_roles(path, family, evidence))
    for entry in tree:
        target = _leads_to(tree, entry)
        if target is None or target not in found or entry.path in found:
            continue
        family = found[target][0]
        called = _applet(family, entry.path) if family.applets else family
        programs.extend(_in_roles(entry.path, called, f"link to {target}"))
    return tuple(sorted(programs))


def _applet(family: Family, path: str) -> Family:
    """What a program of many names does under the name of ``path``: ``ls`` is no shell."""
    name = posixpath.basename(path)
    named = next((other for other, pattern in _NAMES if pattern.fullmatch(name)), None)
    if named is not None and named.applets:
        return family
    return SCRIPT if named is None else named


def _in_roles(path: str, family: Family, evidence: str) -> Iterator[Program]:
    for role in family.roles:
        yield Program(path=path, role=role, family=family.name, evidence=evidence)


def _leads_to(tree: Tree, entry: FileEntry) -> str | None:
    if entry.kind is Kind.HARDLINK:
        return entry.target
    if entry.kind is not Kind.SYMLINK:
        return None
    try:
        return tree.resolve(entry.path)
    except HostileInputError:  # a circle of links leads to no program
        return None
