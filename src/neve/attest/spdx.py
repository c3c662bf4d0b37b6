"""SPDX 2.3 as JSON: the packages of an image, and every regular file accounted for.

Written from the SPDX 2.3 specification (clauses 6 to 11, annex on JSON). Each file belongs to
one package, its first owner; files that no package owns belong to the package that stands for
the image. Symbolic links and directories have no content to hash: the build record holds them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any

from neve.attest.licences import Licence, package_licence
from neve.attest.subject import (
    ATTEST_VERSION,
    AttestedImage,
    regular_files,
    timestamp,
    written,
)
from neve.model import Origin
from neve.recipe.lock import LockedPackage
from neve.recipe.types import TrustedCertificate

MEDIA_TYPE = "application/spdx+json"
_IMAGE = "SPDXRef-Image"
_UNKNOWN = "NOASSERTION"
_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9.-]")


def spdx(image: AttestedImage) -> bytes:
    """The SPDX document of ``image``."""
    packages = image.packages
    ids = _package_ids(packages)
    files, held = _files(image, ids)
    licences = {package: package_licence(image, package.name) for package in packages}
    sources, source_of = _sources(image, packages)
    rows = [_image_package(image, held.get(_IMAGE, []))]
    rows += [
        _package(image, package, ids[package], licences[package], held.get(ids[package], []))
        for package in packages
    ]
    document: dict[str, Any] = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": image.title,
        "documentNamespace": f"https://spdx.org/spdxdocs/{image.title}-{image.uuid('spdx')}",
        "creationInfo": {
            "created": timestamp(image.lock.time),
            "creators": [f"Tool: neve-attest-{ATTEST_VERSION}"],
        },
        "documentDescribes": [_IMAGE],
        "packages": [*rows, *sources],
        "files": files,
        "relationships": _relationships(packages, ids, source_of),
    }
    extracted = _extracted(licences.values())
    if extracted:
        document["hasExtractedLicensingInfos"] = extracted
    return json.dumps(document, separators=(",", ":")).encode()


def _package_ids(packages: Iterable[LockedPackage]) -> dict[LockedPackage, str]:
    return {p: _identifier("Package", f"{p.name}-{p.architecture}") for p in packages}


def _identifier(kind: str, name: str) -> str:
    """An SPDX identifier; names with other characters get a hash, so none can collide."""
    plain = _NOT_IN_IDS.sub("-", name)
    if plain != name:
        plain += "-" + hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"SPDXRef-{kind}-{plain}"


_Held = dict[str, list[tuple[str, str]]]
"""Package id → (file id, SHA-1) of its files."""


def _files(
    image: AttestedImage, ids: dict[LockedPackage, str]
) -> tuple[list[dict[str, Any]], _Held]:
    by_name: dict[str, str] = {}
    for package, identifier in ids.items():
        by_name.setdefault(package.name, identifier)
        by_name[f"{package.name}:{package.architecture}"] = identifier
    comments = {f"certificates[{c.name}]": _certificate(c) for c in image.lock.recipe.certificates}
    rows = []
    held: _Held = {}
    for entry, holder in regular_files(image.tree):
        if holder.content is None:
            continue
        name = hashlib.sha256(entry.path.encode("utf-8", "surrogateescape")).hexdigest()[:20]
        identifier = f"SPDXRef-File-{name}"
        sha1 = holder.content.sha1
        comment = comments.get(entry.reason.subject)
        rows.append(
            {
                "SPDXID": identifier,
                "fileName": "." + written(entry.path),
                "checksums": [
                    {"algorithm": "SHA1", "checksumValue": sha1},
                    {"algorithm": "SHA256", "checksumValue": holder.content.digest.value},
                ],
                "licenseConcluded": _UNKNOWN,
                "licenseInfoInFiles": [_UNKNOWN],
                "copyrightText": _UNKNOWN,
                **({} if comment is None else {"comment": comment}),
            }
        )
        owner = _IMAGE
        if entry.reason.origin is Origin.PACKAGE:
            owner = next((by_name[o] for o in sorted(entry.owners) if o in by_name), _IMAGE)
        held.setdefault(owner, []).append((identifier, sha1))
    return rows, held


def _certificate(one: TrustedCertificate) -> str:
    """What a file that holds one of the recipe's certificates says (SPDX 2.3, 8.12)."""
    return (
        f"X.509 certificate, trusted as {one.trust}: {one.subject}, SHA-256 {one.fingerprint}, "
        f"{timestamp(one.not_before)} to {timestamp(one.not_after)}"
    )


