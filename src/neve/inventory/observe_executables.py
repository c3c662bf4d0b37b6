"""What programs carry inside them about their making: Go modules, Rust crates, package notes,
GraalVM's bill of materials.

One look at the names of a program's sections decides; most programs have none of them. Sources:
Go's ``debug/buildinfo`` (``observe_go``), "cargo-auditable data format", systemd's "Package
Metadata for Executable Files" (ELF notes), GraalVM's "Software Bill of Materials".
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator

from neve.formats.executables import MAGICS, Executable, Section, read_executable
from neve.inventory.observe_go import SECTIONS as GO_SECTIONS
from neve.inventory.observe_go import go_packages
from neve.inventory.observing import one_line, packages_of
from neve.inventory.purl import package_url
from neve.inventory.types import Candidate, Depth, Observer, Package, PackageType

_CRATES = (".dep-v0", ".rust-deps-v0", "rust-deps-v0")
_NOTE = ".note.package"
_SYMBOLS = ".dynsym"
_MAX_JSON = 16 << 20
_MAX_PACKAGES = 50_000
_MAX_SYMBOLS = 400_000


def _carried(candidate: Candidate, data: memoryview) -> Iterator[Package]:
    program = read_executable(data)
    if program is None:
        return
    unnamed = not program.sections or bytes(data[:2]) == b"MZ"  # PE has no section of its own
    if unnamed or program.named(*GO_SECTIONS) is not None:
        yield from go_packages(program, candidate.path)
    crates = program.named(*_CRATES)
    if crates is not None:
        yield from _rust(program, crates, candidate.path)
    note = program.named(_NOTE)
    if note is not None:
        yield from _noted(program, note, candidate.path)
    if program.named(".svm_heap", "__svm_heap") is not None:
        yield from _native_image(program, candidate.path)


def _inflated(data: memoryview, *, wbits: int) -> bytes:
    """Inflates within bounds. Raises ``ValueError`` for what is damaged or too large."""
    inflater = zlib.decompressobj(wbits)
    try:
        found = inflater.decompress(data, _MAX_JSON)
    except zlib.error as error:
        raise ValueError("damaged") from error
    if not inflater.eof:
        raise ValueError("cut off, or too large")
    return found


def _rust(program: Executable, section: Section, path: str) -> Iterator[Package]:
    document = json.loads(_inflated(program.content(section), wbits=zlib.MAX_WBITS))
    packages = document.get("packages") if isinstance(document, dict) else None
    for item in (packages if isinstance(packages, list) else [])[:_MAX_PACKAGES]:
        if not isinstance(item, dict) or item.get("kind", "runtime") != "runtime":
            continue
        name, version = one_line(item.get("name")), one_line(item.get("version"))
        if name and version:
            yield Package(
                type=PackageType.CARGO,
                name=name,
                version=version,
                purl=package_url("cargo", name, version),
                paths=(path,),
            )


def _noted(program: Executable, section: Section, path: str) -> Iterator[Package]:
    """The package that a distribution's build wrote into its own program."""
    raw = bytes(program.content(section)[:65_536])
    start, end = raw.find(b"{"), raw.rfind(b"}")
    document = json.loads(raw[start : end + 1]) if 0 <= start < end else None
    if not isinstance(document, dict):
        return
    name, version = one_line(document.get("name")), one_line(document.get("version"))
    if name and version:
        kind = one_line(document.get("type")) or "generic"
        yield Package(
            type=PackageType.GENERIC,
            name=name,
            version=version,
            architecture=one_line(document.get("architecture")),
            purl=one_line(document.get("purl"))
            or package_url(
                kind if kind in ("deb", "rpm", "apk", "alpm") else "generic",
                name,
                version,
                namespace=one_line(document.get("os")),
                qualifiers={"arch": one_line(document.get("architecture"))},
            ),
            paths=(path,),
        )


def _native_image(program: Executable, path: str) -> Iterator[Package]:
    """The CycloneDX document behind the symbols ``sbom`` and ``sbom_length``."""
    found = dict(_symbols(program, (b"sbom", b"sbom_length")))
    if len(found) < 2:
        return
    raw = program.at(found[b"sbom_length"], 8)
    length = struct.unpack("<Q", raw)[0] if raw is not None else 0
    packed = program.at(found[b"sbom"], length) if 0 < length <= _MAX_JSON else None
    if packed is None:
        raise ValueError("a bill of materials outside of the program")
    document = json.loads(_inflated(packed, wbits=zlib.MAX_WBITS | 16))
    components = document.get("components") if isinstance(document, dict) else None
    for item in (components if isinstance(components, list) else [])[:_MAX_PACKAGES]:
        if not isinstance(item, dict):
            continue
        name, version = one_line(item.get("name")), one_line(item.get("version"))
        if name and version:
            group = one_line(item.get("group"))
            yield Package(
                type=PackageType.MAVEN,
                name=name,
                version=version,
                purl=package_url("maven", name, version, namespace=group or name),
                paths=(path,),
            )


def _symbols(program: Executable, names: tuple[bytes, ...]) -> Iterator[tuple[bytes, int]]:
    """Address of each of ``names`` among the symbols that a 64-bit ELF program exports."""
    table, texts = program.named(_SYMBOLS), program.named(".dynstr")
    if table is None or texts is None or program.data[4] != 2:
        return
    strings = bytes(program.content(texts))
    wanted = {at + 1: name for name in names if (at := strings.find(b"\0" + name + b"\0")) >= 0}
    layout = struct.Struct((">" if program.big_endian else "<") + "IBBHQQ")
    rows = program.content(table)
    usable = min(len(rows) // layout.size, _MAX_SYMBOLS) * layout.size
    for name, _, _, _, address, _ in layout.iter_unpack(rows[:usable]):
        if name in wanted:
            yield wanted[name], address


OBSERVERS = (
    Observer(
        name="executables",
        version=3,
        depth=Depth.PACKAGES,
        observe=packages_of(_carried, "program"),
        magics=MAGICS,
        limit=1 << 30,
    ),
)
"""Rows for what programs carry inside them."""
