"""The built wheel, installed alone, is the whole tool: data inside, and no Linux needed to lock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.support.archive import ArchiveBuilder, SigningKey, serve
from tests.support.command import Desk

ROOT = Path(__file__).parents[2]

BLOCKED = ("fcntl", "grp", "pwd", "resource", "termios", "tty", "pty", "syslog", "spwd", "crypt")
"""What Python has on Linux and not on Windows (docs.python.org, "Unix-specific services")."""

MISSING = (
    *("chown", "fchown", "lchown", "fork", "forkpty", "geteuid", "getuid", "getegid", "getgid"),
    *("getgroups", "getloadavg", "mkfifo", "mknod", "sched_getaffinity", "statvfs"),
    *("setuid", "setgid", "setsid", "killpg", "posix_fallocate", "fdatasync", "sendfile"),
)
"""Functions of ``os`` that Windows lacks."""

ELSEWHERE = f"""
import sys, os

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name in {BLOCKED!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

for name in {BLOCKED!r}:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Blocked())
for name in {MISSING!r}:
    if hasattr(os, name):
        delattr(os, name)
"""


@dataclass(frozen=True)
class Installed:
    """A virtual environment with the wheel in it."""

    wheel: Path
    directory: Path

    @property
    def neve(self) -> Path:
        """The command that installing made."""
        return self.directory / "bin" / "neve"

    def run(self, *words: str | Path, expect: int = 0) -> str:
        """Run the installed command far from the checkout."""
        done = subprocess.run(
            [self.neve, *map(str, words)],
            cwd=self.directory,
            env={"PATH": os.defpath, "HOME": str(self.directory)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout


def build_line(target: Path) -> list[str]:
    """The command that writes the wheel of this checkout into ``target``."""
    line = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    return [*line, "-o", str(target), str(ROOT)]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel of this checkout in a fresh environment; dependencies come from this one."""
    place = tmp_path_factory.mktemp("wheel")
    subprocess.run(build_line(place / "dist"), check=True, capture_output=True)
    (wheel,) = (place / "dist").glob("*.whl")
    target = place / "venv"
    venv.create(target, with_pip=False)
    pip = [sys.executable, "-m", "pip", "--python", str(target / "bin" / "python")]
    subprocess.run(
        [*pip, "install", "-q", "--no-deps", "--no-index", "--disable-pip-version-check", wheel],
        check=True,
        capture_output=True,
    )
    site = next(target.glob("lib/python*/site-packages"))
    # A plain line adds the directory and does not read its .pth files: the checkout stays out.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return Installed(wheel, target)


