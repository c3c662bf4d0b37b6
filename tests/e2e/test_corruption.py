"""Truncated or damaged, at every link from the signature to the store: named, and healed next."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.archive import (
    ArchiveBuilder,
    Deb,
    Fault,
    Link,
    Regular,
    SigningKey,
    make_ar,
    make_deb,
    serve,
)
from tests.support.command import RECIPE, Desk, Mirror, publish

from neve.model import sha256_of

Damage = Callable[[bytes], bytes]


def _cut(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


def _flip(data: bytes) -> bytes:
    middle = len(data) // 2
    return data and data[:middle] + bytes([data[middle] ^ 0x20]) + data[middle + 1 :]


def _empty(data: bytes) -> bytes:
    return b""


@pytest.fixture(scope="module")
def standing(
    small_archive: tuple[ArchiveBuilder, SigningKey], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    """A desk with a lock and its image in ``out``; tests break copies."""
    archive, key = small_archive
    with serve(archive.root) as server:
        desk = Desk.lay(tmp_path_factory.mktemp("standing") / "desk", server, key)
        desk.neve("lock")
        desk.build()
        yield desk


LINKS = {
    "signature": ("dists/trixie/InRelease", "debian:trixie"),
    "index": ("dists/trixie/main/binary-amd64", "debian:trixie"),
    "package": ("pool/main/t/tool", "tool 1:2.0-1"),
}


@pytest.mark.parametrize("damage", [_cut, _flip, _empty], ids=["cut", "flipped", "empty"])
@pytest.mark.parametrize("link", LINKS)
def test_what_the_mirror_damaged_is_named_and_healed(
    desk: Desk, mirror: Mirror, link: str, damage: Damage
) -> None:
    place, named = LINKS[link]
    whole = _break(mirror.archive.root / place, damage)
    done = desk.neve("build", "-o", "out", expect=3)
    assert named in done.err
    assert "next:" in done.err
    assert "neve itself failed" not in done.err
    assert not (desk.directory / "out").exists()
    for path, data in whole.items():
        path.write_bytes(data)
    assert desk.build()


def _break(place: Path, damage: Damage) -> dict[Path, bytes]:
    paths = [place] if place.is_file() else [p for p in place.rglob("*") if p.is_file()]
    whole = {path: path.read_bytes() for path in paths}
    for path, data in whole.items():
        path.write_bytes(damage(data))
    return whole


def test_a_connection_that_drops_mid_file_is_taken_up_again(desk: Desk, mirror: Mirror) -> None:
    desk.neve("lock")
    digest = desk.build()
    desk.store("cold")
    deb = next(mirror.archive.root.glob("pool/main/t/tool/*_amd64.deb"))
    path = f"/{deb.relative_to(mirror.archive.root)}"
    mirror.server.faults[path] = Fault(times=2, cut=deb.stat().st_size // 3)
    before = len(mirror.server.requests)
    assert desk.build() == digest
    ranges = [
        headers["range"]
        for asked, headers in mirror.server.requests[before:]
        if asked.endswith(deb.name.replace(":", "%3a")) or deb.name in asked
        if "range" in headers
    ]
    assert ranges, "the file was fetched from its beginning again"


def test_a_server_that_errs_for_a_while_is_asked_again(desk: Desk, mirror: Mirror) -> None:
    mirror.server.faults["/dists/trixie/InRelease"] = Fault(times=1, status=503)
    desk.neve("lock")


def test_a_release_file_that_expired_is_refused(desk: Desk, mirror: Mirror) -> None:
    publish(mirror.archive, mirror.key, date=1_700_000_000)
    done = desk.neve("lock", expect=3)
    assert "trixie" in done.err
    assert "2023-11" in done.err or "20231" in done.err
    assert not (desk.directory / "neve.lock").exists()


# The store


def _entries(store: Path, kind: str) -> list[Path]:
    return sorted(path for path in (store / kind).rglob("*") if path.is_file())


@pytest.mark.parametrize("damage", [_cut, _flip, _empty], ids=["cut", "flipped", "empty"])
def test_store_entries_that_rotted_are_never_used(desk: Desk, damage: Damage) -> None:
    """Every blob and action at once; each run removes what it meets until all is made anew."""
    desk.neve("lock")
    digest = desk.build()
    store = Path(desk.environment["NEVE_STORE"])
    for path in (*_entries(store, "blobs"), *_entries(store, "actions")):
        data = path.read_bytes()
        path.chmod(0o600)
        path.write_bytes(damage(data))
    for _ in range(10):
        done = desk.neve("build", "-o", "again", "--format", "json", expect=None)
        if done.code == 0:
            break
        assert done.code == 3
        assert "damaged" in done.err
        assert "run the command again" in done.err
        assert not (desk.directory / "again").exists()
    assert done.document["root"] == digest
    desk.neve("verify", "again")


def test_a_layer_that_rotted_is_made_again_in_the_same_run(desk: Desk) -> None:
    desk.neve("lock")
    digest = desk.build()
    store = Path(desk.environment["NEVE_STORE"])
    for layer in _layers(desk.directory / "out"):
        path = store / "blobs" / "sha256" / layer[:2] / layer
        data = path.read_bytes()
        path.unlink()  # the image written before shares the file
        path.write_bytes(_flip(data))
    assert desk.build("again") == digest
    desk.neve("verify", "again")


def _layers(layout: Path) -> list[str]:
    blobs = layout / "blobs" / "sha256"
    index = json.loads((layout / "index.json").read_text())
    manifest = json.loads((blobs / index["manifests"][0]["digest"].partition(":")[2]).read_text())
    return [layer["digest"].partition(":")[2] for layer in manifest["layers"]]


@pytest.mark.parametrize("kind", ["blobs", "actions", "blobs/sha256/00", "tmp"])
def test_parts_of_the_store_that_went_away_are_made_anew(desk: Desk, kind: str) -> None:
    desk.neve("lock")
    digest = desk.build()
    shutil.rmtree(Path(desk.environment["NEVE_STORE"]) / kind, ignore_errors=True)
    assert desk.build("again") == digest


def test_verify_removes_what_rotted_and_the_next_build_makes_it(desk: Desk) -> None:
    desk.neve("lock")
    digest = desk.build()
    store = Path(desk.environment["NEVE_STORE"])
    for path in _entries(store, "blobs")[::2]:
        path.chmod(0o600)
        path.write_bytes(b"rot")
    done = desk.neve("store", "verify", "--format", "json", expect=1)
    assert done.document["damaged"]
    desk.neve("store", "verify")
    assert desk.build("again") == digest


def test_what_gc_took_is_made_anew(desk: Desk) -> None:
    """Also when it took inflated packages but not what is known of them."""
    desk.neve("lock")
    digest = desk.build()
    desk.neve("store", "gc", "--max-size", "300kB")
    assert desk.build("again") == digest
    desk.neve("store", "gc", "--max-size", "0B")
    assert desk.build("once-more") == digest


# The image


def _blobs(layout: Path) -> dict[str, Path]:
    blobs = layout / "blobs" / "sha256"
    digest = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
    manifest_path = blobs / digest.partition(":")[2]
    manifest = json.loads(manifest_path.read_text())
    return {
        "manifest": manifest_path,
        "configuration": blobs / manifest["config"]["digest"].partition(":")[2],
        "layer": blobs / manifest["layers"][0]["digest"].partition(":")[2],
    }


@pytest.mark.parametrize("damage", [_cut, _flip, _empty], ids=["cut", "flipped", "empty"])
@pytest.mark.parametrize("part", ["manifest", "configuration", "layer"])
def test_an_image_that_was_damaged_is_not_believed(
    standing: Desk, tmp_path: Path, part: str, damage: Damage
) -> None:
    shutil.copytree(standing.directory / "out", tmp_path / "image")
    path = _blobs(tmp_path / "image")[part]
    path.write_bytes(damage(path.read_bytes()))
    done = standing.neve("verify", tmp_path / "image", expect=3)
    assert "next:" in done.err
    assert "neve itself failed" not in done.err


@pytest.mark.parametrize("damage", [_cut, _flip], ids=["cut", "flipped"])
def test_a_layer_is_judged_as_it_lies_even_where_the_store_knows_it(
    standing: Desk, tmp_path: Path, damage: Damage
) -> None:
    """The store keeps inflated layers: that must not vouch for the copy at hand."""
    shutil.copytree(standing.directory / "out", tmp_path / "image")
    standing.neve("verify", tmp_path / "image")
    path = _blobs(tmp_path / "image")["layer"]
    path.write_bytes(damage(path.read_bytes()))
    assert "layer 1" in standing.neve("verify", tmp_path / "image", expect=3).err
    path.unlink()
    assert "missing" in standing.neve("verify", tmp_path / "image", expect=3).err


def test_another_sbom_than_the_configuration_names_is_found(standing: Desk, tmp_path: Path) -> None:
    """The layout holds together; only the image's own labels tell that a document was replaced."""
    shutil.copytree(standing.directory / "out", tmp_path / "image")
    layout = tmp_path / "image"
    index = json.loads((layout / "index.json").read_text())
    (row,) = [r for r in index["manifests"] if r.get("artifactType") == "application/spdx+json"]
    manifest = json.loads(_path(layout, row).read_text())
    (layer,) = manifest["layers"]
    _replace(layout, layer, _path(layout, layer).read_bytes().replace(b"libsmall1", b"libsmall2"))
    _replace(layout, row, json.dumps(manifest).encode())
    (layout / "index.json").write_text(json.dumps(index))
    done = standing.neve("verify", layout, expect=1)
    assert "FAIL     sbom-digest: io.neve.sbom.spdx: " in done.out


