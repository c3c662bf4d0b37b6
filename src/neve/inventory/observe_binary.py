"""Programs of no package, known by the version that stands in their own bytes.

A file's name asks for the look, the bytes answer (``classifiers``). Where the bytes say nothing
there is no package, whatever the file is called.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from neve.inventory.classifiers import CLASSIFIERS, Classifier
from neve.inventory.observing import packages_of
from neve.inventory.purl import package_url
from neve.inventory.types import Candidate, Depth, Observer, Package, PackageType

_COMPILED = tuple((row, re.compile(row.files), row.searches()) for row in CLASSIFIERS)


def _program(candidate: Candidate, data: memoryview) -> Iterator[Package]:
    name = posixpath.basename(candidate.path)
    for row, files, patterns in _COMPILED:
        if files.fullmatch(name) is None:
            continue
        if row.place and re.match(row.place, candidate.path) is None:
            continue
        if row.needs and not _holds(data, row.needs):
            continue
        if row.without and _holds(data, row.without):
            continue
        match = next((found for p in patterns if (found := p.search(data)) is not None), None)
        if match is not None:
            yield _package(row, match[1].decode("ascii", "replace"), candidate.path)


def _holds(data: memoryview, text: bytes) -> bool:
    return re.search(re.escape(text), data) is not None


def _package(row: Classifier, version: str, path: str) -> Package:
    return Package(
        type=PackageType.GENERIC,
        name=row.name,
        version=version,
        purl=package_url(row.type, row.name, version, namespace=row.namespace),
        paths=(path,),
    )


OBSERVERS = (
    Observer(
        name="programs",
        version=3,
        depth=Depth.PACKAGES,
        observe=packages_of(_program, "program"),
        paths=rf".*/(?:{'|'.join(dict.fromkeys(row.files for row in CLASSIFIERS))})",
        limit=512 << 20,
    ),
)
"""Rows for programs of no package."""
