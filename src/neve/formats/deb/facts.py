"""``PackageFacts`` ↔ bytes, for the action cache: read a package once, never again.

JSON of columns, one per field of an entry, since reading it back is part of every warm build:
thousands of entries come back in milliseconds. Owns the form and its checks: bytes of another
version or of a wrong shape are refused (``ValueError``), never half-loaded.
"""

from __future__ import annotations

import base64
import json
from collections import deque
from collections.abc import Iterable
from itertools import repeat
from operator import add, attrgetter
from typing import Any, TypeVar

from neve.formats.deb.types import ElfFacts, PackageFacts
from neve.model import Digest, Origin, Reason
from neve.tree import FileEntry, Kind, Slice

FACTS_VERSION = "1"
"""Changes whenever the form, or what is read from a package, changes. Part of every cache key."""

_HEX = "0123456789abcdef"
_SHA256, _SHA1 = 64, 40
_CODES = {Kind.FILE: "f", Kind.DIRECTORY: "d", Kind.SYMLINK: "l", Kind.HARDLINK: "h"}
_LINKS = (Kind.SYMLINK, Kind.HARDLINK)
_SHAPE_ERRORS = (
    KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError, StopIteration,
)  # fmt: skip
_T = TypeVar("_T")
_KINDS = {code: kind for kind, code in _CODES.items()}


def dump_facts(facts: PackageFacts) -> bytes:
    """``facts`` as compact JSON; the same facts give the same bytes."""
    entries = facts.entries
    slices = [entry.content for entry in entries if isinstance(entry.content, Slice)]
    document = {
        "version": FACTS_VERSION,
        "digest": str(facts.digest),
        "data": str(facts.data),
        "data_size": facts.data_size,
        "control": facts.control,
        "name": entries[0].reason.subject if entries else "",
        "paths": [entry.path for entry in entries],
        "kinds": "".join(_CODES[entry.kind] for entry in entries),
        "modes": [entry.mode for entry in entries],
        "mtimes": [entry.mtime for entry in entries],
        "owned": _exceptions(((e.uid, e.gid) for e in entries), (0, 0)),
        "xattrs": _exceptions(
            ([[name, _packed(value)] for name, value in e.xattrs] for e in entries), []
        ),
        "targets": [entry.target for entry in entries if entry.target is not None],
        "offsets": [content.offset for content in slices],
        "sizes": [content.size for content in slices],
        "sha256": "".join(content.digest.value for content in slices),
        "sha1": "".join(content.sha1 for content in slices),
        "scripts": [[name, _packed(data)] for name, data in facts.scripts],
        "conffiles": facts.conffiles,
        "md5sums": None if facts.md5sums is None else _packed(facts.md5sums),
        "interpreters": facts.interpreters,
        "elf": [[path, *_elf_values(elf)] for path, elf in facts.elf],
    }
    return json.dumps(document, separators=(",", ":")).encode("ascii")


def load_facts(data: bytes) -> PackageFacts:
    """What ``dump_facts`` wrote. Raises ``ValueError`` for anything else."""
    try:
        document = json.loads(data)
        if document["version"] != FACTS_VERSION:
            raise ValueError(f"facts of version {document['version']!r}, not {FACTS_VERSION}")
        return _facts(document)
    except _SHAPE_ERRORS as error:
        raise ValueError(f"not the facts of a package: {error!r}") from None


def _facts(document: dict[str, Any]) -> PackageFacts:
    md5sums = document["md5sums"]
    return PackageFacts(
        digest=Digest.parse(document["digest"]),
        data=Digest.parse(document["data"]),
        data_size=_natural(document["data_size"]),
        control=tuple((_text(name), _text(value)) for name, value in document["control"]),
        entries=_entries(document),
        scripts=tuple((_text(name), _unpacked(data)) for name, data in document["scripts"]),
        conffiles=_texts(document["conffiles"]),
        md5sums=None if md5sums is None else _unpacked(md5sums),
        interpreters=tuple((_text(path), _texts(w)) for path, w in document["interpreters"]),
        elf=tuple((_text(path), _elf(values)) for path, *values in document["elf"]),
    )


