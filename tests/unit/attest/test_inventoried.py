"""SBOMs of images that others built: valid by their formats' own judges, and the same each time."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given
from hypothesis import strategies as st
from license_expression import get_spdx_licensing  # type: ignore[import-untyped]
from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
from tests.support.seen import EMPTY, HOSTILE, file, hostile, package

from neve.attest.bill import Bill
from neve.attest.cyclonedx import cyclonedx_document
from neve.attest.declared import declared_licence
from neve.attest.inventoried import inventory_bill
from neve.attest.licences import read_copyright
from neve.attest.spdx import spdx_document
from neve.inventory import Configuration, Depth, Inventory
from neve.inventory.entries import SeenFile
from neve.inventory.observe_copyright import licence_lines
from neve.inventory.read import read_inventory
from neve.model import Origin, Reason
from neve.tree import FileEntry, Inline, Kind, Tree

LICENSING = get_spdx_licensing()
REASON = Reason(Origin.RULE, "test")
STATUS = b"""Package: libc6
Status: install ok installed
Version: 2.41-12
Architecture: amd64
Source: glibc
Maintainer: A <a@example.org>

"""
COPYRIGHT = b"""Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 2001 A Person
License: GPL-2+ or Artistic

Files: x/*
License: Expat

License: Expat
 Permission is hereby granted
"""


def tree() -> Tree:
    def entry(path: str, data: bytes) -> FileEntry:
        return FileEntry(path=path, kind=Kind.FILE, mode=0o644, content=Inline(data), reason=REASON)

    return Tree(
        [
            entry("/etc/os-release", b'ID=debian\nVERSION_ID="13"\n'),
            entry("/usr/lib/libc.so.6", b"libc"),
            entry("/usr/lib/latin\udce9", b"own"),
            entry("/var/lib/dpkg/status", STATUS),
            entry("/var/lib/dpkg/info/libc6:amd64.list", b"/.\n/usr\n/usr/lib/libc.so.6\n"),
            entry("/opt/app/node_modules/left-pad/package.json",
                  b'{"name":"left-pad","version":"1.3.0","license":"WTFPL"}'),
            FileEntry(path="/usr/lib/libc.so", kind=Kind.HARDLINK, mode=0o644,
                      target="/usr/lib/libc.so.6", reason=REASON),
        ]
    )  # fmt: skip


def read(entry: FileEntry) -> bytes:
    assert isinstance(entry.content, Inline)
    return entry.content.data


def bill(depth: Depth = Depth.INVENTORY) -> Bill:
    configuration = Configuration(created="2026-01-02T03:04:05.123456789Z")
    found = read_inventory(tree(), read, depth, configuration)
    lines = {"libc6": licence_lines(COPYRIGHT)}
    return inventory_bill("app:1", "sha256:" + "0" * 64, found, tree(), lines.get)


def bare(inventory: Inventory) -> Bill:
    return inventory_bill("app", "sha256:" + "0" * 64, inventory, Tree(), lambda _: None)


def problems(document: dict[str, Any]) -> list[str]:
    parsed = JsonLikeDictParser().parse(document)  # type: ignore[no-untyped-call]
    return [message.validation_message for message in validate_full_spdx_document(parsed)]


@pytest.mark.parametrize("depth", [Depth.PACKAGES, Depth.INVENTORY])
def test_a_foreign_images_spdx_is_valid_by_the_spdx_projects_own_reader(depth: Depth) -> None:
    assert problems(json.loads(spdx_document(bill(depth)))) == []


def test_a_foreign_images_cyclonedx_is_valid_by_its_official_schema() -> None:
    text = cyclonedx_document(bill()).decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_packages_have_purl_source_and_licence() -> None:
    document = json.loads(spdx_document(bill()))
    rows = {row["name"]: row for row in document["packages"]}
    libc = rows["libc6"]
    assert libc["externalRefs"][0]["referenceLocator"].startswith("pkg:deb/debian/libc6@2.41-12")
    assert libc["licenseDeclared"] == "(GPL-2.0-or-later OR Artistic-1.0-Perl) AND MIT"
    assert rows["left-pad"]["licenseDeclared"] == "WTFPL"
    assert rows["glibc"]["primaryPackagePurpose"] == "SOURCE"
    relations = {
        (row["spdxElementId"], row["relationshipType"], row["relatedSpdxElement"])
        for row in document["relationships"]
    }
    assert ("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-Image") in relations
    assert ("SPDXRef-Image", "CONTAINS", libc["SPDXID"]) in relations
    assert (libc["SPDXID"], "GENERATED_FROM", rows["glibc"]["SPDXID"]) in relations
    assert document["creationInfo"]["created"] == "2026-01-02T03:04:05Z"


def test_every_file_stands_under_what_holds_it() -> None:
    document = json.loads(spdx_document(bill()))
    names = {row["SPDXID"]: row["fileName"] for row in document["files"]}
    held = {
        row["name"]: {names[identifier] for identifier in row.get("hasFiles", ())}
        for row in document["packages"]
    }
    assert held["libc6"] == {"./usr/lib/libc.so.6"}
    assert held["left-pad"] == {"./opt/app/node_modules/left-pad/package.json"}
    assert {"./usr/lib/latin\\xe9", "./usr/lib/libc.so"} <= held["app:1"]
    assert len(document["files"]) == 7


def test_a_file_whose_hashes_nobody_took_is_in_no_list() -> None:
    streamed = SeenFile(path="/a", kind=Kind.FILE, mode=0o644, reason=REASON, size=3)
    found = replace(EMPTY, depth=Depth.PACKAGES, files=(file("/a", digest=None), file("/b")))
    made = inventory_bill("a", "sha256:" + "0" * 64, found, Tree([streamed]), lambda _: None)
    document = json.loads(spdx_document(made))
    assert document["files"] == []
    assert not any(row["filesAnalyzed"] for row in document["packages"])
    assert problems(document) == []


def test_hostile_names_stay_values() -> None:
    found = bare(hostile())
    assert problems(json.loads(spdx_document(found))) == []
    text = cyclonedx_document(found).decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_packages_of_one_name_are_told_apart() -> None:
    twice = replace(EMPTY, packages=(package("a"), package("a"), package("b", purl="")))
    document = json.loads(cyclonedx_document(bare(twice)))
    references = [row["bom-ref"] for row in document["components"]]
    assert len(references) == len(set(references)) == 4
    identifiers = [row["SPDXID"] for row in json.loads(spdx_document(bare(twice)))["packages"]]
    assert len(identifiers) == len(set(identifiers))


@pytest.mark.parametrize("created", ["", "yesterday", "0000-00-00", "9999-12-31T23:59:59-23:59"])
def test_a_time_that_is_none_is_1970_or_held_in_bounds(created: str) -> None:
    found = replace(EMPTY, configuration=Configuration(created=created))
    text = json.loads(spdx_document(bare(found)))["creationInfo"]["created"]
    assert text in ("1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z")


def test_the_same_image_gives_the_same_bytes() -> None:
    assert spdx_document(bill()) == spdx_document(bill())
    assert cyclonedx_document(bill()) == cyclonedx_document(bill())


@pytest.mark.parametrize(
    ("texts", "expression"),
    [
        (("MIT",), "MIT"),
        (("mit or apache-2.0",), "MIT OR Apache-2.0"),
        (("(MIT AND BSD-3-Clause) OR GPL-2.0-only",), "(MIT AND BSD-3-Clause) OR GPL-2.0-only"),
        (("MIT", "ISC OR MIT"), "(ISC OR MIT) AND MIT"),
        (("",), "NOASSERTION"),
        ((), "NOASSERTION"),
    ],
)
def test_plain_names_become_expressions(texts: tuple[str, ...], expression: str) -> None:
    assert declared_licence(texts).expression == expression


@pytest.mark.parametrize("text", ["MIT License", "GPLv3+", "MIT AND", "(MIT", "MIT)", "MIT MIT"])
def test_any_other_text_is_kept_under_a_reference(text: str) -> None:
    found = declared_licence((text,))
    ((reference, kept),) = found.own
    assert found.expression == reference
    assert kept == text


@given(st.lists(st.sampled_from(["MIT", "ISC", "AND", "OR", "(", ")", "x", *HOSTILE]), max_size=9))
def test_a_licence_is_always_a_sound_expression(words: list[str]) -> None:
    found = declared_licence((" ".join(words), "MIT"))
    assert LICENSING.parse(found.expression) is not None
    assert all(reference.startswith("LicenseRef-") for reference, _ in found.own)


def test_what_is_kept_of_a_copyright_file_says_the_same() -> None:
    kept = licence_lines(COPYRIGHT)
    assert kept is not None
    assert len(kept) < len(COPYRIGHT)
    assert read_copyright(kept, "x") == read_copyright(COPYRIGHT, "x")
    assert licence_lines(b"License: MIT, says somebody\n") is None
