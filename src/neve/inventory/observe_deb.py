"""dpkg's database: installed packages, the files they own and the checksums promised for them.

Read from ``status``, from the ``status.d`` of images without dpkg, and from dpkg's file lists.
Sources: deb-control(5), dpkg(1), dpkg-query(1); ``formats.deb.status``.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from neve.errors import HostileInputError
from neve.formats.deb.control import field
from neve.formats.deb.status import InstalledPackage, read_status
from neve.inventory.types import (
    Candidate,
    Depth,
    FileFacts,
    Observer,
    Package,
    PackageFiles,
    PackageType,
)

_LIMIT = 64 << 20
_MD5 = re.compile(r"[0-9a-f]{32}")


def _packages(candidate: Candidate, data: memoryview) -> FileFacts | None:
    try:
        found = tuple(read_status(bytes(data), path=candidate.path))
    except HostileInputError as error:
        return FileFacts(unjudged=(error.brief,))
    if not found:
        return None
    configured = (_conffiles(item) for item in found)
    return FileFacts(
        packages=tuple(_package(item, candidate.path) for item in found),
        listed=tuple(item for item in configured if item is not None),
    )


def _package(found: InstalledPackage, path: str) -> Package:
    return Package(
        type=PackageType.DEB,
        name=found.name,
        version=found.version,
        architecture=found.architecture,
        source=found.source,
        source_version=found.source_version,
        paths=(path,),
        maintainer=field(found.control, "Maintainer") or "",
    )


def _conffiles(found: InstalledPackage) -> PackageFiles | None:
    """The configuration files that dpkg watches, each with the checksum it was installed with."""
    text = field(found.control, "Conffiles")
    if not text:
        return None
    files: list[tuple[str, str]] = []
    for line in text.splitlines():
        path, *rest = line.split()[:2] or [""]
        if path.startswith("/"):
            digest = rest[0] if rest and _MD5.fullmatch(rest[0]) else ""
            files.append((posixpath.normpath(path), f"md5:{digest}" if digest else ""))
    return PackageFiles(
        package=found.name,
        files=tuple(files),
        configuration=frozenset(path for path, _ in files),
    )


def _owned(candidate: Candidate, data: memoryview) -> FileFacts | None:
    stem, _, kind = posixpath.basename(candidate.path).rpartition(".")
    text = bytes(data).decode("utf-8", "surrogateescape")
    lines = _checksums(text) if kind == "md5sums" else _list(text)
    files = PackageFiles(package=stem.partition(":")[0], files=tuple(lines))
    return FileFacts(listed=(files,)) if files.files else None


def _list(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if line.startswith("/") and line not in ("/", "/."):
            yield _normal(line), ""


def _checksums(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        digest, _, path = line.partition("  ")
        if path and path != ".":
            yield _normal(f"/{path}"), f"md5:{digest}" if _MD5.fullmatch(digest) else ""


def _normal(path: str) -> str:
    return posixpath.normpath(path) if "//" in path or "/." in path else path.rstrip("/")


OBSERVERS = (
    Observer(
        name="dpkg-status",
        version=1,
        depth=Depth.PACKAGES,
        observe=_packages,
        paths=r"/var/lib/dpkg/status|/var/lib/dpkg/status\.d/.+(?<!\.md5sums)",
        limit=_LIMIT,
    ),
    Observer(
        name="dpkg-files",
        version=1,
        depth=Depth.PACKAGES,
        observe=_owned,
        paths=r"/var/lib/dpkg/(?:info|status\.d)/[^/]+\.md5sums|/var/lib/dpkg/info/[^/]+\.list",
        limit=_LIMIT,
    ),
)
"""Rows for dpkg's database."""
