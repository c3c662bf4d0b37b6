"""Which package owns a path, and which packaged files are not what their package brought.

Documentation, manuals and translations that are missing are no change: slim images leave them
out on purpose (dpkg's ``path-exclude``, rpm's ``_excludedocs``), and naming tens of thousands of
them would hide the one file that matters. All else that is missing is named.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from neve.inventory.entries import digest_of
from neve.inventory.types import Change, ChangedFile, PackageFiles
from neve.inventory.view import View
from neve.tree import FileEntry, Kind

_LEFT_OUT = re.compile(
    r"/usr/(?:local/)?share/(?:doc|doc-base|gtk-doc|man|info|locale|help|groff|lintian|linda|bug"
    r"|reportbug|licenses|gnome/help|omf)/.*",
    re.DOTALL,
)
_DIVERSIONS = "/var/lib/dpkg/diversions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """``owners``: path → the packages that list it, sorted. ``promised``: (path, package,
    digest, configuration) of every file whose checksum a database names.
    """

    owners: dict[str, tuple[str, ...]]
    promised: tuple[tuple[str, str, str, bool], ...]


def read_ownership(view: View) -> Ownership:
    """What the packages' databases say of paths, each path where the tree really has it."""
    owners: dict[str, set[str]] = {}
    promised: dict[tuple[str, str], tuple[str, bool]] = {}
    diverted = dict(_diversions(view))
    moved = view.moved
    for listed in _listed(view):
        package = listed.package
        for path, digest in listed.files:
            real = moved(path)
            if diverted:
                real = _divert(real, package, diverted)
            held = owners.get(real)
            if held is None:
                owners[real] = {package}
            else:
                held.add(package)
            if digest:
                promised[real, package] = (digest, path in listed.configuration)
    return Ownership(
        owners={path: tuple(sorted(names)) for path, names in owners.items()},
        promised=tuple((*key, *value) for key, value in promised.items()),
    )


def changed_files(
    view: View, ownership: Ownership, installed: frozenset[str]
) -> tuple[ChangedFile, ...]:
    """The packaged files that differ from what ``installed`` packages promise of them."""
    found: list[ChangedFile] = []
    for path, package, digest, configuration in ownership.promised:
        if package not in installed:
            continue
        change = _change(view, path, digest, configuration=configuration)
        if change is not None:
            found.append(ChangedFile(path=path, package=package, change=change))
    return tuple(sorted(found))


def _change(view: View, path: str, digest: str, *, configuration: bool) -> Change | None:
    entry = view.tree.get(path)
    if entry is None:
        return None if _LEFT_OUT.fullmatch(path) else Change.MISSING
    changed = Change.CONFIGURATION if configuration else Change.CONTENT
    if entry.kind not in (Kind.FILE, Kind.HARDLINK):
        return None if entry.target and _is_of_link(entry.target, digest) else changed
    found = _checksum(view, entry, digest)
    return changed if found and found != digest else None


def _is_of_link(target: str, digest: str) -> bool:
    """Whether ``digest`` is of a link's text: apk's database has links among its files."""
    algorithm, _, value = digest.partition(":")
    text = target.encode("utf-8", "surrogateescape")
    return algorithm == "sha1" and hashlib.sha1(text, usedforsecurity=False).hexdigest() == value


def _checksum(view: View, entry: FileEntry, digest: str) -> str:
    """The checksum of ``entry`` by the algorithm of ``digest``; "" where nobody took it."""
    algorithm = digest.partition(":")[0]
    held = view.held(entry)
    if algorithm == "sha256":
        known = digest_of(held)
        found = known.value if known is not None else ""
    else:
        facts = view.facts.get(held.path)
        found = "" if facts is None else facts.md5 if algorithm == "md5" else facts.sha1
    return f"{algorithm}:{found}" if found else ""


def is_unchanged(view: View, path: str, digest: str) -> bool:
    """Whether the file at ``path`` is known to be what ``digest`` promises."""
    entry = view.tree.get(path)
    return (
        entry is not None
        and entry.kind in (Kind.FILE, Kind.HARDLINK)
        and _checksum(view, entry, digest) == digest
    )


def _listed(view: View) -> Iterator[PackageFiles]:
    for facts in view.facts.values():
        yield from facts.listed


def _diversions(view: View) -> Iterator[tuple[str, tuple[str, str]]]:
    """Path → (where it was moved, the package that may keep it); dpkg-divert(1)."""
    lines = list(view.lines(_DIVERSIONS))
    for path, place, package in zip(lines[::3], lines[1::3], lines[2::3], strict=False):
        yield view.moved(path), (view.moved(place), package)


def _divert(path: str, package: str, diverted: dict[str, tuple[str, str]]) -> str:
    place, keeper = diverted.get(path, (path, package))
    return path if keeper == package else place
