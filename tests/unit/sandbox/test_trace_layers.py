"""Unpacked packages as layers: merged-/usr, dpkg's notes, whole or not at all."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from pathlib import Path

import pytest

from neve.errors import HostileInputError, ToolError
from neve.sandbox.trace_layers import (
    hosts_layer,
    scripts_layer,
    skeleton_layer,
    unpack_layer,
    write_status,
)
from neve.sandbox.trace_record import PackageLayer

needs_tar = pytest.mark.skipif(shutil.which("tar") is None, reason="tar is not installed")
INFO = "var/lib/dpkg/info"


def data_tar(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(data)
            member.mode = 0o755
            member.uid, member.gid = os.getuid(), os.getgid()
            archive.addfile(member, io.BytesIO(data))
    return path


def unpack(tmp_path: Path, files: dict[str, bytes], scripts: dict[str, bytes]) -> Path:
    layer = tmp_path / "layers" / "p"
    data = data_tar(tmp_path / "data.tar", files)
    unpack_layer(
        data, layer, info_name="p:amd64", scripts=scripts, files=[f"/{name}" for name in files]
    )
    return layer


@needs_tar
def test_aliased_directories_are_merged(tmp_path: Path) -> None:
    layer = unpack(tmp_path, {"bin/a": b"1", "usr/bin/b": b"2", "lib/x/c": b"3"}, {})
    assert (layer / "usr/bin/a").read_bytes() == b"1"
    assert (layer / "usr/bin/b").read_bytes() == b"2"
    assert (layer / "usr/lib/x/c").read_bytes() == b"3"
    assert not (layer / "bin").exists()


@needs_tar
def test_dpkg_knows_the_package(tmp_path: Path) -> None:
    layer = unpack(tmp_path, {"usr/bin/b": b""}, {"postinst": b"#!/bin/sh\n", "prerm": b"no"})
    assert (layer / INFO / "p:amd64.list").read_text() == "/.\n/usr/bin/b\n"
    assert os.access(layer / INFO / "p:amd64.postinst", os.X_OK)
    assert not (layer / INFO / "p:amd64.prerm").exists()


@needs_tar
@pytest.mark.parametrize("name", ["usr", "usr/bin", "var", "var/lib/dpkg/info"])
def test_a_layers_links_lead_nothing_out_of_it(tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    data = tmp_path / "data.tar"
    with tarfile.open(data, "w") as archive:
        link = tarfile.TarInfo(f"./{name}")
        link.type, link.linkname = tarfile.SYMTYPE, str(outside)
        link.uid, link.gid = os.getuid(), os.getgid()
        archive.addfile(link)
        member = tarfile.TarInfo("./bin/tool")
        member.uid, member.gid = os.getuid(), os.getgid()
        archive.addfile(member, io.BytesIO())
    with pytest.raises(HostileInputError, match="as a link"):
        unpack_layer(
            data, tmp_path / "layer", info_name="p", scripts={"postinst": b"#!/bin/sh"}, files=[]
        )
    assert list(outside.iterdir()) == []


@needs_tar
def test_a_layer_that_is_there_is_not_unpacked_again(tmp_path: Path) -> None:
    layer = unpack(tmp_path, {"usr/bin/b": b"first"}, {})
    unpack(tmp_path, {"usr/bin/b": b"second"}, {})
    assert (layer / "usr/bin/b").read_bytes() == b"first"


@needs_tar
def test_a_broken_archive_leaves_no_layer(tmp_path: Path) -> None:
    broken = tmp_path / "broken.tar"
    broken.write_bytes(b"no tar at all" * 100)
    layer = tmp_path / "layers" / "p"
    with pytest.raises(ToolError, match="unpacking failed"):
        unpack_layer(broken, layer, info_name="p", scripts={}, files=[])
    assert not layer.exists()


def test_the_skeleton_is_a_merged_usr_root(tmp_path: Path) -> None:
    skeleton_layer(tmp_path / "root")
    assert (tmp_path / "root/bin").readlink() == Path("usr/bin")
    assert (tmp_path / "root" / INFO / "format").read_text() == "1\n"
    assert (tmp_path / "root/tmp").stat().st_mode & 0o7777 == 0o1777
    assert not (tmp_path / "root/etc/hosts").exists(), "a script may ask whether there is one"


def test_the_machines_own_name_can_be_made_to_resolve(tmp_path: Path) -> None:
    hosts_layer(tmp_path)
    assert "localhost" in (tmp_path / "etc/hosts").read_text()


def test_another_architectures_scripts_stand_alone(tmp_path: Path) -> None:
    for text in (b"old", b"new"):
        scripts_layer(tmp_path / "s", info_name="p", scripts={"postinst": text})
    found = sorted(path.name for path in (tmp_path / "s" / INFO).iterdir())
    assert found == ["p.postinst"]
    assert (tmp_path / "s" / INFO / "p.postinst").read_bytes() == b"new"


def layer(name: str) -> PackageLayer:
    return PackageLayer(
        name=name,
        version="1",
        architecture="all",
        directory=Path("unused"),
        info_name=name,
        scripts=frozenset(),
        triggers=(),
        status=f"Package: {name}\nVersion: 1\n".encode(),
    )


def test_status_tells_what_is_configured(tmp_path: Path) -> None:
    write_status(tmp_path, [layer("b"), layer("a")], unpacked=frozenset({"b"}))
    assert (tmp_path / "var/lib/dpkg/status").read_text() == (
        "Package: a\nStatus: install ok installed\nVersion: 1\n"
        "\nPackage: b\nStatus: install ok unpacked\nVersion: 1\n"
    )


def test_scripts_of_another_architecture_come_first() -> None:
    own = layer("p")
    assert own.directories == (own.directory,)
