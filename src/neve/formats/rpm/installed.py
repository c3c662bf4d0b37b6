"""RPM's database of installed packages: its SQLite form, and which other form a file is.

Source: rpm's manual, lib/backend of rpm (``sqlite.cc``, ``ndb``, ``bdb_ro.cc``) for the magics.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from neve.errors import HostileInputError
from neve.formats.rpm import header as tags
from neve.formats.rpm.header import Header, read_header
from neve.formats.rpm.sqlite import MAGIC, table_rows

_MAX_PACKAGES = 100_000
_MAX_DIRECTORY = 4_096
_MAX_PATHS = 256 << 20
_HASHES = {1: "md5", 2: "sha1", 8: "sha256", 9: "sha384", 10: "sha512", 11: "sha224"}
_CONFIGURATION, _GHOST = 1 << 0, 1 << 6
_REGULAR = 0o100000
_SOURCE = re.compile(r"(.+)-([^-]+-[^-]+)\.(?:no)?src\.rpm")
_BERKELEY = {0x00061561: "hash", 0x00053162: "btree", 0x00042253: "queue"}


class Form(StrEnum):
    """How a database of RPM is written."""

    SQLITE = "SQLite"
    NDB = "ndb"
    BERKELEY = "Berkeley DB"


@dataclass(frozen=True, slots=True, kw_only=True)
class RpmPackage:
    """One installed package. ``version`` is ``[epoch:]version-release``, ``source_version``
    ``version-release`` of the source package (RPM records no epoch of it).

    ``files`` are absolute path and ``algorithm:hex`` ("" for what has no content of its own:
    directories, links, ghosts); ``configuration`` those that an administrator may change.
    ``module`` is the modularity label.
    """

    name: str
    version: str
    architecture: str
    source: str
    source_version: str
    vendor: str
    packager: str
    licence: str
    module: str
    files: tuple[tuple[str, str], ...]
    configuration: frozenset[str]


def database_form(data: bytes | memoryview) -> Form | None:
    """The form of a database by its first bytes; ``None`` for what is none of them."""
    first = bytes(data[:16])
    if first == MAGIC:
        return Form.SQLITE
    if first[:4] == b"RpmP":
        return Form.NDB
    orders: tuple[str, str] = ("little", "big")
    if any(int.from_bytes(first[12:16], order) in _BERKELEY for order in orders):  # type: ignore[arg-type]
        return Form.BERKELEY
    return None


def read_installed(data: bytes | memoryview, *, path: str) -> Iterator[RpmPackage]:
    """The installed packages of ``rpmdb.sqlite``, in the order of their installation.

    ``path`` names the file in errors. Raises ``HostileInputError`` where the database or a
    header is damaged; the packages before that have been given.
    """
    length = 0
    for count, row in enumerate(table_rows(memoryview(data), "Packages", path=path)):
        blob = row[1] if len(row) > 1 else None
        if not isinstance(blob, bytes) or count >= _MAX_PACKAGES:
            raise _refused(path, "has a row that is no package, or too many of them")
        package = _package(read_header(blob), path)
        length += sum(len(name) for name, _ in package.files)
        if length > _MAX_PATHS:
            raise _refused(path, "names more and longer paths than any system has")
        yield package


def _package(header: Header, path: str) -> RpmPackage:
    name, version = header.text(tags.NAME), header.text(tags.VERSION)
    release = header.text(tags.RELEASE)
    if not name or not version:
        raise _refused(path, "has a package without name or version")
    epoch = header.numbers(tags.EPOCH)
    source = _SOURCE.fullmatch(header.text(tags.SOURCE_RPM))
    files, configuration = _files(header, path)
    return RpmPackage(
        name=name,
        version=_evr(epoch[0] if epoch else None, version, release),
        architecture=header.text(tags.ARCHITECTURE),
        source=source[1] if source else "",
        source_version=source[2] if source else "",
        vendor=header.text(tags.VENDOR),
        packager=header.text(tags.PACKAGER),
        licence=header.text(tags.LICENCE),
        module=header.text(tags.MODULARITY_LABEL),
        files=files,
        configuration=configuration,
    )


def _evr(epoch: int | None, version: str, release: str) -> str:
    text = f"{version}-{release}" if release else version
    return f"{epoch}:{text}" if epoch else text


def _files(header: Header, path: str) -> tuple[tuple[tuple[str, str], ...], frozenset[str]]:
    names = header.texts(tags.OLD_FILE_NAMES) or tuple(_joined(header, path))
    digests = header.texts(tags.FILE_DIGESTS)
    flags = header.numbers(tags.FILE_FLAGS)
    modes = header.numbers(tags.FILE_MODES)
    algorithm = _HASHES.get((header.numbers(tags.FILE_DIGEST_ALGORITHM) or (1,))[0], "")
    files: list[tuple[str, str]] = []
    configuration: set[str] = set()
    for index, name in enumerate(names):
        flag = flags[index] if index < len(flags) else 0
        regular = modes[index] & 0o170000 == _REGULAR if index < len(modes) else True
        digest = digests[index] if index < len(digests) else ""
        known = digest and algorithm and regular and not flag & _GHOST
        files.append((name, f"{algorithm}:{digest}" if known else ""))
        if flag & _CONFIGURATION:
            configuration.add(name)
    return tuple(files), frozenset(configuration)


def _joined(header: Header, path: str) -> Iterator[str]:
    directories = header.texts(tags.DIRECTORY_NAMES)
    names = header.texts(tags.BASE_NAMES)
    for index, name in zip(header.numbers(tags.DIRECTORY_INDEXES), names, strict=False):
        if index >= len(directories):
            raise _refused(path, "has a file in a directory that it doesn't name")
        if len(directories[index]) > _MAX_DIRECTORY:
            raise _refused(path, "names a directory longer than any path can be")
        yield directories[index] + name


def _refused(path: str, what: str) -> HostileInputError:
    return HostileInputError(
        f"{path}: {what}",
        resolution="Rebuild the database (rpm --rebuilddb) or take the image from its maker.",
    )
