"""A registry on loopback, honest until told otherwise: distribution-spec 1.1 in memory.

``lies`` are asked first for every request, the last one added before the others; what they answer
goes out as it is, cut off or with another length if it says so.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True)
class Asked:
    """A request as it came; header names in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Reply:
    """An answer; ``cut`` closes the connection after so many bytes, ``length`` is what is said."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: int | None = None
    length: int | None = None


Lie = Callable[[Asked], Reply | None]


@dataclass
class FakeRegistry:
    """A running registry; ``login`` is ``name:password``. With ``realm`` it wants bearer tokens
    from there, and is their service itself under ``/token``.
    """

    url: str = ""
    login: str | None = None
    realm: str | None = None
    referrers: bool = True
    asked: list[Asked] = field(default_factory=list)
    lies: list[Lie] = field(default_factory=list)
    blobs: dict[tuple[str, str], bytes] = field(default_factory=dict)
    manifests: dict[tuple[str, str], tuple[str, bytes]] = field(default_factory=dict)
    uploads: dict[str, bytearray] = field(default_factory=dict)
    partial: int | None = None
    """Bytes of a body that are kept before the connection is closed, once."""

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    def paths(self, method: str) -> list[str]:
        return [one.path for one in self.asked if one.method == method]

    def add_blob(self, repository: str, data: bytes) -> dict[str, Any]:
        digest = digest_of(data)
        self.blobs[repository, digest] = data
        return {"digest": digest, "size": len(data), "mediaType": "application/octet-stream"}

    def add_manifest(
        self, repository: str, document: object, *, tag: str | None = None, kind: str = MANIFEST
    ) -> dict[str, Any]:
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        digest = digest_of(data)
        for name in (digest, tag):
            if name is not None:
                self.manifests[repository, name] = (kind, data)
        return {"digest": digest, "size": len(data), "mediaType": kind}

    def add_image(self, repository: str, tag: str, *layers: bytes) -> dict[str, Any]:
        """A small image of uncompressed layers."""
        config = {
            "os": "linux",
            "architecture": "amd64",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(layer) for layer in layers]},
        }
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.add_blob(repository, json.dumps(config).encode()),
            "layers": [self.add_blob(repository, layer) for layer in layers],
        }
        return self.add_manifest(repository, document, tag=tag)

    def add_referrer(
        self, repository: str, subject: Mapping[str, Any], kind: str, data: bytes
    ) -> dict[str, Any]:
        """A document attached to ``subject``."""
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": kind,
            "config": self.add_blob(repository, b"{}"),
            "layers": [self.add_blob(repository, data)],
            "subject": dict(subject),
        }
        return self.add_manifest(repository, document)

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        for lie in reversed(self.lies):
            reply = lie(asked)
            if reply is not None:
                return reply
        if asked.path == "/token":
            return self._token(asked)
        if not self._admitted(asked):
            scheme = f'Bearer realm="{self.realm}",service="fake"' if self.realm else "Basic"
            return Reply(401, {"WWW-Authenticate": scheme}, _errors("UNAUTHORIZED"))
        if asked.path in ("/v2/", "/v2"):
            return Reply()
        return self._routed(asked)

    def _admitted(self, asked: Asked) -> bool:
        given = asked.headers.get("authorization", "")
        if self.realm is not None:
            return given == f"Bearer {self.token(asked)}"
        return self.login is None or given == basic(self.login)

    def token(self, _asked: Asked) -> str:
        return "a-token"

    def _token(self, asked: Asked) -> Reply:
        given = asked.headers.get("authorization")
        if self.login is not None and given != basic(self.login):
            return Reply(401, {}, _errors("UNAUTHORIZED"))
        return Reply(body=json.dumps({"token": self.token(asked), "expires_in": 60}).encode())

    def _routed(self, asked: Asked) -> Reply:
        parts = asked.path.removeprefix("/v2/").split("/")
        for kind in ("blobs", "manifests", "tags", "referrers"):
            if kind in parts[1:]:
                at = len(parts) - 1 - parts[::-1].index(kind)
                repository, rest = "/".join(parts[:at]), parts[at + 1 :]
                reply: Reply = getattr(self, f"_{kind}")(asked, repository, rest)
                return reply
        return Reply(404, {}, _errors("NAME_UNKNOWN"))

    def _blobs(self, asked: Asked, repository: str, rest: list[str]) -> Reply:
        if rest[0] == "uploads":
            return self._upload(asked, repository, rest[1] if len(rest) > 1 else "")
        data = self.blobs.get((repository, rest[0]))
        if data is None:
            return Reply(404, {}, _errors("BLOB_UNKNOWN"))
        start = 0
        if asked.headers.get("range", "").startswith("bytes="):
            start = int(asked.headers["range"][6:].partition("-")[0])
        if start:
            span = f"bytes {start}-{len(data) - 1}/{len(data)}"
            return Reply(206, {"Content-Range": span}, data[start:])
        return Reply(200, {}, data)

    def _upload(self, asked: Asked, repository: str, name: str) -> Reply:
        place = {"Location": f"/v2/{repository}/blobs/uploads/{name}"}
        if asked.method == "POST":
            found = self.blobs.get((asked.query.get("from", ""), asked.query.get("mount", "")))
            if found is not None:
                self.blobs[repository, asked.query["mount"]] = found
                return Reply(201, {"Docker-Content-Digest": asked.query["mount"]})
            name = os.urandom(8).hex()
            self.uploads[name] = bytearray()
            return Reply(202, {"Location": f"/v2/{repository}/blobs/uploads/{name}"})
        if name not in self.uploads:
            return Reply(404, {}, _errors("BLOB_UPLOAD_UNKNOWN"))
        held = self.uploads[name]
        if asked.method == "PATCH":
            start = int(asked.headers["content-range"].partition("-")[0])
            if start != len(held):
                return Reply(416, {"Range": f"0-{max(len(held) - 1, 0)}"})
        held += asked.body
        span = {"Range": f"0-{max(len(held) - 1, 0)}"}
        if asked.method == "GET":
            return Reply(204, {**place, **span})
        if asked.method == "PATCH":
            return Reply(202, {**place, **span})
        if digest_of(bytes(held)) != asked.query.get("digest"):
            return Reply(400, {}, _errors("DIGEST_INVALID"))
        self.blobs[repository, asked.query["digest"]] = bytes(self.uploads.pop(name))
        return Reply(201, {"Docker-Content-Digest": asked.query["digest"]})

    def _manifests(self, asked: Asked, repository: str, rest: list[str]) -> Reply:
        if asked.method == "PUT":
            kind = asked.headers["content-type"]
            digest = digest_of(asked.body)
            for name in {rest[0], digest}:
                self.manifests[repository, name] = (kind, asked.body)
            headers = {"Docker-Content-Digest": digest}
            subject = json.loads(asked.body).get("subject")
            if subject and self.referrers:
                headers["OCI-Subject"] = subject["digest"]
            return Reply(201, headers)
        found = self.manifests.get((repository, rest[0]))
        if found is None:
            return Reply(404, {}, _errors("MANIFEST_UNKNOWN"))
        headers = {"Content-Type": found[0], "Docker-Content-Digest": digest_of(found[1])}
        return Reply(200, headers, found[1])

    def _tags(self, _asked: Asked, repository: str, _rest: list[str]) -> Reply:
        tags = [name for repo, name in self.manifests if repo == repository and ":" not in name]
        body = json.dumps({"name": repository, "tags": tags}).encode()
        return Reply(200, {"Content-Type": "application/json"}, body)

    def _referrers(self, _asked: Asked, repository: str, rest: list[str]) -> Reply:
        if not self.referrers:
            return Reply(404, {"Content-Type": "text/plain"}, b"404 page not found")
        rows = []
        for (repo, name), (kind, data) in self.manifests.items():
            document = json.loads(data)
            subject = document.get("subject") or {}
            if repo == repository and ":" in name and subject.get("digest") == rest[0]:
                rows.append(
                    {
                        "digest": name,
                        "size": len(data),
                        "mediaType": kind,
                        "artifactType": document.get("artifactType"),
                    }
                )
        body = {"schemaVersion": 2, "mediaType": INDEX, "manifests": rows}
        return Reply(200, {"Content-Type": INDEX}, json.dumps(body).encode())


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def basic(login: str) -> str:
    return "Basic " + base64.b64encode(login.encode()).decode()


def _errors(code: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": "as the test wants"}]}).encode()


@contextmanager
def fake_registry(*, tls: ssl.SSLContext | None = None, **facts: Any) -> Iterator[FakeRegistry]:
    """A registry that runs for the length of the ``with`` block."""
    registry = FakeRegistry(**facts)

    class Handler(_Handler):
        served = registry

    listener = _Listener(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    scheme = "http"
    if tls is not None:
        listener.socket = tls.wrap_socket(
            listener.socket, server_side=True, do_handshake_on_connect=False
        )
        scheme = "https"
    registry.url = f"{scheme}://127.0.0.1:{listener.server_address[1]}"
    thread = threading.Thread(
        target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    try:
        yield registry
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


class _Listener(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Clients break off as tests want."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    served: FakeRegistry

    def _any(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        kept = self.served.partial
        if kept is not None and length > kept:
            self._break_off(parts.path, kept)
            return
        asked = Asked(
            self.command,
            parts.path,
            {name: values[0] for name, values in parse_qs(parts.query).items()},
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(length),
        )
        self._send(self.served.answer(asked))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = _any  # noqa: N815 - the base class asks so

    def _break_off(self, path: str, kept: int) -> None:
        self.served.partial = None
        self.served.uploads[path.rpartition("/")[2]] += self.rfile.read(kept)
        self.close_connection = True

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        length = len(reply.body) if reply.length is None else reply.length
        if reply.status != 204:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        body = reply.body if reply.cut is None else reply.body[: reply.cut]
        if self.command != "HEAD":
            try:
                self.wfile.write(body)
            except OSError:
                self.close_connection = True
        if len(body) != length:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Stay quiet: tests read ``asked``."""
