"""A WSGI application that greets."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def app(environ: dict[str, str], start: Callable[..., object]) -> Iterable[bytes]:
    """Answer every request with a greeting."""
    body = f"hello from {environ['PATH_INFO']}\n".encode()
    start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
