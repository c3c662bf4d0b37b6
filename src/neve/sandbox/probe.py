"""One TCP exchange, as a script of its own, so that it can run in another network namespace.

``python -I -S probe.py HOST PORT TIMEOUT LIMIT``: the payload on standard input, the answer on
standard output. Exit code 7 where nothing accepts the connection.
"""

from __future__ import annotations

import socket
import sys
import time

REFUSED = 7


def main(host: str, port: int, timeout: float, limit: int) -> int:
    """Connect, send standard input, copy the answer to standard output."""
    deadline = time.monotonic() + timeout
    payload = sys.stdin.buffer.read()
    try:
        connection = socket.create_connection((host, port), timeout)
    except OSError:
        return REFUSED
    with connection:
        try:
            if payload:
                connection.sendall(payload)
            while payload and limit > 0:
                connection.settimeout(max(0.05, deadline - time.monotonic()))
                data = connection.recv(min(limit, 65536))
                if not data or time.monotonic() >= deadline:
                    break
                sys.stdout.buffer.write(data)
                limit -= len(data)
        except OSError:
            pass  # what came until then is the answer
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])))
