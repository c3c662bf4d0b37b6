"""The rarer kinds: R, Lua, Conan, Conda, Nix, Arch, Gentoo, WordPress plugins, kernels.

Sources: "Writing R Extensions" (DESCRIPTION), LuaRocks' rockspec format, Conan 1's cache, conda's
``conda-meta``, the Nix manual (store paths), alpm's local database (desc), portage(5)
(``/var/db/pkg``), WordPress's plugin header, the Linux x86 boot protocol.
"""

from __future__ import annotations

import posixpath
import re
import struct
from collections.abc import Callable, Iterator
from itertools import pairwise

from neve.formats.executables import read_executable
from neve.inventory.observing import json_of, one_line, one_lines, packages_of, text_of
from neve.inventory.purl import package_url
from neve.inventory.types import (
    Candidate,
    Depth,
    FileFacts,
    Observer,
    Package,
    PackageFiles,
    PackageType,
)

_HEADER = 64 << 10
_R_FIELD = re.compile(r"^([A-Za-z]+):[ \t]*([^\n]*)", re.MULTILINE)
_LUA_FIELD = re.compile(r"^[ \t]{0,99}(package|version)[ \t]*=[ \t]*[\"']([^\"'\n]*)", re.MULTILINE)
_CONAN_PATH = re.compile(r"/([^/]+)/([^/]+)/([^/]+)/([^/]+)/package/[^/]+/conaninfo\.txt")
_CONAN_REFERENCE = re.compile(r"([^/\s@#:]+)/([^/\s@#:]+)(?:@([^/\s]+)/([^#:\s]+))?(?:[#:]\S*)?")
_NIX_PATH = re.compile(r"(.*/nix/store/[0-9a-z]{32}-([^/]+))/")
_NIX_NAME = re.compile(
    r"(.+?)-([0-9][A-Za-z0-9.+_]*(?:-[0-9A-Za-z.+_]*[0-9][0-9A-Za-z.+_]*)*"
    r"|unstable-[0-9]{4}-[0-9]{2}-[0-9]{2})(?:-[A-Za-z]+)*"
)
_EBUILD = re.compile(r"(.+?)-([0-9]+(?:\.[0-9]+)*[a-z]?(?:_[a-z]+[0-9]*)*(?:-r[0-9]+)?)")
_PLUGIN = re.compile(
    r"^[ \t/*#@]{0,32}(Plugin Name|Version|Author|License)[ \t]*:[ \t]*([^\n]*)",
    re.MULTILINE | re.IGNORECASE,
)
_PLUGIN_VERSION = re.compile(r"[0-9.]+")


def _r(candidate: Candidate, data: memoryview) -> Iterator[Package]:
    fields = dict(reversed(_R_FIELD.findall(text_of(data[:_HEADER]))))
    name, version = one_line(fields.get("Package")), one_line(fields.get("Version"))
    if name and version:
        licence = one_line(fields.get("License"))
        yield Package(
            type=PackageType.CRAN,
            name=name,
            version=version,
            purl=package_url("cran", name, version),
            paths=(candidate.path,),
            maintainer=one_line(fields.get("Maintainer")),
            licences=(licence,) if licence else (),
        )


def _lua(candidate: Candidate, data: memoryview) -> Iterator[Package]:
    fields = dict(reversed(_LUA_FIELD.findall(text_of(data[:_HEADER]))))
    name, version = one_line(fields.get("package")), one_line(fields.get("version"))
    if name and version:
        yield _named(PackageType.LUAROCKS, name, version, candidate.path)


def _conan(candidate: Candidate, data: memoryview) -> Iterator[Package]:
    place = _CONAN_PATH.search(candidate.path)
    if place is not None:
        yield _named(PackageType.CONAN, place[1], place[2], candidate.path)
    section = ""
    for line in text_of(data[:_HEADER]).splitlines():
        text = line.strip()
        if text.startswith("["):
            section = text
        elif section == "[full_requires]" and (match := _CONAN_REFERENCE.fullmatch(text)):
            yield _named(PackageType.CONAN, match[1], match[2], candidate.path)


def _conda(candidate: Candidate, data: memoryview) -> Iterator[Package]:
    document = json_of(data)
    if not isinstance(document, dict):
        return
    name, version = one_line(document.get("name")), one_line(document.get("version"))
    if name and version:
        build, channel = one_line(document.get("build")), one_line(document.get("channel"))
        yield Package(
            type=PackageType.CONDA,
            name=name,
            version=version,
            purl=package_url(
                "conda", name, version, qualifiers={"build": build, "channel": channel}
            ),
            paths=(candidate.path,),
            licences=one_lines(document.get("license")),
        )


def _nix(candidate: Candidate, data: memoryview) -> FileFacts | None:
    place = _NIX_PATH.match(candidate.path)
    name = _NIX_NAME.fullmatch(place[2][:256]) if place is not None else None
    if place is None or name is None or place[2].endswith(".drv"):
        return None
    return FileFacts(packages=(_named(PackageType.NIX, name[1], name[2], place[1]),))


def _arch(candidate: Candidate, data: memoryview) -> Iterator[Package]:
    lines = text_of(data).split("\n")
    fields = {
        key.strip("%"): one_line(value)
        for key, value in pairwise(lines)
        if key.startswith("%") and key.endswith("%")
    }
    name, version = fields.get("NAME", ""), fields.get("VERSION", "")
    if name and version:
        licence = fields.get("LICENSE", "")
        architecture = fields.get("ARCH", "")
        yield Package(
            type=PackageType.ALPM,
            name=name,
            version=version,
            architecture=architecture,
            source=fields.get("BASE", "") or name,
            source_version=version,
            purl=package_url(
                "alpm", name, version, namespace="arch", qualifiers={"arch": architecture}
            ),
            paths=(candidate.path,),
            maintainer=fields.get("PACKAGER", ""),
            licences=(licence,) if licence else (),
        )


