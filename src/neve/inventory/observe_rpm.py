"""RPM's database: installed packages, the files they own and the checksums promised for them.

The SQLite form is read. The older forms (Berkeley DB, ndb) are named and not judged, and so is a
log beside the database whose changes stand in no database yet.
"""

from __future__ import annotations

import posixpath

from neve.errors import HostileInputError
from neve.formats.rpm import Form, RpmPackage, database_form, read_installed
from neve.inventory.types import (
    Candidate,
    Depth,
    FileFacts,
    Observer,
    Package,
    PackageFiles,
    PackageType,
)

_DIRECTORIES = r"/(?:var/lib/rpm|usr/lib/sysimage/rpm|usr/share/rpm)"
_LIMIT = 512 << 20


def _installed(candidate: Candidate, data: memoryview) -> FileFacts | None:
    form = database_form(data)
    if form is not Form.SQLITE:
        return _other(form)
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


def _older(candidate: Candidate, data: memoryview) -> FileFacts | None:
    return _other(database_form(data)) if len(data) else None


def _other(form: Form | None) -> FileFacts | None:
    if form is None:
        return FileFacts(unjudged=("an RPM database of an unknown form: its packages are unknown",))
    return FileFacts(
        unjudged=(f"an RPM database in {form} form: its packages are not judged, only SQLite's",)
    )


def _log(candidate: Candidate, data: memoryview) -> FileFacts | None:
    if not len(data):
        return None
    return FileFacts(unjudged=("changes to the RPM database that stand in no database yet",))


def _package(found: RpmPackage, path: str) -> Package:
    return Package(
        type=PackageType.RPM,
        name=found.name,
        version=found.version,
        architecture=found.architecture,
        source=found.source,
        source_version=found.source_version,
        paths=(path,),
        maintainer=found.vendor or found.packager,
        licences=(found.licence,) if found.licence else (),
    )


def _files(found: RpmPackage) -> PackageFiles:
    return PackageFiles(
        package=found.name,
        files=tuple((posixpath.normpath(path), digest) for path, digest in found.files),
        configuration=frozenset(posixpath.normpath(path) for path in found.configuration),
    )


OBSERVERS = (
    Observer(
        name="rpm",
        version=2,
        depth=Depth.PACKAGES,
        observe=_installed,
        paths=rf"{_DIRECTORIES}/rpmdb\.sqlite",
        limit=_LIMIT,
    ),
    Observer(
        name="rpm-older",
        version=2,
        depth=Depth.PACKAGES,
        observe=_older,
        paths=rf"{_DIRECTORIES}/Packages(?:\.db)?",
        limit=_LIMIT,
    ),
    Observer(
        name="rpm-log",
        version=2,
        depth=Depth.PACKAGES,
        observe=_log,
        paths=rf"{_DIRECTORIES}/rpmdb\.sqlite-wal",
        limit=_LIMIT,
    ),
)
"""Rows for RPM's databases."""
