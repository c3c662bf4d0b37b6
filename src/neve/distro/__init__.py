"""What a distribution is: releases, suites, keys, names, paths, addresses."""

from neve.distro.find import find_distro, keyring_bytes, releases
from neve.distro.types import ArchiveHost, Release, Suite

__all__ = ["ArchiveHost", "Release", "Suite", "find_distro", "keyring_bytes", "releases"]
