"""Facts about distributions, checked against the keyrings shipped with them."""

from __future__ import annotations

import re
from datetime import date

import pysequoia
import pytest

from neve.distro import Release, find_distro, keyring_bytes, releases
from neve.errors import UsageError
from neve.model import Platform

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")


def _ids(release: Release) -> str:
    return f"{release.id}-{release.version}"


every_release = pytest.mark.parametrize("release", releases(), ids=_ids)


@pytest.mark.parametrize(
    ("name", "word", "title"),
    [
        ("debian", "13", "Debian 13 (trixie)"),
        ("debian", "trixie", "Debian 13 (trixie)"),
        ("debian", "12", "Debian 12 (bookworm)"),
        ("debian", "bookworm", "Debian 12 (bookworm)"),
        ("ubuntu", "24.04", "Ubuntu 24.04 (Noble Numbat)"),
        ("ubuntu", "jammy", "Ubuntu 22.04 (Jammy Jellyfish)"),
    ],
)
def test_a_release_is_found_by_version_or_codename(name: str, word: str, title: str) -> None:
    assert find_distro(name, word).title == title


@pytest.mark.parametrize(
    ("name", "word", "hint"),
    [("debain", "13", "'debian'"), ("debian", "trixi", "'trixie'"), ("debian", "99", "bookworm")],
)
def test_a_mistake_gets_a_suggestion(name: str, word: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_distro(name, word)
    assert hint in caught.value.resolution


@every_release
def test_every_signer_is_in_its_keyring_and_fit(release: Release) -> None:
    for suite in release.suites:
        certs = pysequoia.Cert.split_bytes(keyring_bytes(suite.keyring))
        known = {cert.fingerprint.upper(): cert for cert in certs}
        assert suite.signers
        for signer in suite.signers:
            assert not known[signer].is_revoked


@every_release
def test_every_suite_is_complete(release: Release) -> None:
    assert [suite.role for suite in release.suites] == ["main", "updates", "security", "backports"]
    assert [suite.default for suite in release.suites] == [True, True, True, False]
    for suite in release.suites:
        assert suite.suite.startswith(release.codename)
        assert release.suite(suite.role) is suite
        assert release.suite(suite.suite) is suite
        for architecture in ("amd64", "arm64"):
            host = release.host(suite.alias, architecture)
            assert host is not None
            assert all(re.fullmatch(r"https?://[^/]+/[^/]+", url) for url in host.urls)
            assert host.urls[0].endswith(f"/{host.name}")
    with pytest.raises(UsageError, match="testing"):
        release.suite("testing")
    assert release.host("elsewhere", "amd64") is None


@every_release
def test_architectures_have_triplets_and_links(release: Release) -> None:
    assert release.architecture(AMD64) == "amd64"
    assert release.architecture(ARM64) == "arm64"
    assert release.triplet("amd64") == "x86_64-linux-gnu"
    assert release.triplet("arm64") == "aarch64-linux-gnu"
    for _, architecture in release.architectures:
        assert release.triplet(architecture)
    assert dict(release.alias_links("amd64")) == {
        "/bin": "usr/bin",
        "/lib": "usr/lib",
        "/sbin": "usr/sbin",
        "/lib64": "usr/lib64",
    }
    assert "/lib64" not in dict(release.alias_links("arm64"))
    with pytest.raises(UsageError, match="linux/mips"):
        release.architecture(Platform("linux", "mips"))
    assert release.eol > date(2026, 1, 1)


def test_ubuntu_keeps_other_architectures_elsewhere() -> None:
    noble = find_distro("ubuntu", "noble")
    for architecture, name in (("amd64", "ubuntu"), ("arm64", "ubuntu-ports")):
        host = noble.host("ubuntu", architecture)
        assert host is not None
        assert host.name == name


def test_debian_security_is_signed_by_keys_of_its_own() -> None:
    for release in releases():
        if release.id == "debian":
            assert not set(release.suite("security").signers) & set(release.suite("main").signers)
