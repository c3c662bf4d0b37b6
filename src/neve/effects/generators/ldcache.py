"""``/etc/ld.so.cache`` as ``ldconfig`` writes it, and the soname links it makes.

Source: glibc 2.33 and later, ``elf/ldconfig.c`` (which files count), ``elf/cache.c`` and
``elf/stringtable.c`` (order and layout), ``sysdeps/generic/dl-cache.h`` (the format
"glibc-ld.so.cache1.1" with its extensions). The same bytes as ``ldconfig`` of the image's own
glibc, whose banner names the generator. ldconfig's own auxiliary cache holds inode numbers of one
machine and is no content of an image.
"""

from __future__ import annotations

import functools
import posixpath
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from neve.effects.bench import Workbench, effect_reason
from neve.effects.generators.globs import matches
from neve.effects.generators.request import Request, requester
from neve.tree import FileEntry, Kind

CACHE = "/etc/ld.so.cache"
_CONFIGURATION = "/etc/ld.so.conf"
_BUILTIN = ("/lib", "/usr/lib")
_MAGIC = b"glibc-ld.so.cache1.1"
_HEADER = struct.Struct("<20sIIB3xI12x")
_ENTRY = struct.Struct("<iIIIQ")
_LITTLE_ENDIAN = 2
_EXTENSION_MAGIC = 0xEAA42174
_TAG_GENERATOR, _TAG_HWCAPS = 0, 1
_HWCAP_EXTENSION = 1 << 62
_MAX_INCLUDES = 64

