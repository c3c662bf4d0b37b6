"""What is asked of archives and what they answer, as frozen data."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Protocol

from neve.distro import Suite, keyring_bytes
from neve.errors import UsageError
from neve.model import Digest
from neve.recipe.lock import LockedArchive, LockedIndex

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._~-]*(/[A-Za-z0-9][A-Za-z0-9+._~-]*)*")
_SNAPSHOT = re.compile(r"[0-9]{8}T[0-9]{6}Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteRequest:
    """One signed suite to read.

    ``keyring`` are OpenPGP certificates, binary or armored; ``signers`` the fingerprints (upper
    case) of primary keys in it that may sign this suite, empty for all of them. ``codename``,
    ``origin`` and ``label`` are what the release file must say, ``None`` for anything.
    ``snapshot`` is an archive time as ``20261101T000000Z``. ``partial`` says that the archive may
    lack some of the architectures asked for: a vendor's may, a distribution's own may not, or
    security updates would be missing unnoticed.
    """

    alias: str
    suite: str
    components: tuple[str, ...]
    keyring: bytes = field(repr=False)
    signers: tuple[str, ...] = ()
    codename: str | None = None
    origin: str | None = None
    label: str | None = None
    snapshot: str | None = None
    partial: bool = False

    def __post_init__(self) -> None:
        for word in (self.alias, self.suite, *self.components):
            if _WORD.fullmatch(word) is None:
                raise UsageError(
                    f"{word!r} can't be the name of an archive, suite or component",
                    resolution="write it as in an apt source: letters, digits and + . _ ~ - /",
                )
        if self.snapshot is not None and _SNAPSHOT.fullmatch(self.snapshot) is None:
            raise UsageError(
                f"{self.snapshot!r} is not an archive time",
                resolution="write it as 20261101T000000Z",
            )

    @classmethod
    def of(
        cls,
        suite: Suite,
        *,
        components: tuple[str, ...] | None = None,
        snapshot: str | None = None,
        keyring: bytes | None = None,
    ) -> SuiteRequest:
        """The request for one of a distribution's own suites.

        Signed by the distribution's keys from the shipped keyring; with a ``keyring`` (a mirror
        that an organisation signs itself) by any of its keys instead.
        """
        return cls(
            alias=suite.alias,
            suite=suite.suite,
            components=components or suite.components,
            keyring=keyring_bytes(suite.keyring) if keyring is None else keyring,
            signers=suite.signers if keyring is None else (),
            codename=suite.codename,
            origin=suite.origin,
            label=suite.label,
            snapshot=snapshot,
        )

    @property
    def id(self) -> str:
        """How locks name it: ``alias:suite``."""
        return f"{self.alias}:{self.suite}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedIndex:
    """A package index whose bytes are what the release file promised.

    ``data`` is the inflated ``Packages`` file in the store.
    """

    locked: LockedIndex
    data: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedArchive:
    """A suite whose chain of trust holds, with what apt's priorities need of its release file.

    ``components`` are all that it says it has, whichever were read.
    """

    locked: LockedArchive
    indexes: tuple[VerifiedIndex, ...]
    suite: str
    codename: str
    version: str
    origin: str
    label: str
    not_automatic: bool
    but_automatic_upgrades: bool
    components: tuple[str, ...] = ()


class Progress(Protocol):
    """Told of transfers; called from several threads."""

    def stage(self, name: str, total: int | None = None) -> None:
        """A stage begins; ``total`` in bytes if known."""
        ...

    def advance(self, amount: int, item: str = "") -> None:
        """``amount`` more bytes arrived, of the file ``item``. Negative when a file restarts."""
        ...


class Silent:
    """Tells nobody."""

    def stage(self, name: str, total: int | None = None) -> None:
        """Ignore the stage."""

    def advance(self, amount: int, item: str = "") -> None:
        """Ignore the progress."""
