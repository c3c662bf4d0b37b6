"""Every path of a built image is accounted for: in its SBOMs, its provenance and its record."""

from __future__ import annotations

import hashlib
import json
import tarfile
from typing import Any
from urllib.parse import quote

import pytest
from tests.support.images import AMD64, Image, Works

from neve.model import Origin, sha256_of
from neve.recipe.lock import LockedPackage
from neve.tree import Kind
from neve.verbs.context import Workspace
from neve.verbs.progress import Silent
from neve.verbs.records import recorded
from neve.verbs.settings import Settings
from neve.verbs.why import answer

pytestmark = pytest.mark.integration

SPDX = "application/spdx+json"
CYCLONEDX = "application/vnd.cyclonedx+json"
RECORD = "application/vnd.neve.record.v1+json"
STATEMENT = "application/vnd.in-toto+json"
IMAGES = ["static", "python", "postgres"]


@pytest.fixture(scope="module", params=IMAGES)
def image(request: pytest.FixtureRequest, works: Works) -> Image:
    return works.image(works.catalogue(request.param))


def regular_files(image: Image) -> dict[str, tuple[str, str]]:
    """Path → SHA-1 and SHA-256 of each regular file, by Python's own tar reader."""
    found: dict[str, tuple[str, str]] = {}
    for layer in image.source.layers:
        with (
            image.source.open_layer(layer) as compressed,
            tarfile.open(fileobj=compressed, mode="r:gz") as tar,
        ):
            for member in tar:
                path = "/" + member.name.removeprefix("./").strip("/")
                if member.isreg():
                    extracted = tar.extractfile(member)
                    assert extracted is not None
                    data = extracted.read()
                    sha1 = hashlib.sha1(data, usedforsecurity=False).hexdigest()
                    found[path] = (sha1, hashlib.sha256(data).hexdigest())
                elif member.islnk():
                    found[path] = found["/" + member.linkname.removeprefix("./").strip("/")]
    return found


def test_spdx_has_each_regular_file_with_its_hashes(image: Image) -> None:
    document = json.loads(image.attached(SPDX))
    listed = {}
    for file in document["files"]:
        sums = {row["algorithm"]: row["checksumValue"] for row in file["checksums"]}
        assert file["fileName"].startswith("./")
        listed[file["fileName"][1:]] = (sums["SHA1"], sums["SHA256"])
    assert len(listed) == len(document["files"])
    assert listed == regular_files(image)


def test_spdx_has_each_package_and_says_which_files_are_its(image: Image) -> None:
    document = json.loads(image.attached(SPDX))
    packages = {p["SPDXID"]: p for p in document["packages"]}
    purls = {
        ref["referenceLocator"]: p
        for p in packages.values()
        for ref in p.get("externalRefs", [])
        if ref["referenceType"] == "purl" and p.get("primaryPackagePurpose") != "SOURCE"
    }
    for package in image.packages:
        row = purls[purl(package)]
        assert row["versionInfo"] == package.version
        assert {"algorithm": "SHA256", "checksumValue": package.digest.value} in row["checksums"]
    held = [identifier for p in packages.values() for identifier in p.get("hasFiles", [])]
    assert sorted(held) == sorted(file["SPDXID"] for file in document["files"])


def purl(package: LockedPackage) -> str:
    """The package URL, percent-encoded as purl-spec says."""
    name, version = quote(package.name), quote(package.version, safe=":~")
    return f"pkg:deb/debian/{name}@{version}?arch={package.architecture}&distro=debian-13"


def test_cyclonedx_has_the_locks_packages_and_no_others(image: Image) -> None:
    document = json.loads(image.attached(CYCLONEDX))
    listed = {
        (c["name"], c["version"], c["hashes"][0]["content"])
        for c in document["components"]
        if c["type"] == "library"
    }
    assert listed == {(p.name, p.version, p.digest.value) for p in image.packages}


