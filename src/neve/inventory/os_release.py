"""Which distribution an image says it is. Source: os-release(5)."""

from __future__ import annotations

import shlex

from neve.inventory.types import OsRelease
from neve.inventory.view import View

PATHS = ("/etc/os-release", "/usr/lib/os-release")


def read_os_release(view: View) -> OsRelease:
    """The first of the two files that is there; all "" where neither is."""
    for path in PATHS:
        data = view.kept(path)
        if data is not None:
            return parse_os_release(data)
    return OsRelease()


def parse_os_release(data: bytes) -> OsRelease:
    """``KEY=value`` lines, quoted as a shell would; lines that are none are passed over."""
    found: dict[str, str] = {}
    for line in data.decode("utf-8", "replace").splitlines():
        key, equals, value = line.strip().partition("=")
        if not equals or key.startswith("#"):
            continue
        try:
            words = shlex.split(value)
        except ValueError:
            continue
        found[key.strip()] = words[0] if words else ""
    return OsRelease(
        id=found.get("ID", "").lower(),
        version_id=found.get("VERSION_ID", ""),
        codename=found.get("VERSION_CODENAME", ""),
        name=found.get("PRETTY_NAME") or found.get("NAME", ""),
        like=tuple(found.get("ID_LIKE", "").lower().split()),
    )
