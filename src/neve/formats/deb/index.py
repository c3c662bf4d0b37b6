"""A ``Packages`` index, read lazily: offsets first, a stanza only when it is asked for.

Parsing all of a suite's 68,000 stanzas takes seconds and half a gigabyte; a closure needs a few
hundred of them. Source: deb822(5), Debian's repository format. Trust is not decided here: the
caller hands over bytes whose digest it has checked.
"""

from __future__ import annotations

import json
import re
import sys
from array import array
from bisect import bisect
from collections.abc import Iterator, Set
from mmap import mmap

from neve.errors import HostileInputError, NeveError
from neve.formats.deb.control import parse_control
from neve.formats.deb.relations import parse_relations
from neve.formats.deb.types import Clause, IndexPackage, Relation
from neve.formats.deb.versions import is_version
from neve.model import Digest

OFFSETS_VERSION = "2"
"""Changes whenever ``PackagesIndex.dump`` writes another form."""

_PACKAGE = re.compile(rb"\nPackage:[ \t]*([^\n]*)")
_FIRST_PACKAGE = re.compile(rb"\s*Package:[ \t]*([^\n]*)")
_INK = re.compile(rb"\S")
_LINE_FEED = 0x0A
_PROVIDES = re.compile(rb"\nProvides:[ \t]*([^\n]*(?:\n[ \t][^\n]*)*)")
_ESSENTIAL = re.compile(rb"\nEssential:[ \t]*yes[ \t]*(?=\n|$)")
_STANZA_END = re.compile(rb"\n[ \t]*\n")
_PROVIDED_NAME = re.compile(rb"(?:^|[,|])\s*([A-Za-z0-9][A-Za-z0-9+.-]*)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.-]*")
_MAX_STANZA = 1 << 20
_SIZE = re.compile(r"[0-9]{1,15}")

Buffer = bytes | mmap | memoryview