def _arch_files(candidate: Candidate, data: memoryview) -> FileFacts | None:
    name = posixpath.basename(posixpath.dirname(candidate.path)).rsplit("-", 2)[0]
    listed = str(data, "utf-8", "surrogateescape").partition("%FILES%")[2].partition("\n%")[0]
    files = tuple((f"/{p}", "") for p in listed.split("\n") if p and not p.endswith("/"))
    return FileFacts(listed=(PackageFiles(package=name, files=files),)) if files else None


def _gentoo(candidate: Candidate, data: memoryview) -> FileFacts | None:
    *_, category, place, _ = candidate.path.split("/")
    match = _EBUILD.fullmatch(place[:256])
    if match is None:
        return None
    name = f"{category}/{match[1]}"
    package = Package(
        type=PackageType.EBUILD,
        name=name,
        version=match[2],
        purl=package_url("ebuild", match[1], match[2], namespace=category),
        paths=(candidate.path,),
    )
    files = tuple(_gentoo_files(str(data, "utf-8", "surrogateescape")))
    listed = (PackageFiles(package=name, files=files),) if files else ()
    return FileFacts(packages=(package,), listed=listed)


def _gentoo_files(text: str) -> Iterator[tuple[str, str]]:
    for line in text.split("\n"):
        kind, _, rest = line.partition(" ")
        if kind == "obj" and rest.count(" ") >= 2:
            path, digest, _ = rest.rsplit(" ", 2)
            yield path, f"md5:{digest.lower()}"
        elif kind == "sym":
            yield rest.partition(" -> ")[0], ""


def _wordpress(candidate: Candidate, data: memoryview) -> Iterator[Package]:
    found = _PLUGIN.findall(str(data[:8192], "utf-8", "replace"))
    fields = {key.lower(): one_line(value) for key, value in reversed(found)}
    name = fields.get("plugin name", "")
    version = _PLUGIN_VERSION.match(fields.get("version", ""))
    if name and version is not None:
        slug = posixpath.basename(posixpath.dirname(candidate.path))
        licence = fields.get("license", "")
        yield Package(
            type=PackageType.GENERIC,
            name=name,
            version=version[0],
            purl=package_url("generic", slug, version[0], namespace="wordpress-plugin"),
            paths=(candidate.path,),
            maintainer=fields.get("author", ""),
            licences=(licence,) if licence else (),
        )


def _kernel(candidate: Candidate, data: memoryview) -> Iterator[Package]:
    """An x86 kernel's boot header: ``HdrS`` at 0x202, the version's place at 0x20E."""
    if len(data) < 0x210 or bytes(data[0x202:0x206]) != b"HdrS":
        return
    (place,) = struct.unpack_from("<H", data, 0x20E)
    text = bytes(data[place + 0x200 : place + 0x200 + 256]).partition(b"\0")[0]
    version = one_line(text.decode("ascii", "replace")).partition(" ")[0]
    if re.match(r"[0-9]+\.[0-9]+", version):
        yield _program("linux-kernel", version, candidate.path)


def _module(candidate: Candidate, data: memoryview) -> Iterator[Package]:
    """A kernel module that names itself and the kernel it was built for."""
    program = read_executable(data)
    section = program.named(".modinfo") if program is not None else None
    if program is None or section is None:
        return
    lines = bytes(program.content(section)[:_HEADER]).decode("utf-8", "replace").split("\0")
    fields = dict(line.partition("=")[::2] for line in reversed(lines))
    name, version = one_line(fields.get("name")), one_line(fields.get("version"))
    if name and version and one_line(fields.get("vermagic")):
        yield _program(name, version, candidate.path)


def _named(kind: PackageType, name: str, version: str, path: str) -> Package:
    purl = package_url(kind.value, name, version)
    return Package(type=kind, name=name, version=version, purl=purl, paths=(path,))


def _program(name: str, version: str, path: str) -> Package:
    return _named(PackageType.GENERIC, name, version, path)


def _row(
    name: str, paths: str, observe: Callable[[Candidate, memoryview], FileFacts | None]
) -> Observer:
    return Observer(
        name=name, version=2, depth=Depth.PACKAGES, observe=observe, paths=paths, limit=_LIMIT
    )


_LIMIT = 128 << 20
OBSERVERS = (
    _row("r", r".*/DESCRIPTION", packages_of(_r, "DESCRIPTION of R")),
    _row("lua", r".*/[^/]*\.rockspec", packages_of(_lua, "rockspec")),
    _row("conan", r".*/conaninfo\.txt", packages_of(_conan, "record of Conan")),
    _row("conda", r".*/conda-meta/[^/]+\.json", packages_of(_conda, "record of conda")),
    _row("nix", r".*/nix/store/[^/]+/.*", _nix),
    _row("arch", r"/var/lib/pacman/local/[^/]+/desc", packages_of(_arch, "record of pacman")),
    _row("arch-files", r"/var/lib/pacman/local/[^/]+/files", _arch_files),
    _row("gentoo", r".*/var/db/pkg/[^/]+/[^/]+/CONTENTS", _gentoo),
    _row(
        "wordpress",
        r".*/wp-content/plugins/[^/]+/[^/]+\.php",
        packages_of(_wordpress, "plugin header"),
    ),
    _row(
        "linux",
        r".*/(?:kernel|vmlinu[xz]|b?zImage)(?:-[^/]*)?",
        packages_of(_kernel, "kernel"),
    ),
    _row("linux-module", r".*/lib/modules/.*\.ko", packages_of(_module, "kernel module")),
)
"""Rows for the rarer kinds."""
