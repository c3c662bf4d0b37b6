"""Small texts that only make sense beside the whole image: kept as they are, judged at assembly.

Accounts and their passwords, os-release, and the configuration of supervisors and units. Sources:
passwd(5), shadow(5), group(5), os-release(5), and each supervisor's own manual.
"""

from __future__ import annotations

from neve.inventory.types import Candidate, Depth, FileFacts, Observer

_LIMIT = 1 << 20


def _keep(candidate: Candidate, data: memoryview) -> FileFacts | None:
    del candidate
    return FileFacts(kept=bytes(data))


OBSERVERS = (
    Observer(
        name="os-release",
        version=1,
        depth=Depth.PACKAGES,
        observe=_keep,
        paths=r"/(?:etc|usr/lib)/os-release|/etc/(?:debian_version|alpine-release)"
        r"|/var/lib/dpkg/diversions",
        limit=_LIMIT,
    ),
    Observer(
        name="accounts",
        version=1,
        depth=Depth.INVENTORY,
        observe=_keep,
        paths=r"/etc/(?:passwd|shadow|group)",
        limit=_LIMIT,
    ),
    Observer(
        name="services",
        version=1,
        depth=Depth.INVENTORY,
        observe=_keep,
        paths=r"/etc/init\.d/[^/]+|/etc/supervisord?\.conf|/etc/supervisord?/.*\.(?:conf|ini)"
        r"|/etc/inittab",
        limit=_LIMIT,
    ),
)
"""Rows for texts that assembly reads."""
