"""One RPM header: tag → values, as it stands in a database or a package.

Source: rpm's manual ("RPM V4 Package format", "Header", "Tags"). Reads the types that installed
packages use, only the tags asked for, and trusts no count and no offset.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from neve.errors import HostileInputError

NAME, VERSION, RELEASE, EPOCH = 1000, 1001, 1002, 1003
VENDOR, LICENCE, PACKAGER, ARCHITECTURE = 1011, 1014, 1015, 1022
OLD_FILE_NAMES, FILE_MODES, FILE_DIGESTS, FILE_FLAGS = 1027, 1030, 1035, 1037
SOURCE_RPM, DIRECTORY_INDEXES, BASE_NAMES, DIRECTORY_NAMES = 1044, 1116, 1117, 1118
FILE_DIGEST_ALGORITHM, MODULARITY_LABEL = 5011, 5096

_MAX_ENTRIES = 0xFFFF
_MAX_VALUES = 1_000_000
_INTEGERS = {2: "B", 3: "H", 4: "I", 5: "Q"}
_STRING, _STRING_ARRAY, _I18N = 6, 8, 9


@dataclass(frozen=True, slots=True)
class Header:
    """A header's index over its data; values are read when asked for."""

    _index: dict[int, tuple[int, int, int]]
    _data: memoryview

    def numbers(self, tag: int) -> tuple[int, ...]:
        """The integers of ``tag``; none where it is missing or not of integers."""
        kind, offset, count = self._index.get(tag, (0, 0, 0))
        layout = _INTEGERS.get(kind)
        if layout is None:
            return ()
        width = struct.calcsize(layout)
        if count > _MAX_VALUES or offset + count * width > len(self._data):
            raise _damaged(f"tag {tag} lies outside of it")
        return struct.unpack_from(f">{count}{layout}", self._data, offset)

    def texts(self, tag: int) -> tuple[str, ...]:
        """The strings of ``tag``; none where it is missing or not of strings."""
        kind, offset, count = self._index.get(tag, (0, 0, 0))
        if kind not in (_STRING, _STRING_ARRAY, _I18N):
            return ()
        if kind == _STRING:
            count = 1
        if count > _MAX_VALUES or offset + count > len(self._data):
            raise _damaged(f"tag {tag} lies outside of it")
        parts = bytes(self._data[offset : self._end(offset, count)]).split(b"\0", count)
        if len(parts) <= count:
            raise _damaged(f"a string of tag {tag} has no end")
        return tuple(part.decode("utf-8", "surrogateescape") for part in parts[:count])

    def text(self, tag: int) -> str:
        """The one string of ``tag``; "" where it is missing."""
        values = self.texts(tag)
        return values[0] if values else ""

    def _end(self, offset: int, count: int) -> int:
        """Where the values at ``offset`` end at the latest: the next tag, if the count allows."""
        return self._data.nbytes if count > 64 else min(offset + 65_536, self._data.nbytes)


def read_header(blob: bytes | memoryview) -> Header:
    """The header whose bytes are ``blob``, without the magic a package file has before it.

    Raises ``HostileInputError`` for what is none; the getters for a value outside of it.
    """
    view = memoryview(blob)
    if len(view) < 8:
        raise _damaged("it is cut off")
    entries, length = struct.unpack_from(">II", view, 0)
    start = 8 + entries * 16
    if not 0 < entries <= _MAX_ENTRIES or start + length > len(view):
        raise _damaged("its sizes don't fit")
    index: dict[int, tuple[int, int, int]] = {}
    for tag, kind, offset, count in struct.iter_unpack(">IIII", view[8:start]):
        if offset <= length:
            index.setdefault(tag, (kind, offset, count))
    return Header(index, view[start : start + length])


def _damaged(what: str) -> HostileInputError:
    return HostileInputError(
        f"an RPM header is damaged: {what}",
        resolution="Rebuild the database (rpm --rebuilddb) or take the image from its maker.",
    )
