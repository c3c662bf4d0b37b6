"""From recorded commands to operations: alternatives, diversions and what is generated.

Pure. A command that stands for nothing in an image (services, initramfs, documentation indexes)
maps to no operation; which those are is ``sandbox.trace_stubs``'s table, not repeated here.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from neve.effects.ops import Alternative, Divert, Generate, Operation
from neve.effects.script import Parameters
from neve.sandbox.trace_record import Command

# ``--no-rename`` moves nothing: it guards aliased names on systems that are being upgraded.
_NO_DIVERSION = frozenset(
    ("--remove", "--list", "--truename", "--listpackage", "--help", "--version", "--no-rename")
)
ADDUSER = frozenset(("adduser", "addgroup"))
USERADD = frozenset(("useradd", "groupadd"))


@dataclass(slots=True)
class FromCommands:
    """``operations`` in the order of their commands; ``explained`` paths are theirs."""

    operations: list[Operation] = field(default_factory=list)
    explained: set[str] = field(default_factory=set)


def read_commands(commands: Iterable[Command]) -> FromCommands:
    """The operations that recorded commands stand for, each once."""
    found = FromCommands()
    for command in commands:
        name, *arguments = command.argv
        reader = _READERS.get(name)
        if reader is None:
            continue
        operation = reader(arguments)
        if operation is None or operation in found.operations:
            continue
        found.operations.append(operation)
        if isinstance(operation, Alternative):
            found.explained.add(operation.link)
            found.explained.update(link for link, _, _ in operation.slaves)
        elif isinstance(operation, Divert):
            found.explained.update((operation.path, operation.to))
    return found


TRIGGERS: Mapping[str, str] = {
    "ldconfig": "ld.so.cache",
    "update-ca-certificates": "ca-certificates",
    "update-ca-certificates-fresh": "ca-certificates",
    "update-ca-certificates-java": "java-cacerts",
    "update-ca-certificates-java-fresh": "java-cacerts",
    "/usr/share/fonts": "fontconfig",
    "/usr/share/mime/packages": "mime",
    "/usr/share/glib-2.0/schemas": "glib-schemas",
    "/usr/lib/{triplet}/gio/modules": "gio-modules",
    "/usr/lib/{triplet}/gdk-pixbuf-2.0/2.10.0/loaders": "gdk-pixbuf",
}
"""Triggers whose answer is one of the generators, whatever the traced root made of it."""


def answered(triggers: Iterable[str], parameters: Parameters) -> list[Operation]:
    """The generators that answer a package's triggers."""
    names = {TRIGGERS.get(parameters.abstract(trigger)) for trigger in triggers}
    return [Generate(generator=name) for name in sorted(filter(None, names))]


def asked_ids(commands: Iterable[Command]) -> tuple[dict[str, str], frozenset[str]]:
    """Account name → allocator for accounts made by a command, and those with an id it names."""
    allocators: dict[str, str] = {}
    fixed: set[str] = set()
    for command in commands:
        name, *arguments = command.argv
        if name not in ADDUSER | USERADD:
            continue
        allocator = "adduser" if name in ADDUSER else "sysusers"
        wants_id = any(
            a in ("--uid", "--gid", "-u") or a.startswith(("--uid=", "--gid="))
            or (a == "-g" and name in ("groupadd",))
            for a in arguments
        )  # fmt: skip
        for word in arguments:
            if not word.startswith("-"):
                allocators.setdefault(word, allocator)
                if wants_id:
                    fixed.add(word)
    return allocators, frozenset(fixed)


def _alternative(arguments: Sequence[str]) -> Operation | None:
    words = list(arguments)
    if "--install" not in words:
        return None
    at = words.index("--install") + 1
    link, name, path, priority = words[at : at + 4]
    slaves: list[tuple[str, str, str]] = []
    rest = words[at + 4 :]
    while rest:
        if rest[0] in ("--slave", "--follower") and len(rest) >= 4:
            slaves.append((_path(rest[1]), rest[2], _path(rest[3])))
            rest = rest[4:]
        else:
            rest = rest[1:]
    return Alternative(
        name=name,
        link=_path(link),
        path=_path(path),
        priority=int(priority),
        slaves=tuple(sorted(slaves, key=lambda slave: slave[1])),
    )


def _divert(arguments: Sequence[str]) -> Operation | None:
    to = ""
    path = ""
    words = iter(arguments)
    for word in words:
        if word in _NO_DIVERSION:
            return None
        if word == "--divert":
            to = next(words, "")
        elif word in ("--package", "--admindir", "--root", "--instdir"):
            next(words, "")
        elif not word.startswith("-"):
            path = word
    if not path:
        return None
    return Divert(path=_path(path), to=_path(to or f"{path}.distrib"))


def _words(generator: str) -> Callable[[Sequence[str]], Operation | None]:
    def read(arguments: Sequence[str]) -> Operation | None:
        return Generate(
            generator=generator, arguments=tuple(a for a in arguments if not a.startswith("-"))
        )

    return read


def _plain(generator: str) -> Callable[[Sequence[str]], Operation | None]:
    def read(arguments: Sequence[str]) -> Operation | None:
        return Generate(generator=generator)

    return read


def _tmpfiles(arguments: Sequence[str]) -> Operation | None:
    if "--create" not in arguments:
        return None
    names = tuple(posixpath.basename(a) for a in arguments if not a.startswith("-"))
    return Generate(generator="tmpfiles", arguments=names)


def _sysusers(arguments: Sequence[str]) -> Operation | None:
    names = tuple(posixpath.basename(a) for a in arguments if not a.startswith("-"))
    return Generate(generator="sysusers", arguments=names)


def _path(text: str) -> str:
    """Absolute, normal, merged-/usr as written: links such as ``/bin/sh`` keep their name."""
    return posixpath.normpath("/" + text.lstrip("/"))


_READERS: dict[str, Callable[[Sequence[str]], Operation | None]] = {
    "update-alternatives": _alternative,
    "dpkg-divert": _divert,
    "systemd-sysusers": _sysusers,
    "systemd-tmpfiles": _tmpfiles,
    "ldconfig": _plain("ld.so.cache"),
    "update-ca-certificates": _plain("ca-certificates"),
    "fc-cache": _plain("fontconfig"),
    "update-mime-database": _words("mime"),
    "glib-compile-schemas": _words("glib-schemas"),
    "gio-querymodules": _words("gio-modules"),
    "gdk-pixbuf-query-loaders": _plain("gdk-pixbuf"),
    "phpenmod": _plain("php-modules"),
}
