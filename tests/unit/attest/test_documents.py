"""Attestations: valid by their formats' own judges, complete, deterministic, and quick."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given
from hypothesis import strategies as st
from packageurl import PackageURL
from spdx_tools.spdx.model.document import Document
from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from neve.attest.cyclonedx import cyclonedx
from neve.attest.licences import read_copyright
from neve.attest.provenance import provenance
from neve.attest.record import Noted, read_record, record
from neve.attest.spdx import spdx
from neve.attest.subject import AttestedImage
from neve.errors import HostileInputError
from neve.model import (
    Check,
    Digest,
    Fail,
    Origin,
    Pass,
    Platform,
    Reason,
    Skipped,
    Verdict,
    Waived,
    Waiver,
    sha256_of,
)
from neve.recipe.lock import Lock, LockedArchive, LockedIndex, LockedPackage, LockedTarget
from neve.recipe.types import Distribution, Recipe, RecipeSource
from neve.tree import Blob, FileEntry, Inline, Kind, Put, Remove, Tree

COPYRIGHT = b"""Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 2001 A Person
License: GPL-2+ or Artistic

Files: x/*
Copyright: 2002
License: Expat

License: Expat
 Permission is hereby granted
"""
INDEX = sha256_of(b"Packages")


def package(name: str, version: str = "1:2.0~rc1+dfsg-1+b2", arch: str = "amd64") -> LockedPackage:
    return LockedPackage(
        name=name,
        version=version,
        architecture=arch,
        digest=sha256_of(name.encode()),
        size=10,
        installed_size=20,
        path=f"pool/main/{name[0]}/{name}_{arch}.deb",
        source=f"src-{name}",
        source_version="1:2.0~rc1+dfsg-1",
        archive="debian:trixie",
        index=INDEX,
        section="libs",
        because=(f"packages[0]: {name}",),
    )


def packaged(path: str, owner: str, data: bytes = b"x") -> FileEntry:
    return FileEntry(
        path=path,
        kind=Kind.FILE,
        mode=0o644,
        content=Inline(data),
        owners=(owner,),
        reason=Reason(Origin.PACKAGE, owner, "unpacked"),
    )


def tree() -> Tree:
    made = Reason(Origin.EFFECT, "hello", "cache")
    found = Tree(
        [
            packaged("/usr/bin/hello", "hello", b"hello"),
            packaged("/usr/bin/latin\udce9", "libstdc++6"),
            packaged("/usr/share/doc/hello/copyright", "hello", COPYRIGHT),
            packaged("/usr/share/man/man1/hello.1", "hello"),
            FileEntry(
                path="/usr/bin/hi",
                kind=Kind.HARDLINK,
                mode=0o644,
                target="/usr/bin/hello",
                owners=("hello",),
                reason=Reason(Origin.PACKAGE, "hello", "unpacked"),
            ),
            FileEntry(
                path="/etc/cache", kind=Kind.FILE, mode=0o644, content=Inline(b""), reason=made
            ),
            FileEntry(path="/bin", kind=Kind.SYMLINK, mode=0o777, target="usr/bin", reason=made),
        ]
    )
    found.apply(Remove("/usr/share/man", Reason(Origin.RULE, "prune-manuals")))
    found.apply(Remove("/usr/share/man/man1/hello.1", Reason(Origin.RULE, "prune-manuals")))
    return found


def image(packages: tuple[LockedPackage, ...] = (), files: Tree | None = None) -> AttestedImage:
    packages = packages or (package("libstdc++6"), package("hello"), package("hello", arch="i386"))
    lock = Lock(
        recipe=Recipe(name="demo", base=Distribution(name="debian", release="13")),
        sources=(RecipeSource(path="neve.yaml", digest=sha256_of(b"recipe"), size=6),),
        rules=(("packing", "1"),),
        time=1_700_000_000,
        archives=(
            LockedArchive(
                id="debian:trixie",
                alias="debian",
                suite="trixie",
                codename="trixie",
                date=1_700_000_000,
                valid_until=1_700_600_000,
                release=sha256_of(b"InRelease"),
                signers=("A" * 40,),
                snapshot=None,
                indexes=(
                    LockedIndex(
                        component="main",
                        architecture="amd64",
                        path="main/binary-amd64/Packages.xz",
                        digest=INDEX,
                        size=8,
                    ),
                ),
            ),
        ),
        packages=packages,
        targets=(),
    )
    return AttestedImage(
        name="demo",
        identity=sha256_of(b"chain"),
        lock=lock,
        lock_data=b'{"schema_version":1}',
        lock_digest=sha256_of(b"lock"),
        recipe_digest=sha256_of(b"recipe"),
        target=LockedTarget(
            platform=Platform("linux", "amd64"),
            variant="",
            packages=tuple(range(len(packages))),
        ),
        tree=files if files is not None else tree(),
        read=lambda entry: entry.content.data if isinstance(entry.content, Inline) else b"",
    )


def parse_spdx(document: dict[str, Any]) -> Document:
    return JsonLikeDictParser().parse(document)  # type: ignore[no-untyped-call]


def test_spdx_is_valid_by_the_spdx_projects_own_reader() -> None:
    document = parse_spdx(json.loads(spdx(image())))
    messages = validate_full_spdx_document(document)
    assert [message.validation_message for message in messages] == []


def test_spdx_accounts_for_every_regular_file_once_under_its_owner() -> None:
    document = json.loads(spdx(image()))
    names = {row["SPDXID"]: row["fileName"] for row in document["files"]}
    held = {
        row["name"]: sorted(names[f] for f in row.get("hasFiles", ()))
        for row in document["packages"]
        if row.get("primaryPackagePurpose") != "SOURCE" and row.get("filesAnalyzed")
    }
    assert held == {
        "demo-linux-amd64": ["./etc/cache"],
        "hello": ["./usr/bin/hello", "./usr/bin/hi", "./usr/share/doc/hello/copyright"],
        "libstdc++6": ["./usr/bin/latin\\xe9"],
    }
    (hello,) = (row for row in document["files"] if row["fileName"] == "./usr/bin/hello")
    assert {c["algorithm"]: c["checksumValue"] for c in hello["checksums"]} == {
        "SHA1": hashlib.sha1(b"hello").hexdigest(),
        "SHA256": hashlib.sha256(b"hello").hexdigest(),
    }


def test_a_verification_code_is_that_of_the_listed_files() -> None:
    document = json.loads(spdx(image()))
    sha1 = {row["SPDXID"]: row["checksums"][0]["checksumValue"] for row in document["files"]}
    analysed = [row for row in document["packages"] if row["filesAnalyzed"]]
    assert analysed
    for row in analysed:
        joined = "".join(sorted(sha1[f] for f in row["hasFiles"])).encode()
        code = row["packageVerificationCode"]["packageVerificationCodeValue"]
        assert code == hashlib.sha1(joined).hexdigest()


def test_purls_say_what_package_of_which_distribution() -> None:
    document = json.loads(cyclonedx(image()))
    purls = [PackageURL.from_string(c["purl"]) for c in document["components"] if "purl" in c]
    assert [(p.name, p.version, p.namespace, p.qualifiers["arch"]) for p in purls] == [
        ("hello", "1:2.0~rc1+dfsg-1+b2", "debian", "amd64"),
        ("hello", "1:2.0~rc1+dfsg-1+b2", "debian", "i386"),
        ("libstdc++6", "1:2.0~rc1+dfsg-1+b2", "debian", "amd64"),
    ]
    assert {p.qualifiers["distro"] for p in purls} == {"debian-13"}


def test_cyclonedx_is_valid_by_its_official_schema() -> None:
    text = cyclonedx(image()).decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_licences_stand_in_both_documents() -> None:
    expression = "(GPL-2.0-or-later OR Artistic-1.0-Perl) AND MIT"
    rows = {row["name"]: row for row in json.loads(spdx(image()))["packages"]}
    assert rows["hello"]["licenseDeclared"] == expression
    components = json.loads(cyclonedx(image()))["components"]
    assert [c["licenses"][0]["expression"] for c in components if c.get("licenses")] == [
        expression,
        expression,
    ]


@pytest.mark.parametrize(
    ("field", "expression"),
    [
        ("GPL-3", "GPL-3.0-only"),
        ("LGPL-2.1+", "LGPL-2.1-or-later"),
        ("LGPL-2.1+ and Expat", "LGPL-2.1-or-later AND MIT"),
        ("public-domain", "LicenseRef-hello-public-domain"),
        ("GPL-2+ with OpenSSL exception", "NOASSERTION"),
        ("GPL-2 or Artistic and Expat", "NOASSERTION"),
        ("", "NOASSERTION"),
    ],
)
def test_only_what_is_plainly_said_becomes_a_licence(field: str, expression: str) -> None:
    head = b"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"
    text = head + b"Files: *\nLicense: " + field.encode() + b"\n"
    assert read_copyright(text, "hello").expression == expression


def test_free_text_copyright_is_not_guessed() -> None:
    assert read_copyright(b"License: MIT, says somebody\n", "x").expression == "NOASSERTION"


def test_licences_without_an_spdx_name_are_declared_in_the_document() -> None:
    head = b"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"
    own = packaged("/usr/share/doc/hello/copyright", "hello", head + b"License: public-domain\n")
    files = Tree([own])
    document = json.loads(spdx(image((package("hello"),), files)))
    (row,) = document["hasExtractedLicensingInfos"]
    assert row["licenseId"] == "LicenseRef-hello-public-domain"
    parsed = parse_spdx(document)
    assert validate_full_spdx_document(parsed) == []


def test_provenance_names_image_recipe_lock_packages_indexes_and_signers() -> None:
    manifest = sha256_of(b"manifest")
    statement = json.loads(provenance(image(), manifest, neve_version="1.2"))
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert statement["subject"][0]["digest"] == {"sha256": manifest.value}
    definition = statement["predicate"]["buildDefinition"]
    parameters = definition["externalParameters"]
    assert parameters["recipe"]["digest"] == {"sha256": sha256_of(b"recipe").value}
    assert parameters["lock"]["digest"] == {"sha256": sha256_of(b"lock").value}
    by_name = {row["name"]: row for row in definition["resolvedDependencies"]}
    assert by_name["libstdc++6"]["digest"] == {"sha256": sha256_of(b"libstdc++6").value}
    release = by_name["debian:trixie InRelease"]["annotations"]
    assert release["signers"] == ["A" * 40]
    assert release["date"] == "2023-11-14T22:13:20Z"
    assert "debian:trixie main/binary-amd64/Packages.xz" in by_name
    assert statement["predicate"]["runDetails"]["builder"]["version"] == {"neve": "1.2"}


def _checks() -> Iterator[Check]:
    waiver = Waiver(rule="r", subject="s", reason="why", owner="me", expires=date(2030, 1, 2))
    verdicts: list[Verdict] = [
        Pass("seen"),
        Fail("bad"),
        Skipped("no"),
        Waived(waiver, Fail("bad")),
    ]
    for number, verdict in enumerate(verdicts):
        yield Check(rule=f"rule-{number}", subject="/x", verdict=verdict)


def test_the_record_answers_why_for_every_path_present_or_removed() -> None:
    subject = image()
    checks = tuple(_checks())
    read = read_record(record(subject, Noted(checks=checks)))
    assert set(read.paths) == {entry.path for entry in subject.tree}
    for entry in subject.tree:
        row = read.paths[entry.path]
        assert (row.reason, row.owners, row.kind) == (entry.reason, entry.owners, entry.kind)
        assert row.digest == (entry.content.digest if entry.content else None)
    assert read.removed["/usr/share/man/man1/hello.1"].subject == "prune-manuals"
    assert read.checks == checks
    assert (read.lock, read.lock_digest) == ({"schema_version": 1}, subject.lock_digest)
    assert (read.platform, read.recipe_digest) == (subject.target.platform, subject.recipe_digest)


def test_the_record_holds_the_accounts_of_the_image_without_passwords() -> None:
    accounts = tree()
    for path, text in {
        "/etc/passwd": b"# local\nroot:secret:0:0:root:/root:/bin/sh\n\n"
        b"w\xe9b:x:33:33:::/bin/false\n",
        "/etc/group": b"root:x:0:\nweb:secret:33:root,web\nbroken\n",
    }.items():
        accounts.apply(Put(packaged(path, "base-passwd", text)))
    read = read_record(record(image(files=accounts)))
    assert read.users == {
        "root": ("0", "0", "root", "/root", "/bin/sh"),
        "w\\xe9b": ("33", "33", "", "", "/bin/false"),
    }
    assert read.groups == {"root": ("0", ""), "web": ("33", "root,web")}
    assert b"secret" not in record(image(files=accounts))


def test_the_record_keeps_extended_attributes_and_reads_older_ones_without() -> None:
    files, capability = tree(), (("security.capability", b"\x01\x00\xff"),)
    ping = packaged("/usr/bin/ping", "iputils-ping", b"ping")
    files.apply(Put(replace(ping, xattrs=capability)))
    link = replace(ping, path="/usr/bin/ping4", kind=Kind.HARDLINK, content=None, target=ping.path)
    files.apply(Put(link))
    data = record(image(files=files))
    read = read_record(data)
    assert {path for path, row in read.paths.items() if row.xattrs} == {ping.path, link.path}
    assert read.paths[ping.path].xattrs == capability
    older = json.loads(data) | {"schema_version": 2}
    for new in ("xattrs", "left_out", "accounts"):
        del older[new]
    assert {row.xattrs for row in read_record(json.dumps(older).encode()).paths.values()} == {None}


def test_the_record_tells_what_was_left_out_and_who_made_an_account() -> None:
    files = tree()
    files.apply(Put(packaged("/etc/passwd", "base-passwd", b"web:x:33:33:::/bin/false\n")))
    cache = Reason(Origin.RULE, "omitted-cache", "no cache")
    maker = Reason(Origin.EFFECT, "apache2", "account")
    noted = Noted(
        left_out=(("/var/cache/fonts/*", cache),),
        accounts={"user web": maker, "group gone": maker},
    )
    read = read_record(record(image(files=files), noted))
    assert read.left_out == (("/var/cache/fonts/*", cache),)
    assert read.accounts == {"user web": maker}


def test_an_image_without_accounts_records_none() -> None:
    read = read_record(record(image()))
    assert (read.users, read.groups) == ({}, {})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    ),
    st.sampled_from(
        [
            *("reasons", "paths", "xattrs", "removed", "left_out", "users", "groups", "accounts"),
            *("checks", "platform", "lock", "recipe"),
        ]
    ),
)
def test_a_record_of_another_shape_is_refused_never_a_crash(value: Any, key: str) -> None:
    document = json.loads(record(image()))
    document[key] = value
    with suppress(HostileInputError):
        read_record(json.dumps(document).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000])
def test_rubbish_is_no_record(data: bytes) -> None:
    with pytest.raises(HostileInputError, match="build record"):
        read_record(data)


def test_the_same_input_in_another_order_gives_the_same_bytes() -> None:
    one = image()
    packages = tuple(reversed(one.lock.packages))
    other = replace(
        one,
        lock=replace(one.lock, packages=packages),
        target=replace(one.target, packages=(1, 0, 2)),
        tree=Tree(reversed([*one.tree])),
    )
    assert spdx(one) == spdx(other)
    assert cyclonedx(one) == cyclonedx(other)


def test_another_image_has_other_document_names() -> None:
    one, other = image(), replace(image(), identity=sha256_of(b"other"))
    for write, key in ((spdx, "documentNamespace"), (cyclonedx, "serialNumber")):
        assert json.loads(write(one))[key] != json.loads(write(other))[key]


def test_large_images_are_attested_quickly() -> None:
    packages = tuple(package(f"p{number}") for number in range(5000))
    content = Blob(digest=Digest("sha256", "0" * 64), size=1, sha1="0" * 40)
    files = Tree(
        replace(packaged(f"/usr/lib/p{n % 5000}/f{n}", f"p{n % 5000}"), content=content)
        for n in range(20_000)
    )
    subject = image(packages, files)
    budget = {cyclonedx: 1.0, spdx: 3.0, record: 2.0}  # twenty times less on an idle machine
    for write, seconds in budget.items():
        start = time.process_time()
        write(subject)
        assert time.process_time() - start < seconds
