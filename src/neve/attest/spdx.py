"""SPDX 2.3 as JSON: the packages of an image, and every regular file accounted for.

Written from the SPDX 2.3 specification (clauses 6 to 11, annex on JSON). Each file belongs to
one package, its first owner; files that no package owns belong to the package that stands for
the image. Symbolic links and directories have no content to hash: the build record holds them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from neve.attest.bill import Bill, BillPackage, BillSource
from neve.attest.built import built_bill
from neve.attest.licences import Licence
from neve.attest.subject import ATTEST_VERSION, AttestedImage, timestamp, written

MEDIA_TYPE = "application/spdx+json"
_IMAGE = "SPDXRef-Image"
_UNKNOWN = "NOASSERTION"
_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9.-]")


def spdx(image: AttestedImage) -> bytes:
    """The SPDX document of an image that neve built."""
    return spdx_document(built_bill(image))


def spdx_document(bill: Bill) -> bytes:
    """The SPDX document of ``bill``."""
    ids = {package.key: _identifier("Package", package.key) for package in bill.packages}
    files, held = _files(bill, ids)
    sources = _sources(bill.packages)
    rows = [_image_package(bill, held.get(_IMAGE, []))]
    rows += [
        _package(package, ids[package.key], held.get(ids[package.key], []))
        for package in bill.packages
    ]
    space = f"{quote(bill.title, safe='')}-{bill.uuid('spdx')}"
    document: dict[str, Any] = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": bill.title,
        "documentNamespace": f"https://spdx.org/spdxdocs/{space}",
        "creationInfo": {
            "created": timestamp(bill.created),
            "creators": [f"Tool: neve-attest-{ATTEST_VERSION}"],
        },
        "documentDescribes": [_IMAGE],
        "packages": [*rows, *(sources[key] for key in sorted(sources))],
        "files": files,
        "relationships": _relationships(bill.packages, ids),
    }
    extracted = _extracted(package.licence for package in bill.packages)
    if extracted:
        document["hasExtractedLicensingInfos"] = extracted
    return json.dumps(document, separators=(",", ":")).encode()


def _identifier(kind: str, name: str) -> str:
    """An SPDX identifier; names with other characters get a hash, so none can collide."""
    plain = _NOT_IN_IDS.sub("-", name)
    if plain != name:
        plain += "-" + hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"SPDXRef-{kind}-{plain}"


_Held = dict[str, list[tuple[str, str]]]
"""Package id → (file id, SHA-1) of its files."""


def _files(bill: Bill, ids: Mapping[str, str]) -> tuple[list[dict[str, Any]], _Held]:
    rows = []
    held: _Held = {}
    for file in bill.files:
        name = hashlib.sha256(file.path.encode("utf-8", "surrogateescape")).hexdigest()[:20]
        identifier = f"SPDXRef-File-{name}"
        rows.append(
            {
                "SPDXID": identifier,
                "fileName": "." + written(file.path),
                "checksums": [
                    {"algorithm": "SHA1", "checksumValue": file.sha1},
                    {"algorithm": "SHA256", "checksumValue": file.sha256},
                ],
                "licenseConcluded": _UNKNOWN,
                "licenseInfoInFiles": [_UNKNOWN],
                "copyrightText": _UNKNOWN,
                **({} if file.comment is None else {"comment": file.comment}),
            }
        )
        owner = _IMAGE if file.holder is None else ids[file.holder]
        held.setdefault(owner, []).append((identifier, file.sha1))
    return rows, held


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


def _image_package(bill: Bill, files: list[tuple[str, str]]) -> dict[str, Any]:
    return {
        "SPDXID": _IMAGE,
        "name": bill.title,
        "versionInfo": bill.identity,
        "primaryPackagePurpose": "CONTAINER",
        "downloadLocation": _UNKNOWN,
        "licenseConcluded": _UNKNOWN,
        "licenseDeclared": _UNKNOWN,
        "copyrightText": _UNKNOWN,
        **_contents(files),
    }


def _package(package: BillPackage, identifier: str, files: list[tuple[str, str]]) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "SPDXID": identifier,
        "name": package.name,
        "versionInfo": package.version,
        "supplier": _UNKNOWN,
        "originator": _UNKNOWN,
        "downloadLocation": _UNKNOWN,
    }
    if package.file_name:
        fields["packageFileName"] = package.file_name
    if package.sha256:
        fields["checksums"] = [{"algorithm": "SHA256", "checksumValue": package.sha256}]
    if package.origin:
        fields["sourceInfo"] = package.origin
    fields |= {
        "licenseConcluded": _UNKNOWN,
        "licenseDeclared": package.licence.expression,
        "copyrightText": _UNKNOWN,
    }
    if package.purl:
        fields["externalRefs"] = [_purl(package.purl)]
    return {**fields, **_contents(files)}


def _purl(purl: str) -> dict[str, str]:
    return {
        "referenceCategory": "PACKAGE-MANAGER",
        "referenceType": "purl",
        "referenceLocator": purl,
    }


def _source_id(source: BillSource) -> str:
    return _identifier("Source", f"{source.name}-{source.version}")


def _sources(packages: Iterable[BillPackage]) -> dict[str, dict[str, Any]]:
    """SPDX identifier → the source packages that ``packages`` were built from."""
    rows: dict[str, dict[str, Any]] = {}
    for source in (package.source for package in packages):
        if source is not None:
            rows[_source_id(source)] = {
                "SPDXID": _source_id(source),
                "name": source.name,
                "versionInfo": source.version,
                "primaryPackagePurpose": "SOURCE",
                "downloadLocation": _UNKNOWN,
                "filesAnalyzed": False,
                "licenseConcluded": _UNKNOWN,
                "licenseDeclared": _UNKNOWN,
                "copyrightText": _UNKNOWN,
                **({"externalRefs": [_purl(source.purl)]} if source.purl else {}),
            }
    return rows


def _relationships(packages: Iterable[BillPackage], ids: Mapping[str, str]) -> list[dict[str, str]]:
    rows = [_relation("SPDXRef-DOCUMENT", "DESCRIBES", _IMAGE)]
    for package in packages:
        rows.append(_relation(_IMAGE, "CONTAINS", ids[package.key]))
        if package.source is not None:
            rows.append(_relation(ids[package.key], "GENERATED_FROM", _source_id(package.source)))
    return rows


def _relation(one: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def _extracted(licences: Iterable[Licence]) -> list[dict[str, str]]:
    named = dict(pair for licence in licences for pair in licence.own)
    return [
        {"licenseId": ref, "name": ref.removeprefix("LicenseRef-"), "extractedText": text}
        for ref, text in sorted(named.items())
    ]
