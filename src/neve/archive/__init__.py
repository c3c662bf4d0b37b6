"""From a keyring over a signed index to a package file."""

from neve.archive.archives import Archives
from neve.archive.failure import BrokenLinkError, Link
from neve.archive.mirrors import Mirrors
from neve.archive.types import (
    Progress,
    Silent,
    SuiteRequest,
    VerifiedArchive,
    VerifiedIndex,
)

__all__ = [
    "Archives",
    "BrokenLinkError",
    "Link",
    "Mirrors",
    "Progress",
    "Silent",
    "SuiteRequest",
    "VerifiedArchive",
    "VerifiedIndex",
]
