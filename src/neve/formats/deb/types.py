"""What Debian's package format says, as frozen data (deb(5), deb-control(5), Policy ch. 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

from neve.model import Digest
from neve.tree import FileEntry

PackageName = NewType("PackageName", str)
DebVersion = NewType("DebVersion", str)


@dataclass(frozen=True, slots=True)
class Relation:
    """One alternative of a dependency: ``name[:arch] (op version)``.

    ``operator`` is one of ``<< <= = >= >>`` or ``""``; ``architecture`` is a qualifier such as
    ``any`` or ``""``.
    """

    name: str
    architecture: str = ""
    operator: str = ""
    version: str = ""

    def __str__(self) -> str:
        name = f"{self.name}:{self.architecture}" if self.architecture else self.name
        return f"{name} ({self.operator} {self.version})" if self.operator else name


Clause = tuple[Relation, ...]
"""Alternatives in the author's order: ``a | b``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexPackage:
    """One stanza of a ``Packages`` index. Sizes in bytes."""

    name: str
    version: str
    architecture: str
    multi_arch: str
    essential: bool
    priority: str
    section: str
    source: str
    source_version: str
    installed_size: int
    filename: str
    size: int
    digest: Digest
    pre_depends: tuple[Clause, ...]
    depends: tuple[Clause, ...]
    conflicts: tuple[Clause, ...]
    breaks: tuple[Clause, ...]
    replaces: tuple[Clause, ...]
    provides: tuple[Relation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ElfFacts:
    """What an ELF file's headers say: ``needed`` in order, ``machine`` e_machine, ``bits`` 32|64;
    ``runs_shell`` when it imports ``system``/``popen``/``wordexp`` from libc.
    """

    soname: str | None
    needed: tuple[str, ...]
    interpreter: str | None
    runpath: tuple[str, ...]
    machine: int
    bits: int
    runs_shell: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageFacts:
    """All that a build needs to know of one ``.deb``; made once per digest and cached.

    ``entries`` are as packed (not merged-/usr normalised), content as ``Slice`` of ``data``,
    the inflated data.tar in the store. ``scripts`` maps preinst, postinst, prerm, postrm,
    config, triggers, templates to bytes; ``control`` holds the control fields in order;
    ``interpreters`` maps script paths to the shebang's words.
    """

    digest: Digest
    data: Digest
    data_size: int
    control: tuple[tuple[str, str], ...]
    entries: tuple[FileEntry, ...]
    scripts: tuple[tuple[str, bytes], ...]
    conffiles: tuple[str, ...]
    md5sums: bytes | None
    interpreters: tuple[tuple[str, tuple[str, ...]], ...]
    elf: tuple[tuple[str, ElfFacts], ...]
