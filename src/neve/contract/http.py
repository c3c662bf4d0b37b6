"""One HTTP/1.1 request as bytes, and an answer read from bytes (RFC 9112)."""

from __future__ import annotations

import io
from dataclasses import dataclass

from neve.contract.types import HttpRule

_BODY_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer; header names are lower-case, a repeated one is joined with commas."""

    status: int
    headers: dict[str, str]
    body: bytes


def request_bytes(rule: HttpRule) -> bytes:
    """The request of ``rule``; asks the server to close the connection afterwards."""
    given = {name.lower() for name, _ in rule.headers}
    lines = [f"{rule.method} {rule.path} HTTP/1.1"]
    if "host" not in given:
        lines.append(f"Host: localhost:{rule.port}")
    lines += [f"{name}: {value}" for name, value in rule.headers]
    lines.append("Connection: close")
    body = rule.body.encode()
    if body or rule.method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def read_answer(data: bytes, method: str) -> Answer:
    """The answer in ``data``; raises ``ValueError`` where it is not HTTP."""
    from http.client import HTTPException, HTTPResponse

    response = HTTPResponse(_Received(data), method=method)  # type: ignore[arg-type]
    try:
        response.begin()
        body = response.read(_BODY_LIMIT)
    except (HTTPException, OSError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
    headers: dict[str, str] = {}
    for name, value in response.getheaders():
        known = headers.get(name.lower())
        headers[name.lower()] = value if known is None else f"{known}, {value}"
    return Answer(status=response.status, headers=headers, body=body)


class _Received:
    """What ``HTTPResponse`` wants of a socket."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        """All that was received."""
        return io.BytesIO(self._data)
