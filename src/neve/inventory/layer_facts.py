"""What one layer holds by itself: its listing, and the facts of its regular files.

Read while the layer streams by. A file is shown to observers whole or not at all, and only one
large file is in memory at any time, however many layers are read at once.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from neve.inventory.facts import HEAD, Observing, includes, join
from neve.inventory.types import Candidate, Depth, FileFacts, Observer
from neve.oci.overlay import is_whiteout, normal_path
from neve.oci.source import ImageSource, ReadLimits, SourceLayer
from neve.oci.stream import ChunkSource, stream_layer
from neve.oci.untar import TarMember, refused
from neve.oci.untar_sparse import pieces

SMALL = 16 << 20
"""Bytes of a file that any thread may hold without asking."""
LARGEST = 128 << 20
"""Bytes of the largest file that is looked into: the one that may be held beside the small."""


ALL_HASHES = frozenset(("md5", "sha1", "sha256"))
_FAMILIES = (
    ("md5", re.compile(r"/etc/(?:debian_version|dpkg|apt)|/var/lib/dpkg(?:/.*)?")),
    ("sha1", re.compile(r"/etc/(?:alpine-release|apk)|/(?:usr/)?lib/apk(?:/.*)?")),
    ("sha256", re.compile(r"/etc/(?:redhat-release|rpm|yum\.conf)|/var/lib/rpm(?:/.*)?")),
)
"""The checksum that a distribution's package database holds its files to, and paths that only a
system of that distribution has. Hashing is most of an inventory's cost: two of three are wasted.
"""


def weak_hash(path: str) -> str | None:
    """Which checksum the databases of this system name, if ``path`` gives it away."""
    if not path.startswith(("/etc/", "/var/lib/", "/lib/apk", "/usr/lib/apk")):
        return None
    return next((name for name, pattern in _FAMILIES if pattern.fullmatch(path)), None)


@dataclass(frozen=True, slots=True)
class LayerMember:
    """One member of a layer. ``path`` is absolute and normal, ``type`` its tar type flag; ``size``
    in bytes; ``sha256`` in hex, "" where nobody asked for it. Positional: there are many.
    """

    path: str
    type: str
    mode: int
    uid: int
    gid: int
    mtime: int
    size: int
    link: str = ""
    xattrs: tuple[tuple[str, bytes], ...] = ()
    device: tuple[int, int] | None = None
    sha256: str = ""
    facts: FileFacts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFacts:
    """All members of one layer in order, and how many bytes its tar has."""

    members: tuple[LayerMember, ...]
    size: int


class Allowance:
    """What the layers of one image may use together: members, and sparse bytes. Thread-safe."""

    def __init__(self, limits: ReadLimits) -> None:
        self.limits = limits
        self.large = threading.Lock()
        """Held while a file of more than ``SMALL`` bytes is in memory."""
        self._lock = threading.Lock()
        self._members = limits.members
        self._sparse = limits.sparse_size
        self._total = limits.total_size

    def spend(self, *, members: int = 0, sparse: int = 0, inflated: int = 0) -> None:
        """Count what was read; ``HostileInputError`` once it is too much."""
        with self._lock:
            self._members -= members
            self._sparse -= sparse
            self._total -= inflated
            if self._members < 0:
                raise refused("it has too many members")
            if self._sparse < 0:
                raise refused(f"its sparse files hold more than {self.limits.sparse_size} bytes")
            if self._total < 0:
                raise refused(f"its layers hold more than {self.limits.total_size} bytes")


def read_layer(
    image: ImageSource, layer: SourceLayer, looking: Observing, allowance: Allowance, hashes: Hashes
) -> LayerFacts:
    """Read ``layer`` once, from its stored bytes to the facts of its files.

    ``hashes`` is told as soon as a member says which checksums this system's databases hold.

    Raises ``TrustError`` where a digest or size does not hold, ``HostileInputError`` for what no
    honest tool writes.
    """
    limits = allowance.limits
    found: list[LayerMember] = []
    with stream_layer(image, layer, limits, max_members=limits.members) as stream:
        reading = _Reading(stream.source, looking, allowance, hashes)
        for member in stream.members:
            found.append(reading.read(member))
            if len(found) % 4096 == 0:
                allowance.spend(members=4096)
    allowance.spend(members=len(found) % 4096, inflated=stream.source.position)
    return LayerFacts(members=tuple(found), size=stream.source.position)


class _Reading:
    """Looks at the members of one layer as they come."""

    def __init__(
        self, source: ChunkSource, looking: Observing, allowance: Allowance, hashes: Hashes
    ) -> None:
        self._source = source
        self._looking = looking
        self._allowance = allowance
        self._hashes = hashes

    def read(self, member: TarMember) -> LayerMember:
        """What ``member`` is, its bytes taken from the source as far as anybody wants them."""
        path = normal_path(member.name)
        self._hashes.see(path)
        sha256, facts = "", None
        if member.type == "0" and not is_whiteout(path):
            sha256, facts = self._content(path, member)
        return LayerMember(
            path,
            member.type,
            member.mode & 0o7777,
            member.uid,
            member.gid,
            member.mtime,
            member.size,
            member.link if member.type in "12" else "",
            member.xattrs,
            member.device,
            sha256,
            facts,
        )

    def _content(self, path: str, member: TarMember) -> tuple[str, FileFacts | None]:
        looking, source, size = self._looking, self._source, member.size
        if member.holes is not None:
            return self._sparse(path, member)
        asking = looking.asking(path, source.peek(min(size, HEAD))) if size else ()
        if not (asking or self._hashes.wanted):
            return "", None
        if size > SMALL:
            return self._large(Candidate(path=path, mode=member.mode & 0o7777, size=size), asking)
        data = source.take(size)
        if len(data) < size:
            raise refused("it is cut short")
        candidate = Candidate(path=path, mode=member.mode & 0o7777, size=size)
        facts = looking.ask(asking, candidate, data) if asking else None
        return self._hashed(data, facts)

    def _large(
        self, candidate: Candidate, asking: Sequence[Observer]
    ) -> tuple[str, FileFacts | None]:
        size, looking = candidate.size, self._looking
        able, notes = looking.able(asking, size, LARGEST)
        if not able:
            return self._pass_by(self._source.pieces(size), size, notes)
        with self._allowance.large:
            data = self._source.take(size)
            if len(data) < size:
                raise refused("it is cut short")
            facts = looking.ask(able, candidate, data)
            if notes is not None:
                facts = notes if facts is None else join((facts, notes))
            return self._hashed(data, facts)

    def _sparse(self, path: str, member: TarMember) -> tuple[str, FileFacts | None]:
        """A sparse file: its whole content, zeros and all, is what an engine would unpack."""
        size, looking = member.size, self._looking
        self._allowance.spend(sparse=size)
        parts = pieces(self._source, size, member.holes or ())
        if size > SMALL:
            note = FileFacts(unjudged=(f"a sparse file of {size} bytes: not looked into",))
            return self._pass_by(parts, size, note)
        data = memoryview(b"".join(parts))
        candidate = Candidate(path=path, mode=member.mode & 0o7777, size=size)
        return self._hashed(data, looking.observe(candidate, data))

    def _hashed(self, data: memoryview, facts: FileFacts | None) -> tuple[str, FileFacts | None]:
        return self._with_hashes({name: new(data) for name, new in self._hashes.wanted}, facts)

    def _with_hashes(
        self, content: Mapping[str, _Hash], facts: FileFacts | None
    ) -> tuple[str, FileFacts | None]:
        if not content:
            return "", facts
        md5 = content["md5"].hexdigest() if "md5" in content else ""
        sha1 = content["sha1"].hexdigest() if "sha1" in content else ""
        sha256 = content["sha256"].hexdigest() if "sha256" in content else ""
        if md5 or sha1:
            if facts is None:
                facts = FileFacts(md5=md5, sha1=sha1)
            else:
                facts = replace(facts, md5=md5, sha1=sha1)
        return sha256, facts

    def _pass_by(
        self, parts: Iterable[memoryview], size: int, facts: FileFacts | None
    ) -> tuple[str, FileFacts | None]:
        """A file that is never in memory whole: hashed where the depth asks for it."""
        content = {name: new(b"") for name, new in self._hashes.wanted}
        if not content:
            return "", facts
        for part in parts:
            size -= len(part)
            for one in content.values():
                one.update(part)
        if size:
            raise refused("it is cut short")
        return self._with_hashes(content, facts)


class _Hash(Protocol):
    def update(self, data: memoryview, /) -> None: ...
    def hexdigest(self) -> str: ...


def _weak(name: str) -> Callable[[bytes | memoryview], _Hash]:
    return partial(getattr(hashlib, name), usedforsecurity=False)


_NEW: Mapping[str, Callable[[bytes | memoryview], _Hash]] = {
    name: _weak(name) for name in ("md5", "sha1", "sha256")
}


class Hashes:
    """Which hashes of each file's content are taken: at full depth SHA-256, and one more.

    Packages' databases are compared with one kind of checksum, that of the distribution, and
    which that is the lowest layer tells; until it has, all are taken. The upper layers wait for it.
    """

    def __init__(self, depth: Depth) -> None:
        self._known = threading.Event()
        self.names: tuple[str, ...] = ()
        self.wanted: tuple[tuple[str, Callable[[bytes | memoryview], _Hash]], ...] = ()
        if includes(depth, Depth.FULL):
            self._choose(ALL_HASHES)
        else:
            self._known.set()

    def see(self, path: str) -> None:
        """Look whether ``path`` gives the distribution away."""
        if self.wanted and not self._known.is_set() and (name := weak_hash(path)) is not None:
            self._choose({name, "sha256"})
            self._known.set()

    def settle(self) -> None:
        """The lowest layer was seen whole: what it has not said, no one will."""
        self._known.set()

    def wait(self) -> None:
        """Until the lowest layer has said what it can."""
        self._known.wait()

    def _choose(self, names: Collection[str]) -> None:
        self.names = tuple(sorted(names))
        self.wanted = tuple((name, _NEW[name]) for name in self.names)
