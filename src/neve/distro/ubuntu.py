"""Ubuntu: releases, suites, signing key, archive layout (ubuntu-keyring, archive.ubuntu.com)."""

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

_AUTOMATIC_2018 = "F6ECB3762474EDA9D21B7022871920D1991BC93C"
_SNAPSHOT = "https://snapshot.ubuntu.com/ubuntu/{timestamp}"
_HOSTS = (
    ArchiveHost(
        alias="ubuntu",
        name="ubuntu",
        urls=("http://archive.ubuntu.com/ubuntu",),
        architectures=("amd64", "i386"),
        snapshot=_SNAPSHOT,
    ),
    ArchiveHost(
        alias="ubuntu",
        name="ubuntu-ports",
        urls=("http://ports.ubuntu.com/ubuntu-ports",),
        snapshot=_SNAPSHOT,
    ),
)


def _release(version: str, codename: str, name: str, *, owner: str | None, eol: date) -> Release:
    def suite(role: str, suffix: str) -> Suite:
        return Suite(
            role=role,
            alias="ubuntu",
            suite=codename + suffix,
            # Every pocket's Release file names the series alone.
            codename=codename,
            signers=(_AUTOMATIC_2018,),
            keyring="ubuntu-archive.pgp",
            origin="Ubuntu",
            label="Ubuntu",
            components=("main", "universe"),
            default=role != "backports",
        )

    return Release(
        id="ubuntu",
        version=version,
        codename=codename,
        title=f"Ubuntu {version} ({name})",
        suites=(
            suite("main", ""),
            suite("updates", "-updates"),
            suite("security", "-security"),
            suite("backports", "-backports"),
        ),
        hosts=_HOSTS,
        architectures=tuple(pair for pair in LINUX_ARCHITECTURES if pair[1] != "i386"),
        triplets=TRIPLETS,
        aliases=MERGED_USR,
        alias_owner=owner,
        eol=eol,
    )


UBUNTU_2204 = _release("22.04", "jammy", "Jammy Jellyfish", owner=None, eol=date(2027, 6, 1))
UBUNTU_2404 = _release("24.04", "noble", "Noble Numbat", owner="base-files", eol=date(2029, 5, 31))
UBUNTU_2604 = _release(
    "26.04", "resolute", "Resolute Raccoon", owner="base-files", eol=date(2031, 4, 30)
)

RELEASES = (UBUNTU_2204, UBUNTU_2404, UBUNTU_2604)
