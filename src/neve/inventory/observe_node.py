"""Node packages: every ``package.json`` with a name and a version.

Lock files say what could be installed, not what is, and are left. Source: package.json(5) of npm.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from neve.inventory.observing import json_of, one_line, packages_of
from neve.inventory.purl import package_url
from neve.inventory.types import Candidate, Depth, Observer, Package, PackageType


def _package(candidate: Candidate, data: memoryview) -> Iterator[Package]:
    if not data.tobytes().strip():
        return
    document = json_of(data)
    if not isinstance(document, dict):
        return
    name, version = one_line(document.get("name")), one_line(document.get("version"))
    if not name or not version:
        return
    scope, _, short = name.rpartition("/")
    yield Package(
        type=PackageType.NPM,
        name=name,
        version=version,
        purl=package_url("npm", short, version, namespace=scope),
        paths=(candidate.path,),
        maintainer=_person(document.get("author")),
        licences=_licences(document),
    )


def _person(value: object) -> str:
    if isinstance(value, dict):
        name, mail = one_line(value.get("name")), one_line(value.get("email"))
        return f"{name} <{mail}>".strip() if mail else name
    return one_line(value)


def _licences(document: dict[str, Any]) -> tuple[str, ...]:
    """``license`` as a text or the older object, else the older list ``licenses``."""
    values = document.get("license") or document.get("licenses")
    found = values if isinstance(values, list) else [values]
    texts = (one_line(item.get("type") if isinstance(item, dict) else item) for item in found)
    return tuple(text for text in texts if text)


OBSERVERS = (
    Observer(
        name="node",
        version=1,
        depth=Depth.PACKAGES,
        observe=packages_of(_package, "package.json"),
        paths=r".*/package\.json",
        limit=32 << 20,
    ),
)
"""Rows for Node packages."""
