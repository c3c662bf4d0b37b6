"""A program that plays the part it is told: it crashes, ignores signals, leaves orphans."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path
from types import FrameType


def say(text: str) -> None:
    """One line on standard output."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def stopped(number: int, frame: FrameType | None) -> None:
    """End as a well-behaved program does."""
    say(f"stopped at {time.monotonic():.3f}")
    sys.exit(0)


def orphans() -> None:
    """Leave five processes behind whose parent is gone; each ends soon after."""
    for _ in range(5):
        child = os.fork()
        if child == 0:
            if os.fork() == 0:
                time.sleep(0.2)
            os._exit(0)
        os.waitpid(child, 0)


def serve(port: int) -> None:
    """Answer every request but the first, which is told that it is too early."""
    server = socket.create_server(("127.0.0.1", port))
    status = "503 Not yet"
    while True:
        connection, _ = server.accept()
        asked = connection.recv(1000).split(b"\r\n")[0].decode()
        connection.sendall(f"HTTP/1.0 {status}\r\n\r\n".encode())
        connection.close()
        say(f"{asked}: {status}")
        status = "204 No Content"


def main(part: str, *rest: str) -> None:
    """Play ``part``."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN if part == "stubborn" else stopped)
    say(f"{part} started")
    if part == "crash":
        sys.exit(int(rest[0]))
    if part == "abort":
        os.kill(os.getpid(), signal.SIGSEGV)
    if part == "job":
        return
    if part == "orphans":
        orphans()
        say("orphans left")
    if part == "listen":
        time.sleep(float(rest[1]))
        server = socket.create_server(("127.0.0.1", int(rest[0])))
        say(f"listening on {server.getsockname()[1]}")
    if part == "serve":
        serve(int(rest[0]))
    if part == "write":
        sys.stdout.write("to stdout\n" + "x" * 100 + "\n")
        sys.stderr.write("to stderr\n")
    if part == "show":
        groups = sorted(os.getgroups())
        say(f"uid {os.getuid()} gid {os.getgid()} groups {groups} in {Path.cwd()}")
        say(f"words {list(rest)!r}")
        say(f"{os.environ.get('HOME')} {os.environ.get('ODD')!r} {sorted(os.environ)}")
    sys.stdout.flush()
    sys.stderr.flush()
    while True:
        time.sleep(1)


main(*sys.argv[1:])
