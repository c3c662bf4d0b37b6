"""NuGet packages: those that a ``.deps.json`` lists, and assemblies by their version resource.

Sources: .NET's "runtime configuration files" design (``deps.json``), Microsoft's "PE Format"
(resources, CLR header) and "VS_VERSIONINFO".
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from neve.formats.executables import read_executable
from neve.inventory.observing import json_of, one_line, packages_of
from neve.inventory.purl import package_url
from neve.inventory.types import Candidate, Depth, Observer, Package, PackageType

_MAX_RESOURCES = 8 << 20
_MAX_VALUE = 1024
_CLR_DIRECTORY = 14
_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+)+(?:-[0-9A-Za-z.-]+)?|[0-9]+")
_BY_PRODUCT = ("ProductName", "FileDescription", "InternalName", "OriginalFilename")
_BY_FILE = ("FileDescription", "InternalName", "OriginalFilename", "ProductName")


def _listed(candidate: Candidate, data: memoryview) -> Iterator[Package]:
    document = json_of(data)
    libraries = document.get("libraries") if isinstance(document, dict) else None
    for key, value in libraries.items() if isinstance(libraries, dict) else ():
        name, _, version = one_line(key).rpartition("/")
        kind = value.get("type") if isinstance(value, dict) else ""
        if name and version and kind in ("package", "runtimepack"):
            yield _package(PackageType.NUGET, name, version, candidate.path)


def _assembly(candidate: Candidate, data: memoryview) -> Iterator[Package]:
    """What an assembly's version resource says: Microsoft names its files, others the product."""
    program = read_executable(data)
    section = program.named(".rsrc") if program is not None else None
    if program is None or section is None:
        return
    raw = bytes(program.content(section)[:_MAX_RESOURCES])
    start = raw.find("VS_VERSION_INFO".encode("utf-16-le"))
    if start < 0:
        return
    resource = raw[start:]
    microsoft = "microsoft" in _value(resource, "CompanyName").lower()
    names = (_value(resource, key) for key in (_BY_FILE if microsoft else _BY_PRODUCT))
    name = next((name for name in names if name), "")
    version = _version(_value(resource, "ProductVersion"), _value(resource, "FileVersion"))
    if name and version:
        managed = _is_managed(data)
        kind = PackageType.NUGET if managed else PackageType.GENERIC
        yield _package(kind, name, version, candidate.path)


def _package(kind: PackageType, name: str, version: str, path: str) -> Package:
    purl = package_url(kind.value, name, version)
    return Package(type=kind, name=name, version=version, purl=purl, paths=(path,))


def _value(resource: bytes, key: str) -> str:
    """The text that follows ``key`` in a table of strings: UTF-16, aligned, ended by NUL."""
    wanted = f"{key}\0".encode("utf-16-le")
    at = resource.find(wanted)
    if at < 0:
        return ""
    text = resource[at + len(wanted) : at + len(wanted) + 2 * _MAX_VALUE]
    padding = 2 if text[:2] == b"\0\0" else 0
    return one_line(text[padding:].decode("utf-16-le", "replace").partition("\0")[0])


def _version(product: str, file: str) -> str:
    """The more exact of the two versions: that with more numbers, the product's of equals."""
    found = [match[0] for text in (product, file) if (match := _VERSION.search(text))]
    return max(found, key=lambda text: text.count("."), default="")


def _is_managed(data: memoryview) -> bool:
    """Whether a PE file has a CLR header, so is .NET's."""
    try:
        (start,) = struct.unpack_from("<I", data, 0x3C)
        (magic,) = struct.unpack_from("<H", data, start + 24)
        directories = start + 24 + (112 if magic == 0x20B else 96)
        (count,) = struct.unpack_from("<I", data, directories - 4)
        address, size = struct.unpack_from("<II", data, directories + 8 * _CLR_DIRECTORY)
    except struct.error:
        return False
    return bool(count > _CLR_DIRECTORY and address and size)


OBSERVERS = (
    Observer(
        name="dotnet",
        version=1,
        depth=Depth.PACKAGES,
        observe=packages_of(_listed, "deps.json"),
        paths=r".*/[^/]+\.deps\.json",
        limit=64 << 20,
    ),
    Observer(
        name="dotnet-assembly",
        version=1,
        depth=Depth.PACKAGES,
        observe=packages_of(_assembly, "assembly"),
        paths=r".*/[^/]+\.(?:dll|exe)",
    ),
)
"""Rows for .NET."""
