"""Looking at images from the command line: any form of image, any form of report, honest exits."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from jsonschema import Draft202012Validator
from tests.support.command import Done, command

NAMES = ("\x1b[31mred\x1b[0m", "<img src=x onerror=alert(1)>", "line\nbreak", "\u202egnp.exe")
STATUS = """Package: {name}
Status: install ok installed
Version: 1.0
Architecture: amd64
Source: {name}-source

"""


def root(path: Path, *packages: str, shell: bool, names: tuple[str, ...] = ()) -> Path:
    """An unpacked root file system."""
    for directory in ("etc", "usr/bin", "var/lib/dpkg/info", "tmp"):
        (path / directory).mkdir(parents=True)
    (path / "tmp").chmod(0o1777)
    (path / "etc/os-release").write_text('ID=debian\nVERSION_ID="13"\nPRETTY_NAME="Debian 13"\n')
    (path / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (path / "etc/group").write_text("root:x:0:\n")
    text = "".join(STATUS.format(name=name) for name in packages)
    (path / "var/lib/dpkg/status").write_text(text)
    if shell:
        (path / "usr/bin/bash").write_bytes(b"#!not really\n" * 100)
        (path / "usr/bin/bash").chmod(0o4755)
    for name in names:
        (path / "etc" / name.replace("/", "_")).write_text("x")
    return path


@pytest.fixture
def images(tmp_path: Path) -> tuple[Path, Path]:
    return (
        root(tmp_path / "before", "bash", "libc6", shell=True),
        root(tmp_path / "after", "libc6", shell=False),
    )


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEVE_STORE", str(tmp_path / "store"))


def neve(*arguments: str | Path, expect: int = 0) -> Done:
    done = subprocess.run(
        command(*arguments),
        env={**os.environ, "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def schema(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = neve("schema", kind).document
    return found


def test_json_keeps_to_its_schema(images: tuple[Path, Path]) -> None:
    before, after = images
    asked: dict[str, list[str | Path]] = {
        "inventory": ["inspect", before],
        "surface": ["surface", before],
        "comparison": ["compare", before, after],
    }
    for kind, arguments in asked.items():
        done = neve(*arguments, "--format", "json")
        Draft202012Validator(schema(kind)).validate(done.document)
    packages = neve("inspect", before, "--format", "json").document["packages"]
    rows = [(p["type"], p["name"], p["version"], p["source"], p["purl"]) for p in packages]
    assert ("deb", "bash", "1.0", "bash-source") in [row[:4] for row in rows]
    assert all(row[4].startswith("pkg:deb/debian/") for row in rows)


def test_people_see_a_summary_and_what_they_ask_for(images: tuple[Path, Path]) -> None:
    before, _ = images
    assert "2: 2 deb" in neve("inspect", before).out
    assert "bash" in neve("inspect", before, "--show", "packages").out
    assert "/usr/bin/bash" in neve("surface", before, "--paths", "privileged").out
    assert "there is no such section" in neve("inspect", before, "--show", "x", expect=2).err
    assert "no such part" in neve("surface", before, "--paths", "x", expect=2).err


def test_a_comparison_can_stop_a_pipeline(images: tuple[Path, Path]) -> None:
    before, after = images
    assert neve("compare", before, after, "--fail-under", "0.1").out.startswith("worse than")
    neve("compare", before, after, "--fail-under", "0.99", expect=1)
    neve("compare", before, before, after, "--fail-under", "0.1")
    neve("compare", before, after, after, "--fail-under", "0.1", expect=1)
    assert "nothing to compare with" in neve("compare", before, expect=2).err
    shallow = neve("compare", before, after, "--depth", "packages", "--fail-under", "0", expect=3)
    assert "not known" in shallow.out


def test_an_image_that_cannot_be_read_is_no_comparison(
    images: tuple[Path, Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (broken / "index.json").write_text("{")
    done = neve("compare", images[0], broken, "--format", "json", expect=3)
    assert done.document["kind"] == "error"
    neve("inspect", tmp_path / "missing.tar", expect=2)


def test_reports_go_to_a_file_whole(images: tuple[Path, Path], tmp_path: Path) -> None:
    before, after = images
    for name in ("html", "markdown", "json", "table"):
        output = tmp_path / f"report.{name}"
        done = neve("compare", before, after, "--format", name, "-o", output)
        assert done.out == ""
        assert "/usr/bin/bash" in output.read_text()
    assert (
        neve("compare", before, after, "--format", "html").out
        == (tmp_path / "report.html").read_text()
    )
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")


def test_no_name_in_an_image_reaches_the_terminal_alive(tmp_path: Path) -> None:
    image = root(tmp_path / "image", shell=True, names=NAMES)
    asked: list[list[str | Path]] = [
        ["inspect", image, "--show", "all"],
        ["inspect", image, "--format", "json"],
        ["surface", image, "--paths", "all", "--format", "markdown"],
        ["compare", image, image, "--format", "html"],
    ]
    for arguments in asked:
        out = neve(*arguments).out
        assert not {char for char in out if not char.isprintable()} - {"\n"}


@pytest.mark.parametrize("standard", ["spdx", "cyclonedx"])
def test_an_sbom_of_any_image(standard: str, images: tuple[Path, Path], tmp_path: Path) -> None:
    output = tmp_path / "sbom.json"
    neve("sbom", images[0], "--format", standard, "-o", output)
    document = json.loads(output.read_text())
    if standard == "spdx":
        assert document["spdxVersion"] == "SPDX-2.3"
        names = {row["name"] for row in document["packages"]}
        assert "./usr/bin/bash" in {row["fileName"] for row in document["files"]}
    else:
        assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(output.read_text()) is None
        names = {row["name"] for row in document["components"]}
    assert {"bash", "libc6"} <= names
    elsewhere = tmp_path / "other" / "before"
    elsewhere.parent.mkdir()
    images[0].rename(elsewhere)
    assert json.loads(neve("sbom", elsewhere, "--format", standard).out) == document
