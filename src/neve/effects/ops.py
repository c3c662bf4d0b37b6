"""The operations that effects are made of: what a maintainer script would have done, declared.

Owners and groups are *names*: ids are allocated when the effect is applied, so one effect
serves every image. ``{triplet}`` (multiarch), ``{arch}`` (Debian architecture) in paths and
text are parameters. Anything whose result depends on the rest of the image (alternatives, id
allocation, caches, bundles) is an operation of its own and never a literal file.
"""

from __future__ import annotations

from dataclasses import dataclass

from neve.model import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeDirectory:
    """Make a directory, or set an existing one's owner and mode."""

    path: str
    mode: int = 0o755
    owner: str = "root"
    group: str = "root"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteFile:
    """Write literal bytes."""

    path: str
    data: bytes
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyFile:
    """Copy the content of a packaged path, so that an update of the package is followed."""

    path: str
    source: str
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeLink:
    """Make a symbolic link with ``target`` as its text."""

    path: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAttributes:
    """Change owner, group or mode of an existing path; ``None`` leaves one as it is."""

    path: str
    mode: int | None = None
    owner: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletePath:
    """Remove a path and what is below it."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddGroup:
    """Create a group if it is missing; ``gid`` ``None`` is allocated from the system range.

    ``allocator`` says whose habit to follow: ``adduser`` counts up from 100, ``sysusers``
    counts down from 999.
    """

    name: str
    gid: int | None = None
    allocator: str = "adduser"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddUser:
    """Create a user if it is missing; ``group`` ``None`` makes a group of the same name."""

    name: str
    uid: int | None = None
    group: str | None = None
    gid: int | None = None
    home: str = "/nonexistent"
    shell: str = "/usr/sbin/nologin"
    comment: str = ""
    create_home: bool = False
    allocator: str = "adduser"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddMember:
    """Add a user to a group."""

    user: str
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """``update-alternatives --install link name path priority [--slave link name path]…``."""

    name: str
    link: str
    path: str
    priority: int
    slaves: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Divert:
    """``dpkg-divert --rename``: ``path`` of any other package is found at ``to`` instead."""

    path: str
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Generate:
    """Something computed from the finished tree: ``ld.so.cache``, ``ca-certificates``,
    ``java-cacerts``, ``sysusers``, ``tmpfiles``, ``fontconfig``, ``mime``, ``glib-schemas``,
    ``gdk-pixbuf``, ``gio-modules``, ``python-bytecode``, ``php-modules`` … ``arguments`` are the
    generator's own. The names are those of ``effects.generators.GENERATORS``.
    """

    generator: str
    arguments: tuple[str, ...] = ()


Operation = (
    MakeDirectory
    | WriteFile
    | CopyFile
    | MakeLink
    | SetAttributes
    | DeletePath
    | AddGroup
    | AddUser
    | AddMember
    | Alternative
    | Divert
    | Generate
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Precondition:
    """A path the script looked at: the effect holds only where it is (or is not) in the tree."""

    path: str
    present: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What the maintainer scripts of one package do on a first installation.

    ``key`` is the hash of the normalised scripts (``effects.script.script_key``: preinst,
    postinst, config, what templates answer, and the triggers they answer); ``reads`` are
    packaged paths whose content decided something, with its hash; ``provenance`` is ``traced``,
    ``static`` or ``acknowledged``; ``suites`` the codenames it was seen on. The id is the hash of
    all of it but ``suites``.
    """

    package: str
    key: Digest
    reads: tuple[tuple[str, Digest], ...] = ()
    preconditions: tuple[Precondition, ...] = ()
    operations: tuple[Operation, ...] = ()
    provenance: str = "traced"
    suites: tuple[str, ...] = ()
    note: str = ""
