"""What syft, a scanner of another house, finds in built images: every package, with its source."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.support.images import Image, Works

pytestmark = pytest.mark.integration


def syft(source: str) -> dict[str, Any]:
    """syft's own report of ``source``."""
    program = shutil.which("syft", path=str(Path(sys.executable).parent)) or shutil.which("syft")
    if program is None:
        pytest.skip("syft is not installed")
    done = subprocess.run(
        [program, "scan", source, "-q", "-o", "syft-json"],
        env={**os.environ, "SYFT_CHECK_FOR_APP_UPDATE": "false"},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def plain_layout(layout: Path, directory: Path) -> Path:
    """The image alone, as a copy by tag leaves it: before 2026 syft took no other layout."""
    if shutil.which("skopeo") is None:
        pytest.skip("skopeo is not installed")
    words = ["skopeo", "--insecure-policy", "copy", "-q"]
    subprocess.run([*words, f"oci:{layout}:latest", f"oci:{directory}:latest"], check=True)
    return directory


def found(report: dict[str, Any]) -> list[tuple[str, str, str, str, str]]:
    """Name, version, architecture, source and its version of each Debian package."""
    rows = []
    for artifact in report["artifacts"]:
        if artifact["type"] == "deb":
            data = artifact["metadata"]
            source = data.get("source") or artifact["name"]
            source_version = data.get("sourceVersion") or artifact["version"]
            name, version = artifact["name"], artifact["version"]
            rows.append((name, version, data["architecture"], source, source_version))
    return sorted(rows)


def locked(image: Image) -> list[tuple[str, str, str, str, str]]:
    """The same of the lock."""
    return sorted(
        (p.name, p.version, p.architecture, p.source, p.source_version) for p in image.packages
    )


@pytest.mark.parametrize("name", ["static", "python", "postgres"])
def test_syft_finds_every_package_with_its_source(works: Works, tmp_path: Path, name: str) -> None:
    layout = works.catalogue(name)
    report = syft(f"oci-dir:{plain_layout(layout, tmp_path / 'plain')}")
    assert found(report) == locked(works.image(layout))
    assert report["distro"]["id"] == "debian"
    assert report["distro"]["versionID"] == "13"
    for artifact in report["artifacts"]:
        assert "distro=debian-13" in artifact["purl"] or artifact["type"] != "deb"


def test_syft_names_the_owner_of_files(works: Works, tmp_path: Path) -> None:
    """The md5sums that the image keeps tell a scanner which package a file belongs to."""
    layout = works.catalogue("python")
    report = syft(f"oci-dir:{plain_layout(layout, tmp_path / 'plain')}")
    files = {
        row["path"]: artifact["name"]
        for artifact in report["artifacts"]
        if artifact["type"] == "deb"
        for row in artifact["metadata"].get("files") or []
    }
    record = works.image(layout).record
    assert files["/usr/bin/python3.13"] == "python3.13-minimal"
    for path, owner in files.items():
        entry = record.paths.get(path)
        assert entry is None or owner in entry.owners, path


def test_syft_reads_a_docker_archive(works: Works, tmp_path: Path) -> None:
    archive = tmp_path / "python.tar"
    works.build("catalogue/debian-13/python.yaml", archive, "--image-format", "docker-archive")
    report = syft(f"docker-archive:{archive}")
    assert found(report) == locked(works.image(works.catalogue("python")))


def test_syft_reads_the_other_architecture(works: Works, tmp_path: Path) -> None:
    from tests.support.images import ARM64

    layout = works.catalogue("static", ARM64)
    report = syft(f"oci-dir:{plain_layout(layout, tmp_path / 'plain')}")
    assert found(report) == locked(works.image(layout, ARM64))
