"""What neve says of a real image by looking at it is what it knows from having built it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
from tests.support.images import Works

from neve.attest.spdx import MEDIA_TYPE

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def python(works: Works) -> Path:
    return works.catalogue("python")


@pytest.fixture(scope="module")
def documents(works: Works, python: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The SPDX document that the build attached, and the one made by looking."""
    built = json.loads(works.image(python).attached(MEDIA_TYPE))
    return built, works.neve("sbom", python, "--format", "spdx").document


def test_both_list_the_same_files_with_the_same_hashes(
    documents: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    built, seen = (
        {row["fileName"]: row["checksums"] for row in document["files"]} for document in documents
    )
    assert len(built) > 1000
    assert seen == built


def packages(document: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Those of the distribution; a program inside of one is no package of its own."""
    rows = [row for row in document["packages"] if row.get("primaryPackagePurpose") is None]
    rows = [row for row in rows if "inside the package" not in row.get("sourceInfo", "")]
    found = {}
    for row in rows:
        (purl,) = (ref["referenceLocator"] for ref in row["externalRefs"])
        if purl.startswith("pkg:deb/"):
            found[row["name"]] = (row["versionInfo"], row["licenseDeclared"])
    return found


def test_both_list_the_same_packages_with_the_same_licences(
    documents: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    built, seen = map(packages, documents)
    assert len(built) > 20
    assert seen == built
    assert sum(licence != "NOASSERTION" for _, licence in seen.values()) > 5


def test_no_package_is_given_a_file_that_is_not_its_own(
    documents: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    """A build knows more: bytecode and what effects make stand in no package's list of files."""
    built, seen = (
        {
            row["name"]: set(row.get("hasFiles", ()))
            for row in document["packages"]
            if row["name"] in packages(document)
        }
        for document in documents
    )
    assert [name for name, files in seen.items() if not files <= built[name]] == []
    assert sum(map(len, seen.values())) > 0.5 * sum(map(len, built.values()))


def test_a_real_images_document_is_valid(
    documents: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    parsed = JsonLikeDictParser().parse(documents[1])  # type: ignore[no-untyped-call]
    assert [one.validation_message for one in validate_full_spdx_document(parsed)] == []


def test_an_image_is_no_smaller_than_itself(works: Works, python: Path) -> None:
    compared = works.neve("compare", python, python, "--format", "json").document
    (difference,) = compared["differences"]
    assert difference["reduction"] == 0
    for key in ("worse", "gone", "packages", "accounts", "services", "ports", "configuration"):
        assert difference[key] == []


def test_a_hardened_image_has_nothing_an_intruder_would_use(works: Works, python: Path) -> None:
    surface = works.neve("surface", python, "--format", "json").document
    counts = {row["part"]: row["count"] for row in surface["measures"]}
    assert None not in counts.values()
    nothing = ["package-managers", "network-tools", "privileged", "runs-as-root", "services"]
    nothing += ["login-accounts", "secrets", "private-keys", "changed-files"]
    assert {part: counts[part] for part in nothing} == dict.fromkeys(nothing, 0)
    assert surface["unjudged"] == []
