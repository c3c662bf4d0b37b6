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

FAMILIES: Mapping[str, Family] = {"debian": DEBIAN}


def _copy(pattern: str, form: Form, readers: str) -> Copy:
    return Copy(pattern=re.compile(rf"/{pattern}\Z"), form=form, readers=readers)


COPIES = (
    _copy(r"lib/security/(?:jsse)?cacerts", Form.JAVA, "a JRE of its own"),
    _copy(r"certifi/cacert\.pem", Form.PEM, "Python certifi"),
    _copy(r"botocore/cacert\.pem", Form.PEM, "Python botocore"),
    _copy(r"httplib2/cacerts\.txt", Form.PEM, "Python httplib2"),
    _copy(r"grpc/(?:_cython/_credentials|etc)/roots\.pem", Form.PEM, "gRPC"),
    _copy(r"Mozilla/CA/cacert\.pem", Form.PEM, "Perl's Mozilla::CA"),
    _copy(r"composer/ca-bundle/res/cacert\.pem", Form.PEM, "PHP's composer/ca-bundle"),
    _copy(
        r"(?:aws-sdk-core|stripe|httpclient)-[0-9][^/]*/(?:[^/]+/){0,3}"
        r"(?:ca-bundle\.crt|ca-certificates\.crt|cacert\.pem)",
        Form.PEM,
        "a Ruby gem",
    ),
)
"""In the order of judgement: the first that matches says who reads it."""

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


def family_of(distribution: str) -> Family:
    """The trust stores of ``distribution``; one without a row of its own keeps Debian's paths, as
    all do whose packages are Debian's kind.
    """
    return FAMILIES.get(distribution, DEBIAN)