def _contents(files: list[tuple[str, str]]) -> dict[str, Any]:
    """``hasFiles`` and the verification code over the files' SHA-1 (SPDX 2.3, 7.9)."""
    if not files:
        return {"filesAnalyzed": False}
    joined = "".join(sorted(sha1 for _, sha1 in files)).encode()
    code = hashlib.sha1(joined, usedforsecurity=False).hexdigest()
    return {
        "filesAnalyzed": True,
        "packageVerificationCode": {"packageVerificationCodeValue": code},
        "hasFiles": [identifier for identifier, _ in files],
    }


def _image_package(image: AttestedImage, files: list[tuple[str, str]]) -> dict[str, Any]:
    return {
        "SPDXID": _IMAGE,
        "name": image.title,
        "versionInfo": str(image.identity),
        "primaryPackagePurpose": "CONTAINER",
        "downloadLocation": _UNKNOWN,
        "licenseConcluded": _UNKNOWN,
        "licenseDeclared": _UNKNOWN,
        "copyrightText": _UNKNOWN,
        **_contents(files),
    }


def _package(
    image: AttestedImage,
    package: LockedPackage,
    identifier: str,
    licence: Licence,
    files: list[tuple[str, str]],
) -> dict[str, Any]:
    return {
        "SPDXID": identifier,
        "name": package.name,
        "versionInfo": package.version,
        "supplier": _UNKNOWN,
        "originator": _UNKNOWN,
        "downloadLocation": _UNKNOWN,
        "packageFileName": package.path.rpartition("/")[2],
        "checksums": [{"algorithm": "SHA256", "checksumValue": package.digest.value}],
        "sourceInfo": f"built from {package.source} {package.source_version}, "
        f"archive {package.archive}",
        "licenseConcluded": _UNKNOWN,
        "licenseDeclared": licence.expression,
        "copyrightText": _UNKNOWN,
        "externalRefs": [_purl(image.purl(package))],
        **_contents(files),
    }


def _purl(purl: str) -> dict[str, str]:
    return {
        "referenceCategory": "PACKAGE-MANAGER",
        "referenceType": "purl",
        "referenceLocator": purl,
    }


def _sources(
    image: AttestedImage, packages: Iterable[LockedPackage]
) -> tuple[list[dict[str, Any]], dict[LockedPackage, str]]:
    rows: dict[str, dict[str, Any]] = {}
    source_of: dict[LockedPackage, str] = {}
    for package in packages:
        identifier = _identifier("Source", f"{package.source}-{package.source_version}")
        source_of[package] = identifier
        rows[identifier] = {
            "SPDXID": identifier,
            "name": package.source,
            "versionInfo": package.source_version,
            "primaryPackagePurpose": "SOURCE",
            "downloadLocation": _UNKNOWN,
            "filesAnalyzed": False,
            "licenseConcluded": _UNKNOWN,
            "licenseDeclared": _UNKNOWN,
            "copyrightText": _UNKNOWN,
            "externalRefs": [_purl(image.source_purl(package))],
        }
    return [rows[key] for key in sorted(rows)], source_of


def _relationships(
    packages: Iterable[LockedPackage],
    ids: dict[LockedPackage, str],
    source_of: dict[LockedPackage, str],
) -> list[dict[str, str]]:
    rows = [_relation("SPDXRef-DOCUMENT", "DESCRIBES", _IMAGE)]
    for package in packages:
        rows.append(_relation(_IMAGE, "CONTAINS", ids[package]))
        rows.append(_relation(ids[package], "GENERATED_FROM", source_of[package]))
    return rows


def _relation(one: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def _extracted(licences: Iterable[Licence]) -> list[dict[str, str]]:
    named = dict(pair for licence in licences for pair in licence.own)
    return [
        {"licenseId": ref, "name": ref.removeprefix("LicenseRef-"), "extractedText": text}
        for ref, text in sorted(named.items())
    ]
