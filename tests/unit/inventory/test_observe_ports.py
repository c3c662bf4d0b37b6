"""Ports that servers' own configuration names, each with the line that says so."""

from __future__ import annotations

import pytest

from neve.inventory.facts import observing
from neve.inventory.types import Candidate, Depth


def ports(path: str, text: str) -> list[tuple[int, str, str]]:
    data = text.encode()
    facts = observing(Depth.INVENTORY).observe(
        Candidate(path=path, mode=0o644, size=len(data)), memoryview(data)
    )
    return [(item.port, item.protocol, item.evidence) for item in facts.ports] if facts else []


@pytest.mark.parametrize(
    ("path", "line", "port"),
    [
        ("/etc/nginx/conf.d/default.conf", "    listen       80;", 80),
        ("/etc/nginx/sites-available/default", "listen [::]:8443 ssl;", 8443),
        ("/etc/nginx/nginx.conf", "listen 127.0.0.1:9000 default_server;", 9000),
        ("/etc/apache2/ports.conf", "Listen 8080", 8080),
        ("/usr/local/apache2/conf/httpd.conf", "Listen 0.0.0.0:443 https", 443),
        ("/etc/haproxy/haproxy.cfg", "  bind *:5000", 5000),
        ("/etc/haproxy/haproxy.cfg", "  bind :5001 ssl crt /x", 5001),
        ("/etc/redis/redis.conf", "port 6379", 6379),
        ("/etc/postgresql/17/main/postgresql.conf", "port = 5432\t\t# (change requires)", 5432),
        ("/etc/mysql/mariadb.conf.d/50-server.cnf", "port = 3306", 3306),
        ("/etc/ssh/sshd_config", "Port 22", 22),
        ("/etc/memcached.conf", "-p 11211", 11211),
    ],
)
def test_listening(path: str, line: str, port: int) -> None:
    assert ports(path, f"# listen\n{line}\n") == [(port, "tcp", f"{path}:2")]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/etc/nginx/nginx.conf", "# listen 80;"),
        ("/etc/nginx/nginx.conf", "listen unix:/run/x.sock;"),
        ("/etc/ssh/sshd_config", "#Port 22"),
        ("/etc/redis/redis.conf", "port 0"),
        ("/etc/redis/redis.conf", "port 99999"),
        ("/etc/other/redis.txt", "port 6379"),
        ("/etc/haproxy/haproxy.cfg", "  timeout 5000"),
    ],
)
def test_nothing_listens(path: str, line: str) -> None:
    assert ports(path, f"{line}\n") == []


def test_udp() -> None:
    assert ports("/etc/nginx/nginx.conf", "listen 53 udp;") == [
        (53, "udp", "/etc/nginx/nginx.conf:1")
    ]


def test_a_file_of_nothing_but_ports_ends() -> None:
    assert len(ports("/etc/nginx/nginx.conf", "listen 80;\n" * 100_000)) == 200
