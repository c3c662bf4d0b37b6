"""Which link of the chain of trust broke, as an error."""

from __future__ import annotations

from enum import StrEnum

from neve.errors import TrustError


class Link(StrEnum):
    """The links from a keyring to a package."""

    KEYRING = "keyring"
    SIGNATURE = "signature"
    SIGNER = "signer"
    RELEASE = "release"
    NAME = "name"
    DATE = "date"
    EXPIRY = "expiry"
    DOWNGRADE = "downgrade"
    INDEX = "index"
    PACKAGE = "package"


class BrokenLinkError(TrustError):
    """One link from keyring to package did not hold: ``link`` says which."""

    def __init__(
        self, link: Link, brief: str, *, resolution: str, details: tuple[str, ...] = ()
    ) -> None:
        super().__init__(brief, resolution=resolution, details=details)
        self.link = link
