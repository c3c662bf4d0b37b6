"""What a traced maintainer script did, as plain data: commands, changes, and what it looked at.

Owns the words that the tracer (beside this module) and the reader of traces (``neve.effects``)
share. Starts nothing and reads no file, so that it can be imported anywhere.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from neve.model import Digest

DATA_LIMIT = 4 << 20
"""Bytes of a changed file that are kept; of a larger one only the digest is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageLayer:
    """One package unpacked for tracing: ``directory`` holds its files (merged-/usr) and its
    part of dpkg's database; ``status`` is its paragraph without the ``Status`` field.
    """

    name: str
    version: str
    architecture: str
    directory: Path
    info_name: str
    """``NAME`` or ``NAME:ARCH``: how dpkg names the files in ``/var/lib/dpkg/info``."""
    scripts: frozenset[str]
    triggers: tuple[str, ...]
    """The triggers its postinst answers."""
    status: bytes
    scripts_of: Path | None = None
    """A layer above ``directory`` with another architecture's scripts of the same package."""

    @property
    def directories(self) -> tuple[Path, ...]:
        """The layers of this package, the topmost first."""
        return (self.directory,) if self.scripts_of is None else (self.scripts_of, self.directory)


@dataclass(frozen=True, slots=True)
class Command:
    """One call of a recorded command: its base name and arguments."""

    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A path at one moment. ``owner`` and ``group`` are names of the traced root's own accounts;
    ``data`` is ``None`` for what is no file and for a file larger than ``DATA_LIMIT``.
    """

    kind: str
    mode: int
    owner: str
    group: str
    target: str | None = None
    data: bytes | None = None
    digest: Digest | None = None

    @classmethod
    def of_file(cls, data: bytes, *, mode: int, owner: str, group: str) -> Node:
        """A regular file's node."""
        digest = Digest("sha256", hashlib.sha256(data).hexdigest())
        kept = data if len(data) <= DATA_LIMIT else None
        return cls(kind="file", mode=mode, owner=owner, group=group, data=kept, digest=digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A path before and after; ``None`` where there was, or is, nothing."""

    path: str
    before: Node | None
    after: Node | None


@dataclass(frozen=True, slots=True, order=True)
class Look:
    """A path that a script, or a tool it called, asked about: ``action`` is ``stat``, ``read``
    or ``execute``; ``found`` whether something was there.
    """

    path: str
    action: str
    found: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One script run: ``preinst``, ``postinst`` or ``triggered``."""

    name: str
    exit_code: int | None
    """``None`` when it was stopped for taking too long."""
    commands: tuple[Command, ...]
    changes: tuple[Change, ...]
    looks: tuple[Look, ...]
    output: str
    """The end of what it printed, for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """All stages of one package. ``unstable`` are paths whose bytes differed between two runs:
    random, or the host's or the moment's.
    """

    package: str
    architecture: str
    stages: tuple[Stage, ...]
    unstable: frozenset[str] = frozenset()

    @property
    def failed(self) -> Stage | None:
        """The stage that did not end with 0, if one did not."""
        return next((stage for stage in self.stages if stage.exit_code != 0), None)
