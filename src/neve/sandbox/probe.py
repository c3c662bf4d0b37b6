"""One TCP exchange, as a script of its own, so that it can run in another network namespace.

``python -I -S probe.py HOST PORT TIMEOUT LIMIT [proxied]``: the payload on standard input, the
answer on standard output. Exit code 7 where nothing accepts the connection. An engine's proxy
accepts before it knows: with ``proxied``, a connection closed at once counts as not accepted.
"""

from __future__ import annotations

import socket
import sys
import time

REFUSED = 7
_AT_ONCE = 0.25


def main(host: str, port: int, timeout: float, limit: int, *, proxied: bool) -> int:
    """Connect, send standard input, copy the answer to standard output."""
    payload = sys.stdin.buffer.read()
    try:
        connection = socket.create_connection((host, port), timeout)
    except OSError:
        return REFUSED
    with connection:
        if not payload:
            return REFUSED if proxied and _closed_at_once(connection) else 0
        answer = _ask(connection, payload, time.monotonic() + timeout, limit)
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()
    return REFUSED if proxied and not answer else 0


def _ask(connection: socket.socket, payload: bytes, deadline: float, limit: int) -> bytes:
    answer = bytearray()
    try:
        connection.sendall(payload)
        while len(answer) < limit and time.monotonic() < deadline:
            connection.settimeout(max(0.05, deadline - time.monotonic()))
            data = connection.recv(min(limit - len(answer), 65536))
            if not data:
                break
            answer += data
    except OSError:
        pass  # what came until then is the answer
    return bytes(answer)


def _closed_at_once(connection: socket.socket) -> bool:
    connection.settimeout(_AT_ONCE)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


if __name__ == "__main__":
    sys.exit(
        main(
            sys.argv[1],
            int(sys.argv[2]),
            float(sys.argv[3]),
            int(sys.argv[4]),
            proxied="proxied" in sys.argv[5:],
        )
    )
