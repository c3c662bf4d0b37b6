"""A ``.deb`` → ``PackageFacts``: its control data, scripts and files, without unpacking it.

The inflated data.tar goes to the store as one blob; every file is a slice of it. Owns what a
member means to a package (owners, links, duplicates); the container, codecs and tar shapes are
``ar``, ``inflate`` and ``tarball``. Nothing in a package is ever executed or written by path.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Iterator
from typing import BinaryIO

from neve.errors import HostileInputError
from neve.formats.deb.accounts import STATIC_GROUPS, STATIC_USERS
from neve.formats.deb.ar import Member, members, refused
from neve.formats.deb.control import Paragraph, field, parse_control
from neve.formats.deb.inflate import inflated
from neve.formats.deb.tarball import (
    DIRECTORY,
    FILE,
    HARDLINK,
    SYMLINK,
    TarMember,
    normal_path,
    tar_members,
)
from neve.formats.deb.types import ElfFacts, PackageFacts
from neve.formats.deb.versions import is_version
from neve.formats.elf import read_elf
from neve.formats.shebang import read_shebang
from neve.model import Digest, Origin, Reason
from neve.store import Store
from neve.tree import FileEntry, Kind, Slice

_SCRIPTS = ("preinst", "postinst", "prerm", "postrm", "config", "triggers", "templates")
_CONTROL_LIMIT = 128 << 20
_DATA_LIMIT = 32 << 30
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.-]+")
_WORD = re.compile(r"[a-z0-9][a-z0-9-]*")


def read_package(deb: BinaryIO, *, digest: Digest, store: Store) -> PackageFacts:
    """Everything a build needs to know of the package ``deb``, positioned at its start.

    ``digest`` is the package's own, checked by the caller. The inflated data.tar is put into
    ``store``. Raises ``HostileInputError`` for anything that dpkg-deb does not write.
    """
    try:
        return _read(deb, digest, store)
    except HostileInputError as error:
        error.details = (*error.details, f"package digest {digest}")
        raise


def _read(deb: BinaryIO, digest: Digest, store: Store) -> PackageFacts:
    found = members(deb)
    _require_version(next(found, None))
    control = _control(_next_member(found, "control.tar"))
    paragraph = _paragraph(control)
    member = _next_member(found, "data.tar")
    with store.writer() as sink:
        size = 0
        for chunk in inflated(member, limit=_DATA_LIMIT):
            sink.write(chunk)
            size += len(chunk)
        data = sink.commit()
    for _ in found:
        pass
    reader = _DataReader(store.mapped(data), data, field(paragraph, "Package") or "")
    reader.read()
    return PackageFacts(
        digest=digest,
        data=data,
        data_size=size,
        control=paragraph,
        entries=tuple(reader.entries.values()),
        scripts=tuple((name, control[name]) for name in _SCRIPTS if name in control),
        conffiles=_conffiles(control.get("conffiles", b"")),
        md5sums=control.get("md5sums"),
        interpreters=tuple(reader.interpreters),
        elf=tuple(reader.elf),
    )


def _require_version(member: Member | None) -> None:
    if member is None or member.name != "debian-binary":
        raise refused("its first member is not debian-binary")
    text = member.read_all(limit=1_024)
    if re.match(rb"2\.[0-9]+\n", text) is None:
        raise refused(f"its format version is {text[:20]!r}, not 2.x")


def _next_member(found: Iterator[Member], stem: str) -> Member:
    """The next member that is not optional; those begin with ``_`` (deb(5))."""
    member = next((member for member in found if not member.name.startswith("_")), None)
    if member is None or not member.name.startswith(stem):
        raise refused(f"{stem} is missing, or not where deb(5) puts it")
    return member


def _control(member: Member) -> dict[str, bytes]:
    """File name → bytes of the control archive."""
    data = memoryview(b"".join(inflated(member, limit=_CONTROL_LIMIT)))
    files: dict[str, bytes] = {}
    for item in tar_members(data, name="control.tar"):
        path = normal_path(item.path, archive="control.tar")
        if item.type == DIRECTORY and path == "/":
            continue
        name = path[1:]
        if item.type != FILE or "/" in name or not name:
            raise refused(f"control.tar: {path!r} is not a plain file at its top")
        if name in files:
            raise refused(f"control.tar: {path!r} stands twice")
        files[name] = bytes(data[item.offset : item.offset + item.size])
    return files


def _paragraph(control: dict[str, bytes]) -> Paragraph:
    if "control" not in control:
        raise refused("it has no control file")
    paragraph = parse_control(control["control"], subject="control")
    name, version = field(paragraph, "Package"), field(paragraph, "Version")
    if name is None or _NAME.fullmatch(name) is None:
        raise refused(f"its package name is {name!r}")
    if version is None or not is_version(version):
        raise refused(f"{name}: its version is {version!r}")
    if _WORD.fullmatch(field(paragraph, "Architecture") or "") is None:
        raise refused(f"{name}: it names no architecture")
    return paragraph


def _conffiles(data: bytes) -> tuple[str, ...]:
    """The paths in order; those flagged remove-on-upgrade are not shipped (deb-conffiles(5))."""
    try:
        lines = [line.rstrip() for line in data.decode("utf-8").split("\n")]
    except UnicodeDecodeError:
        raise refused("its conffiles are not UTF-8") from None
    return tuple(line for line in lines if line.startswith("/"))


class _DataReader:
    """data.tar's members → entries, interpreters and ELF facts of the package ``name``."""

    def __init__(self, view: memoryview, source: Digest, name: str) -> None:
        self._view = view
        self._source = source
        self._owners = (name,)
        self._reason = Reason(Origin.PACKAGE, name, "unpacked")
        self.entries: dict[str, FileEntry] = {}
        self.interpreters: list[tuple[str, tuple[str, ...]]] = []
        self.elf: list[tuple[str, ElfFacts]] = []

    def read(self) -> None:
        for member in tar_members(self._view, name="data.tar"):
            path = normal_path(member.path, archive="data.tar")
            if path in self.entries:
                raise refused(f"data.tar: {path!r} stands twice")
            self.entries[path] = self._entry(path, member)
        self._require_directories()

    def _entry(self, path: str, member: TarMember) -> FileEntry:
        kind, mode, content, target = Kind.DIRECTORY, member.mode, None, None
        if member.type == FILE:
            kind, content = Kind.FILE, self._content(path, member)
        elif member.type == SYMLINK:
            kind, mode, target = Kind.SYMLINK, 0o777, member.link
            if not target:
                raise refused(f"data.tar: the symbolic link {path!r} leads nowhere")
        elif member.type == HARDLINK:
            kind, target = Kind.HARDLINK, self._linked(path, member.link)
        return FileEntry(
            path=path,
            kind=kind,
            mode=mode,
            uid=STATIC_USERS.get(member.user, member.uid),
            gid=STATIC_GROUPS.get(member.group, member.gid),
            mtime=max(0, member.mtime),
            content=content,
            target=target,
            xattrs=member.xattrs,
            owners=self._owners,
            reason=self._reason,
        )

    def _content(self, path: str, member: TarMember) -> Slice:
        content = self._view[member.offset : member.offset + member.size]
        digest = Digest("sha256", hashlib.sha256(content).hexdigest())
        sha1 = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        head = bytes(content[:4])
        if head[:2] == b"#!":
            words = read_shebang(content)
            if words is not None:
                self.interpreters.append((path, words))
        elif head == b"\x7fELF":
            facts = read_elf(content)
            if facts is not None:
                self.elf.append((path, facts))
        return Slice(self._source, member.offset, member.size, digest, sha1)

    def _linked(self, path: str, link: str) -> str:
        """The first name of the file that the hard link ``path`` is another name of."""
        target = self.entries.get(normal_path(link, archive="data.tar"))
        if target is not None and target.kind is Kind.HARDLINK:
            return target.target or ""
        if target is None or target.kind is not Kind.FILE:
            raise refused(f"data.tar: the hard link {path!r} names no earlier file: {link[:200]!r}")
        return target.path

    def _require_directories(self) -> None:
        """Nothing lies below a file or a link: an unpacker would follow it out of the package."""
        for path in self.entries:
            parent = self.entries.get(posixpath.dirname(path))
            if parent is not None and parent.kind is not Kind.DIRECTORY:
                raise refused(f"data.tar: {path!r} lies below {parent.path!r}, no directory")
