"""A small signed Debian archive made by the test itself, and a loopback server for it.

Packages are built in pure Python (deb(5)), signatures by OpenPGP keys made on the spot. Use::

    key = SigningKey.generate("Test archive")
    archive = ArchiveBuilder(tmp_path / "debian")
    archive.add(make_deb("hello", "1.0", files={"usr/bin/hello": b"#!/bin/sh"}))
    archive.publish("trixie", key=key, date=NOW)
    with serve(archive.root) as server:
        server.url            # http://127.0.0.1:PORT
        server.requests       # what was asked so far
        server.faults["/dists/trixie/InRelease"] = Fault(status=503)
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import lzma
import ssl
import tarfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import zstandard
from pysequoia import SignatureMode, Tsk, sign


@dataclass(frozen=True)
class Link:
    """A symbolic link in a package."""

    target: str


@dataclass(frozen=True)
class Directory:
    """A directory in a package."""

    mode: int = 0o755


@dataclass(frozen=True)
class Regular:
    """A regular file with its own mode and owner."""

    data: bytes
    mode: int = 0o644
    uid: int = 0
    gid: int = 0


Member = bytes | Link | Directory | Regular


@dataclass(frozen=True)
class Deb:
    """A built package: its control fields and its bytes."""

    name: str
    version: str
    architecture: str
    control: dict[str, str]
    data: bytes

    @property
    def filename(self) -> str:
        """As dpkg-deb names it; the epoch is left out."""
        version = self.version.partition(":")[2] or self.version
        return f"{self.name}_{version}_{self.architecture}.deb"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def make_deb(
    name: str,
    version: str = "1.0",
    architecture: str = "amd64",
    *,
    files: Mapping[str, Member] | None = None,
    fields: Mapping[str, str] | None = None,
    scripts: Mapping[str, str] | None = None,
    compression: str = "xz",
    mtime: int = 1_700_000_000,
) -> Deb:
    """A package with ``files`` (path without leading slash → content), further control
    ``fields`` and maintainer ``scripts`` (postinst, triggers, conffiles … → text). Parent
    directories and md5sums are added. ``compression`` is ``xz``, ``gz``, ``zst`` or ``none``.
    """
    members = dict(files or {})
    control = {
        "Package": name,
        "Version": version,
        "Architecture": architecture,
        "Maintainer": "Test <test@example.org>",
        "Installed-Size": "1",
        "Section": "misc",
        "Priority": "optional",
        **(fields or {}),
        "Description": "a test package",
    }
    text = "".join(f"{key}: {value}\n" for key, value in control.items())
    sums = "".join(
        f"{hashlib.md5(_data(m)).hexdigest()}  {path}\n"
        for path, m in sorted(members.items())
        if isinstance(m, bytes | Regular)
    )
    inside: dict[str, Member] = {"control": text.encode(), "md5sums": sums.encode()}
    for script, body in (scripts or {}).items():
        executable = script in ("preinst", "postinst", "prerm", "postrm", "config")
        inside[script] = Regular(body.encode(), 0o755 if executable else 0o644)
    suffix = "" if compression == "none" else f".{compression}"
    parts = (
        ("debian-binary", b"2.0\n"),
        (f"control.tar{suffix}", compress(make_tar(inside, mtime=mtime), suffix)),
        (f"data.tar{suffix}", compress(make_tar(members, mtime=mtime), suffix)),
    )
    return Deb(name, version, architecture, control, make_ar(parts))


def make_tar(members: Mapping[str, Member], *, mtime: int = 0) -> bytes:
    """A GNU tar as dpkg-deb writes it: ``./`` first, then every directory before its content."""
    paths: dict[str, Member] = {}
    for path, member in sorted(members.items()):
        for depth in range(1, len(path.split("/"))):
            paths.setdefault("/".join(path.split("/")[:depth]), Directory())
        paths[path] = member
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path, member in [("", Directory()), *paths.items()]:
            info = tarfile.TarInfo(f"./{path}")
            info.mtime = mtime
            info.uname = info.gname = "root"
            if isinstance(member, Link):
                info.type, info.linkname, info.mode = tarfile.SYMTYPE, member.target, 0o777
                tar.addfile(info)
            elif isinstance(member, Directory):
                info.type, info.mode = tarfile.DIRTYPE, member.mode
                tar.addfile(info)
            else:
                if isinstance(member, Regular):
                    info.mode, info.uid, info.gid = member.mode, member.uid, member.gid
                info.size = len(_data(member))
                tar.addfile(info, io.BytesIO(_data(member)))
    return buffer.getvalue()


def make_ar(members: Sequence[tuple[str, bytes]]) -> bytes:
    """A common ar archive."""
    out = bytearray(b"!<arch>\n")
    for name, data in members:
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode()
        out += data + b"\n" * (len(data) % 2)
    return bytes(out)


def compress(data: bytes, suffix: str) -> bytes:
    """``data`` compressed as a file with this suffix is."""
    if suffix == ".xz":
        return lzma.compress(data, preset=1)
    if suffix == ".gz":
        return gzip.compress(data, 6, mtime=0)
    if suffix == ".zst":
        return zstandard.ZstdCompressor().compress(data)
    return data


def _data(member: Member) -> bytes:
    return member.data if isinstance(member, Regular) else bytes(member)  # type: ignore[arg-type]


@dataclass(frozen=True)
class SigningKey:
    """An OpenPGP key that signs release files."""

    secret: Tsk
    fingerprint: str
    public: bytes

    @classmethod
    def generate(cls, name: str = "Test archive") -> SigningKey:
        secret = Tsk.generate(name)
        public = secret.extract_certificate()
        return cls(secret, public.fingerprint.upper(), bytes(public))

    def clearsign(self, text: bytes) -> bytes:
        return bytes(sign(self.secret.signer(), text, mode=SignatureMode.CLEAR))

    def detach(self, text: bytes) -> bytes:
        return bytes(sign(self.secret.signer(), text, mode=SignatureMode.DETACHED))


@dataclass
class ArchiveBuilder:
    """A Debian archive below ``root``; ``publish`` may be called again after changes."""

    root: Path
    packages: list[tuple[str, str, Deb]] = field(default_factory=list)

    def add(self, deb: Deb, *, component: str = "main", suite: str | None = None) -> str:
        """Put ``deb`` into the pool (of one ``suite``, or of all); its path in the archive."""
        path = f"pool/{component}/{deb.name[0]}/{deb.name}/{deb.filename}"
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(deb.data)
        self.packages.append((suite or "", component, deb))
        return path

    def publish(
        self,
        suite: str,
        *,
        key: SigningKey | None,
        date: int,
        valid_until: int | None = None,
        codename: str | None = None,
        components: Sequence[str] = ("main",),
        architectures: Sequence[str] = ("amd64", "arm64"),
        origin: str = "Test",
        label: str = "Test",
        fields: Mapping[str, str] | None = None,
        compressions: Sequence[str] = ("", ".gz", ".xz"),
        listed: Sequence[str] = ("", ".gz", ".xz"),
        by_hash: bool = True,
        separate_all: bool = False,
        inline: bool = True,
    ) -> bytes:
        """Write the suite's indexes and its signed release file; returns the unsigned text.

        ``listed`` are the forms the release file names, ``compressions`` those that exist.
        ``inline`` signs as ``InRelease``, otherwise ``Release`` with ``Release.gpg``.
        """
        directory = self.root / "dists" / suite
        table: list[str] = []
        shown = (*architectures, "all") if separate_all else tuple(architectures)
        for component in components:
            for architecture in shown:
                plain = self._index(suite, component, architecture, separate_all=separate_all)
                path = f"{component}/binary-{architecture}/Packages"
                for suffix in dict.fromkeys((*listed, *compressions)):
                    data = compress(plain, suffix)
                    value = hashlib.sha256(data).hexdigest()
                    if suffix in listed:
                        table.append(f" {value} {len(data):>8} {path}{suffix}\n")
                    if suffix in compressions:
                        _write(directory / f"{path}{suffix}", data)
                        if by_hash:
                            _write((directory / path).parent / "by-hash/SHA256" / value, data)
        names = {
            "Origin": origin,
            "Label": label,
            "Suite": suite,
            "Codename": codename or suite,
            "Date": formatdate(date, usegmt=True).replace("GMT", "UTC"),
            **({"Valid-Until": formatdate(valid_until, usegmt=True)} if valid_until else {}),
            **({"Acquire-By-Hash": "yes"} if by_hash else {}),
            "Architectures": " ".join(shown),
            "Components": " ".join(components),
            **(fields or {}),
        }
        head = "".join(f"{name}: {value}\n" for name, value in names.items() if value)
        text = f"{head}SHA256:\n{''.join(table)}".encode()
        self.sign(suite, text, key=key, inline=inline)
        return text

    def sign(self, suite: str, text: bytes, *, key: SigningKey | None, inline: bool = True) -> None:
        """Sign ``text`` as the release file of ``suite`` (``key`` ``None``: leave it unsigned)."""
        directory = self.root / "dists" / suite
        for name in ("InRelease", "Release", "Release.gpg"):
            (directory / name).unlink(missing_ok=True)
        if inline and key is not None:
            _write(directory / "InRelease", key.clearsign(text))
            return
        _write(directory / "Release", text)
        if key is not None:
            _write(directory / "Release.gpg", key.detach(text))

    def _index(self, suite: str, component: str, architecture: str, *, separate_all: bool) -> bytes:
        wanted = (architecture,) if separate_all else (architecture, "all")
        stanzas = [
            self._stanza(deb, component)
            for only, where, deb in self.packages
            if where == component and only in ("", suite) and deb.architecture in wanted
        ]
        return "\n".join(stanzas).encode()

    @staticmethod
    def _stanza(deb: Deb, component: str) -> str:
        fields = {
            **{name: value for name, value in deb.control.items() if name != "Description"},
            "Filename": f"pool/{component}/{deb.name[0]}/{deb.name}/{deb.filename}",
            "Size": str(len(deb.data)),
            "SHA256": deb.sha256,
            "Description": deb.control["Description"],
        }
        return "".join(f"{name}: {value}\n" for name, value in fields.items())


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@dataclass
class Fault:
    """How a path misbehaves, for the next ``times`` requests.

    ``status`` answers with it; ``cut`` drops the connection after so many bytes; ``body``
    replaces the content, ``length`` lies about it; ``endless`` never stops sending (bounded to
    256 MiB); ``delay`` waits so many seconds first; ``location`` redirects.
    """

    times: int = 1
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    body: bytes | None = None
    length: int | None = None
    endless: bool = False
    delay: float = 0.0
    location: str | None = None


@dataclass
class Server:
    """A running loopback server; ``requests`` are (path, headers) in order of arrival.

    With a ``login`` (``name:password``) everybody else is answered 401.
    """

    url: str
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    faults: dict[str, Fault] = field(default_factory=dict)
    validators: bool = True
    login: str | None = None

    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]


@contextmanager
def serve(root: Path, *, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Serve the files below ``root`` on loopback with Range, If-Range and conditional requests."""

    class Handler(_Handler):
        directory = root

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    scheme = "http"
    if tls is not None:
        listener.socket = tls.wrap_socket(listener.socket, server_side=True)
        scheme = "https"
    server = Server(f"{scheme}://127.0.0.1:{listener.server_address[1]}")
    Handler.server_facts = server
    thread = threading.Thread(
        target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    """GET only. Content never changes while it is sent."""

    protocol_version = "HTTP/1.1"
    directory: Path
    server_facts: Server

    def do_GET(self) -> None:
        facts = self.server_facts
        path = unquote(self.path.partition("?")[0])
        facts.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
        if facts.login is not None and not self._knows(facts.login):
            self._plain(401, b"who are you", {"WWW-Authenticate": 'Basic realm="archive"'})
            return
        fault = facts.faults.get(path)
        if fault is not None and fault.times > 0:
            fault.times -= 1
        else:
            fault = None
        if fault is not None and fault.delay:
            time.sleep(fault.delay)
        if fault is not None and fault.location is not None:
            self._plain(fault.status or 302, b"", {"Location": fault.location})
            return
        if fault is not None and fault.status is not None:
            self._plain(fault.status, fault.body or b"fault", fault.headers)
            return
        target = self.directory / path.lstrip("/")
        if fault is not None and fault.body is not None:
            self._send(fault.body, fault)
        elif target.is_file() and self.directory in target.parents:
            self._send(target.read_bytes(), fault)
        else:
            self._plain(404, b"not here", {})

    def _knows(self, login: str) -> bool:
        expected = "Basic " + base64.b64encode(login.encode()).decode()
        return self.headers.get("Authorization") == expected

    def _plain(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send(self, data: bytes, fault: Fault | None) -> None:
        etag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        validators = self.server_facts.validators
        if validators and self.headers.get("If-None-Match") == etag:
            self.send_response(304)
            self.end_headers()
            return
        start = 0
        asked = self.headers.get("Range", "")
        if asked.startswith("bytes=") and self.headers.get("If-Range", etag) == etag:
            start = int(asked[6:].partition("-")[0])
        if start and start >= len(data):
            self._plain(416, b"", {})
            return
        body = data[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if validators:
            self.send_header("ETag", etag)
        if fault is not None and fault.endless:
            self.end_headers()
            self._endless()
            return
        length = fault.length if fault is not None and fault.length is not None else len(body)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if fault is not None and fault.cut is not None:
            body = body[: fault.cut]
        self.wfile.write(body)
        if len(body) != length:
            self.close_connection = True

    def _endless(self) -> None:
        self.close_connection = True
        try:
            for _ in range(256):
                self.wfile.write(bytes(1 << 20))
        except OSError:
            return

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Stay quiet: tests read ``requests``."""

    def handle(self) -> None:
        """Serve until the client goes away, however it goes."""
        try:
            super().handle()
        except (ConnectionError, ssl.SSLError, TimeoutError):
            self.close_connection = True
