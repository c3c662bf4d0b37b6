"""Ports that well-known servers say in their configuration they would listen on.

Sources: the manuals of nginx, Apache httpd, HAProxy, Redis/Valkey, PostgreSQL, MySQL/MariaDB,
OpenSSH and memcached. Modest: one line at a time, no includes followed, no default ports, no
commented lines; what an image exposes stands in its configuration document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from neve.inventory.types import Candidate, Depth, FileFacts, Observer, OpenPort

_LIMIT = 4 << 20
_MAX_LINE = 400
_MAX_PORTS = 200
_PORT = r"(?P<port>[0-9]{1,5})"
_ADDRESS = r"(?:\[[0-9A-Fa-f:.]{2,45}\]:|[\w.*-]{1,200}:)?"


@dataclass(frozen=True, slots=True)
class Server:
    """``paths`` are its files; ``line`` is matched against each line, without its leading white
    space.
    """

    name: str
    paths: str
    line: re.Pattern[str]


def _server(name: str, paths: str, line: str) -> Server:
    return Server(name, paths, re.compile(line))


SERVERS = (
    _server(
        "nginx",
        r"(?:/usr/local)?/(?:etc|opt)/(?:nginx|openresty)/.*",
        rf"listen\s{{1,20}}{_ADDRESS}{_PORT}(?=[\s;])",
    ),
    _server(
        "apache",
        r"/etc/(?:apache2|httpd)/.*|/usr/local/apache2/conf/.*",
        rf"[Ll]isten\s{{1,20}}{_ADDRESS}{_PORT}(?=\s|$)",
    ),
    _server(
        "haproxy",
        r"(?:/usr/local)?/etc/haproxy/.*",
        rf"bind\s{{1,20}}(?:\*|[\w.]{{1,200}}|\[[0-9A-Fa-f:.]{{2,45}}\])?:{_PORT}(?=\s|$)",
    ),
    _server(
        "redis", r"/etc/(?:redis|valkey)/.*\.conf|/etc/redis\.conf", rf"port\s{{1,20}}{_PORT}\s*$"
    ),
    _server(
        "postgresql",
        r"/etc/postgresql/.*\.conf|/var/lib/postgresql/.*\.conf|/usr/share/postgresql/.*\.conf",
        rf"port\s{{0,20}}=?\s{{0,20}}{_PORT}(?=\s|#|$)",
    ),
    _server(
        "mysql", r"/etc/(?:mysql/.*|my\.cnf(?:\.d/.*)?)", rf"port\s{{0,20}}=\s{{0,20}}{_PORT}\s*$"
    ),
    _server("sshd", r"/etc/ssh/sshd_config(?:\.d/.*)?", rf"Port\s{{1,20}}{_PORT}(?=\s|$)"),
    _server("memcached", r"/etc/memcached\.conf", rf"-p\s{{0,20}}{_PORT}(?=\s|$)"),
)


def _observe_with(server: Server, candidate: Candidate, data: memoryview) -> FileFacts | None:
    text = bytes(data).decode("utf-8", "replace")
    found = tuple(_ports(server, candidate.path, text))
    if not found:
        return None
    notes = (f"more than {_MAX_PORTS} ports: the rest is not shown",)
    return FileFacts(ports=found[:_MAX_PORTS], unjudged=notes if len(found) > _MAX_PORTS else ())


def _ports(server: Server, path: str, text: str) -> Iterator[OpenPort]:
    shown = 0
    for number, line in enumerate(text.splitlines(), start=1):
        match = server.line.match(line[:_MAX_LINE].lstrip())
        if match is None or not 0 < int(match["port"]) < 1 << 16:
            continue
        udp = server.name == "nginx" and re.search(r"\budp\b", line[:_MAX_LINE]) is not None
        yield OpenPort(
            port=int(match["port"]), protocol="udp" if udp else "tcp", evidence=f"{path}:{number}"
        )
        shown += 1
        if shown > _MAX_PORTS:
            return


def _row(server: Server) -> Observer:
    def observe(candidate: Candidate, data: memoryview) -> FileFacts | None:
        return _observe_with(server, candidate, data)

    return Observer(
        name=f"ports-{server.name}",
        version=1,
        depth=Depth.INVENTORY,
        observe=observe,
        paths=server.paths,
        limit=_LIMIT,
    )


OBSERVERS = tuple(_row(server) for server in SERVERS)
"""One row a server."""
