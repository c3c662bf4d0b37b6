"""The attack surface as a vector of counts, each with the paths it was counted from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from neve.inventory import Depth

SURFACE_SCHEMA_VERSION = 2


class Part(StrEnum):
    """The parts of the vector, in the order they are shown."""

    PACKAGES = "packages"
    FILES = "files"
    EXECUTABLES = "executables"
    SHELLS_AND_INTERPRETERS = "shells-and-interpreters"
    PACKAGE_MANAGERS = "package-managers"
    NETWORK_TOOLS = "network-tools"
    PRIVILEGED = "privileged"
    WORLD_WRITABLE = "world-writable"
    USER_WRITABLE = "user-writable"
    RUNS_AS_ROOT = "runs-as-root"
    LOGIN_ACCOUNTS = "login-accounts"
    SECRETS = "secrets"
    PRIVATE_KEYS = "private-keys"
    EXPIRED_CERTIFICATES = "expired-certificates"
    UNOWNED_FILES = "unowned-files"
    CHANGED_FILES = "changed-files"
    SERVICES = "services"
    OPEN_PORTS = "open-ports"
    WEAK_BINARIES = "weak-binaries"
    BYTES = "bytes"


REDUCED_PARTS = (
    Part.PACKAGES,
    Part.FILES,
    Part.EXECUTABLES,
    Part.SHELLS_AND_INTERPRETERS,
    Part.PRIVILEGED,
    Part.WORLD_WRITABLE,
    Part.BYTES,
)
"""The parts that ``reduction`` averages; fixed, so that figures of two years compare."""

MEANING = {
    Part.PACKAGES: "packages: the distribution's, and all others that none of these owns",
    Part.FILES: "regular files, hard links and symbolic links",
    Part.EXECUTABLES: "files that somebody may execute",
    Part.SHELLS_AND_INTERPRETERS: "paths that run a shell or an interpreter",
    Part.PACKAGE_MANAGERS: "paths that run a package manager",
    Part.NETWORK_TOOLS: "paths that run a program made to fetch, connect or listen",
    Part.PRIVILEGED: "files with setuid, setgid or file capabilities",
    Part.WORLD_WRITABLE: "paths that everybody may write",
    Part.USER_WRITABLE: "paths that the image's own user may write",
    Part.RUNS_AS_ROOT: "1 where the image starts as uid 0",
    Part.LOGIN_ACCOUNTS: "accounts with a usable password, or a login shell that exists",
    Part.SECRETS: "what looks like a password, token or key",
    Part.PRIVATE_KEYS: "private keys",
    Part.EXPIRED_CERTIFICATES: "certificates whose time is over",
    Part.UNOWNED_FILES: "files, symbolic links aside, that no package owns",
    Part.CHANGED_FILES: "packaged files that are not what their package brought",
    Part.SERVICES: "units and scripts that something would start",
    Part.OPEN_PORTS: "ports that something says it would listen on",
    Part.WEAK_BINARIES: "ELF files without PIE, RELRO or a non-executable stack",
    Part.BYTES: "bytes of regular files",
}
"""Each part in half a line, for reports."""

NEEDS = {
    Part.PACKAGES: Depth.PACKAGES,
    Part.FILES: Depth.PACKAGES,
    Part.EXECUTABLES: Depth.PACKAGES,
    Part.SHELLS_AND_INTERPRETERS: Depth.INVENTORY,
    Part.PACKAGE_MANAGERS: Depth.INVENTORY,
    Part.NETWORK_TOOLS: Depth.INVENTORY,
    Part.PRIVILEGED: Depth.PACKAGES,
    Part.WORLD_WRITABLE: Depth.PACKAGES,
    Part.USER_WRITABLE: Depth.INVENTORY,
    Part.RUNS_AS_ROOT: Depth.INVENTORY,
    Part.LOGIN_ACCOUNTS: Depth.INVENTORY,
    Part.SECRETS: Depth.FULL,
    Part.PRIVATE_KEYS: Depth.FULL,
    Part.EXPIRED_CERTIFICATES: Depth.INVENTORY,
    Part.UNOWNED_FILES: Depth.PACKAGES,
    Part.CHANGED_FILES: Depth.INVENTORY,
    Part.SERVICES: Depth.INVENTORY,
    Part.OPEN_PORTS: Depth.INVENTORY,
    Part.WEAK_BINARIES: Depth.FULL,
    Part.BYTES: Depth.PACKAGES,
}
"""How deep an inventory must have looked for a part to be judged at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One part: its ``count``, and ``subjects``, the packages or paths it was counted from.

    ``count`` is ``None`` where nothing can be said, ``unjudged`` then says why. Of ``bytes`` the
    subjects are the files that hold them.
    """

    part: Part
    count: int | None
    subjects: tuple[str, ...]
    unjudged: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """The measured surface of one image; ``unjudged`` paths could not be looked into."""

    surface_version: int = SURFACE_SCHEMA_VERSION
    measures: tuple[Measure, ...]
    unjudged: tuple[str, ...] = ()

    def of(self, part: Part) -> Measure:
        """The measure of one part."""
        return next(measure for measure in self.measures if measure.part is part)

    def counts(self) -> dict[str, int | None]:
        """Part → count, in the order of ``Part``."""
        return {measure.part.value: measure.count for measure in self.measures}
