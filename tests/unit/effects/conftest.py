"""Small trees and packages for the tests of effects."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from neve.effects.bench import EffectContext
from neve.effects.script import Parameters
from neve.formats.deb.types import PackageFacts
from neve.model import Origin, Reason, sha256_of
from neve.tree import FileEntry, Inline, Kind, Put, Tree

REASON = Reason(Origin.PACKAGE, "demo", "unpacked")
TIME = 1_700_000_000

Given = bytes | str | None
"""Bytes are a file, text a link's target, ``None`` a directory."""


def _no_store(entry: FileEntry) -> bytes:
    raise AssertionError(f"{entry.path} is not held inline")


@pytest.fixture
def context() -> EffectContext:
    return EffectContext(read=_no_store, parameters=Parameters.of("amd64"), time=TIME)


@pytest.fixture
def make_tree() -> Callable[..., Tree]:
    def make(paths: dict[str, Given], *, merged: bool = True) -> Tree:
        tree = Tree()
        links: dict[str, Given] = {"/bin": "usr/bin", "/sbin": "usr/sbin", "/lib": "usr/lib"}
        for path, given in {**(links if merged else {}), **paths}.items():
            tree.apply(_put(path, given))
        return tree

    return make


def _put(path: str, given: Given) -> Put:
    kind = Kind.DIRECTORY
    if given is not None:
        kind = Kind.FILE if isinstance(given, bytes) else Kind.SYMLINK
    return Put(
        FileEntry(
            path=path,
            kind=kind,
            mode={Kind.FILE: 0o644, Kind.SYMLINK: 0o777}.get(kind, 0o755),
            content=Inline(given) if isinstance(given, bytes) else None,
            target=given if isinstance(given, str) else None,
            owners=("demo",),
            reason=REASON,
        )
    )


@pytest.fixture
def make_package() -> Callable[..., PackageFacts]:
    def make(
        name: str = "demo", scripts: dict[str, bytes] | None = None, arch: str = "amd64"
    ) -> PackageFacts:
        return PackageFacts(
            digest=sha256_of(name.encode()),
            data=sha256_of(b"data"),
            data_size=0,
            control=(
                ("Package", name),
                ("Version", "1.0-1"),
                ("Architecture", arch),
                ("Description", "a package\n that is small"),
            ),
            entries=(),
            scripts=tuple((scripts or {}).items()),
            conffiles=(),
            md5sums=b"d41d8cd98f00b204e9800998ecf8427e  usr/share/demo\n",
            interpreters=(),
            elf=(),
        )

    return make