def _entries(document: dict[str, Any]) -> tuple[FileEntry, ...]:
    """The columns zipped back into entries."""
    source = Digest.parse(document["data"])
    owners = (_text(document["name"]),)
    reason = Reason(Origin.PACKAGE, owners[0], "unpacked")
    paths, modes, mtimes = document["paths"], document["modes"], document["mtimes"]
    kinds = [_KINDS[code] for code in document["kinds"]]
    _require(list(map(type, paths)) == [str] * len(paths))
    _require(len(paths) == len(set(paths)) == len(kinds) == len(modes) == len(mtimes))
    _require_numbers(modes, below=0o10000)
    _require_numbers(mtimes)
    owned = {index: (uid, gid) for index, (uid, gid) in document["owned"]}
    for numbers in owned.values():
        _require_numbers(numbers, below=1 << 32)
    xattrs = {
        index: tuple((_text(name), _unpacked(value)) for name, value in pairs)
        for index, pairs in document["xattrs"]
    }
    contents = iter(_slices(document, source))
    targets = iter(_texts(document["targets"]))
    entries = _instances(
        FileEntry,
        len(paths),
        path=paths,
        kind=kinds,
        mode=modes,
        uid=[owned[index][0] if index in owned else 0 for index in range(len(paths))],
        gid=[owned[index][1] if index in owned else 0 for index in range(len(paths))],
        mtime=mtimes,
        content=[next(contents) if kind is Kind.FILE else None for kind in kinds],
        target=[next(targets) if kind in _LINKS else None for kind in kinds],
        xattrs=[xattrs.get(index, ()) for index in range(len(paths))],
        owners=repeat(owners),
        device=repeat(None),
        reason=repeat(reason),
    )
    _require(next(contents, None) is None and next(targets, None) is None)
    return tuple(entries)


def _slices(document: dict[str, Any], source: Digest) -> list[Slice]:
    offsets, sizes = document["offsets"], document["sizes"]
    sha256, sha1 = document["sha256"], document["sha1"]
    count = len(offsets)
    _require_numbers(offsets)
    _require_numbers(sizes)
    _require(len(sizes) == count)
    _require(len(sha256) == count * _SHA256 and len(sha1) == count * _SHA1)
    _require(not sha256.strip(_HEX) and not sha1.strip(_HEX))
    end = _natural(document["data_size"])
    _require(not count or max(map(add, offsets, sizes)) <= end)
    digests = _instances(
        Digest,
        count,
        algorithm=repeat("sha256"),
        value=[sha256[at : at + _SHA256] for at in range(0, len(sha256), _SHA256)],
    )
    return _instances(
        Slice,
        count,
        source=repeat(source),
        offset=offsets,
        size=sizes,
        digest=digests,
        sha1=[sha1[at : at + _SHA1] for at in range(0, len(sha1), _SHA1)],
    )


def _instances(cls: type[_T], count: int, **columns: Iterable[object]) -> list[_T]:
    """``count`` instances of the slotted dataclass ``cls``, filled column by column.

    Every build loads thousands of these. Calling a frozen dataclass costs a Python frame and a
    guarded assignment per field; setting the slots from C costs a fifth. The columns must name
    every field and be checked already, since no ``__post_init__`` runs.
    """
    instances = [object.__new__(cls) for _ in range(count)]
    for name, values in columns.items():
        deque(map(getattr(cls, name).__set__, instances, values), maxlen=0)
    return instances


def _elf_values(elf: ElfFacts) -> tuple[object, ...]:
    values: tuple[object, ...] = attrgetter(
        "soname", "needed", "interpreter", "runpath", "machine", "bits", "runs_shell"
    )(elf)
    return values


def _elf(values: list[Any]) -> ElfFacts:
    soname, needed, interpreter, runpath, machine, bits, runs_shell = values
    _require(bits in (32, 64) and isinstance(runs_shell, bool))
    return ElfFacts(
        soname=None if soname is None else _text(soname),
        needed=_texts(needed),
        interpreter=None if interpreter is None else _text(interpreter),
        runpath=_texts(runpath),
        machine=_natural(machine),
        bits=bits,
        runs_shell=runs_shell,
    )


def _exceptions(values: Iterable[object], usual: object) -> list[tuple[int, object]]:
    return [(index, value) for index, value in enumerate(values) if value != usual]


def _packed(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _unpacked(text: str) -> bytes:
    return base64.b64decode(_text(text), validate=True)


def _text(value: object) -> str:
    _require(isinstance(value, str))
    return str(value)


def _texts(values: Iterable[object]) -> tuple[str, ...]:
    _require(isinstance(values, list))
    return tuple(map(_text, values))


def _natural(value: int) -> int:
    _require_numbers((value,))
    return value


def _require_numbers(values: Iterable[int], *, below: int = 1 << 63) -> None:
    """Every value a whole number of ``range(below)``; ``bool`` is none."""
    values = tuple(values)
    _require(set(map(type, values)) <= {int})
    _require(not values or (min(values) >= 0 and max(values) < below))


def _require(holds: object) -> None:
    if not holds:
        raise ValueError("not the facts of a package: a field has a wrong shape")
