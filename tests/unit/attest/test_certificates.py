"""A recipe's certificates in the attestations, valid by the formats' own judges."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from neve.attest.cyclonedx import cyclonedx
from neve.attest.record import Noted, read_record, record
from neve.attest.spdx import spdx
from neve.attest.subject import AttestedImage
from neve.effects.certificates import TrustStore, reason_of
from neve.errors import HostileInputError
from neve.model import Platform, sha256_of
from neve.recipe.lock import Lock, LockedTarget
from neve.recipe.types import Distribution, Recipe, RecipeSource, TrustedCertificate
from neve.tree import FileEntry, Inline, Kind, Tree

CORP = TrustedCertificate(
    name="corp-ca",
    der="MAA=",
    fingerprint="ab" * 32,
    subject="CN=Corp CA,O=Köln",
    issuer="CN=Corp CA,O=Köln",
    not_before=1_600_000_000,
    not_after=1_900_000_000,
    key="rsa 4096",
    key_bits=4096,
    signature_hash="sha256",
    self_signed=True,
    source="corp-ca.pem:1",
)
PATH = "/usr/local/share/ca-certificates/corp-ca.crt"


@pytest.fixture
def image() -> AttestedImage:
    lock = Lock(
        recipe=Recipe(
            name="demo", base=Distribution(name="debian", release="13"), certificates=(CORP,)
        ),
        sources=(RecipeSource(path="neve.yaml", digest=sha256_of(b"recipe"), size=6),),
        rules=(),
        time=1_700_000_000,
        archives=(),
        packages=(),
        targets=(),
    )
    entry = FileEntry(
        path=PATH, kind=Kind.FILE, mode=0o644, content=Inline(b"pem"), reason=reason_of(CORP)
    )
    return AttestedImage(
        name="demo",
        identity=sha256_of(b"chain"),
        lock=lock,
        lock_data=b"{}",
        lock_digest=sha256_of(b"lock"),
        recipe_digest=sha256_of(b"recipe"),
        target=LockedTarget(platform=Platform("linux", "amd64"), variant="", packages=()),
        tree=Tree([entry]),
        read=lambda entry: entry.content.data if isinstance(entry.content, Inline) else b"",
    )


def test_cyclonedx_names_the_certificate_as_a_cryptographic_asset(image: AttestedImage) -> None:
    text = cyclonedx(image).decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    document = json.loads(text)
    (part,) = (one for one in document["components"] if one["type"] == "cryptographic-asset")
    assert part["cryptoProperties"]["assetType"] == "certificate"
    assert part["cryptoProperties"]["certificateProperties"] == {
        "subjectName": CORP.subject,
        "issuerName": CORP.issuer,
        "notValidBefore": "2020-09-13T12:26:40Z",
        "notValidAfter": "2030-03-17T17:46:40Z",
        "certificateFormat": "X.509",
    }
    assert part["bom-ref"] in document["dependencies"][0]["dependsOn"]


def test_spdx_says_on_the_file_what_certificate_it_holds(image: AttestedImage) -> None:
    document = json.loads(spdx(image))
    parsed = JsonLikeDictParser().parse(document)  # type: ignore[no-untyped-call]
    assert not validate_full_spdx_document(parsed)
    (file,) = document["files"]
    for part in (CORP.subject, CORP.fingerprint, "authority", "2030-03-17"):
        assert part in file["comment"]


def test_the_record_keeps_the_stores(image: AttestedImage) -> None:
    stores = (TrustStore(path="/etc/ssl/certs/ca-certificates.crt", readers="curl"),)
    data = record(image, Noted(trust_stores=stores))
    assert read_record(data).trust_stores == (("/etc/ssl/certs/ca-certificates.crt", "curl"),)
    assert read_record(record(image)).trust_stores == ()
    for wrong in ([["/x"]], [["/x", 1]], "x", [[1, "x"]], 7):
        broken = json.loads(data) | {"trust_stores": wrong}
        with pytest.raises(HostileInputError):
            read_record(json.dumps(broken).encode())


def test_an_image_without_certificates_says_nothing_of_them(image: AttestedImage) -> None:
    lock = replace(image.lock, recipe=replace(image.lock.recipe, certificates=()))
    bare = replace(image, lock=lock)
    assert b"trust_stores" not in record(bare)
    assert b"certificate" not in cyclonedx(bare)