def test_the_wheel_holds_all_the_data(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as wheel:
        names = set(wheel.namelist())
    for kind, suffix in (
        ("neve/catalogue/debian-13/", ".yaml"),
        ("neve/catalogue/debian-12/", ".yaml"),
        ("neve/keyrings/", ".pgp"),
        ("neve/effects/database/", ""),
        ("neve/recipe/schema/", ".json"),
        ("neve/contract/", ".json"),
    ):
        shipped = {n for n in names if n.startswith(kind) and n.endswith(suffix)}
        assert shipped, kind
    tracked = subprocess.run(
        ["git", "ls-files", "src/neve"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if tracked.returncode == 0:
        wanted = {path.removeprefix("src/") for path in tracked.stdout.split()}
        assert wanted - names == {p for p in wanted if not (ROOT / "src" / p).exists()}
    assert not [n for n in names if "__pycache__" in n or n.endswith((".orig", ".rej"))]


def test_the_wheel_is_reproducible(installed: Installed, tmp_path: Path) -> None:
    environment = {**os.environ, "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7"}
    subprocess.run(build_line(tmp_path), check=True, capture_output=True, env=environment)
    assert (tmp_path / installed.wheel.name).read_bytes() == installed.wheel.read_bytes()


def test_the_installed_tool_is_the_wheel(installed: Installed) -> None:
    where = subprocess.run(
        [installed.directory / "bin" / "python", "-c", "import neve; print(neve.__file__)"],
        cwd=installed.directory,
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(installed.directory) in where.stdout


def test_its_commands_find_their_data(installed: Installed, tmp_path: Path) -> None:
    assert "catalogue/debian-13/python.yaml" in installed.run("catalogue").splitlines()
    for name in ("recipe", "lock", "contract"):
        assert json.loads(installed.run("schema", name))["$schema"]
    installed.run("effects", "list", "--format", "json")
    installed.run("init", tmp_path / "new", "--kind", "base")
    assert (tmp_path / "new" / "neve.yaml").is_file()


def test_its_dependencies_are_those_that_are_pinned() -> None:
    """Whoever installs the wheel gets ranges that the pinned versions lie in."""
    from importlib.metadata import requires, version

    from packaging.requirements import Requirement

    pinned = (ROOT / "requirements" / "runtime.txt").read_text().lower()
    for text in requires("neve") or []:
        wanted = Requirement(text)
        if wanted.marker is None:
            assert version(wanted.name) in wanted.specifier
            assert f"=={version(wanted.name)} " in pinned, text


@pytest.fixture(scope="module")
def elsewhere(
    installed: Installed,
    small_archive: tuple[ArchiveBuilder, SigningKey],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Any]:
    """The wheel on a Python without Linux's own modules and functions, at a desk."""
    site = next(installed.directory.glob("lib/python*/site-packages"))
    (site / "sitecustomize.py").write_text(ELSEWHERE)
    archive, key = small_archive
    with serve(archive.root) as server:
        desk = Desk.lay(tmp_path_factory.mktemp("elsewhere") / "desk", server, key)

        def neve(*words: str, expect: int = 0) -> str:
            done = subprocess.run(
                [installed.neve, *words],
                cwd=desk.directory,
                env=desk.environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == expect, done.stdout + done.stderr
            return done.stdout

        neve("lock")
        neve("build", "-o", "out")
        yield neve, desk
    (site / "sitecustomize.py").unlink()


def test_the_modules_really_are_missing(elsewhere: Any, installed: Installed) -> None:
    for name in BLOCKED:
        done = subprocess.run(
            [installed.directory / "bin" / "python", "-c", f"import {name}"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "ModuleNotFoundError" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("lock", "--update"),
        ("build", "-o", "again"),
        ("build", "-o", "both", "--platform", "linux/amd64,linux/arm64", "--compression", "zstd"),
        ("build", "-o", "image.tar", "--image-format", "docker-archive"),
        ("plan",),
        ("why", "out", "/etc/passwd"),
        ("why", ".", "tool"),
        ("diff", "out", "neve.yaml"),
        ("verify", "--rebuild", "out"),
        ("add", "env", "A=b", "--dry-run"),
        ("catalogue",),
        ("schema", "recipe"),
        ("store", "verify"),
        ("config", "show", "--origin"),
        ("--help",),
    ],
    ids=" ".join,
)
def test_without_linux_works(elsewhere: Any, words: tuple[str, ...]) -> None:
    neve, _ = elsewhere
    assert neve(*words)


def test_without_linux_the_bytes_are_the_same(elsewhere: Any, tmp_path: Path) -> None:
    _, desk = elsewhere
    here = desk.neve(
        *("build", "-o", tmp_path / "here", "--store", tmp_path / "store", "--format", "json")
    )
    assert here.document["root"] in (desk.directory / "out" / "index.json").read_text()


def test_without_linux_running_an_image_says_what_is_missing(elsewhere: Any) -> None:
    _, desk = elsewhere
    (desk.directory / "contract.yaml").write_text(
        "schema_version: 1\nabsent: [/usr/bin/dash]\n", encoding="utf-8"
    )
    environment = {**desk.environment, "PATH": "/nonexistent"}
    done = subprocess.run(
        [sys.executable, "-m", "neve", "test", "out", "--contract", "contract.yaml"],
        cwd=desk.directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
