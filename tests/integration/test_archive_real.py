"""The live archives of Debian 12 and 13: every suite verifies, and apt sees the same names."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from neve.archive import Archives, Mirrors, SuiteRequest, VerifiedArchive
from neve.distro import find_distro
from neve.formats.deb import PackagesIndex
from neve.model import Digest
from neve.net import HttpClient, NetSettings, NetworkError
from neve.recipe.lock import LockedPackage
from neve.store import Store

pytestmark = pytest.mark.integration
ARCHITECTURES = ["amd64", "arm64"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store.open(tmp_path_factory.mktemp("store")) as opened:
        yield opened


def _archives(store: Store, release: str, *, max_age: int = 0) -> Archives:
    return Archives(
        store=store,
        client=HttpClient(NetSettings.from_environment(os.environ)),
        mirrors=Mirrors.of_host(release=find_distro("debian", release)),
        clock=int(time.time()),
        max_age=max_age,
    )


def _read(store: Store, release: str, *, max_age: int = 0) -> tuple[VerifiedArchive, ...]:
    requests = [SuiteRequest.of(suite) for suite in find_distro("debian", release).suites]
    try:
        return _archives(store, release, max_age=max_age).indexes(requests, ARCHITECTURES)
    except NetworkError as error:
        pytest.skip(f"no archive can be reached: {error.brief}")


@pytest.mark.parametrize("release", ["12", "13"])
def test_every_suite_verifies(store: Store, release: str) -> None:
    archives = _read(store, release)
    assert [a.locked.id.partition(":")[0] for a in archives] == [
        "debian",
        "debian",
        "debian-security",
        "debian",
    ]
    for suite, archive in zip(find_distro("debian", release).suites, archives, strict=True):
        assert set(archive.locked.signers) <= set(suite.signers)
        assert [index.locked.architecture for index in archive.indexes] == ARCHITECTURES
        assert (archive.not_automatic, archive.but_automatic_upgrades) == (
            (True, True) if suite.role == "backports" else (False, False)
        )
    names = set(PackagesIndex.parse(store.mapped(archives[0].indexes[0].data)).names)
    assert {"libc6", "python3", "base-files"} <= names
    assert len(names) > 50_000


def test_warm_indexes_are_verified_again_within_a_second(store: Store) -> None:
    _read(store, "13")
    began = time.perf_counter()
    first = _read(store, "13", max_age=3600)
    assert time.perf_counter() - began < 1.0
    assert first == _read(store, "13", max_age=3600)


def test_a_real_package_arrives(store: Store) -> None:
    archives = _read(store, "13", max_age=3600)
    index = archives[0].indexes[0]
    (package,) = PackagesIndex.parse(store.mapped(index.data)).get("base-files")
    locked = LockedPackage(
        name=package.name,
        version=package.version,
        architecture=package.architecture,
        digest=package.digest,
        size=package.size,
        installed_size=package.installed_size,
        path=package.filename,
        source=package.source,
        source_version=package.source_version,
        archive=archives[0].locked.id,
        index=index.locked.digest,
        section=package.section,
        because=(),
    )
    _archives(store, "13").fetch([locked], [archives[0].locked])
    assert len(store.read(package.digest)) == package.size


def test_apt_sees_the_same_names(store: Store, tmp_path: Path) -> None:
    if shutil.which("apt-get") is None:
        pytest.skip("apt is not here")
    archives = _read(store, "12", max_age=3600)
    mirrors = Mirrors.of_host(release=find_distro("debian", "12"))
    for part in ("lists/partial", "cache/archives/partial", "etc"):
        (tmp_path / part).mkdir(parents=True)
    (tmp_path / "status").touch()
    keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    if not keyring.exists():
        pytest.skip("debian-archive-keyring is not installed")
    url = mirrors.urls("debian", "amd64")[0]
    (tmp_path / "sources.list").write_text(f"deb [signed-by={keyring}] {url} bookworm main\n")
    options = [
        f"Dir::State::Lists={tmp_path / 'lists'}",
        f"Dir::State::status={tmp_path / 'status'}",
        f"Dir::Cache={tmp_path / 'cache'}",
        f"Dir::Etc::SourceList={tmp_path / 'sources.list'}",
        f"Dir::Etc::SourceParts={tmp_path / 'etc'}",
        "APT::Architecture=amd64",
        "APT::Architectures=amd64",
        "Acquire::Languages=none",
        "APT::Sandbox::User=root",
        "APT::Update::Post-Invoke=",
    ]
    flags = [word for option in options for word in ("-o", option)]
    subprocess.run(["apt-get", *flags, "-qq", "update"], check=True, capture_output=True)
    listed = subprocess.run(
        ["apt-cache", *flags, "dumpavail"], check=True, capture_output=True, text=True
    ).stdout
    theirs = set(re.findall(r"^Package: (\S+)$", listed, re.MULTILINE))
    ours = set(PackagesIndex.parse(store.mapped(archives[0].indexes[0].data)).names)
    assert ours == theirs
    assert isinstance(archives[0].locked.release, Digest)
