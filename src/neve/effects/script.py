"""What identifies a package's maintainer scripts: their normal form and its hash.

Two scripts of the same normal form do the same thing on a fresh installation. The normal form
puts parameters for the architecture, drops the version of the tool that generated a block, and
keeps of templates only what answers a question and of triggers only what the package answers.
Never reads anything but the facts it is given.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from neve.distro.types import TRIPLETS
from neve.errors import UsageError
from neve.formats.deb.types import PackageFacts
from neve.model import Digest

KEY_VERSION = b"neve-script-key-1"
SCRIPTS = ("preinst", "postinst", "config", "templates", "triggers")

_GENERATED = re.compile(
    rb"^(# (?:Automatically added by|End automatically added section)\b[^\n/]*)/[^\n]*$", re.M
)
_TRAILING = re.compile(rb"[ \t]+$", re.M)
_TEMPLATE_FIELDS = (b"Template:", b"Type:", b"Default:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What ``{triplet}`` and ``{arch}`` stand for on one architecture."""

    arch: str
    triplet: str

    @classmethod
    def of(cls, architecture: str) -> Parameters:
        """Those of a Debian architecture; raises ``UsageError`` for an unknown one."""
        triplet = dict(TRIPLETS).get(architecture)
        if triplet is None:
            raise UsageError(
                f"no multiarch triplet is known for the architecture {architecture!r}",
                resolution=f"Ask for one of {', '.join(dict(TRIPLETS))}.",
            )
        return cls(arch=architecture, triplet=triplet)

    @classmethod
    def of_package(cls, facts: PackageFacts, native: str) -> Parameters:
        """Those of a package's own architecture; ``native`` for packages of ``all``."""
        own = next((value for name, value in facts.control if name == "Architecture"), "all")
        return cls.of(native if own == "all" else own)

    def fill(self, text: str) -> str:
        """``text`` with the parameters put in."""
        if "{" not in text:
            return text
        return text.replace("{triplet}", self.triplet).replace("{arch}", self.arch)

    def abstract(self, text: str) -> str:
        """The inverse of ``fill``: ``text`` with the architecture taken out."""
        return self.abstract_bytes(text.encode("utf-8", "surrogateescape")).decode(
            "utf-8", "surrogateescape"
        )

    def abstract_bytes(self, data: bytes) -> bytes:
        """As ``abstract``, for bytes. Only whole words are replaced."""
        data = _word(self.triplet).sub(b"{triplet}", data)
        return _word(self.arch).sub(b"{arch}", data)


def script(facts: PackageFacts, name: str) -> bytes | None:
    """The maintainer script or control file ``name`` of a package, as packed."""
    for found, data in facts.scripts:
        if found == name:
            return data
    return None


def normalise_script(data: bytes, parameters: Parameters) -> bytes:
    """A shell script's normal form: see the module's text."""
    data = _GENERATED.sub(rb"\1", data)
    data = _TRAILING.sub(b"", data).rstrip(b"\n") + b"\n"
    return parameters.abstract_bytes(data)


def script_key(facts: PackageFacts, architecture: str) -> Digest:
    """SHA-256 over the normal forms of preinst, postinst, config, templates and triggers."""
    parameters = Parameters.of(architecture)
    total = hashlib.sha256(KEY_VERSION)
    for name in SCRIPTS:
        data = script(facts, name)
        if data is None:
            continue
        if name == "templates":
            data = _answers(data)
        elif name == "triggers":
            data = _interests(data)
        normal = normalise_script(data, parameters) if data else b""
        if name == "triggers" and not normal:
            continue  # activating somebody else's trigger is no act of this package
        total.update(b"%s %d\n" % (name.encode(), len(normal)))
        total.update(normal)
    return Digest("sha256", total.hexdigest())


def has_scripts(facts: PackageFacts) -> bool:
    """Whether anything of the package would run on a first installation."""
    return any(name in ("preinst", "postinst") for name, _ in facts.scripts)


def trigger_interests(facts: PackageFacts) -> tuple[str, ...]:
    """The triggers (names or paths) that the package's postinst answers, sorted."""
    lines = _interests(script(facts, "triggers") or b"").decode("utf-8", "replace").split("\n")
    return tuple(line.split(None, 1)[1] for line in lines if line)


def _answers(templates: bytes) -> bytes:
    """Names, types and defaults: translations change often and decide nothing."""
    lines = [line for line in templates.split(b"\n") if line.startswith(_TEMPLATE_FIELDS)]
    return b"\n".join(lines)


def _interests(triggers: bytes) -> bytes:
    """The ``interest…`` lines of a triggers file (deb-triggers(5)), sorted."""
    found = []
    for line in triggers.split(b"\n"):
        words = line.split(b"#", 1)[0].split()
        if len(words) == 2 and words[0].startswith(b"interest"):
            found.append(b"interest " + words[1])
    return b"\n".join(sorted(set(found)))


def _word(text: str) -> re.Pattern[bytes]:
    return re.compile(rb"(?<![A-Za-z0-9_])" + re.escape(text.encode()) + rb"(?![A-Za-z0-9_])")