def test_the_statement_names_what_the_image_was_made_of(image: Image) -> None:
    statement: dict[str, Any] = json.loads(image.attached(STATEMENT))
    (subject,) = statement["subject"]
    manifest = json.loads((image.path / "index.json").read_bytes())["manifests"][0]
    assert f"sha256:{subject['digest']['sha256']}" == manifest["digest"]
    definition = statement["predicate"]["buildDefinition"]
    labels = image.settings["Labels"]
    parameters = definition["externalParameters"]
    assert f"sha256:{parameters['recipe']['digest']['sha256']}" == labels["io.neve.recipe"]
    assert f"sha256:{parameters['lock']['digest']['sha256']}" == labels["io.neve.lock"]
    materials = {row["digest"]["sha256"] for row in definition["resolvedDependencies"]}
    lock = image.lock
    assert {p.digest.value for p in image.packages} <= materials
    assert {archive.release.value for archive in lock.archives} <= materials
    assert {p.index.value for p in image.packages} <= materials
    signers = [
        row.get("annotations", {}).get("signers") for row in definition["resolvedDependencies"]
    ]
    assert [list(a.signers) for a in sorted(lock.archives, key=lambda a: a.id)] == [
        row for row in signers if row is not None
    ]


def test_labels_name_the_attached_documents(image: Image) -> None:
    labels = image.settings["Labels"]
    for label, kind in (
        ("io.neve.sbom.spdx", SPDX),
        ("io.neve.sbom.cyclonedx", CYCLONEDX),
        ("io.neve.record", RECORD),
    ):
        assert labels[label] == str(sha256_of(image.attached(kind)))
    assert labels["io.neve.lock"] == str(image.record.lock_digest)


def test_the_record_has_the_images_paths_exactly(image: Image) -> None:
    record = image.record
    assert set(record.paths) == {entry.path for entry in image.tree}
    for entry in image.tree:
        noted = record.paths[entry.path]
        held = image.tree.content_entry(entry)
        if noted.kind is Kind.HARDLINK or entry.kind is Kind.HARDLINK:
            continue  # a hard link across layers becomes a file
        assert (noted.kind, noted.mode, noted.uid, noted.gid, noted.target) == (
            entry.kind,
            entry.mode,
            entry.uid,
            entry.gid,
            entry.target,
        ), entry.path
        if held.content is not None:
            assert noted.digest == held.content.digest, entry.path
    assert not set(record.removed) & set(record.paths)


def test_every_path_has_a_reason_with_a_subject(image: Image) -> None:
    packages = {p.name for p in image.packages}
    dropped = {d.name for target in image.lock.targets for d in target.dropped}
    for path, entry in image.record.paths.items():
        assert entry.reason.subject, path
        if entry.reason.origin is Origin.PACKAGE:
            assert entry.reason.subject in packages, path
        assert not set(entry.owners) & dropped, path


@pytest.fixture(scope="module")
def python(works: Works) -> Image:
    return works.image(works.catalogue("python"))


def test_why_answers_for_every_path(works: Works, python: Image) -> None:
    settings = Settings(store=works.shared / "store")
    with Workspace(settings, Silent()) as workspace:
        found = recorded(str(python.path), workspace, platforms=(AMD64,), variant="runtime")
    for path, entry in found.record.paths.items():
        told = answer(found, path)
        assert (told.state, told.reason) == ("path", entry.reason), path
        if entry.reason.origin is Origin.PACKAGE:
            assert entry.reason.subject in {p.name for p in told.packages}, path
            assert all(p.because for p in told.packages), path
    for path, reason in found.record.removed.items():
        told = answer(found, path)
        assert (told.state, told.reason) == ("removed", reason), path
    assert len(found.record.removed) > 100


def test_why_names_package_rule_request_and_recipe(works: Works) -> None:
    layout = works.catalogue("python")
    kept = works.neve("why", layout, "/usr/lib/x86_64-linux-gnu/libssl.so.3").out
    assert "libssl3t64" in kept
    assert "libpython3.13-minimal → libssl3t64" in kept
    assert "openssl →" not in kept  # which is not in the image
    through_link = works.neve("why", layout, "/lib/x86_64-linux-gnu/libc.so.6").out
    assert "libc6" in through_link
    never = works.neve("why", layout, "/usr/bin/emacs", expect=2)
    assert "nothing brought or removed it" in never.err
    manual = works.neve("why", layout, "/usr/share/man/man1/python3.13.1.gz").out
    assert "prune-manuals" in manual
    dropped = works.neve("why", layout, "debconf").out
    assert "drop-questions" in dropped
    user = works.neve("why", layout, "/home/nonroot").out
    assert "run.user" in user


def test_removed_paths_name_a_known_rule(python: Image) -> None:
    rules = {reason.subject for reason in python.record.removed.values()}
    assert {"prune-manuals", "prune-documentation"} <= rules
    for path, reason in python.record.removed.items():
        assert reason.origin in (Origin.RULE, Origin.EFFECT), path
