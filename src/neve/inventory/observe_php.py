"""PHP: what Composer installed, and the packages of PEAR and PECL.

``composer.lock`` says what could be installed and is left. Sources: Composer's ``installed.json``
(versions 1 and 2), PEAR's registry, which PHP's ``serialize`` writes.
"""

from __future__ import annotations

from collections.abc import Iterator

from neve.inventory.observing import json_of, one_line, one_lines, packages_of
from neve.inventory.purl import package_url
from neve.inventory.types import Candidate, Depth, Observer, Package, PackageType

_MAX_DEPTH = 64
_MAX_ITEMS = 200_000


def _installed(candidate: Candidate, data: memoryview) -> Iterator[Package]:
    document = json_of(data)
    packages = document.get("packages") if isinstance(document, dict) else document
    for item in packages if isinstance(packages, list) else ():
        if not isinstance(item, dict):
            continue
        name, version = one_line(item.get("name")), one_line(item.get("version"))
        if not name or not version:
            continue
        vendor, _, short = name.rpartition("/")
        yield Package(
            type=PackageType.COMPOSER,
            name=name,
            version=version,
            purl=package_url("composer", short, version, namespace=vendor),
            paths=(candidate.path,),
            licences=one_lines(item.get("license")),
        )


def _registered(candidate: Candidate, data: memoryview) -> Iterator[Package]:
    record = unserialize(bytes(data))
    if not isinstance(record, dict):
        raise ValueError("no PEAR record")  # noqa: TRY004 - the file's fault, no caller's
    name = one_line(_plain(record.get("name")) or _plain(record.get("package")))
    version = one_line(_plain(_below(record.get("version"), "release")))
    if not name or not version:
        return
    channel = one_line(_plain(record.get("channel")))
    licence = record.get("license")
    text = one_line(_plain(_below(licence, "_content")) or _plain(licence))
    yield Package(
        type=PackageType.GENERIC,
        name=name,
        version=version,
        purl=package_url("pear", name, version, namespace=channel),
        paths=(candidate.path,),
        licences=(text,) if text else (),
    )


def _below(value: object, key: str) -> object:
    return value.get(key) if isinstance(value, dict) else value


def _plain(value: object) -> str:
    return value if isinstance(value, str) else ""


def unserialize(data: bytes) -> object:
    """The value of PHP's ``serialize``: scalars and arrays, never an object.

    Raises ``ValueError`` for anything else and for what no record has.
    """
    value, _ = _Reader(data).value(0, 0)
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._left = _MAX_ITEMS

    def value(self, at: int, depth: int) -> tuple[object, int]:
        """The value at ``at``, and where the next one begins."""
        self._left -= 1
        if self._left < 0 or depth > _MAX_DEPTH:
            raise ValueError("too much in one record")
        kind = self._data[at : at + 2]
        if kind == b"N;":
            return None, at + 2
        if kind in (b"i:", b"b:"):
            text, at = self._until(b";", at + 2)
            return int(text), at
        if kind == b"d:":
            text, at = self._until(b";", at + 2)
            return float(text), at
        if kind == b"s:":
            return self._string(at + 2)
        if kind == b"a:":
            return self._array(at + 2, depth)
        raise ValueError("not a plain record")

    def _until(self, end: bytes, at: int) -> tuple[str, int]:
        found = self._data.find(end, at, at + 40)
        if found < 0:
            raise ValueError("cut off")
        return self._data[at:found].decode("ascii"), found + 1

    def _string(self, at: int) -> tuple[str, int]:
        length, at = self._until(b":", at)
        end = at + 1 + int(length)
        if int(length) < 0 or self._data[at : at + 1] != b'"' or self._data[end : end + 2] != b'";':
            raise ValueError("a text that is cut off")
        return self._data[at + 1 : end].decode("utf-8", "replace"), end + 2

    def _array(self, at: int, depth: int) -> tuple[dict[object, object], int]:
        length, at = self._until(b":", at)
        if self._data[at : at + 1] != b"{":
            raise ValueError("not a plain record")
        at += 1
        found: dict[object, object] = {}
        for _ in range(int(length)):
            key, at = self.value(at, depth + 1)
            if not isinstance(key, (str, int)):
                raise ValueError("a key that is no text")  # noqa: TRY004 - as above
            found[key], at = self.value(at, depth + 1)
        if self._data[at : at + 1] != b"}":
            raise ValueError("cut off")
        return found, at + 1


OBSERVERS = (
    Observer(
        name="php-composer",
        version=1,
        depth=Depth.PACKAGES,
        observe=packages_of(_installed, "list of Composer's packages"),
        paths=r".*/installed\.json",
        limit=64 << 20,
    ),
    Observer(
        name="php-pear",
        version=1,
        depth=Depth.PACKAGES,
        observe=packages_of(_registered, "PEAR record"),
        paths=r".*/php/\.registry/(?:.*/)?[^/]*\.reg",
        limit=16 << 20,
    ),
)
"""Rows for PHP's packages."""
