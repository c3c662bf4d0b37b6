"""Where archives are looked for: the caller, then the host's apt sources, then official hosts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neve.archive import Mirrors
from neve.archive.apt_sources import read_apt_sources
from neve.archive.mirrors import join_url
from neve.distro import find_distro
from neve.errors import HostileInputError, UsageError

DEBIAN = find_distro("debian", "13")
UBUNTU = find_distro("ubuntu", "24.04")
DEB822 = """\
Types: deb deb-src
# a comment
URIs: http://near.example.org/debian/
 http://second.example.org/debian
Suites: trixie trixie-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://near.example.org/debian-security
Suites: trixie-security
Components: main contrib

Types: deb
URIs: https://third.example.com/linux/debian
Suites: trixie
Components: main
Signed-By: /etc/apt/keyrings/third.gpg

Enabled: no
Types: deb
URIs: http://disabled.example.org/debian
Suites: trixie
Components: main
"""
ONE_LINE = """\
# deb http://commented.example.org/debian trixie main
deb [signed-by=/k/debian-archive-keyring.gpg arch=amd64] http://line.example.org/debian t main # x
deb-src http://source.example.org/debian trixie main
deb https://docker.example.com/linux/debian trixie stable
deb cdrom:[Debian]/ trixie main
deb http://[broken/debian trixie main
deb
"""


@pytest.fixture
def apt(tmp_path: Path) -> Path:
    (tmp_path / "sources.list.d").mkdir()
    return tmp_path


def _of(apt: Path, **options: object) -> Mirrors:
    return Mirrors.of_host(apt_directory=apt, **options)  # type: ignore[arg-type]


def test_official_hosts_where_nobody_said_anything(apt: Path) -> None:
    mirrors = _of(apt, release=DEBIAN)
    assert mirrors.urls("debian", "amd64") == ("http://ftp.debian.org/debian",)
    security = ("http://security.debian.org/debian-security",)
    assert mirrors.urls("debian-security", "arm64") == security


def test_the_hosts_deb822_sources_are_used(apt: Path) -> None:
    (apt / "sources.list.d/debian.sources").write_text(DEB822)
    (apt / "sources.list.d/ignored.save").write_text(DEB822.replace("near", "far"))
    mirrors = _of(apt, release=DEBIAN)
    assert mirrors.urls("debian", "amd64") == (
        "http://near.example.org/debian",
        "http://second.example.org/debian",
    )
    assert mirrors.urls("debian-security", "amd64") == ("http://near.example.org/debian-security",)


def test_the_hosts_one_line_sources_are_used(apt: Path) -> None:
    (apt / "sources.list").write_text(ONE_LINE)
    assert _of(apt, release=DEBIAN).urls("debian", "amd64") == ("http://line.example.org/debian",)


def test_the_caller_comes_first(apt: Path) -> None:
    (apt / "sources.list.d/debian.sources").write_text(DEB822)
    mirrors = _of(apt, release=DEBIAN, overrides={"debian": ["https://mine/debian/"]})
    assert mirrors.urls("debian", "amd64") == ("https://mine/debian",)
    assert "near" in mirrors.urls("debian-security", "amd64")[0]


def test_ubuntu_ports_have_a_host_of_their_own(apt: Path) -> None:
    mirrors = _of(apt, release=UBUNTU)
    assert mirrors.urls("ubuntu", "amd64") == ("http://archive.ubuntu.com/ubuntu",)
    assert mirrors.urls("ubuntu", "arm64") == ("http://ports.ubuntu.com/ubuntu-ports",)
    assert len(mirrors.urls("ubuntu", "all")) == 2
    mine = _of(apt, release=UBUNTU, overrides={"ubuntu-ports": ["http://mine/ports"]})
    assert mine.urls("ubuntu", "arm64") == ("http://mine/ports",)
    assert mine.urls("ubuntu", "amd64") == ("http://archive.ubuntu.com/ubuntu",)
    one = _of(apt, release=UBUNTU, overrides={"ubuntu": ["http://mine/all"]})
    assert one.urls("ubuntu", "arm64") == one.urls("ubuntu", "amd64") == ("http://mine/all",)


def test_a_recipes_repository_may_be_moved_by_the_caller(apt: Path) -> None:
    repositories = {"internal": "https://repo.example.org/apt/"}
    assert _of(apt, repositories=repositories).urls("internal", "amd64") == (
        "https://repo.example.org/apt",
    )
    moved = _of(apt, repositories=repositories, overrides={"internal": ["http://near/apt"]})
    assert moved.urls("internal", "amd64") == ("http://near/apt",)
    with pytest.raises(UsageError, match="unknown"):
        _of(apt).urls("unknown", "amd64")


def test_snapshots(apt: Path) -> None:
    mirrors = _of(apt, release=DEBIAN)
    at = "20261101T000000Z"
    base = f"https://snapshot.debian.org/archive/debian/{at}"
    assert mirrors.snapshot_urls("debian", at) == (base,)
    assert mirrors.snapshot_apis("debian") == ("https://snapshot.debian.org",)
    assert mirrors.snapshot_urls("internal", at) == ()
    assert _of(apt, release=UBUNTU).snapshot_urls("ubuntu", at) == (
        f"https://snapshot.ubuntu.com/ubuntu/{at}",
    )
    near = _of(apt, release=DEBIAN, overrides={"snapshot": ["http://near/"]})
    assert near.snapshot_urls("debian", at) == (f"http://near/archive/debian/{at}",)


@given(st.binary(max_size=300), st.sampled_from(["x.list", "x.sources"]))
def test_odd_source_files_harm_nobody(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str
) -> None:
    directory = tmp_path_factory.mktemp("apt")
    (directory / "sources.list.d").mkdir()
    (directory / "sources.list.d" / name).write_bytes(data)
    for source in read_apt_sources(directory):
        assert source.url.startswith(("http://", "https://"))


def test_paths_are_quoted() -> None:
    path = "pool/main/g/g++/g++_4%3a1.0~rc1+b1_amd64.deb"
    assert join_url("http://h/debian", path) == (
        "http://h/debian/pool/main/g/g++/g++_4%253a1.0~rc1+b1_amd64.deb"
    )


@pytest.mark.parametrize("path", ["", "/x", "x/", "a//b", "a/../b", "..", "a/./b", "a\nb", "a\0b"])
def test_paths_that_lead_out_are_refused(path: str) -> None:
    with pytest.raises(HostileInputError):
        join_url("http://h/debian", path)
