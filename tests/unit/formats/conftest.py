"""A packer of small .debs, honest and hostile, and the reader under test on a real store."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import zstandard

from neve.formats.deb import PackageFacts
from neve.formats.deb.package import read_package
from neve.model import sha256_of
from neve.store import Store

CONTROL = b"""Package: example
Version: 1.2-3
Architecture: amd64
Maintainer: Someone <someone@example.org>
Description: an example
"""


def _compress(data: bytes, suffix: str) -> bytes:
    match suffix:
        case "":
            return data
        case ".gz":
            return gzip.compress(data, mtime=0)
        case ".xz":
            return lzma.compress(data)
        case ".lzma":
            return lzma.compress(data, format=lzma.FORMAT_ALONE)
        case ".bz2":
            return bz2.compress(data)
        case ".zst":
            return zstandard.compress(data)
        case _:
            return data


def _tar(members: Iterable[tarfile.TarInfo | tuple[tarfile.TarInfo, bytes]], form: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for member in members:
            info, content = member if isinstance(member, tuple) else (member, b"")
            if content:
                info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def _ar(members: Iterable[tuple[str, bytes]]) -> bytes:
    out = [b"!<arch>\n"]
    for name, data in members:
        out.append(f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode())
        out.append(data + b"\n" * (len(data) % 2))
    return b"".join(out)


@pytest.fixture(scope="session")
def ar() -> Callable[..., bytes]:
    """(name, bytes) pairs → an ar archive."""
    return _ar


@pytest.fixture(scope="session")
def tar() -> Callable[..., bytes]:
    """Members → an uncompressed tar: ``tar(*members, form=tarfile.GNU_FORMAT)``."""

    def build(
        *members: tarfile.TarInfo | tuple[tarfile.TarInfo, bytes], form: int = tarfile.GNU_FORMAT
    ) -> bytes:
        return _tar(members, form)

    return build


@pytest.fixture(scope="session")
def make_deb() -> Callable[..., bytes]:
    """``make_deb(*members, control={name: bytes}, suffix=".xz", data=None)`` → a package.

    ``data`` replaces the tar made from ``members`` by bytes of its own, uncompressed.
    """

    def build(
        *members: tarfile.TarInfo | tuple[tarfile.TarInfo, bytes],
        control: dict[str, bytes] | None = None,
        suffix: str = ".xz",
        control_suffix: str = ".gz",
        data: bytes | None = None,
        form: int = tarfile.GNU_FORMAT,
    ) -> bytes:
        files = {"control": CONTROL} if control is None else control
        control_members: list[tuple[tarfile.TarInfo, bytes]] = []
        for name, content in files.items():
            control_members.append((tarfile.TarInfo(f"./{name}"), content))
        return _ar(
            [
                ("debian-binary", b"2.0\n"),
                (
                    f"control.tar{control_suffix}",
                    _compress(_tar(control_members, tarfile.GNU_FORMAT), control_suffix),
                ),
                (
                    f"data.tar{suffix}",
                    _compress(_tar(members, form) if data is None else data, suffix),
                ),
            ]
        )

    return build


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store of this run's own."""
    directory: Path = tmp_path_factory.mktemp("store")
    return Store.open(directory)


@pytest.fixture(scope="session")
def read(store: Store) -> Callable[[bytes], PackageFacts]:
    """Package bytes → facts."""

    def run(deb: bytes) -> PackageFacts:
        return read_package(io.BytesIO(deb), digest=sha256_of(deb), store=store)

    return run


@pytest.fixture(scope="session")
def sha256() -> Callable[[bytes], str]:
    """Hex SHA-256 by hashlib."""
    return lambda data: hashlib.sha256(data).hexdigest()
