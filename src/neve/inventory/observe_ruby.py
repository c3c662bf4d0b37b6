"""Installed gems: the specifications that RubyGems keeps, of default gems too.

A specification is Ruby code; its plain assignments are read, nothing runs. Source: the
"Specification Reference" of guides.rubygems.org.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from neve.inventory.observing import one_line, packages_of, text_of
from neve.inventory.purl import package_url
from neve.inventory.types import Candidate, Depth, Observer, Package, PackageType

_TEXT = r"""["']([^"'\n]*)["']"""
_NAME = r"^[ \t]{0,99}\w{1,32}\."
_FIELD = re.compile(
    _NAME + r"(name|version)[ \t]*=[ \t]*(?:Gem::Version\.new[ \t]*\(?[ \t]*)?" + _TEXT,
    re.MULTILINE,
)
_LISTS = re.compile(_NAME + r"(authors?|licenses?)[ \t]*=[ \t]*\[?([^\]\n]{0,4096})", re.MULTILINE)
_ITEM = re.compile(_TEXT)
_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})")


def _gem(candidate: Candidate, data: memoryview) -> Iterator[Package]:
    text = text_of(data)
    fields: dict[str, str] = {}
    for key, value in _FIELD.findall(text):
        fields.setdefault(key, one_line(value))
    name, version = fields.get("name", ""), fields.get("version", "")
    if not name or not version or "#{" in name + version:
        return
    lists = {key.rstrip("s"): _items(value) for key, value in _LISTS.findall(text)}
    yield Package(
        type=PackageType.GEM,
        name=name,
        version=version,
        purl=package_url("gem", name, version),
        paths=(candidate.path,),
        maintainer=", ".join(lists.get("author", ())),
        licences=lists.get("license", ()),
    )


def _items(text: str) -> tuple[str, ...]:
    found = (_ESCAPE.sub(lambda m: chr(int(m[1], 16)), item) for item in _ITEM.findall(text))
    return tuple(item for found_item in found if (item := one_line(found_item)))


OBSERVERS = (
    Observer(
        name="ruby",
        version=1,
        depth=Depth.PACKAGES,
        observe=packages_of(_gem, "gem specification"),
        paths=r".*/specifications/(?:.*/)?[^/]*\.gemspec",
        limit=16 << 20,
    ),
)
"""Rows for installed gems."""