def test_a_capability_that_was_added_to_a_file_is_found(standing: Desk, tmp_path: Path) -> None:
    """Whoever changes a layer can make every digest fit again, but not the signed record."""
    layout = tmp_path / "image"
    shutil.copytree(standing.directory / "out", layout)
    path = _privileged(layout)
    done = standing.neve("verify", layout, expect=1)
    assert f"FAIL     record: every path: {path}: has, not as recorded," in done.out
    assert "security.capability" in done.out
    shown = standing.neve("verify", layout, "--format", "json", expect=1)
    failed = [one for one in json.loads(shown.out)["checks"] if one["verdict"]["state"] == "fail"]
    assert [one["rule"] for one in failed] == ["record"]


def _privileged(layout: Path) -> str:
    """Give a file of the last layer a capability, with every digest put right; its path."""
    index = json.loads((layout / "index.json").read_text())
    row, *referrers = index["manifests"]
    manifest = json.loads(_path(layout, row).read_text())
    before = row["digest"]
    layer, config = manifest["layers"][-1], manifest["config"]
    changed, path = _with_capability(gzip.decompress(_path(layout, layer).read_bytes()))
    settings = json.loads(_path(layout, config).read_text())
    settings["rootfs"]["diff_ids"][-1] = str(sha256_of(changed))
    _replace(layout, layer, gzip.compress(changed))
    _replace(layout, config, json.dumps(settings).encode())
    _replace(layout, row, json.dumps(manifest).encode())
    for referrer in referrers:
        text = _path(layout, referrer).read_text().replace(before, row["digest"])
        document = json.loads(text)
        document["subject"]["size"] = row["size"]
        _replace(layout, referrer, json.dumps(document).encode())
    (layout / "index.json").write_text(json.dumps(index))
    return path


