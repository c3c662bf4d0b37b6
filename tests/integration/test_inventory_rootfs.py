"""Real shells and interpreters of Debian are found by what is in them, under any name."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from neve.inventory.read import read_inventory
from neve.inventory.rootfs import open_tar, read_directory
from neve.surface import Part, measure_surface
from neve.tree import Tree

pytestmark = pytest.mark.integration

PACKAGES = (
    *("bash", "dash", "mksh", "zsh", "tcsh", "busybox-static", "mawk", "gawk"),
    *("perl-base", "python3.11-minimal", "lua5.4", "dpkg", "apt"),
)
BY_CONTENT = {
    "/usr/bin/bash": "posix-shell",
    "/usr/bin/dash": "posix-shell",
    "/usr/bin/mksh": "posix-shell",
    "/usr/bin/zsh": "posix-shell",
    "/usr/bin/tcsh": "other-shell",
    "/usr/bin/busybox": "busybox-net",
    "/usr/bin/mawk": "awk",
    "/usr/bin/gawk": "awk",
    "/usr/bin/perl": "perl",
    "/usr/bin/python3.11": "python",
    "/usr/bin/lua5.4": "lua",
    "/usr/bin/apt-get": "apt",
}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("mmdebstrap") is None:
        pytest.skip("mmdebstrap is not installed")
    path = tmp_path_factory.mktemp("rootfs") / "rootfs.tar"
    command = ["mmdebstrap", "--quiet", "--variant=extract", f"--include={','.join(PACKAGES)}"]
    subprocess.run([*command, "bookworm", str(path)], check=True, timeout=300)
    return path


def test_real_programs_are_known_by_their_content(archive: Path) -> None:
    with open_tar(archive) as found:
        renamed = Tree(found.tree)
        inventory = read_inventory(renamed, found.read)
    held = {item.path.replace("/bin/", "/usr/bin/", 1) if item.path.startswith("/bin/") else
            item.path: item for item in inventory.programs}  # fmt: skip
    for path, family in BY_CONTENT.items():
        assert held[path].family == family
        by_content = ("holds", "needs", "has the symbol", "link to")
        assert held[path].evidence.startswith(by_content), held[path]
    libraries = [item.path for item in inventory.programs if ".so" in item.path]
    assert libraries == []
    assert inventory.unjudged == ()


def test_directory_and_tar_give_one_surface(archive: Path, tmp_path: Path) -> None:
    subprocess.run(
        ["tar", "-xpf", str(archive), "-C", str(tmp_path), "--exclude=./dev"], check=True
    )
    with open_tar(archive) as packed:
        first = measure_surface(read_inventory(packed.tree, packed.read))
    unpacked = read_directory(tmp_path)
    second = measure_surface(read_inventory(unpacked.tree, unpacked.read))
    parts = [part for part in Part if part not in (Part.FILES, Part.UNOWNED_FILES)]
    assert {part: first.of(part) for part in parts} == {part: second.of(part) for part in parts}
    outside = [path for path in first.of(Part.FILES).subjects if not path.startswith("/dev/")]
    assert outside == list(second.of(Part.FILES).subjects)
