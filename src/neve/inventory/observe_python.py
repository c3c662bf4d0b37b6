"""Installed Python distributions: ``dist-info``, ``egg-info`` and eggs, vendored ones too.

Sources: "Recording installed projects" and "Core metadata specifications" of packaging.python.org.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from neve.formats.zips import read_zip
from neve.inventory.observing import one_line, packages_of, text_of
from neve.inventory.purl import package_url
from neve.inventory.types import Candidate, Depth, Observer, Package, PackageType

_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]*):[ \t]*(.*)")
_WANTED = frozenset(
    ("name", "version", "license", "license-expression", "author", "author-email",
     "maintainer", "maintainer-email", "classifier")
)  # fmt: skip
_LICENCE = "License :: "
_MAX_HEADER = 256 << 10
_MAX_METADATA = 4 << 20


def _installed(candidate: Candidate, data: memoryview) -> Iterator[Package]:
    yield from _distribution(data, candidate.path)


def _egg(candidate: Candidate, data: memoryview) -> Iterator[Package]:
    archive = read_zip(data, subject=posixpath.basename(candidate.path))
    for entry in archive.entries:
        if entry.name in ("EGG-INFO/PKG-INFO", "EGG-INFO/METADATA"):
            content = archive.content(entry, limit=_MAX_METADATA)
            yield from _distribution(memoryview(content), candidate.path)
            return


def _distribution(data: memoryview, path: str) -> Iterator[Package]:
    fields = _fields(text_of(data[:_MAX_HEADER]))
    name = one_line(fields.get("name", [""])[0])
    version = one_line(fields.get("version", [""])[0])
    if name and version:
        maintainers = ("maintainer", "maintainer-email", "author", "author-email")
        yield Package(
            type=PackageType.PYPI,
            name=normalised(name),
            version=version,
            purl=package_url("pypi", normalised(name), version),
            paths=(path,),
            maintainer=next((one_line(fields[key][0]) for key in maintainers if key in fields), ""),
            licences=_licences(fields),
        )


def normalised(name: str) -> str:
    """A project's name as the index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _fields(text: str) -> dict[str, list[str]]:
    """The wanted header fields, up to the blank line before the description."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if not line.strip():
            break
        match = _FIELD.match(line)
        if match is not None and (key := match[1].lower()) in _WANTED:
            found.setdefault(key, []).append(match[2])
    return found


def _licences(fields: dict[str, list[str]]) -> tuple[str, ...]:
    for key in ("license-expression", "license"):
        text = one_line(fields.get(key, [""])[0])
        if text and text.upper() not in ("UNKNOWN", "NONE"):
            return (text,)
    kinds = (one_line(text) for text in fields.get("classifier", ()))
    return tuple(kind.rpartition(" :: ")[2] for kind in kinds if kind.startswith(_LICENCE))


OBSERVERS = (
    Observer(
        name="python",
        version=2,
        depth=Depth.PACKAGES,
        observe=packages_of(_installed, "Python metadata"),
        paths=r".*/(?:[^/]*(?:dist-info|DIST-INFO)/METADATA"
        r"|[^/]*(?:egg-info|EGG-INFO)/PKG-INFO|[^/]*\.egg-info)",
        limit=64 << 20,
    ),
    Observer(
        name="python-egg",
        version=2,
        depth=Depth.PACKAGES,
        observe=packages_of(_egg, "Python egg"),
        paths=r".*/[^/]+\.egg",
    ),
)
"""Rows for installed Python distributions."""
