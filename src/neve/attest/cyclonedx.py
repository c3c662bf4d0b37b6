"""CycloneDX 1.6 as JSON: the packages of an image (ECMA-424)."""

from __future__ import annotations

import json
from typing import Any

from neve.attest.licences import NO_LICENCE, package_licence
from neve.attest.subject import ATTEST_VERSION, AttestedImage, timestamp
from neve.recipe.lock import LockedPackage
from neve.recipe.types import TrustedCertificate

MEDIA_TYPE = "application/vnd.cyclonedx+json"


def cyclonedx(image: AttestedImage) -> bytes:
    """The CycloneDX document of ``image``."""
    components = [_component(image, package) for package in image.packages]
    components += [_certificate(one) for one in image.lock.recipe.certificates]
    references = [component["bom-ref"] for component in components]
    reference = f"image:{image.identity}"
    document: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{image.uuid('cyclonedx')}",
        "version": 1,
        "metadata": {
            "timestamp": timestamp(image.lock.time),
            "tools": {
                "components": [
                    {"type": "application", "name": "neve-attest", "version": ATTEST_VERSION}
                ]
            },
            "component": {
                "type": "container",
                "bom-ref": reference,
                "name": image.title,
                "version": str(image.identity),
            },
        },
        "components": [_system(image), *components],
        "dependencies": [
            {"ref": reference, "dependsOn": references},
        ],
    }
    return json.dumps(document, separators=(",", ":")).encode()


def _system(image: AttestedImage) -> dict[str, Any]:
    return {
        "type": "operating-system",
        "bom-ref": f"os:{image.distro}",
        "name": image.lock.recipe.base.name,
        "version": image.version,
    }


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


def _component(image: AttestedImage, package: LockedPackage) -> dict[str, Any]:
    purl = image.purl(package)
    fields: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl,
        "name": package.name,
        "version": package.version,
        "purl": purl,
        "hashes": [{"alg": "SHA-256", "content": package.digest.value}],
        "properties": [
            {"name": "neve:archive", "value": package.archive},
            {"name": "neve:architecture", "value": package.architecture},
            {"name": "neve:source", "value": package.source},
            {"name": "neve:source-version", "value": package.source_version},
        ],
    }
    licence = package_licence(image, package.name)
    if licence != NO_LICENCE:
        fields["licenses"] = [{"expression": licence.expression}]
    return fields
