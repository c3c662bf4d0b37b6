"""Opening feeds that nobody vouches for: bounded inflation, archives in memory, strict JSON.

Owns the limits. Whatever is beyond them is refused whole with `HostileInputError`: half a feed
would look like fewer vulnerabilities.
"""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from neve.errors import HostileInputError

FEED_LIMIT = 1 << 30
"""Bytes of one feed as it comes, and of one file inside it once inflated."""
TOTAL_LIMIT = 4 << 30
"""Bytes of all files of an archive, inflated."""
MEMBER_LIMIT = 32 << 20
"""Bytes of one record's file inside an archive."""
MEMBERS = 2_000_000
"""Files of an archive."""
_RATIO = 1200
"""Inflated bytes a compressed one; deflate can't do better than 1,032."""
_BLOCK = 1 << 20
_ADVICE = "fetch the feed again from its own source; if it stays so, tell whoever publishes it"


def hostile(name: str, what: str) -> HostileInputError:
    """The error for a feed that no honest publisher makes."""
    return HostileInputError(f"{name}: {what}", resolution=_ADVICE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A feed or one file of it: its ``name`` for messages, its whole bytes."""

    name: str
    data: bytes


def inflated(blob: Blob, *, limit: int = FEED_LIMIT) -> Blob:
    """``blob`` without the compression (gzip, xz, bzip2, zstd) that its first bytes show."""
    data = blob.data
    if data[:2] == b"\x1f\x8b":
        out = _gunzip(blob, limit)
    elif data[:6] == b"\xfd7zXZ\x00":
        out = _stream(blob, "lzma", limit)
    elif data[:3] == b"BZh":
        out = _stream(blob, "bz2", limit)
    elif data[:4] == b"\x28\xb5\x2f\xfd":
        out = _unzstd(blob, limit)
    else:
        return blob
    return Blob(name=blob.name, data=out)


def _gunzip(blob: Blob, limit: int) -> bytes:
    out, rest = bytearray(), blob.data
    try:
        while rest:
            machine = zlib.decompressobj(31)
            out += machine.decompress(rest, limit + 1 - len(out))
            if len(out) > limit:
                raise _too_long(blob, limit)
            if not machine.eof:
                raise hostile(blob.name, "ends in the middle (gzip)")
            # Zeros behind the last member are padding (gzip(1)).
            rest = machine.unused_data.lstrip(b"\0")
    except zlib.error as error:
        raise hostile(blob.name, f"damaged gzip data ({error})") from error
    return bytes(out)


def _stream(blob: Blob, module: str, limit: int) -> bytes:
    import bz2
    import lzma

    source = io.BytesIO(blob.data)
    try:
        with lzma.LZMAFile(source) if module == "lzma" else bz2.BZ2File(source) as file:
            out = file.read(limit + 1)
    except (OSError, EOFError, lzma.LZMAError, ValueError) as error:
        raise hostile(blob.name, f"damaged {module} data ({error})") from error
    if len(out) > limit:
        raise _too_long(blob, limit)
    return out


def _unzstd(blob: Blob, limit: int) -> bytes:
    import zstandard

    out = bytearray()
    try:
        machine = zstandard.ZstdDecompressor(max_window_size=1 << 27)
        with machine.stream_reader(blob.data, read_across_frames=True) as file:
            while block := file.read(_BLOCK):
                out += block
                if len(out) > limit:
                    raise _too_long(blob, limit)
    except zstandard.ZstdError as error:
        raise hostile(blob.name, f"damaged zstd data ({error})") from error
    return bytes(out)


def _too_long(blob: Blob, limit: int) -> HostileInputError:
    return hostile(blob.name, f"inflates to more than {limit} bytes")


def is_archive(blob: Blob) -> bool:
    """Whether ``blob`` (not compressed any more) is a zip or tar archive."""
    return blob.data[:4] in (b"PK\x03\x04", b"PK\x05\x06") or blob.data[257:262] == b"ustar"


def members(blob: Blob, *, suffixes: tuple[str, ...]) -> Iterator[Blob]:
    """The regular files of an archive whose names end so, in the archive's order.

    Names are only ever shown, never used as paths. A name that occurs twice is refused: two
    readers could take different ones.
    """
    found = _zip_members(blob, suffixes) if blob.data[:2] == b"PK" else _tar_members(blob, suffixes)
    seen: set[str] = set()
    total = 0
    for member in found:
        if member.name in seen:
            raise hostile(blob.name, f"holds {_shown(member.name)} twice")
        seen.add(member.name)
        total += len(member.data)
        if total > TOTAL_LIMIT or len(seen) > MEMBERS:
            raise hostile(blob.name, "holds more than any feed does")
        yield member


def _zip_members(blob: Blob, suffixes: tuple[str, ...]) -> Iterator[Blob]:
    import zipfile

    try:
        with zipfile.ZipFile(io.BytesIO(blob.data)) as archive:
            infos = archive.infolist()
            if len(infos) > MEMBERS:
                raise hostile(blob.name, f"holds {len(infos)} files")
            for info in infos:
                if info.is_dir() or not info.filename.endswith(suffixes):
                    continue
                if info.file_size > min(MEMBER_LIMIT, info.compress_size * _RATIO + 1024):
                    raise hostile(blob.name, f"{_shown(info.filename)} inflates without bounds")
                with archive.open(info) as file:
                    data = file.read(MEMBER_LIMIT + 1)
                if len(data) > MEMBER_LIMIT:
                    raise hostile(blob.name, f"{_shown(info.filename)} inflates without bounds")
                yield Blob(name=info.filename, data=data)
    # zipfile lets a damaged archive surface as any of these.
    except (
        zipfile.BadZipFile,
        zlib.error,
        OSError,
        EOFError,
        ValueError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise hostile(blob.name, f"damaged zip archive ({error})") from error


def _tar_members(blob: Blob, suffixes: tuple[str, ...]) -> Iterator[Blob]:
    import tarfile

    try:
        with tarfile.open(fileobj=io.BytesIO(blob.data), mode="r:") as archive:
            for count, info in enumerate(archive):
                if count > MEMBERS:
                    raise hostile(blob.name, "holds more than any feed does")
                if not info.isreg() or not info.name.endswith(suffixes):
                    continue
                file = archive.extractfile(info) if info.size <= MEMBER_LIMIT else None
                if file is None:
                    raise hostile(blob.name, f"{_shown(info.name)} is larger than any record")
                data = file.read()
                if len(data) != info.size:
                    raise hostile(blob.name, f"ends inside {_shown(info.name)}")
                yield Blob(name=info.name, data=data)
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise hostile(blob.name, f"damaged tar archive ({error})") from error


def _shown(name: str) -> str:
    return ascii(name[:120])


def text_of(blob: Blob) -> str:
    """The bytes as UTF-8 text, a byte order mark left out."""
    try:
        return blob.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise hostile(blob.name, f"is not UTF-8 at byte {error.start}") from error


def load_json(blob: Blob) -> object:
    """The JSON document; duplicate keys, NaN, huge numbers and deep nesting are refused."""
    try:
        value: object = _DECODER.decode(text_of(blob))
    except (ValueError, RecursionError) as error:
        raise hostile(blob.name, f"is not JSON ({_cause(error)})") from error
    return value


def json_members(blob: Blob) -> Iterator[tuple[str, object]]:
    """The members of a JSON object one by one, so that a large one never stands in memory whole.

    A member's own name may come back a second time: the caller refuses it.
    """
    text = text_of(blob)
    at = _skip(text, 0)
    if text[at : at + 1] != "{":
        raise hostile(blob.name, "is not a JSON object")
    at = _skip(text, at + 1)
    try:
        while text[at : at + 1] != "}":
            key, at = _DECODER.raw_decode(text, at)
            at = _skip(text, at)
            if not isinstance(key, str) or text[at : at + 1] != ":":
                raise hostile(blob.name, f"is not JSON at character {at}")
            value, at = _DECODER.raw_decode(text, _skip(text, at + 1))
            yield key, value
            at = _skip(text, at)
            if text[at : at + 1] == ",":
                at = _skip(text, at + 1)
            elif text[at : at + 1] != "}":
                raise hostile(blob.name, f"is not JSON at character {at}")
    except (ValueError, RecursionError) as error:
        raise hostile(blob.name, f"is not JSON ({_cause(error)})") from error
    if text[at + 1 :].strip():
        raise hostile(blob.name, "goes on behind its end")


def _skip(text: str, at: int) -> int:
    while text[at : at + 1] in (" ", "\n", "\r", "\t") and at < len(text):
        at += 1
    return at


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)


def _cause(error: BaseException) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)[:120]


def mapping(value: object) -> Mapping[str, object]:
    """``value`` if it is an object, else an empty one: for optional parts of a record."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> list[object]:
    """``value`` if it is an array, else an empty one."""
    return value if isinstance(value, list) else []


def word(value: object, *, most: int = 4096) -> str:
    """``value`` if it is a text of at most ``most`` characters without control characters, else
    "": what goes on to a terminal or a report.
    """
    if not isinstance(value, str) or len(value) > most:
        return ""
    return value if value.isprintable() else "".join(c if c.isprintable() else " " for c in value)