class PackagesIndex:
    """The stanzas of one inflated ``Packages`` file by name, several versions each.

    Safe for concurrent readers once made. ``data`` is kept and must not change.
    """

    def __init__(
        self, data: Buffer, names: dict[str, int | tuple[int, ...]], provides: list[int] | None
    ) -> None:
        self._data = data
        self._view = memoryview(data)
        self._names = names
        self._provides = provides
        self._providers: dict[str, tuple[int, ...]] | None = None
        self._parsed: dict[int, IndexPackage] = {}

    @classmethod
    def parse(cls, data: Buffer) -> PackagesIndex:
        """Find every stanza of ``data`` (``bytes``, ``mmap`` or a view). Parses none of them.

        Raises ``HostileInputError`` where a stanza has no readable name.
        """
        names: dict[str, int | tuple[int, ...]] = {}
        first = _FIRST_PACKAGE.match(data)
        if first is None:
            if _INK.search(data) is None:
                return cls(data, names, [])
            return cls._parse_unordered(data)
        names[_decode(first[1])] = first.start(1)
        for match in _PACKAGE.finditer(data, first.end()):
            if data[match.start() - 1] != _LINE_FEED:
                return cls._parse_unordered(data)
            name = _decode(match[1])
            offset = match.start(1)
            old = names.setdefault(name, offset)
            if old is not offset:
                names[name] = (*old, offset) if isinstance(old, tuple) else (old, offset)
        for name in names:
            if _NAME.fullmatch(name) is None:
                raise _refused(repr(name[:80]), "not a package name")
        return cls(data, names, None)

    @classmethod
    def _parse_unordered(cls, data: Buffer) -> PackagesIndex:
        """The index of stanzas that do not all begin with Package: a rare archive's, so slower.

        Works on a copy with Package in front; offsets dumped from it fit no other buffer.
        """
        stanzas = []
        for stanza in _STANZA_END.split(bytes(data)):
            lines = stanza.strip(b"\n").split(b"\n")
            front = [line for line in lines if line.startswith(b"Package:")]
            if len(front) == 1:
                lines.remove(front[0])
                stanzas.append(b"\n".join([*front, *lines]))
            elif stanza.strip():
                raise _refused("a stanza", f"it holds {len(front)} Package fields")
        return cls.parse(b"\n\n".join(stanzas))

    @classmethod
    def restore(cls, data: Buffer, dumped: bytes) -> PackagesIndex:
        """The index of ``data`` from what ``dump`` wrote for the same bytes, without a scan.

        Raises ``ValueError`` when ``dumped`` is corrupt or of another version or data length.
        """
        head, _, rest = dumped.partition(b"\n")
        facts = json.loads(head)
        size = len(memoryview(data))
        if not isinstance(facts, list) or len(facts) != 6:
            raise ValueError("not an index of offsets")
        version, length, *bounds = facts
        if version != OFFSETS_VERSION or length != size:
            raise ValueError("offsets of another index")
        if not all(isinstance(bound, int) and bound >= 0 for bound in bounds):
            raise ValueError("not an index of offsets")
        names_length, count, virtual_length, virtual_count = bounds
        end = names_length + virtual_length
        numbers = _array_of(rest[end:])
        if len(numbers) != count + virtual_count or (len(numbers) and max(numbers) >= size):
            raise ValueError("offsets cut short or beyond the index")
        own = _listed(rest[:names_length], count)
        names: dict[str, int | tuple[int, ...]] = dict(zip(own, numbers, strict=False))
        if len(names) != count:  # a name stands several times: rare, so looked at apart
            names = {}
            for name, offset in zip(own, numbers, strict=False):
                old = names.setdefault(name, offset)
                if old is not offset:
                    names[name] = (*old, offset) if isinstance(old, tuple) else (old, offset)
        index = cls(data, names, None)
        providers: dict[str, list[int]] = {}
        listed = _listed(rest[names_length:end], virtual_count)
        for name, offset in zip(listed, numbers[count:], strict=True):
            providers.setdefault(name, []).append(offset)
        index._providers = {name: tuple(offsets) for name, offsets in providers.items()}
        return index

    def dump(self) -> bytes:
        """Names, virtual names and their offsets in a compact form for ``restore``; the same for
        the same index.
        """
        if self._providers is None:
            self._providers = self._find_providers()
        listed: list[str] = []
        virtual: list[str] = []
        numbers = array("Q")
        for name, offsets in self._names.items():
            for offset in (offsets,) if isinstance(offsets, int) else offsets:
                listed.append(name)
                numbers.append(offset)
        for name in sorted(self._providers):
            virtual += [name] * len(self._providers[name])
            numbers.extend(self._providers[name])
        names, virtual_names = "\n".join(listed).encode(), "\n".join(virtual).encode()
        head = [OFFSETS_VERSION, len(self._view), len(names), len(listed)]
        head += [len(virtual_names), len(virtual)]
        if sys.byteorder == "big":
            numbers.byteswap()
        return json.dumps(head).encode() + b"\n" + names + virtual_names + numbers.tobytes()

    @property
    def names(self) -> Set[str]:
        """The names of the real packages; a view, in the order of the index."""
        return self._names.keys()

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        """The names in the order of the index."""
        return iter(self._names)

    def get(self, name: str) -> tuple[IndexPackage, ...]:
        """Every version of ``name`` in the order of the index; ``()`` when there is none.

        Identical stanzas count once. Raises ``HostileInputError`` for a malformed stanza.
        """
        offsets = self._names.get(name)
        if offsets is None:
            return ()
        if isinstance(offsets, int):
            return (self._at(offsets),)
        return tuple(dict.fromkeys(self._at(offset) for offset in offsets))

    def providers(self, name: str) -> tuple[IndexPackage, ...]:
        """The packages whose Provides names ``name``, in the order of the index."""
        if self._providers is None:
            self._providers = self._find_providers()
        found = dict.fromkeys(self._at(offset) for offset in self._providers.get(name, ()))
        return tuple(
            package
            for package in found
            if any(relation.name == name for relation in package.provides)
        )

    @property
    def virtual_names(self) -> Set[str]:
        """Every name that some package provides; a view."""
        if self._providers is None:
            self._providers = self._find_providers()
        return self._providers.keys()

    def essential(self) -> tuple[str, ...]:
        """The names of the packages that say they are essential, sorted (Policy §3.8)."""
        owners = sorted(self._offsets())
        found = {
            self._at(owners[bisect(owners, match.start()) - 1]).name
            for match in _ESSENTIAL.finditer(self._data)
        }
        return tuple(sorted(found))

    def _offsets(self) -> Iterator[int]:
        """Where each stanza begins, in any order."""
        for offsets in self._names.values():
            yield from (offsets,) if isinstance(offsets, int) else offsets

    def _provides_offsets(self) -> list[int]:
        if self._provides is None:
            self._provides = [match.start(1) for match in _PROVIDES.finditer(self._data)]
        return self._provides

    def _find_providers(self) -> dict[str, tuple[int, ...]]:
        """Name → offsets of the stanzas that provide it."""
        found: dict[str, list[int]] = {}
        field = re.compile(rb"[^\n]*(?:\n[ \t][^\n]*)*")
        owners = sorted(self._offsets())
        owner = -1
        for offset in self._provides_offsets():
            while owner + 1 < len(owners) and owners[owner + 1] < offset:
                owner += 1
            match = field.match(self._data, offset)
            if owner < 0 or match is None:
                continue
            for name in set(_PROVIDED_NAME.findall(match[0])):
                found.setdefault(name.decode("ascii"), []).append(owners[owner])
        return {name: tuple(offsets) for name, offsets in found.items()}

    def _at(self, offset: int) -> IndexPackage:
        package = self._parsed.get(offset)
        if package is None:
            end = _STANZA_END.search(self._data, offset, offset + _MAX_STANZA)
            stop = end.start() if end else min(len(self._view), offset + _MAX_STANZA)
            text = b"Package: " + bytes(self._view[offset:stop])
            package = self._parsed[offset] = _package(text)
        return package


