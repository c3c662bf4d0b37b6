"""apk's database: installed packages, the files they own and the checksums promised for them.

Source: ``formats.apk``; what lies in ``/etc`` is configuration (apk's protected paths).
"""

from __future__ import annotations

import posixpath

from neve.errors import HostileInputError
from neve.formats.apk import DATABASES, ApkPackage, read_installed
from neve.inventory.types import (
    Candidate,
    Depth,
    FileFacts,
    Observer,
    Package,
    PackageFiles,
    PackageType,
)

_PROTECTED = "/etc/"


def _installed(candidate: Candidate, data: memoryview) -> FileFacts | None:
    packages: list[Package] = []
    listed: list[PackageFiles] = []
    note: tuple[str, ...] = ()
    try:
        for found in read_installed(data, path=candidate.path):
            packages.append(_package(found, candidate.path))
            if found.files:
                listed.append(_files(found))
    except HostileInputError as error:
        note = (error.brief,)
    if not packages and not note:
        return None
    return FileFacts(packages=tuple(packages), listed=tuple(listed), unjudged=note)


def _package(found: ApkPackage, path: str) -> Package:
    return Package(
        type=PackageType.APK,
        name=found.name,
        version=found.version,
        architecture=found.architecture,
        source=found.origin,
        source_version=found.version,
        paths=(path,),
        maintainer=found.maintainer,
        licences=(found.licence,) if found.licence else (),
    )


def _files(found: ApkPackage) -> PackageFiles:
    files = tuple((posixpath.normpath(path), digest) for path, digest in found.files)
    return PackageFiles(
        package=found.name,
        files=files,
        configuration=frozenset(path for path, _ in files if path.startswith(_PROTECTED)),
    )


OBSERVERS = (
    Observer(
        name="apk",
        version=1,
        depth=Depth.PACKAGES,
        observe=_installed,
        paths="|".join(DATABASES),
        limit=128 << 20,
    ),
)
"""Rows for apk's database."""
