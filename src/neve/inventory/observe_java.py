"""Java: archives and those inside them, and runtimes by their ``release`` file.

An archive's name and version come from its ``pom.properties``, else its only ``pom.xml``, else
its manifest and file name; every other ``pom.properties`` in it is a library shaded into it. What
else a jar holds says nothing about packages. Archives are read in memory, to a fixed depth and a
fixed total of inflated bytes.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from neve.errors import HostileInputError
from neve.formats.zips import Budget, ZipArchive, ZipEntry, read_zip
from neve.inventory.jar_groups import group_of
from neve.inventory.jars import (
    Coordinates,
    Manifest,
    artifact_name,
    file_coordinates,
    manifest_licences,
    manifest_version,
    read_manifest,
    read_pom,
    read_properties,
)
from neve.inventory.observing import one_line, packages_of, text_of
from neve.inventory.purl import package_url
from neve.inventory.types import Candidate, Depth, FileFacts, Observer, Package, PackageType

_ARCHIVES = r"[jwe]ar|[jh]pi|[psnkfr]ar|lpkg|zap"
_NESTED = re.compile(rf".+\.(?:{_ARCHIVES})".encode(), re.IGNORECASE)
_MANIFEST = "META-INF/MANIFEST.MF"
_ZIP = b"PK"
_MAX_DEPTH = 8
_MAX_TEXT = 4 << 20
_MAX_NESTED = 256 << 20
_MAX_INFLATED = 1 << 30
_FREE = 4 << 20
_RATIO = 30
_MAX_ARCHIVES = 20_000
_RELEASE_LINE = re.compile(r"^([A-Z_]{1,64})=\"?([^\"\n]*)", re.MULTILINE)
_MAX_RELEASE = 512_000


def _archive(candidate: Candidate, data: memoryview) -> FileFacts | None:
    name = posixpath.basename(candidate.path)
    if not name.lower().endswith((".jar", ".war", ".ear")) and bytes(data[:2]) != _ZIP:
        return None  # other formats share those endings
    if not len(data):
        return None
    inflated = min(_FREE + _RATIO * len(data), max(_MAX_INFLATED, 2 * len(data)))
    reading = _Reading(outer=candidate.path, budget=Budget(inflated))
    reading.look(data, candidate.path, depth=0)
    if not reading.packages and not reading.notes:
        return None
    return FileFacts(packages=tuple(reading.packages), unjudged=tuple(reading.notes))


def _wanted(name: bytes) -> bool:
    return (
        name == b"META-INF/MANIFEST.MF"
        or name.endswith((b"pom.properties", b"pom.xml"))
        or _NESTED.fullmatch(name) is not None
    )


@dataclass(slots=True)
class _Reading:
    """One archive of an image and all that lie inside it."""

    outer: str
    budget: Budget
    packages: list[Package] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    archives: int = 0

    def look(self, data: memoryview, place: str, *, depth: int) -> None:
        self.archives += 1
        subject = place[len(posixpath.dirname(self.outer)) :].lstrip("/")
        try:
            archive = read_zip(data, subject=subject, wanted=_wanted)
            self._own(archive, place)
        except HostileInputError as error:
            self.notes.append(error.brief)
            return
        for entry in archive.entries:
            if _NESTED.fullmatch(entry.name.encode("utf-8", "replace")) is not None:
                self._nested(archive, entry, place, depth=depth)

    def _nested(self, archive: ZipArchive, entry: ZipEntry, place: str, *, depth: int) -> None:
        below = f"{place}:{entry.name}"
        if depth + 1 >= _MAX_DEPTH or self.archives >= _MAX_ARCHIVES:
            note = "holds archives too deep inside each other, or too many"
            if note not in self.notes:
                self.notes.append(note)
            return
        try:
            content = archive.content(entry, limit=_MAX_NESTED, budget=self.budget)
        except HostileInputError as error:
            self.notes.append(error.brief)
            return
        if bytes(content[:2]) == _ZIP or entry.name.lower().endswith(".jar"):
            self.look(memoryview(content), below, depth=depth + 1)

    def _text(self, archive: ZipArchive, entry: ZipEntry) -> bytes | memoryview:
        return archive.content(entry, limit=_MAX_TEXT, budget=self.budget)

    def _own(self, archive: ZipArchive, place: str) -> None:
        """The packages that the archive itself speaks of, not those of archives inside it."""
        manifests = [entry for entry in archive.entries if entry.name == _MANIFEST]
        manifest = read_manifest(self._text(archive, manifests[0])) if manifests else None
        if manifest is not None and any("Weave-Classes" in part for part in manifest):
            return  # an instrumentation that calls itself by the name of what it instruments
        shaded = self._properties(archive)
        main = self._main(archive, manifest, shaded, place)
        for found in dict.fromkeys(([main] if main else []) + shaded):
            same = main is not None and found is not main and _same(found, main)
            if not same:
                own = manifest if found is main else None
                self.packages.append(self._package(found, own, place))

    def _properties(self, archive: ZipArchive) -> list[Coordinates]:
        found = (
            read_properties(self._text(archive, entry))
            for entry in sorted(archive.entries, key=lambda entry: entry.name)
            if entry.name.endswith("pom.properties")
        )
        return [item for item in found if item is not None]

    def _main(
        self,
        archive: ZipArchive,
        manifest: Manifest | None,
        shaded: list[Coordinates],
        place: str,
    ) -> Coordinates | None:
        """What the archive as a whole is; ``None`` where nothing says."""
        file = file_coordinates(posixpath.basename(place.rpartition(":")[2]))
        known = _matching(shaded, file.artifact)
        if known is None and not shaded:
            poms = [entry for entry in archive.entries if entry.name.endswith("pom.xml")]
            known = read_pom(self._text(archive, poms[0])) if len(poms) == 1 else None
        if manifest is None:
            return known
        artifact = known.artifact if known else artifact_name(manifest, file)
        version = (known.version if known else "") or file.version or manifest_version(manifest)
        group = (known.group if known else "") or group_of(artifact, place, manifest[0])
        if not artifact:
            return None
        return Coordinates(group=group, artifact=artifact, version=version)

    def _package(self, found: Coordinates, manifest: Manifest | None, place: str) -> Package:
        return Package(
            type=PackageType.MAVEN,
            name=found.artifact,
            version=found.version,
            purl=package_url(
                "maven", found.artifact, found.version, namespace=found.group or found.artifact
            ),
            paths=(self.outer,) if place == self.outer else (self.outer, place),
            licences=manifest_licences(manifest) if manifest else (),
        )


def _matching(shaded: list[Coordinates], name: str) -> Coordinates | None:
    """The one of several artifacts that an archive called ``name`` is."""
    if not name:
        return None
    exact = next((item for item in shaded if item.artifact == name), None)
    if exact is not None:
        return exact
    return next(
        (i for i in shaded if i.artifact.startswith(name) or name.endswith(i.artifact)), None
    )


def _same(found: Coordinates, main: Coordinates) -> bool:
    return (
        found.artifact == main.artifact
        and found.version == main.version
        and (found.group == main.group or not main.group)
    )


def _runtime(candidate: Candidate, data: memoryview) -> Iterator[Package]:
    fields = dict(_RELEASE_LINE.findall(text_of(data[:_MAX_RELEASE])))
    version = _runtime_version(fields)
    if not version or not fields.get("JAVA_VERSION"):
        return
    vendor, product = _product(fields, candidate.path)
    yield Package(
        type=PackageType.GENERIC,
        name=product,
        version=version,
        purl=package_url("generic", product, version, namespace=vendor),
        paths=(candidate.path,),
        maintainer=one_line(fields.get("IMPLEMENTOR")),
    )


def _runtime_version(fields: dict[str, str]) -> str:
    runtime, full = fields.get("JAVA_RUNTIME_VERSION", ""), fields.get("FULL_VERSION", "")
    short = fields.get("JAVA_VERSION", "")
    if runtime:
        return one_line(runtime)
    same = full.partition(".")[0] == short.partition(".")[0]
    return one_line(full if full and same else short)


def _product(fields: dict[str, str], path: str) -> tuple[str, str]:
    """Vendor and product by whoever built the runtime."""
    maker = fields.get("IMPLEMENTOR", "").lower().replace(" ", "")
    kind = "jre" if "jre" in fields.get("IMAGE_TYPE", "").lower() else "jdk"
    if "azul" in maker or "zulu" in path:
        return "azul", "zulu"
    if "sun" in maker:
        return "sun", kind
    if "ibm" in maker or "/ibm" in path:
        return "ibm", "java_sdk" if kind == "jdk" else "java"
    if "oracle" in maker or "oracle" in path or "commercial" in fields.get("BUILD_TYPE", ""):
        return "oracle", kind
    return "oracle", "openjdk"


OBSERVERS = (
    Observer(
        name="java",
        version=3,
        depth=Depth.PACKAGES,
        observe=_archive,
        paths=rf".*/[^/]+\.(?:{_ARCHIVES}|{_ARCHIVES.upper()})",
        limit=1 << 30,
    ),
    Observer(
        name="java-runtime",
        version=3,
        depth=Depth.PACKAGES,
        observe=packages_of(_runtime, "release file of Java"),
        paths=r".*/release",
        limit=1 << 20,
    ),
)
"""Rows for Java archives and runtimes."""