def _listed(data: bytes, count: int) -> list[str]:
    names = data.decode("ascii").split("\n") if data else []
    if len(names) != count:
        raise ValueError("names cut short")
    return names


def _array_of(data: bytes) -> array[int]:
    numbers = array("Q")
    if len(data) % numbers.itemsize:
        raise ValueError("offsets cut short")
    numbers.frombytes(data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _package(stanza: bytes) -> IndexPackage:
    name = _decode(stanza[len(b"Package: ") :].partition(b"\n")[0])
    paragraph = parse_control(stanza, subject=f"package {name}")
    fields = {key.lower(): value for key, value in paragraph}
    try:
        return _from_fields(name, fields)
    except KeyError as error:
        raise _refused(f"package {name}", f"no field {error.args[0].title()}") from None
    except ValueError as error:
        raise _refused(f"package {name}", str(error)) from None
    except NeveError as error:
        raise _refused(f"package {name}", error.brief) from None


def _from_fields(name: str, fields: dict[str, str]) -> IndexPackage:
    version = fields["version"]
    filename = fields["filename"]
    source, source_version = source_of(name, version, fields.get("source", ""))
    if not is_version(version):
        raise ValueError(f"not a Debian version: {version[:80]!r}")
    if filename.startswith("/") or ".." in filename.split("/") or "\n" in filename:
        raise ValueError(f"its Filename leaves the archive: {filename[:120]!r}")
    return IndexPackage(
        name=name,
        version=version,
        architecture=fields["architecture"],
        multi_arch=fields.get("multi-arch", "no"),
        essential=fields.get("essential", "no").lower() == "yes",
        priority=fields.get("priority", "optional"),
        section=fields.get("section", ""),
        source=source,
        source_version=source_version,
        installed_size=_number(fields.get("installed-size", "0"), "Installed-Size") * 1024,
        filename=filename.removeprefix("./"),
        size=_number(fields["size"], "Size"),
        digest=Digest("sha256", fields["sha256"].lower()),
        pre_depends=_clauses(fields, "pre-depends"),
        depends=_clauses(fields, "depends"),
        conflicts=_clauses(fields, "conflicts"),
        breaks=_clauses(fields, "breaks"),
        replaces=_clauses(fields, "replaces"),
        provides=_provided(fields),
    )


def source_of(name: str, version: str, source: str) -> tuple[str, str]:
    """Name and version of the source package, from the field ``Source: NAME [(VERSION)]``."""
    if not source:
        return name, version
    source_name, _, rest = source.partition("(")
    return source_name.strip(), rest.rstrip(") ").strip() or version


def _clauses(fields: dict[str, str], name: str) -> tuple[Clause, ...]:
    return parse_relations(fields[name]) if name in fields else ()


def _provided(fields: dict[str, str]) -> tuple[Relation, ...]:
    return tuple(relation for clause in _clauses(fields, "provides") for relation in clause)


def _number(text: str, field: str) -> int:
    if _SIZE.fullmatch(text) is None:
        raise ValueError(f"its {field} is no number: {text[:40]!r}")
    return int(text)


def _decode(name: bytes) -> str:
    return name.decode("ascii", "replace").rstrip()


def _refused(subject: str, why: str) -> HostileInputError:
    return HostileInputError(
        f"{subject}: malformed stanza in a Packages index: {why}",
        resolution="Report it to the archive's owner; until then pin an older snapshot of it.",
    )
