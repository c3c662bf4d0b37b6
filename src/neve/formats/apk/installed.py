"""apk's database of installed packages: ``lib/apk/db/installed``.

Paragraphs of ``X:value`` lines; ``F:`` opens a directory, ``R:`` a file in it, ``Z:`` gives that
file's checksum. Source: apk-package(5) and the database that apk-tools 2 and 3 write.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass

from neve.errors import HostileInputError

DATABASES = ("/lib/apk/db/installed", "/usr/lib/apk/db/installed")
_MAX_PACKAGES = 100_000
_MAX_FILES = 4_000_000
_MAX_DIRECTORY = 4_096
_MAX_PATHS = 256 << 20
_HASHES = {"Q1": ("sha1", 20), "Q2": ("sha256", 32)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApkPackage:
    """One installed package. ``origin`` is the source package (its name where none is given).

    ``files`` are absolute path and ``sha1:…``/``sha256:…`` in hex, "" for a file without
    checksum; a symbolic link's checksum is of its target's text.
    """

    name: str
    version: str
    architecture: str
    origin: str
    maintainer: str
    licence: str
    files: tuple[tuple[str, str], ...]


def read_installed(data: bytes | memoryview, *, path: str) -> Iterator[ApkPackage]:
    """The installed packages in the database's order.

    ``path`` names the file in errors. Raises ``HostileInputError`` for a paragraph without name
    or version and for more packages, files or longer paths than any image has.
    """
    text = str(data, "utf-8", "surrogateescape")
    count = files = length = 0
    for paragraph in text.split("\n\n"):
        lines = paragraph.strip("\n")
        if not lines:
            continue
        package = _package(lines, path)
        count += 1
        files += len(package.files)
        length += sum(len(name) for name, _ in package.files)
        if count > _MAX_PACKAGES or files > _MAX_FILES or length > _MAX_PATHS:
            raise _refused(path, "lists more packages or files than any system has")
        yield package


def _package(paragraph: str, path: str) -> ApkPackage:
    fields: dict[str, str] = {}
    files: list[tuple[str, str]] = []
    directory = ""
    for line in paragraph.split("\n"):
        key, value = line[:2], line[2:]
        if key == "F:":
            directory = value.strip("/")
            if len(directory) > _MAX_DIRECTORY:
                raise _refused(path, "names a directory longer than any path can be")
        elif key == "R:":
            files.append((f"/{directory}/{value}" if directory else f"/{value}", ""))
        elif key == "Z:" and files:
            files[-1] = (files[-1][0], _digest(value))
        elif key.endswith(":"):
            fields.setdefault(key[0], value.strip())
    if not fields.get("P") or not fields.get("V"):
        raise _refused(path, "a paragraph names no package or no version")
    return ApkPackage(
        name=fields["P"],
        version=fields["V"],
        architecture=fields.get("A", ""),
        origin=fields.get("o") or fields["P"],
        maintainer=fields.get("m", ""),
        licence=fields.get("L", ""),
        files=tuple(files),
    )


def _digest(text: str) -> str:
    """``Q1`` and SHA-1 (or ``Q2`` and SHA-256) in base64, as ``algorithm:hex``; "" for others."""
    algorithm, size = _HASHES.get(text[:2], ("", 0))
    try:
        raw = base64.b64decode(text[2:], validate=True)
    except (binascii.Error, ValueError):
        return ""
    return f"{algorithm}:{raw.hex()}" if algorithm and len(raw) == size else ""


def _refused(path: str, what: str) -> HostileInputError:
    return HostileInputError(
        f"{path}: {what}",
        resolution="Rebuild the image's apk database, or take the image from its maker.",
    )
