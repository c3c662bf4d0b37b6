from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from neve.sandbox import probe


@contextmanager
def _server(answer: bytes, *, read: bool = True, keep: bool = False) -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def serve() -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            if read:
                connection.recv(1024)
            if answer:
                connection.sendall(answer)
            if keep:
                done.wait(5)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        done.set()
        listener.close()
        thread.join(5)


def _probe(
    port: int, payload: bytes, *more: str, limit: int = 1000, timeout: float = 5
) -> subprocess.CompletedProcess[bytes]:
    words = [sys.executable, "-I", "-S", probe.__file__, "127.0.0.1", str(port)]
    return subprocess.run(
        [*words, str(timeout), str(limit), *more], input=payload, capture_output=True
    )


def test_the_answer_comes_back_whole() -> None:
    with _server(b"hello" * 50) as port:
        answered = _probe(port, b"GET")
    assert (answered.returncode, answered.stdout) == (0, b"hello" * 50)


def test_an_answer_beyond_the_limit_is_cut() -> None:
    with _server(b"x" * 5000) as port:
        assert _probe(port, b"GET", limit=100).stdout == b"x" * 100


def test_a_server_that_does_not_close_is_read_until_the_timeout() -> None:
    with _server(b"+PONG\r\n", keep=True) as port:
        assert _probe(port, b"PING\r\n", timeout=0.5).stdout == b"+PONG\r\n"


def test_nobody_listening_is_said_by_the_exit_code() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert _probe(port, b"").returncode == probe.REFUSED


def test_listening_is_enough_without_a_payload() -> None:
    with _server(b"", keep=True) as port:
        assert _probe(port, b"").returncode == 0


def test_a_proxy_that_closes_at_once_counts_as_nobody() -> None:
    with _server(b"", read=False) as port:
        assert _probe(port, b"", "proxied").returncode == probe.REFUSED
    with _server(b"", read=False, keep=True) as port:
        assert _probe(port, b"", "proxied").returncode == 0
    with _server(b"") as port:
        assert _probe(port, b"GET", "proxied").returncode == probe.REFUSED
