"""What an image holds, as frozen data: the one description that all judgements start from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from neve.formats.deb.types import ElfFacts
from neve.model import Digest
from neve.tree import SPECIAL_KINDS, FileEntry, Kind

ContentReader = Callable[[FileEntry], bytes | memoryview]
"""Reads the bytes of one regular file of a tree."""


class Depth(StrEnum):
    """How much of every file is looked at; each includes the one before it.

    Every file's content is hashed at full depth alone: changed files need that.
    """

    PACKAGES = "packages"
    INVENTORY = "inventory"
    FULL = "full"


class PackageType(StrEnum):
    """Where a package comes from, in the words of the package-url types."""

    DEB = "deb"
    APK = "apk"
    RPM = "rpm"
    PYPI = "pypi"
    NPM = "npm"
    MAVEN = "maven"
    GOLANG = "golang"
    GEM = "gem"
    COMPOSER = "composer"
    CARGO = "cargo"
    NUGET = "nuget"
    CRAN = "cran"
    CONDA = "conda"
    CONAN = "conan"
    LUAROCKS = "luarocks"
    ALPM = "alpm"
    EBUILD = "ebuild"
    NIX = "nix"
    GENERIC = "generic"
    """A program known by what its binary says of itself, of no package."""


DISTRIBUTION_TYPES = frozenset((PackageType.DEB, PackageType.APK, PackageType.RPM))


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Package:
    """One package that an image holds.

    ``source`` and ``source_version`` name what it was built from (advisories speak of that), ""
    where the type knows none. ``purl`` is its package-url. ``paths`` are the files that say so;
    ``owner`` is the distribution's package that owns the first of them, "" if none does (a
    Python library out of a ``.deb`` is two packages, one inside the other). ``maintainer`` is
    whoever its metadata names, ``licences`` as written there.
    """

    type: PackageType
    name: str
    version: str
    architecture: str = ""
    source: str = ""
    source_version: str = ""
    purl: str = ""
    paths: tuple[str, ...] = ()
    owner: str = ""
    maintainer: str = ""
    licences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OsRelease:
    """``/etc/os-release`` (os-release(5)); "" for what it doesn't say."""

    id: str = ""
    version_id: str = ""
    codename: str = ""
    name: str = ""
    like: tuple[str, ...] = ()


class Relro(StrEnum):
    """How much of an ELF file's relocation tables is read-only once it runs."""

    NONE = "none"
    PARTIAL = "partial"
    FULL = "full"


ElfVersions = tuple[tuple[str, tuple[str, ...]], ...]
"""The symbol versions that an ELF file needs of each library: ``libc.so.6``, ``GLIBC_2.34``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ElfHardening:
    """What the linker and compiler did for an ELF file; ``None``: can't be told from the file.

    ``pie`` only of programs; ``canary`` and ``fortify`` from the symbols it imports or defines.
    """

    pie: bool | None
    relro: Relro
    nx: bool
    canary: bool | None
    fortify: bool | None


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Certificate:
    """One X.509 certificate. Times in seconds since 1970; ``fingerprint`` is SHA-256 in hex."""

    fingerprint: str
    subject: str
    issuer: str
    not_before: int
    not_after: int
    key: str
    """Algorithm and size, as ``rsa 2048`` or ``ec secp256r1``."""
    signature_hash: str
    authority: bool
    self_signed: bool


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Secret:
    """Something that looks like a secret, by structure and entropy. ``rule`` names what it looks
    like, ``line`` counts from 1 (0: binary), ``hint`` shows enough to find it and no more.
    ``package`` is the distribution's package that brought the file just so: whoever has the
    package has the secret, so it protects nothing, but it is nobody's leak either.
    """

    rule: str
    line: int
    hint: str
    package: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageFiles:
    """The paths that a distribution's package says are its own, each with the digest that its
    database promises: ``md5:…``, ``sha1:…``, ``sha256:…``, or "" where it names none.

    ``configuration`` are those that an administrator may change.
    """

    package: str
    files: tuple[tuple[str, str], ...]
    configuration: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class OpenPort:
    """A port that something says it would listen on; ``evidence`` is where that stands."""

    port: int
    protocol: str
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """What the content of one file says by itself, whichever image it stands in: mergeable, and
    kept a layer.

    ``md5`` and ``sha1`` in hex, "" where nobody looked. ``program`` is (family, evidence) of
    ``inventory.programs``. ``kept`` is content that the whole image is judged by (accounts, unit
    files). ``unjudged`` says what could not be read, and why.
    """

    md5: str = ""
    sha1: str = ""
    elf: ElfFacts | None = None
    versions: ElfVersions = ()
    hardening: ElfHardening | None = None
    program: tuple[str, str] | None = None
    packages: tuple[Package, ...] = ()
    listed: tuple[PackageFiles, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    secrets: tuple[Secret, ...] = ()
    ports: tuple[OpenPort, ...] = ()
    kept: bytes | None = None
    unjudged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A regular file before anybody looked into it; ``size`` in bytes."""

    path: str
    mode: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """One way to look into a file. It is asked where the whole path matches ``paths`` (a regular
    expression), where the file begins with one of ``magics``, or, with ``everything``, wherever
    it begins with none of ``never``.

    ``observe`` never raises for what a file holds; ``None``: nothing to say. Raise ``version``
    whenever the same bytes would give other facts. A file of more than ``limit`` bytes is noted
    as not judged instead.
    """

    name: str
    version: int
    depth: Depth
    observe: Callable[[Candidate, memoryview], FileFacts | None]
    paths: str | None = None
    magics: tuple[bytes, ...] = ()
    everything: bool = False
    never: tuple[bytes, ...] = ()
    limit: int = 256 << 20


