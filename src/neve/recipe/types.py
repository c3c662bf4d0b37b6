"""The recipe: the declarative image description a person reads and reviews, as frozen data.

Reading and checking YAML lives in ``recipe.read``; nothing here knows about files on the host.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from neve.errors import Place
from neve.model import Digest, Platform, Waiver


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """What the packages come from, as ``debian`` and ``13`` (version or codename as written)."""

    name: str
    release: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A further signed archive. ``name`` is its symbolic alias; ``url`` never reaches a lock."""

    name: str
    suite: str
    components: tuple[str, ...] = ()
    """Empty: those that the distribution's suite has by default, ``main`` of any other archive."""
    keyring: Digest | None = None
    """Digest of the keyring file beside the recipe; ``None`` for the distribution's own keyring
    (as for ``backports``)."""
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageRequest:
    """One package asked for: ``name``, and optionally a pinned version, release or architecture.

    ``version`` is an exact version or a glob on it (``17.*``); ``release`` a suite or repository
    name to prefer for it (``backports``); ``architecture`` a foreign one (``i386``).
    """

    name: str
    version: str | None = None
    release: str | None = None
    architecture: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """An account to create; ``None`` ids are allocated from the system range."""

    name: str
    uid: int | None = None
    group: str | None = None
    gid: int | None = None
    groups: tuple[str, ...] = ()
    home: str | None = None
    shell: str = "/usr/sbin/nologin"
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group to create, with its members."""

    name: str
    gid: int | None = None
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """The accounts a recipe adds to those of its packages."""

    users: tuple[User, ...] = ()
    groups: tuple[Group, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file, directory or link the recipe adds. Owner and group are names or numeric strings.

    Exactly one of ``content`` (text given inline), ``digest`` (a file beside the recipe, found
    by content), ``link`` (symlink target) or ``directory`` is set.
    """

    path: str
    content: str | None = None
    source: str | None = None
    digest: Digest | None = None
    size: int = 0
    link: str | None = None
    directory: bool = False
    mode: int | None = None
    owner: str = "root"
    group: str = "root"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedCertificate:
    """One X.509 certificate that the image trusts besides its public roots.

    ``name`` is what its files in trust stores are called; ``der`` the certificate in base64,
    so that a build from a lock parses nothing. ``fingerprint`` is SHA-256 in hex, times are
    seconds since 1970, ``key`` algorithm and size (``rsa 2048``, ``ec secp256r1``), ``key_bits``
    its size (0: unknown). ``trust``
    is ``authority``, or ``leaf`` for a self-signed one that vouches for nobody but itself.
    ``source`` says where it was read (``ca.pem:1``), ``also`` where it stands once more.
    """

    name: str
    der: str
    fingerprint: str
    subject: str
    issuer: str
    not_before: int
    not_after: int
    key: str
    key_bits: int
    signature_hash: str
    self_signed: bool
    source: str
    trust: str = "authority"
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """OCI/Docker health check in exec form; times in seconds."""

    command: tuple[str, ...]
    interval: float = 30.0
    timeout: float = 30.0
    start_period: float = 0.0
    retries: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How the image runs: what ends in the OCI image configuration.

    ``user`` is a name or numeric id; ``writable`` are paths the run-as user must be able to
    write; ``arbitrary_uid`` makes those group-0 writable, as OpenShift runs images.
    """

    user: str | None = None
    workdir: str | None = None
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    stop_signal: str | None = None
    health_check: HealthCheck | None = None
    writable: tuple[str, ...] = ()
    arbitrary_uid: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """When a service is ready: one of a TCP ``port`` that something listens on, an ``http``
    address of the loopback interface, a ``file`` that exists, a ``command`` that exits 0. Checked
    every ``interval`` seconds; not ready after ``timeout`` seconds is a failure.
    """

    port: int | None = None
    http: str | None = None
    file: str | None = None
    command: tuple[str, ...] = ()
    interval: float = 0.25
    timeout: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """Whether a service that ended starts again: ``always``, ``on-failure`` or ``never``.

    The pause begins at ``delay`` seconds and doubles with each failure of the last ``window``
    seconds up to ``max_delay``; ``max_attempts`` of them end the service for good (0: never).
    """

    policy: str = "always"
    delay: float = 1.0
    max_delay: float = 30.0
    max_attempts: int = 5
    window: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One of several programs of an image. ``ready`` ``None``: ready as soon as it runs.

    ``on_exit`` is what the container does once it ended for good: ``stop-container`` or
    ``ignore``; ``log`` is ``named`` or ``plain``; ``stop_grace_period`` in seconds.
    """

    name: str
    command: tuple[str, ...]
    user: str | None = None
    environment: tuple[tuple[str, str], ...] = ()
    workdir: str | None = None
    depends_on: tuple[str, ...] = ()
    ready: Ready | None = None
    restart: Restart = field(default_factory=Restart)
    stop_signal: str = "SIGTERM"
    stop_grace_period: float = 5.0
    on_exit: str = "stop-container"
    log: str = "named"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loosening:
    """A hardening rule switched off, by name and with a reason; ``subject`` narrows it to one
    path or package (``/usr/bin/bash``), ``None`` means the whole rule.
    """

    rule: str
    reason: str
    subject: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A superset of the runtime image at the same versions (``debug``, ``dev``).

    ``kind`` is ``debug`` (the runtime's layers and one of tools, until the day ``expires``;
    ``None``: 90 days after the lock's time), ``dev`` (to build in) or ``superset``.
    """

    name: str
    kind: str = "superset"
    expires: date | None = None
    packages: tuple[PackageRequest, ...] = ()
    loosened: tuple[Loosening, ...] = ()
    keep: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One image description with every ``extends`` resolved and every file known by digest.

    ``exclude`` are packages that must not be in the image; ``keep`` are path patterns (fnmatch)
    that pruning must leave; ``acknowledged`` are waivers on unknown maintainer scripts (rule
    ``unknown-script``, subject ``package:script-digest``).
    """

    schema_version: int = 1
    name: str
    base: Distribution
    repositories: tuple[Repository, ...] = ()
    snapshot: str | None = None
    """Archive time to lock against, as ``20261101T000000Z``; ``None`` is the live archive."""
    packages: tuple[PackageRequest, ...] = ()
    exclude: tuple[str, ...] = ()
    accounts: Accounts = field(default_factory=Accounts)
    files: tuple[File, ...] = ()
    certificates: tuple[TrustedCertificate, ...] = ()
    services: tuple[Service, ...] = ()
    run: Run = field(default_factory=Run)
    keep: tuple[str, ...] = ()
    bytecode: bool | None = None
    """Byte-compile Python: ``None`` means where the image holds an interpreter."""
    loosened: tuple[Loosening, ...] = ()
    acknowledged: tuple[Waiver, ...] = ()
    variants: tuple[Variant, ...] = ()
    platforms: tuple[Platform, ...] = (Platform("linux", "amd64"), Platform("linux", "arm64"))
    title: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeSource:
    """One file a recipe was read from: path relative to the recipe's directory, and its hash.

    A ``path`` ending in ``/`` is a directory tree, ``digest`` then that of its sorted listing;
    ``catalogue:NAME`` is a recipe neve ships, ``catalogue:NAME//PATH`` a file beside it.
    """

    path: str
    digest: Digest
    size: int
    executable: bool | None = None
    """A file's execute bit; ``None`` where it does not matter (recipes, keyrings, trees)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRecipe:
    """A read recipe, the place of each field, the files it was read from (the recipe itself
    first), and the bytes of referenced files by digest.

    Fields are called ``packages[3]``, ``run.user``, ``run.environment.LANG``,
    ``files./etc/app.conf.owner``; ``recipe.read.place_of`` finds the nearest one.
    """

    recipe: Recipe
    places: dict[str, Place]
    sources: tuple[RecipeSource, ...]
    contents: dict[Digest, bytes]
