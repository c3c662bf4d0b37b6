"""CycloneDX 1.6 as JSON: the packages of an image (ECMA-424)."""

from __future__ import annotations

import json
from typing import Any

from neve.attest.bill import Bill, BillPackage
from neve.attest.built import built_bill
from neve.attest.licences import NO_LICENCE
from neve.attest.subject import ATTEST_VERSION, AttestedImage, timestamp
from neve.recipe.types import TrustedCertificate

MEDIA_TYPE = "application/vnd.cyclonedx+json"


def cyclonedx(image: AttestedImage) -> bytes:
    """The CycloneDX document of an image that neve built."""
    return cyclonedx_document(built_bill(image))


def cyclonedx_document(bill: Bill) -> bytes:
    """The CycloneDX document of ``bill``."""
    components = [_component(package) for package in bill.packages]
    components += [_certificate(one) for one in bill.certificates]
    references = [component["bom-ref"] for component in components]
    reference = f"image:{bill.identity}"
    document: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{bill.uuid('cyclonedx')}",
        "version": 1,
        "metadata": {
            "timestamp": timestamp(bill.created),
            "tools": {
                "components": [
                    {"type": "application", "name": "neve-attest", "version": ATTEST_VERSION}
                ]
            },
            "component": {
                "type": "container",
                "bom-ref": reference,
                "name": bill.title,
                "version": bill.identity,
            },
        },
        "components": [*_system(bill), *components],
        "dependencies": [
            {"ref": reference, "dependsOn": references},
        ],
    }
    return json.dumps(document, separators=(",", ":")).encode()


def _system(bill: Bill) -> list[dict[str, Any]]:
    if bill.system is None:
        return []
    reference, name, version = bill.system
    return [{"type": "operating-system", "bom-ref": reference, "name": name, "version": version}]


def _certificate(one: TrustedCertificate) -> dict[str, Any]:
    """A certificate that the image trusts (CycloneDX 1.6, cryptoProperties)."""
    return {
        "type": "cryptographic-asset",
        "bom-ref": f"certificate:{one.fingerprint}",
        "name": one.name,
        "hashes": [{"alg": "SHA-256", "content": one.fingerprint}],
        "cryptoProperties": {
            "assetType": "certificate",
            "certificateProperties": {
                "subjectName": one.subject,
                "issuerName": one.issuer,
                "notValidBefore": timestamp(one.not_before),
                "notValidAfter": timestamp(one.not_after),
                "certificateFormat": "X.509",
            },
        },
        "properties": [
            {"name": "neve:trust", "value": one.trust},
            {"name": "neve:source", "value": one.source},
        ],
    }


def _component(package: BillPackage) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "type": "library",
        "bom-ref": package.reference,
        "name": package.name,
        "version": package.version,
    }
    if package.purl:
        fields["purl"] = package.purl
    if package.sha256:
        fields["hashes"] = [{"alg": "SHA-256", "content": package.sha256}]
    if package.properties:
        fields["properties"] = [
            {"name": name, "value": value} for name, value in package.properties
        ]
    if package.licence != NO_LICENCE:
        fields["licenses"] = [{"expression": package.licence.expression}]
    return fields
