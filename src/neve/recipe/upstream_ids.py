"""The numeric ids that well-known images give the accounts of their software; data only.

Volumes remember numbers, not names: an image that takes over the data of another one needs its
numbers. Read from the ``groupadd``, ``useradd`` and ``adduser`` lines in each image's own build
file, as its published history shows them (docker-library/repo-info, 2026).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamIds:
    """The ids of one account; ``source`` names the images that use them."""

    uid: int
    gid: int
    source: str


def _ids(uid: int, gid: int, source: str) -> UpstreamIds:
    return UpstreamIds(uid=uid, gid=gid, source=source)


UPSTREAM_IDS: Mapping[str, UpstreamIds] = {
    "couchdb": _ids(5984, 5984, "docker.io/library/couchdb"),
    "haproxy": _ids(99, 99, "docker.io/library/haproxy (Debian)"),
    "memcache": _ids(11211, 11211, "docker.io/library/memcached"),
    "mongodb": _ids(999, 999, "docker.io/library/mongo"),
    "mysql": _ids(999, 999, "docker.io/library/mysql and mariadb"),
    "nginx": _ids(101, 101, "docker.io/library/nginx"),
    "node": _ids(1000, 1000, "docker.io/library/node"),
    "postgres": _ids(999, 999, "docker.io/library/postgres (Debian)"),
    "rabbitmq": _ids(999, 999, "docker.io/library/rabbitmq"),
    "redis": _ids(999, 999, "docker.io/library/redis (Debian)"),
    "www-data": _ids(33, 33, "docker.io/library/httpd and php (Debian)"),
}
"""By account name. Images of one software on another distribution may differ (redis on Alpine:
999:1000): its numbers are then pinned with ``uid`` and ``gid``.
"""