class Role(StrEnum):
    """What a program lets an intruder do that the application did not ask for."""

    SHELL = "shell"
    INTERPRETER = "interpreter"
    PACKAGE_MANAGER = "package-manager"
    NETWORK_TOOL = "network-tool"
    """It fetches, connects, listens, scans or captures: curl, ssh, nc, dig, tcpdump."""
    DEVELOPMENT = "development"
    """A debugger, compiler or build tool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryFile:
    """One path; ``size`` in bytes and ``digest`` (SHA-256) are those of a file or hard link.

    The digest of a file in an image's layer is ``None`` below full depth.
    ``target`` is a link's text, ``owners`` the packages that own the path, ``capable`` whether
    it carries file capabilities.
    """

    path: str
    kind: Kind
    mode: int
    uid: int
    gid: int
    size: int = 0
    digest: Digest | None = None
    target: str | None = None
    owners: tuple[str, ...] = ()
    capable: bool = False

    @property
    def executable(self) -> bool:
        """A regular file (or another name of one) that somebody may execute."""
        return self.kind in (Kind.FILE, Kind.HARDLINK) and bool(self.mode & 0o111)

    @property
    def privileged(self) -> bool:
        """Running it changes the user, group or capabilities."""
        runs = self.kind in (Kind.FILE, Kind.HARDLINK) and bool(self.mode & 0o6000)
        return runs or self.capable

    @property
    def world_writable(self) -> bool:
        """Everybody may write it; a link's own mode means nothing, and over the devices in
        ``/dev`` every engine puts its own.
        """
        hidden = self.kind in SPECIAL_KINDS and self.path.startswith("/dev/")
        return self.kind is not Kind.SYMLINK and not hidden and bool(self.mode & 0o002)


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Program:
    """A path that runs a program of one role, and how that is known."""

    path: str
    role: Role
    family: str
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One line of ``/etc/passwd``; ``login`` when its shell is a program of the image.

    ``password`` is what ``/etc/shadow`` or the line itself holds: ``locked``, ``none`` (anybody
    may log in), ``hash`` and its scheme (``hash yescrypt``), or "" where neither says.
    """

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    login: bool
    password: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountGroup:
    """One line of ``/etc/group``."""

    name: str
    gid: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Service:
    """Something the image would start: a systemd unit or an init script."""

    name: str
    path: str
    manager: str


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Unjudged:
    """A path that could not be read as what it seems to be, and why: never counted as clean."""

    path: str
    reason: str


class Change(StrEnum):
    """How a file differs from what its package's database promises."""

    CONTENT = "content"
    CONFIGURATION = "configuration"
    """Content as well, of a file that an administrator may change."""
    MISSING = "missing"


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class ChangedFile:
    """A packaged file that is not what its package brought."""

    path: str
    package: str
    change: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """How an image is run, from its configuration document; names and texts as they stand there."""

    user: str = ""
    workdir: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    stop_signal: str = ""
    health_check: tuple[str, ...] = ()
    platform: str = ""
    created: str = ""
    history: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What one image holds. Every tuple is sorted; ``files`` are in path order.

    ``depth`` says how much was looked at: parts that need more are empty, not clean.
    ``configuration`` is ``None`` for a bare tree or root file system.
    """

    depth: Depth = Depth.FULL
    os_release: OsRelease = OsRelease()
    packages: tuple[Package, ...]
    files: tuple[InventoryFile, ...]
    elf: tuple[tuple[str, ElfFacts], ...]
    versions: tuple[tuple[str, ElfVersions], ...] = ()
    hardening: tuple[tuple[str, ElfHardening], ...] = ()
    programs: tuple[Program, ...]
    accounts: tuple[Account, ...]
    groups: tuple[AccountGroup, ...]
    certificates: tuple[tuple[str, Certificate], ...] = ()
    secrets: tuple[tuple[str, Secret], ...] = ()
    changed: tuple[ChangedFile, ...] = ()
    services: tuple[Service, ...]
    ports: tuple[OpenPort, ...] = ()
    configuration: Configuration | None = None
    unjudged: tuple[Unjudged, ...]
