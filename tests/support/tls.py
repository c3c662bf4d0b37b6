"""A private CA and a TLS-intercepting CONNECT proxy on loopback, as corporate networks have."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    """A certificate authority that signs a certificate for any host."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test CA")])
        certificate = (
            self._builder(self._name)
            .public_key(self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=True,
                    key_cert_sign=True,
                    crl_sign=True,
                    content_commitment=False,
                    key_encipherment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )
        self.file = directory / "ca.pem"
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def context(self, host: str) -> ssl.SSLContext:
        """A server's TLS context with a certificate for ``host``."""
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            name: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            name = x509.DNSName(host)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        certificate = (
            self._builder(subject)
            .public_key(key.public_key())
            .add_extension(x509.SubjectAlternativeName([name]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )
        path = self._directory / f"{host}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _builder(self, subject: x509.Name) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )


@dataclass
class Proxy:
    """A running proxy: ``connects`` are the hosts asked for; ``plain`` what TLS hid."""

    url: str
    connects: list[str] = field(default_factory=list)
    plain: list[bytes] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    login: str | None = None


@contextmanager
def intercepting_proxy(authority: Authority, upstream: tuple[str, int]) -> Iterator[Proxy]:
    """A CONNECT proxy that ends TLS itself and forwards every request to ``upstream`` in plain."""
    listener = socket.create_server(("127.0.0.1", 0))
    proxy = Proxy(f"http://127.0.0.1:{listener.getsockname()[1]}")

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    def serve(client: socket.socket) -> None:
        with client:
            try:
                _intercept(client, proxy, authority, upstream)
            except OSError:
                return

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _intercept(
    client: socket.socket, proxy: Proxy, authority: Authority, upstream: tuple[str, int]
) -> None:
    client.settimeout(10)
    head = b""
    while b"\r\n\r\n" not in head:
        block = client.recv(4096)
        if not block:
            return
        head += block
    lines = head.decode().split("\r\n")
    method, target, _ = lines[0].split(" ")
    for line in lines:
        name, _, value = line.partition(": ")
        if name.lower() == "proxy-authorization":
            proxy.logins.append(base64.b64decode(value.split(" ")[1]).decode())
    if proxy.login is not None and proxy.login not in proxy.logins:
        client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        return
    assert method == "CONNECT"
    proxy.connects.append(target)
    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    host = target.rpartition(":")[0]
    with (
        authority.context(host).wrap_socket(client, server_side=True) as inside,
        socket.create_connection(upstream) as outside,
    ):
        while True:
            ready, _, _ = select.select([inside, outside], [], [], 10)
            if not ready:
                return
            for one in ready:
                block = one.recv(65536)
                if not block:
                    return
                if one is inside:
                    proxy.plain.append(block)
                (outside if one is inside else inside).sendall(block)
