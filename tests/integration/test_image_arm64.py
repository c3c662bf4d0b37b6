"""Images for a foreign architecture, made without running one program of it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.support.images import AMD64, ARM64, Image, Works

from neve.tree import Kind

pytestmark = pytest.mark.integration

AARCH64 = 183  # EM_AARCH64, elf.h
X86_64 = 62
CACHED = """\
distribution: debian
release: "13"
packages: [libc-bin, libssl3t64]
"""


@pytest.fixture(scope="module", params=["python", "nginx"])
def layout(request: pytest.FixtureRequest, works: Works) -> Path:
    return works.catalogue(request.param, AMD64, ARM64)


def machines(image: Image) -> dict[str, int]:
    """Path → machine of each ELF file."""
    found = {}
    for entry in image.tree:
        if entry.kind is Kind.FILE:
            data = image.bytes_of(entry)
            if data[:4] == b"\x7fELF":
                found[entry.path] = int.from_bytes(data[18:20], "little")
    return found


def test_every_program_and_library_is_of_its_platform(works: Works, layout: Path) -> None:
    there = machines(works.image(layout, ARM64))
    here = machines(works.image(layout, AMD64))
    assert set(there.values()) == {AARCH64}
    assert set(here.values()) == {X86_64}
    assert len(there) > 20


def test_the_index_has_both_platforms(layout: Path) -> None:
    rows = json.loads((layout / "index.json").read_bytes())["manifests"]
    tagged = {
        row["annotations"]["org.opencontainers.image.ref.name"]: row
        for row in rows
        if "annotations" in row
    }
    digest = tagged["latest"]["digest"].removeprefix("sha256:")
    index = json.loads((layout / "blobs/sha256" / digest).read_bytes())
    platforms = [(m["platform"]["os"], m["platform"]["architecture"]) for m in index["manifests"]]
    assert platforms == [("linux", "amd64"), ("linux", "arm64")]
    assert tagged["latest-arm64"]["digest"] == index["manifests"][1]["digest"]


def test_each_platform_is_verified_and_explained_by_name(works: Works, layout: Path) -> None:
    own = works.neve("verify", layout, "--format", "json")
    other = works.neve("verify", layout, "--platform", "linux/arm64", "--format", "json")
    assert json.loads(own.out)["platform"] != json.loads(other.out)["platform"]
    assert json.loads(other.out)["platform"] == "linux/arm64"
    why = works.neve("why", layout, "libc6", "--platform", "linux/arm64")
    assert "(arm64)" in why.out


def test_skopeo_chooses_the_platform(layout: Path) -> None:
    if shutil.which("skopeo") is None:
        pytest.skip("skopeo is not installed")
    for wanted in ("amd64", "arm64"):
        words = ["skopeo", "inspect", f"--override-arch={wanted}", f"oci:{layout}:latest"]
        done = subprocess.run(words, capture_output=True, check=True, timeout=60)
        assert json.loads(done.stdout)["Architecture"] == wanted


def test_both_platforms_have_the_same_packages_and_settings(works: Works, layout: Path) -> None:
    here, there = works.image(layout, AMD64), works.image(layout, ARM64)
    assert {p.name for p in there.packages} == {p.name for p in here.packages}
    assert {p.architecture for p in there.packages} == {"arm64", "all"}
    assert there.configuration["architecture"] == "arm64"
    mine, other = dict(here.settings), dict(there.settings)
    mine.pop("Labels")
    other.pop("Labels")
    assert other == mine
    assert [(e.uid, e.gid) for e in there.tree if e.path == "/home/nonroot"] == [(65532, 65532)]


def test_accounts_do_not_depend_on_the_architecture(works: Works, layout: Path) -> None:
    here, there = works.image(layout, AMD64), works.image(layout, ARM64)
    for path in ("/etc/passwd", "/etc/group", "/etc/ssl/certs/ca-certificates.crt"):
        assert there.read(path) == here.read(path), path


def test_bytecode_is_that_of_the_other_architecture(works: Works) -> None:
    """Compiled by this machine's interpreter of the same version: the same for the same source."""
    layout = works.catalogue("python", AMD64, ARM64)
    here, there = works.image(layout, AMD64), works.image(layout, ARM64)
    compiled = {e.path for e in there.tree if e.path.endswith(".pyc")}
    assert len(compiled) > 500
    shared = 0
    for path in sorted(compiled):
        source = path.replace("/__pycache__/", "/").replace(".cpython-313.pyc", ".py")
        data = there.read(path)
        mtime = int.from_bytes(data[8:12], "little")
        size = int.from_bytes(data[12:16], "little")
        assert (mtime, size) == (there.entry(source).mtime, len(there.read(source))), path
        if source in here.tree and here.read(source) == there.read(source):
            assert data == here.read(path), path
            shared += 1
    assert shared > 500


def test_the_loaders_cache_lists_the_platforms_libraries(works: Works, tmp_path: Path) -> None:
    ldconfig = shutil.which("ldconfig", path="/usr/sbin:/sbin")
    if ldconfig is None:
        pytest.skip("ldconfig is not installed")
    layout = tmp_path / "cached"
    works.build(works.recipe("cached", CACHED), layout, platforms=(AMD64, ARM64))
    for platform, kind, folder in (
        (ARM64, "libc6,AArch64", "/lib/aarch64-linux-gnu"),
        (AMD64, "libc6,x86-64", "/lib/x86_64-linux-gnu"),
    ):
        image = works.image(layout, platform)
        cache = tmp_path / platform.architecture
        cache.write_bytes(image.read("/etc/ld.so.cache"))
        words = [ldconfig, "-p", "-C", str(cache)]
        listed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        assert f"libssl.so.3 ({kind}) => {folder}/libssl.so.3" in listed
        for line in listed.splitlines()[1:]:
            if "=>" in line:
                assert kind in line
                assert image.tree.resolve(line.partition("=> ")[2]) in image.tree
