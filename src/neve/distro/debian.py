"""Debian: releases, suites, signing keys and mirrors (base-files, debian-archive-keyring)."""

from __future__ import annotations

from datetime import date

from neve.distro.types import (
    LINUX_ARCHITECTURES,
    MERGED_USR,
    TRIPLETS,
    ArchiveHost,
    Release,
    Suite,
)

_KEYRING = "debian-archive.pgp"
_AUTOMATIC_12 = "B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8"
_AUTOMATIC_13 = "04B54C3CDCA79751B16BC6B5225629DF75B188BD"
_SECURITY_12 = "05AB90340C0C5E797F44A8C8254CF3B5AEC0A8F0"
_SECURITY_13 = "5E04A1E3223A19A20706E20F9904613D4CCE68C6"
_STABLE_12 = "4D64FEC119C2029067D6E791F8D2585B8783D481"
_STABLE_13 = "41587F7DB8C774BCCF131416762F67A0B2C39DE4"

# Debian signs each suite with the automatic keys of two neighbouring releases.
_AUTOMATIC = (_AUTOMATIC_12, _AUTOMATIC_13)
_SECURITY = (_SECURITY_12, _SECURITY_13)

_HOSTS = (
    ArchiveHost(
        alias="debian",
        name="debian",
        urls=("http://ftp.debian.org/debian",),
        snapshot="https://snapshot.debian.org/archive/debian/{timestamp}",
        snapshot_api="https://snapshot.debian.org",
    ),
    ArchiveHost(
        alias="debian-security",
        name="debian-security",
        urls=("http://security.debian.org/debian-security",),
        snapshot="https://snapshot.debian.org/archive/debian-security/{timestamp}",
        snapshot_api="https://snapshot.debian.org",
    ),
)


def _suites(codename: str, stable: str) -> tuple[Suite, ...]:
    def suite(role: str, suffix: str, *, origin: str, signers: tuple[str, ...]) -> Suite:
        security = role == "security"
        return Suite(
            role=role,
            alias="debian-security" if security else "debian",
            suite=codename + suffix,
            codename=codename + suffix,
            signers=signers,
            keyring=_KEYRING,
            origin=origin,
            label="Debian-Security" if security else origin,
            default=role != "backports",
        )

    return (
        suite("main", "", origin="Debian", signers=(*_AUTOMATIC, stable)),
        suite("updates", "-updates", origin="Debian", signers=_AUTOMATIC),
        suite("security", "-security", origin="Debian", signers=_SECURITY),
        suite("backports", "-backports", origin="Debian Backports", signers=_AUTOMATIC),
    )


DEBIAN_12 = Release(
    id="debian",
    version="12",
    codename="bookworm",
    title="Debian 12 (bookworm)",
    suites=_suites("bookworm", _STABLE_12),
    hosts=_HOSTS,
    architectures=tuple(pair for pair in LINUX_ARCHITECTURES if pair[1] != "riscv64"),
    triplets=TRIPLETS,
    aliases=MERGED_USR,
    # base-files still ships /bin and the others as directories: the installer makes the links.
    alias_owner=None,
    eol=date(2028, 6, 30),
)

DEBIAN_13 = Release(
    id="debian",
    version="13",
    codename="trixie",
    title="Debian 13 (trixie)",
    suites=_suites("trixie", _STABLE_13),
    hosts=_HOSTS,
    architectures=LINUX_ARCHITECTURES,
    triplets=TRIPLETS,
    aliases=MERGED_USR,
    alias_owner="base-files",
    eol=date(2030, 6, 30),
)

RELEASES = (DEBIAN_12, DEBIAN_13)
