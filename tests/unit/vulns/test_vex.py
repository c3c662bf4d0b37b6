"""VEX statements: whose product, which comes last, and what a deferral stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.vulns.worlds import BOOKWORM, deb, index, judge, only, state, tracker

from neve.inventory import Package, PackageType
from neve.vulns import State
from neve.vulns.purl import advisory_name, names, parse

CVE = "CVE-2026-1000"
PURL = "pkg:deb/debian/openssl@3.0-1?arch=amd64&distro=debian-12"
IMAGE = "pkg:oci/app?repository_url=registry.example/app"
DIGEST = "sha256:" + "a" * 64


def document(*statements: dict[str, Any], number: int = 1, made: str = "2026-01-01") -> bytes:
    return json.dumps(
        {
            "@context": "https://openvex.dev/ns/v0.2.0",
            "@id": f"https://example.org/vex-{number}",
            "author": "A Team",
            "timestamp": f"{made}T00:00:00Z",
            "statements": list(statements),
        }
    ).encode()


def statement(product: object, status: str = "not_affected", **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "vulnerability": {"name": CVE},
        "products": [product if isinstance(product, dict) else {"@id": product}],
        "status": status,
        **more,
    }
    if status == "not_affected":
        found.setdefault("justification", "vulnerable_code_not_in_execute_path")
    return found


def world(tmp_path: Path, *documents: bytes) -> Path:
    feed = tracker({"openssl": {CVE: {"bookworm": state("resolved", "3.0-2")}}})
    return index(tmp_path, feed, *documents)


OPENSSL = deb("openssl", "3.0-1", source="openssl", source_version="3.0-1", purl=PURL)


@pytest.mark.parametrize(
    ("product", "speaks"),
    [
        ("pkg:deb/debian/openssl", True),
        ("pkg:deb/debian/openssl@3.0-1", True),
        ("pkg:deb/debian/openssl@3.0-1?arch=amd64", True),
        ("pkg:deb/debian/openssl?os_name=debian&os_version=12&os_distro=bookworm", True),
        ("pkg:deb/debian/openssl@3.0-2", False),
        ("pkg:deb/debian/openssl?arch=arm64", False),
        ("pkg:deb/debian/openssl?os_name=debian&os_version=13", False),
        ("pkg:deb/debian/openssl?something=else", False),
        ("pkg:deb/ubuntu/openssl", False),
        ("pkg:deb/debian/curl", False),
        ("openssl", False),
        (IMAGE, True),
        (DIGEST, True),
        ({"@id": IMAGE, "subcomponents": [{"@id": "pkg:deb/debian/openssl"}]}, True),
        ({"@id": IMAGE, "subcomponents": [{"@id": "pkg:deb/debian/curl"}]}, False),
        ({"@id": "pkg:oci/other", "subcomponents": [{"@id": "pkg:deb/debian/openssl"}]}, False),
    ],
    ids=str,
)
def test_a_statement_speaks_of_its_products_only(
    tmp_path: Path, product: object, speaks: bool
) -> None:
    path = world(tmp_path, document(statement(product)))
    result = judge(path, OPENSSL, products=(IMAGE, DIGEST), settled=True)
    found = only(result)
    if speaks:
        assert found.state is State.NOT_AFFECTED
        assert found.before is State.FIX_AVAILABLE
        assert found.justification == "vulnerable_code_not_in_execute_path"
        assert "A Team" in found.evidence[0].statement
    else:
        assert found.state is State.FIX_AVAILABLE
        assert found.before is None


def test_the_latest_statement_counts_whatever_the_order_of_import(tmp_path: Path) -> None:
    product = "pkg:deb/debian/openssl"
    old = document(statement(product), number=1, made="2026-01-01")
    new = document(statement(product, "under_investigation"), number=2, made="2026-02-01")
    for number, documents in enumerate(((old, new), (new, old))):
        path = world(tmp_path / str(number), *documents)
        assert only(judge(path, OPENSSL)).state is State.UNDETERMINED


def test_a_deferral_is_not_turned_into_not_affected(tmp_path: Path) -> None:
    note = "Debian marked this as no-dsa: minor issue, will not be fixed in this release"
    path = world(tmp_path, document(statement("pkg:deb/debian/openssl", status_notes=note)))
    assert only(judge(path, OPENSSL)).state is State.DEFERRED


def test_affected_brings_back_what_was_settled(tmp_path: Path) -> None:
    product = "pkg:deb/debian/openssl"
    path = world(tmp_path, document(statement(product, "affected")))
    fixed = deb("openssl", "3.0-2", purl="pkg:deb/debian/openssl@3.0-2")
    assert only(judge(path, fixed)).state is State.OPEN


def test_package_urls_are_read() -> None:
    found = parse("pkg:npm/%40scope/name@1.0%2B1?a=b&C=d%20e#sub/path")
    assert found is not None
    assert (found.type, found.namespace, found.name, found.version) == (
        "npm",
        "@scope",
        "name",
        "1.0+1",
    )
    assert dict(found.qualifiers) == {"a": "b", "c": "d e"}
    for text in ("", "pkg:", "pkg:deb", "deb/debian/x", "pkg:/x", "pkg:deb/"):
        assert parse(text) is None


def test_a_source_s_url_names_its_binaries() -> None:
    binary = Package(
        type=PackageType.DEB,
        name="libssl3",
        version="3.0-1+b1",
        source="openssl",
        source_version="3.0-1",
        purl="pkg:deb/debian/libssl3@3.0-1%2Bb1",
    )
    assert names("pkg:deb/debian/openssl@3.0-1?arch=source", binary, BOOKWORM)
    assert not names("pkg:deb/debian/openssl@3.0-1%2Bb1", binary, BOOKWORM)


@pytest.mark.parametrize(
    ("kind", "name", "purl", "expected"),
    [
        (PackageType.MAVEN, "core", "pkg:maven/org.x/core@1", "org.x:core"),
        (PackageType.MAVEN, "org.x/core", "", "org.x:core"),
        (PackageType.NPM, "@s/n", "pkg:npm/%40s/n@1", "@s/n"),
        (PackageType.NPM, "n", "pkg:npm/%40s/n@1", "@s/n"),
        (PackageType.COMPOSER, "v/n", "", "v/n"),
        (PackageType.COMPOSER, "n", "pkg:composer/v/n@1", "v/n"),
        (PackageType.GOLANG, "example.org/x", "pkg:golang/example.org/x@v1", "example.org/x"),
    ],
)
def test_names_as_advisories_write_them(
    kind: PackageType, name: str, purl: str, expected: str
) -> None:
    package = Package(type=kind, name=name, version="1", purl=purl)
    assert advisory_name(package) == expected
