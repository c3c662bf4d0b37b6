"""The same lock gives the same digest, wherever and by whomever it is built."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.support.archive import ArchiveBuilder, SigningKey, serve
from tests.support.command import Desk, command

NOBODY = 65534


@dataclass(frozen=True)
class Reference:
    """A desk with a lock, and what building it gave first."""

    desk: Desk
    digest: str
    zstd: str


@pytest.fixture(scope="module")
def reference(
    small_archive: tuple[ArchiveBuilder, SigningKey], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Reference]:
    archive, key = small_archive
    with serve(archive.root) as server:
        desk = Desk.lay(tmp_path_factory.mktemp("same") / "desk", server, key)
        desk.neve("lock", env={"TZ": "UTC", "PYTHONHASHSEED": "0"})
        digest = desk.build(env={"TZ": "UTC", "PYTHONHASHSEED": "0"})
        yield Reference(desk, digest, desk.build("zstd", "--compression", "zstd"))


@dataclass(frozen=True)
class Circumstance:
    """How a build differs from the reference."""

    environment: Mapping[str, str] = field(default_factory=dict)
    wrapped: Sequence[str] = ()
    arguments: Sequence[str] = ()


CIRCUMSTANCES = {
    "far time zone, Turkish, hash seed 1": Circumstance(
        {"TZ": "Pacific/Kiritimati", "LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "1"}
    ),
    "west of Greenwich, C locale, hash seed 4242": Circumstance(
        {"TZ": "America/Los_Angeles", "LC_ALL": "C", "PYTHONHASHSEED": "4242"}
    ),
    "a strict umask": Circumstance(wrapped=("sh", "-c", 'umask 077; exec "$@"', "sh")),
    "an open umask": Circumstance(wrapped=("sh", "-c", 'umask 000; exec "$@"', "sh")),
    "one thread": Circumstance({"NEVE_JOBS": "1"}),
    "many threads": Circumstance({"NEVE_JOBS": "9"}),
    "Python's bytecode caches off, optimised": Circumstance(
        {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONOPTIMIZE": "2"}
    ),
}


@pytest.mark.parametrize("name", CIRCUMSTANCES)
def test_cold_build_gives_the_same_digest_under(
    name: str, reference: Reference, tmp_path: Path
) -> None:
    there = CIRCUMSTANCES[name]
    environment = {**there.environment, "NEVE_STORE": str(tmp_path / "store")}
    digest = reference.desk.build(
        str(tmp_path / "out"), *there.arguments, env=environment, wrapped=there.wrapped
    )
    assert digest == reference.digest


def test_warm_build_gives_the_same_digest(reference: Reference) -> None:
    assert reference.desk.build("warm") == reference.digest


def test_layers_made_from_a_half_warm_store_are_the_same(reference: Reference) -> None:
    """Packages and their facts are there, the image and its layers are not."""
    store = Path(reference.desk.environment["NEVE_STORE"])
    half = store.parent / "half"
    shutil.copytree(store, half)
    shutil.rmtree(half / "actions")
    assert reference.desk.build("half-out", env={"NEVE_STORE": str(half)}) == reference.digest


def test_another_directory_and_home(reference: Reference, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere" / "deeper"
    shutil.copytree(
        reference.desk.directory, place, ignore=shutil.ignore_patterns("store", "out*", "home")
    )
    shutil.move(place / "neve.toml", tmp_path)
    environment = {"NEVE_STORE": str(tmp_path / "store"), "HOME": str(tmp_path)}
    done = reference.desk.neve(
        *("build", "elsewhere/deeper", "-o", "relative", "--format", "json"),
        env=environment,
        cwd=tmp_path,
    )
    assert done.document["root"] == reference.digest
    assert (tmp_path / "relative" / "index.json").is_file()


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is not installed")
def test_another_user_with_a_store_of_its_own(reference: Reference) -> None:
    dropped = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    reach = subprocess.run([*dropped, *command("--version")], capture_output=True, check=False)
    if reach.returncode != 0:
        pytest.skip("another user can't read this checkout or its interpreter")
    place = Path(tempfile.mkdtemp(prefix="neve-nobody-"))
    try:
        shutil.copytree(
            reference.desk.directory,
            place / "desk",
            ignore=shutil.ignore_patterns("store", "half", "out*", "warm", "zstd", "home"),
        )
        for path in (place, *place.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        done = reference.desk.neve(
            *("build", "-o", place / "out", "--format", "json"),
            env={"NEVE_STORE": str(place / "store"), "HOME": str(place)},
            cwd=place / "desk",
            wrapped=dropped,
        )
        assert done.document["root"] == reference.digest
        assert (place / "out").stat().st_uid == NOBODY
    finally:
        shutil.rmtree(place)


def test_zstd_is_reproducible_too_and_another_image(reference: Reference, tmp_path: Path) -> None:
    environment = {"NEVE_STORE": str(tmp_path / "store"), "NEVE_JOBS": "1", "TZ": "Asia/Tokyo"}
    out = str(tmp_path / "out")
    assert reference.desk.build(out, "--compression", "zstd", env=environment) == reference.zstd
    assert reference.zstd != reference.digest


def test_the_lock_itself_is_the_same_bytes(reference: Reference, tmp_path: Path) -> None:
    again = tmp_path / "again.lock"
    reference.desk.neve(
        *("lock", "-o", again),
        env={
            "NEVE_STORE": str(tmp_path / "store"),
            "TZ": "Asia/Kathmandu",
            "LC_ALL": "C",
            "PYTHONHASHSEED": "99",
        },
        wrapped=("sh", "-c", 'umask 077; exec "$@"', "sh"),
    )
    assert again.read_bytes() == (reference.desk.directory / "neve.lock").read_bytes()


def test_a_build_without_a_lock_gives_what_its_lock_would(
    reference: Reference, tmp_path: Path
) -> None:
    """All but the label that names the lock: a lone build locks its one target alone."""
    desk = reference.desk
    place = tmp_path / "unlocked"
    place.mkdir()
    for name in ("neve.yaml", "neve.toml", "corp.pgp"):
        shutil.copy(desk.directory / name, place / name)
    built = desk.neve("build", "-o", "out", "--format", "json", cwd=place).document
    locked = desk.neve("build", "-o", "locked", "--format", "json").document
    assert built["locked"] is False
    assert locked["locked"] is True
    assert built["platforms"][0]["facts"] == locked["platforms"][0]["facts"]


def test_verify_builds_it_again_and_compares(reference: Reference) -> None:
    done = reference.desk.neve("verify", "--rebuild", "out", "--format", "json")
    verdicts = {check["rule"]: check["verdict"]["state"] for check in done.document["checks"]}
    assert verdicts["rebuild"] == "pass"
    assert set(verdicts.values()) == {"pass"}