def _with_capability(layer: bytes) -> tuple[bytes, str]:
    out = io.BytesIO()
    path = ""
    with (
        tarfile.open(fileobj=io.BytesIO(layer)) as old,
        tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in old:
            if member.isreg() and not path:
                path = f"/{member.name}"
                member.pax_headers = {"SCHILY.xattr.security.capability": _NET_RAW}
            new.addfile(member, old.extractfile(member) if member.isreg() else None)
    return out.getvalue(), path


_NET_RAW = "\x01\0\0\x02\0\x20" + "\0" * 14
"""CAP_NET_RAW, permitted and effective: ``struct vfs_cap_data`` of revision 2."""


def _path(layout: Path, row: dict[str, Any]) -> Path:
    return layout / "blobs" / "sha256" / str(row["digest"]).partition(":")[2]


def _replace(layout: Path, row: dict[str, Any], data: bytes) -> None:
    row["digest"], row["size"] = str(sha256_of(data)), len(data)
    _path(layout, row).write_bytes(data)


def test_an_image_that_lost_its_record_says_so(standing: Desk, tmp_path: Path) -> None:
    """A plain copy drops referrers: without the record nothing can be explained or verified."""
    shutil.copytree(standing.directory / "out", tmp_path / "image")
    index = tmp_path / "image" / "index.json"
    document = json.loads(index.read_text())
    document["manifests"] = document["manifests"][:1]
    index.write_text(json.dumps(document))
    for words in (("why", tmp_path / "image", "/etc/passwd"), ("verify", tmp_path / "image")):
        done = standing.neve(*words, expect=3)
        assert "record" in done.err
        assert "recipe" in done.err or "lock" in done.err


# Packages that no honest tool makes


def _with_data(member: bytes) -> Deb:
    control = make_deb("plain", architecture="all").data
    head = control[: control.index(b"data.tar")]
    return Deb(
        "plain",
        "1.0",
        "all",
        make_deb("plain", architecture="all").control,
        head + make_ar([("data.tar.xz", member)])[8:],
    )


HOSTILE = {
    "a path through ..": make_deb("plain", architecture="all", files={"usr/../../etc/x": b"x"}),
    "a link that leads a path out": make_deb(
        "plain",
        architecture="all",
        files={"usr/share/out": Link("../../../../../tmp"), "usr/share/out/x": b"x"},
    ),
    "a payload that is no tar": _with_data(b"not compressed at all"),
    "a payload cut short": _with_data(b"\xfd7zXZ\x00\x00"),
    "no archive": Deb("plain", "1.0", "all", make_deb("plain").control, b"<html>hello"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_package_is_refused(desk: Desk, mirror: Mirror, name: str) -> None:
    deb = HOSTILE[name]
    control = {**deb.control, "Architecture": "all"}
    mirror.archive.packages = [row for row in mirror.archive.packages if row[2].name != "plain"]
    mirror.archive.add(Deb(deb.name, deb.version, "all", control, deb.data), suite="trixie")
    publish(mirror.archive, mirror.key)
    done = desk.neve("build", "-o", "out", expect=3)
    assert "plain" in done.err or "sha256:" in done.err
    assert "neve itself failed" not in done.err
    assert not (desk.directory / "out").exists()


def test_two_packages_with_one_path_stop_the_lock(desk: Desk, mirror: Mirror) -> None:
    clash = make_deb(
        "clash", architecture="all", files={"usr/share/plain/table.txt": Regular(b"mine")}
    )
    mirror.archive.add(clash, suite="trixie")
    publish(mirror.archive, mirror.key)
    desk.write("neve.yaml", RECIPE.replace("[tool, plain]", "[tool, plain, clash]"))
    done = desk.neve("lock", expect=3)
    assert "/usr/share/plain/table.txt: both plain and clash bring this path" in done.err
