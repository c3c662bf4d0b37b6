"""Tar headers as bytes: POSIX ustar, with pax records only where ustar cannot say it.

Format: POSIX.1-2017 ``pax`` (ustar and extended headers), extended attributes as
``SCHILY.xattr.NAME`` as every container tool reads them. Nothing here reads or writes files.
"""

from __future__ import annotations

import struct

from neve.errors import HostileInputError
from neve.tree import FileEntry, Kind

BLOCK = 512
TRAILER = bytes(2 * BLOCK)

_HEADER = struct.Struct("100s8s8s8s12s12s8sc100s8s32s32s8s8s155s12x")
_MAGIC = b"ustar\00000"
_BLANK_CHECKSUM = b"        "
_MAX_ID = 0o7777777
_MAX_SIZE = 0o77777777777
_NAME = 100
_PREFIX = 155
_TYPES = {Kind.FILE: b"0", Kind.HARDLINK: b"1", Kind.SYMLINK: b"2", Kind.DIRECTORY: b"5"}
_PAX_NAME = b"PaxHeaders/entry"
_PADDING = bytes(BLOCK)


def padding(size: int) -> bytes:
    """The zeros that fill ``size`` bytes up to a whole block."""
    return _PADDING[: -size % BLOCK]


def encode_path(path: str) -> bytes:
    """A tree path as a tar name without its leading slash; bytes that are not UTF-8 survive."""
    return path.lstrip("/").encode("utf-8", "surrogateescape")


def header(entry: FileEntry, size: int) -> bytes:
    """The header block(s) of ``entry`` holding ``size`` bytes: ustar, behind pax when needed.

    Raises ``HostileInputError`` for a device, pipe or socket: no image that is made here has one.
    """
    if entry.kind not in _TYPES:
        raise HostileInputError(
            f"{entry.path}: a {entry.kind.value} cannot be put into an image",
            resolution="Leave it out: engines make /dev themselves.",
        )
    name = encode_path(entry.path)
    if entry.kind is Kind.DIRECTORY:
        name = name + b"/" if name else b"./"
    link = b""
    if entry.kind is Kind.HARDLINK:
        link = encode_path(entry.target or "")
    elif entry.kind is Kind.SYMLINK:
        link = (entry.target or "").encode("utf-8", "surrogateescape")
    return _render(entry, _TYPES[entry.kind], name, link, size)


def plain_header(path: str, size: int = 0, *, directory: bool = False) -> bytes:
    """The header of a file or directory that is root's and has no time: markers, archives."""
    name = encode_path(path) + (b"/" if directory else b"")
    records: list[tuple[bytes, bytes]] = []
    prefix, short = _fit_name(name, records)
    length = _fit(b"size", size, _MAX_SIZE, records)
    mode, typeflag = (0o755, b"5") if directory else (0o644, b"0")
    return _pax(records) + _block(short, prefix, typeflag, b"", (mode, 0, 0, length, 0))


def _render(entry: FileEntry, typeflag: bytes, name: bytes, link: bytes, size: int) -> bytes:
    records: list[tuple[bytes, bytes]] = []
    prefix, short = _fit_name(name, records)
    if len(link) > _NAME or not link.isascii():
        records.append((b"linkpath", link))
        link = b"" if not link.isascii() else link[:_NAME]
    uid = _fit(b"uid", entry.uid, _MAX_ID, records)
    gid = _fit(b"gid", entry.gid, _MAX_ID, records)
    mtime = _fit(b"mtime", entry.mtime, _MAX_SIZE, records)
    length = _fit(b"size", size, _MAX_SIZE, records)
    for key, value in entry.xattrs:
        records.append((b"SCHILY.xattr." + key.encode("utf-8", "surrogateescape"), value))
    main = _block(short, prefix, typeflag, link, (entry.mode & 0o7777, uid, gid, length, mtime))
    return _pax(records) + main if records else main


def _fit(key: bytes, value: int, limit: int, records: list[tuple[bytes, bytes]]) -> int:
    if 0 <= value <= limit:
        return value
    records.append((key, str(value).encode()))
    return 0


def _fit_name(name: bytes, records: list[tuple[bytes, bytes]]) -> tuple[bytes, bytes]:
    """(prefix, name) as ustar splits a path, or a pax record when no split holds it."""
    if not name.isascii():
        records.append((b"path", name))
        return b"", b"entry/" if name.endswith(b"/") else b"entry"
    if len(name) <= _NAME:
        return b"", name
    cut = name.find(b"/", len(name) - _NAME - 1, _PREFIX + 1)
    if 0 < cut < len(name) - 1:
        return name[:cut], name[cut + 1 :]
    records.append((b"path", name))
    return b"", name[: _NAME - 1] + (b"/" if name.endswith(b"/") else b"")


def _pax(records: list[tuple[bytes, bytes]]) -> bytes:
    if not records:
        return b""
    body = b"".join(_record(key, value) for key, value in sorted(records))
    head = _block(_PAX_NAME, b"", b"x", b"", (0o644, 0, 0, len(body), 0))
    return head + body + padding(len(body))


def _record(key: bytes, value: bytes) -> bytes:
    """``LENGTH KEY=VALUE\\n`` where LENGTH counts its own digits."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %s=%s\n" % (length, key, value)


def _block(
    name: bytes,
    prefix: bytes,
    typeflag: bytes,
    link: bytes,
    numbers: tuple[int, int, int, int, int],
) -> bytes:
    mode, uid, gid, size, mtime = numbers
    fields = [
        name,
        b"%07o" % mode,
        b"%07o" % uid,
        b"%07o" % gid,
        b"%011o" % size,
        b"%011o" % mtime,
        _BLANK_CHECKSUM,
        typeflag,
        link,
        _MAGIC,
        b"",
        b"",
        b"0000000",
        b"0000000",
        prefix,
    ]
    fields[6] = b"%06o\0 " % sum(b"".join(fields))
    return _HEADER.pack(*fields)