# dl-cache.h: FLAG_ELF_LIBC6 with the flag of the ABI, by (e_machine, bits).
_FLAGS = {
    (62, 64): 0x0303,
    (62, 32): 0x0803,
    (3, 32): 0x0003,
    (183, 64): 0x0A03,
    (40, 32): 0x0903,
    (21, 64): 0x0503,
    (22, 64): 0x0403,
    (243, 64): 0x1003,
}
# Which of them the ldconfig of an architecture reads (each port's readelflib.c).
_READABLE = {
    "amd64": (62, 3),
    "i386": (62, 3),
    "arm64": (183, 40),
    "armhf": (40, 183),
    "ppc64el": (21,),
    "riscv64": (243,),
    "s390x": (22,),
}
_BANNER = re.compile(
    rb"GNU C Library (\([^()\n\x00]{1,100}\)) (\w+) release version ([0-9.]+[0-9])"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Library:
    soname: str
    name: str
    path: str
    flags: int
    hwcaps: str | None
    is_link: bool


@dataclass(frozen=True, slots=True)
class _Directory:
    path: str
    hwcaps: str | None = None


def run(bench: Workbench, requests: tuple[Request, ...]) -> None:
    """Write the cache and missing soname links where asked for, or where the loader would not
    find configured libraries without it; nothing without a C library in the tree.
    """
    if not requests and not _needed(bench):
        return
    generator = _generator(bench)
    if generator is None:
        return
    package = requester(requests, "libc-bin")
    libraries: list[_Library] = []
    for directory in _directories(bench):
        found = list(_search(bench, directory))
        if directory.hwcaps is None:
            _make_links(bench, found, package)
        libraries += found
    ordered = sorted(libraries, key=functools.cmp_to_key(_compare))
    reason = effect_reason(package, f"ldconfig: {len(ordered)} libraries")
    bench.write(CACHE, cache_bytes(ordered, generator), reason)


def _generator(bench: Workbench) -> bytes | None:
    """Ldconfig's name for itself, from the banner of the image's ``libc.so.6``."""
    triplet = bench.context.parameters.triplet
    for path in (f"/usr/lib/{triplet}/libc.so.6", "/usr/lib/libc.so.6", "/usr/lib64/libc.so.6"):
        data = bench.content(path)
        banner = _BANNER.search(data) if data is not None else None
        if banner is not None:
            return b"ldconfig %s %s release version %s" % banner.groups()
    return None


def _needed(bench: Workbench) -> bool:
    """Whether a configured directory beside the loader's own ones holds a library."""
    triplet = bench.context.parameters.triplet
    own = {bench.tree.resolve(f"{base}/{sub}") for base in _BUILTIN for sub in ("", triplet)}
    for path in _configuration(bench):
        real = bench.tree.resolve(path)
        if real not in own and any(_is_dso(name) for name in bench.tree.children(real)):
            return True
    return False


def _configuration(bench: Workbench) -> Iterator[str]:
    """The configured directories; ld.so.conf itself is libc-bin's, which an image may lack."""
    seen: set[str] = set()
    if bench.content(_CONFIGURATION) is not None:
        yield from _configured(bench, _CONFIGURATION, seen)
        return
    for included in matches(bench.tree, f"{_CONFIGURATION}.d/*.conf"):
        yield from _configured(bench, included, seen)


def _directories(bench: Workbench) -> Iterator[_Directory]:
    """The configured and built-in directories, each once, followed by its glibc-hwcaps."""
    seen: set[str] = set()
    for path in [*_configuration(bench), *_BUILTIN]:
        real = bench.tree.resolve(path)
        if real in seen:
            continue
        seen.add(real)
        yield _Directory(path)
        subdirectories = f"{path}/glibc-hwcaps"
        for name in bench.tree.children(bench.tree.resolve(subdirectories)):
            if bench.is_directory(f"{subdirectories}/{name}"):
                yield _Directory(f"{subdirectories}/{name}", name)


def _configured(bench: Workbench, path: str, seen: set[str]) -> Iterator[str]:
    """The directories of ld.so.conf(5): comments, ``include`` with patterns, ``hwcap`` ignored."""
    if path in seen or len(seen) > _MAX_INCLUDES:
        return
    seen.add(path)
    for line in (bench.text(path) or "").splitlines():
        text = line.split("#", 1)[0].strip()
        words = text.split()
        if not words or words[0] == "hwcap":
            continue
        if words[0] == "include":
            for pattern in words[1:]:
                whole = posixpath.join(posixpath.dirname(path), pattern)
                for included in matches(bench.tree, whole):
                    yield from _configured(bench, included, seen)
        elif text.startswith("/"):
            yield posixpath.normpath(text.split("=", 1)[0].rstrip("/") or "/")


def _search(bench: Workbench, directory: _Directory) -> Iterator[_Library]:
    """The libraries of one directory, one for each soname (``search_dir``)."""
    readable = _READABLE.get(bench.context.parameters.arch, ())
    best: dict[str, _Library] = {}
    home = bench.tree.resolve(directory.path)
    for name in bench.tree.children(home):
        if not _is_dso(name):
            continue
        entry = bench.tree[posixpath.join(home, name)]
        library = _library(bench, directory, entry, name, readable)
        if library is None:
            continue
        old = best.get(library.soname)
        newer = old is None or (
            (not library.is_link and old.is_link)
            or (library.is_link == old.is_link and _libcmp(old.name, library.name) < 0)
        )
        if newer:
            best[library.soname] = library
    yield from best.values()


def _library(
    bench: Workbench, directory: _Directory, entry: FileEntry, name: str, readable: tuple[int, ...]
) -> _Library | None:
    is_link = entry.kind is Kind.SYMLINK
    real = bench.tree.locate(entry.path) if is_link else entry
    elf = bench.elf(real) if real is not None else None
    if elf is None or elf.machine not in readable:
        return None
    flags = _FLAGS.get((elf.machine, elf.bits))
    if flags is None:
        return None
    soname = elf.soname or name
    if is_link and name != soname and not (name.endswith(".so") and soname.startswith(name)):
        is_link = False
    if is_link:
        soname = name
    return _Library(
        soname=soname,
        name=name,
        path=f"{directory.path}/{soname if directory.hwcaps is None else name}",
        flags=flags,
        hwcaps=directory.hwcaps,
        is_link=is_link,
    )


def _make_links(bench: Workbench, found: Iterable[_Library], package: str) -> None:
    """``create_links``: the soname leads to the library; a real file is never replaced."""
    for library in found:
        if library.is_link or library.soname == library.name or "/" in library.soname:
            continue
        path = library.path
        entry = bench.tree.get(bench.place(path))
        if entry is not None and entry.kind is not Kind.SYMLINK:
            continue
        wanted = bench.tree.locate(posixpath.join(posixpath.dirname(path), library.name))
        if entry is None or bench.tree.locate(path) != wanted:
            bench.link(path, library.name, effect_reason(package, "ldconfig: soname"))


def cache_bytes(libraries: list[_Library], generator: bytes) -> bytes:
    """The cache of libraries in cache order."""
    hwcaps = sorted({library.hwcaps for library in libraries if library.hwcaps is not None})
    texts = {library.soname for library in libraries} | {library.path for library in libraries}
    offsets, strings = _string_table(texts | set(hwcaps))
    start = _HEADER.size + _ENTRY.size * len(libraries)
    extension = (start + len(strings) + 3) & ~3
    parts = [
        _HEADER.pack(_MAGIC, len(libraries), len(strings), _LITTLE_ENDIAN, extension),
    ]
    for library in libraries:
        hwcap = 0
        if library.hwcaps is not None:
            hwcap = _HWCAP_EXTENSION | hwcaps.index(library.hwcaps)
        key, value = start + offsets[library.soname], start + offsets[library.path]
        parts.append(_ENTRY.pack(library.flags, key, value, 0, hwcap))
    parts += [strings, bytes(extension - start - len(strings))]
    parts.append(_extensions([start + offsets[name] for name in hwcaps], generator, extension))
    return b"".join(parts)


def _extensions(hwcaps: list[int], generator: bytes, offset: int) -> bytes:
    sections = 2 if hwcaps else 1
    array_offset = offset + 8 + 16 * sections
    array = struct.pack(f"<{len(hwcaps)}I", *hwcaps)
    generator_offset = array_offset + len(array)
    parts = [
        struct.pack("<II", _EXTENSION_MAGIC, sections),
        struct.pack("<IIII", _TAG_GENERATOR, 0, generator_offset, len(generator)),
    ]
    if hwcaps:
        parts.append(struct.pack("<IIII", _TAG_HWCAPS, 0, array_offset, len(array)))
    return b"".join([*parts, array, generator])


def _string_table(texts: set[str]) -> tuple[dict[str, int], bytes]:
    """Offsets and bytes of a table in which a string may be the tail of the one before."""
    encoded = {text: text.encode("utf-8", "surrogateescape") for text in texts}
    # Reversed strings in falling order, longer ones first: 1 stands behind every negated byte.
    order = sorted(texts, key=lambda text: [*(-byte for byte in reversed(encoded[text])), 1])
    offsets: dict[str, int] = {}
    table = b""
    position, previous = 0, b""
    for index, text in enumerate(order):
        current = encoded[text]
        if index and previous.endswith(current):
            position += len(previous) - len(current)
        elif index:
            position += len(previous) + 1
        if position == len(table):
            table += current + b"\0"
        offsets[text], previous = position, current
    return offsets, table


def _is_dso(name: str) -> bool:
    """``_dl_is_dso``, without gdb's Python files and prelink's leavings."""
    return (
        name.startswith(("lib", "ld-", "ld.", "ld64."))
        and ".so" in name
        and not name.endswith("-gdb.py")
        and ".#prelink#" not in name
    )


def _compare(first: _Library, second: _Library) -> int:
    """Newest first; then flags; hwcaps before plain, by name."""
    order = _libcmp(second.soname, first.soname)
    if order:
        return order
    if first.flags != second.flags:
        return 1 if first.flags < second.flags else -1
    if (first.hwcaps is None) != (second.hwcaps is None):
        return -1 if second.hwcaps is None else 1
    if first.hwcaps is not None and second.hwcaps is not None:
        return (first.hwcaps > second.hwcaps) - (first.hwcaps < second.hwcaps)
    return 0


_TOKEN = re.compile(r"\d+|\D", re.A)


def _libcmp(first: str, second: str) -> int:
    """``_dl_cache_libcmp``: digits as numbers, and a digit after any other character."""
    left, right = _TOKEN.findall(first), _TOKEN.findall(second)
    for a, b in zip(left, right, strict=False):
        if a[0].isdigit() and b[0].isdigit():
            x, y = a.lstrip("0"), b.lstrip("0")
            if x != y:
                return -1 if (len(x), x) < (len(y), y) else 1
        elif a[0].isdigit() or b[0].isdigit():
            return 1 if a[0].isdigit() else -1
        elif a != b:
            return -1 if a < b else 1
    if len(left) == len(right):
        return 0
    return (len(left) > len(right)) - (len(left) < len(right))
