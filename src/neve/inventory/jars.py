"""What a Java archive says of itself: file name, manifest, ``pom.properties``, ``pom.xml``.

Pure readers. Sources: the JAR File Specification ("JAR Manifest"), Maven's POM reference and the
file names that Maven, Gradle and OSGi write.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree import ElementTree as Xml

from neve.inventory.observing import one_line

_WORD = re.compile(r"[A-Za-z][\w.]*", re.ASCII)
_VERSION_WORD = re.compile(r"[0-9].*|build[0-9]+.*|rc?[0-9]+", re.IGNORECASE)
_GLUED = re.compile(r"[._]([0-9].*)$")
_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_VERSION_FIELDS = (
    "Implementation-Version", "Specification-Version", "Plugin-Version", "Bundle-Version",
)  # fmt: skip
_NAME_FIELDS = ("Name", "Bundle-Name", "Short-Name", "Extension-Name", "Implementation-Title")
_LICENCE_FIELDS = ("Bundle-License", "Plugin-License-Name")
_MAX_POM = 4 << 20
_MAX_NAME = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Coordinates:
    """What Maven calls an artifact; "" for what is not known."""

    group: str
    artifact: str
    version: str


Manifest = tuple[dict[str, str], ...]
"""The main attributes, then those of each section."""


def file_coordinates(name: str) -> Coordinates:
    """Name and version out of a file name such as ``spring-core-6.1.2.jar``."""
    words = name.rpartition(".")[0].split("-")
    if len(name) > _MAX_NAME or _WORD.fullmatch(words[0]) is None:
        return Coordinates(group="", artifact="", version="")
    cut = next((i for i, w in enumerate(words) if i and _VERSION_WORD.fullmatch(w)), len(words))
    artifact, version = "-".join(words[:cut]), "-".join(words[cut:])
    glued = _GLUED.search(artifact)
    if not version and glued is not None:
        artifact, version = artifact[: glued.start()], glued[1]
    return Coordinates(group="", artifact=artifact, version=version)


def read_manifest(data: bytes | memoryview) -> Manifest:
    """The attributes of ``META-INF/MANIFEST.MF``, continued lines joined."""
    sections: list[dict[str, str]] = [{}]
    key = ""
    for line in str(data, "utf-8", "replace").splitlines():
        if line.startswith(" ") and key:
            sections[-1][key] += line[1:]
        elif not line.strip():
            if sections[-1]:
                sections.append({})
            key = ""
        else:
            key, colon, value = line.partition(":")
            key = key.strip() if colon else ""
            if key:
                sections[-1][key] = value.lstrip()
    return tuple(sections)


def read_properties(data: bytes | memoryview) -> Coordinates | None:
    """The artifact of a ``pom.properties``; ``None`` without name or version."""
    found: dict[str, str] = {}
    for line in str(data, "latin-1").splitlines():
        key, separator, value = line.partition("=" if "=" in line else ":")
        if separator and not line.lstrip().startswith(("#", "!")):
            found[key.strip()] = value.strip()
    artifact, version = _known(found.get("artifactId")), _known(found.get("version"))
    if not artifact or not version:
        return None
    return Coordinates(group=_known(found.get("groupId")), artifact=artifact, version=version)


def read_pom(data: bytes | memoryview) -> Coordinates | None:
    """The artifact of a ``pom.xml``: group and version are its parent's where it has none.

    A document with a DTD is left: no POM has one, and entities are how XML bombs are built.
    """
    raw = bytes(data)
    if len(raw) > _MAX_POM or b"<!DOCTYPE" in raw or b"<!ENTITY" in raw:
        return None
    try:
        root = Xml.fromstring(raw)  # noqa: S314 - no DTD, so no entities
    except (Xml.ParseError, ValueError, LookupError):
        return None
    fields = _children(root)
    parent = next((_children(node) for node in root if _tag(node) == "parent"), {})
    artifact = _known(fields.get("artifactId"))
    if not artifact:
        return None
    return Coordinates(
        group=_known(fields.get("groupId")) or _known(parent.get("groupId")),
        artifact=artifact,
        version=_known(fields.get("version")) or _known(parent.get("version")),
    )


def manifest_field(manifest: Manifest, *names: str) -> str:
    """The first of ``names`` that has a value: in the main attributes, else in any section."""
    for name in names:
        for section in manifest:
            value = _known(section.get(name))
            if value:
                return value
    return ""


def manifest_version(manifest: Manifest) -> str:
    """The version that a manifest gives for the whole archive."""
    return manifest_field(manifest, *_VERSION_FIELDS)


def manifest_licences(manifest: Manifest) -> tuple[str, ...]:
    """The licences that a manifest names."""
    return tuple(v for name in _LICENCE_FIELDS if (v := manifest_field(manifest, name)))


def artifact_name(manifest: Manifest, file: Coordinates) -> str:
    """The archive's name where no POM says it: OSGi's, then the file's, then the manifest's."""
    main = manifest[0]
    symbolic = _symbolic(main)
    bundled = "Apache Maven Bundle Plugin" in main.get("Created-By", "")
    if symbolic and bundled and symbolic != main.get("Implementation-Vendor-Id", "").strip():
        return symbolic.rpartition(".")[2]
    if file.artifact:
        parts = file.artifact.split(".")
        dotted = len(parts) > 1 and all(_IDENTIFIER.fullmatch(part) for part in parts)
        if dotted and not file.artifact.startswith("org.eclipse."):
            return parts[-1]
        return file.artifact
    return next((v for name in _NAME_FIELDS if (v := _known(main.get(name)))), "")


def _symbolic(main: dict[str, str]) -> str:
    return _known(main.get("Bundle-SymbolicName", "").partition(";")[0])


def _known(value: object) -> str:
    """A value that says something: placeholders that no build filled in don't."""
    text = one_line(value)
    return "" if "${" in text or text.startswith("@") else text


def _children(node: Xml.Element) -> dict[str, str]:
    return {_tag(child): child.text or "" for child in reversed(node)}


def _tag(node: Xml.Element) -> str:
    return node.tag.rpartition("}")[2]
