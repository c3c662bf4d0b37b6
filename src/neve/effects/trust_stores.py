"""Where programs look for certificate authorities: one table, by distribution family.

What a distribution keeps itself is in ``FAMILIES``; what programs carry beside that (copies of
Mozilla's list, a foreign JRE's store) is the same everywhere and found by its path. Data only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Form(StrEnum):
    """How a store holds its certificates."""

    PEM = "pem"
    HASHED = "hashed"
    """A directory with a link ``HASH.N`` for each certificate (``openssl rehash``)."""
    JAVA = "java"
    """A Java key store: JKS or PKCS#12, told by its first bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StorePath:
    """One store at a fixed path, and the programs that read it."""

    path: str
    form: Form
    readers: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The stores of a distribution family.

    ``local`` is the directory where an administrator's certificates lie, ``bundle`` the PEM
    file that is made of everything; ``stores`` are all that the image's own packages read.
    """

    local: str
    packaged: str
    bundle: str
    stores: tuple[StorePath, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A store that a program brings itself, wherever it lies: paths that ``pattern`` ends."""

    pattern: re.Pattern[str]
    form: Form
    readers: str


DEBIAN = Family(
    local="/usr/local/share/ca-certificates",
    packaged="/usr/share/ca-certificates",
    bundle="/etc/ssl/certs/ca-certificates.crt",
    stores=(
        StorePath(
            path="/etc/ssl/certs/ca-certificates.crt",
            form=Form.PEM,
            readers="curl, git, wget, GnuTLS, Go, and Debian's certifi and Node.js",
        ),
        StorePath(path="/etc/ssl/certs", form=Form.HASHED, readers="OpenSSL's directory"),
        StorePath(
            path="/usr/lib/ssl/cert.pem",
            form=Form.PEM,
            readers="OpenSSL's default: Python, Ruby, PHP, Perl, Node.js",
        ),
        StorePath(path="/etc/ssl/certs/java/cacerts", form=Form.JAVA, readers="Debian's Java"),
    ),
)

FAMILIES: Mapping[str, Family] = {"debian": DEBIAN, "ubuntu": DEBIAN}

_JAVA_STORE = r"/lib/security/(?:jsse)?cacerts"

COPIES = (
    Copy(pattern=re.compile(_JAVA_STORE), form=Form.JAVA, readers="a JRE of its own"),
    Copy(pattern=re.compile(r"/certifi/cacert\.pem"), form=Form.PEM, readers="Python certifi"),
    Copy(pattern=re.compile(r"/botocore/cacert\.pem"), form=Form.PEM, readers="botocore"),
    Copy(pattern=re.compile(r"/httplib2/cacerts\.txt"), form=Form.PEM, readers="httplib2"),
    Copy(
        pattern=re.compile(r"/(?:grpc/_cython/_credentials|grpc/etc)/roots\.pem"),
        form=Form.PEM,
        readers="gRPC",
    ),
    Copy(pattern=re.compile(r"/Mozilla/CA/cacert\.pem"), form=Form.PEM, readers="Mozilla::CA"),
    Copy(
        pattern=re.compile(r"/composer/ca-bundle/res/cacert\.pem"),
        form=Form.PEM,
        readers="Composer's ca-bundle",
    ),
    Copy(
        pattern=re.compile(
            r"/(?:aws-sdk-core|stripe|httpclient)[^/]*/(?:[^/]+/)*"
            r"(?:ca-bundle\.crt|ca-certificates\.crt|cacert\.pem)"
        ),
        form=Form.PEM,
        readers="a Ruby gem",
    ),
)

VARIABLES: Mapping[str, str] = {
    "SSL_CERT_FILE": "OpenSSL, Go and most others",
    "CURL_CA_BUNDLE": "curl and Python requests",
    "REQUESTS_CA_BUNDLE": "Python requests",
    "AWS_CA_BUNDLE": "the AWS tools",
    "GIT_SSL_CAINFO": "git",
    "PIP_CERT": "pip",
    "PERL_LWP_SSL_CA_FILE": "Perl's LWP",
}
"""Environment variables that name one PEM file to be read *instead of* a program's own store."""

NODE_VARIABLE = "NODE_EXTRA_CA_CERTS"
"""Names a PEM file that Node.js reads besides the roots built into it."""
