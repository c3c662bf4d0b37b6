"""Certificates from the command line: added, built, asked about, and judged by their expiry."""

from __future__ import annotations

import json
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.certificates import make_certificate
from tests.support.command import Desk

NOW = datetime.now(UTC).replace(microsecond=0)
CORP = make_certificate("Corp CA", start=NOW - timedelta(days=9), days=400)
SOON = make_certificate("Short CA", start=NOW - timedelta(days=9), days=29)
PAST = make_certificate("Past CA", start=NOW - timedelta(days=99), days=90)
LONELY = make_certificate("printer", authority=False, start=NOW - timedelta(days=9), days=400)
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


@pytest.fixture
def trusting(desk: Desk) -> Desk:
    """A desk whose recipe trusts a CA of ``corp-ca.pem``."""
    (desk.directory / "corp-ca.pem").write_bytes(CORP.pem)
    desk.neve("add", "cert", "corp-ca.pem")
    return desk


def test_one_command_and_two_lines_make_an_image_that_trusts_a_ca(trusting: Desk) -> None:
    text = (trusting.directory / "neve.yaml").read_text()
    assert "certificates:\n  - corp-ca.pem\n" in text
    trusting.neve("build", "-o", "out")
    listed = trusting.neve("certs", "out", "--format", "json").document
    (one,) = listed["certificates"]
    assert (one["whose"], one["name"], one["fingerprint"]) == (
        "recipe",
        "corp-ca",
        CORP.fingerprint,
    )
    assert one["paths"] == [BUNDLE, "/usr/local/share/ca-certificates/corp-ca.crt"]
    assert one["days_left"] == 390
    shown = trusting.neve("why", "out", BUNDLE).out
    assert "holds certificates[corp-ca] of the recipe: CN=Corp CA" in shown
    for words in ("corp-ca", "CN=Corp CA", CORP.fingerprint, CORP.fingerprint[:12].upper()):
        answer = trusting.neve("why", "out", words, "--format", "json").document
        assert answer["state"] == "certificate"
        assert BUNDLE in dict(answer["certificates"][0]["stores"])


def test_a_recipe_is_listed_as_its_image_would_be(trusting: Desk) -> None:
    trusting.neve("lock")
    of_recipe = trusting.neve("certs", "neve.yaml", "--format", "json").document
    trusting.neve("build", "-o", "out")
    of_image = trusting.neve("certs", "out", "--format", "json").document
    assert of_recipe["certificates"] == of_image["certificates"]


def test_the_same_lock_gives_the_same_bytes_and_needs_no_parser(trusting: Desk) -> None:
    trusting.neve("lock")
    first = trusting.build("first")
    trusting.store("another-store")
    assert trusting.build("second", env={"PYTHONHASHSEED": "7"}) == first
    lock = json.loads((trusting.directory / "neve.lock").read_text())
    (one,) = lock["recipe"]["certificates"]
    assert ssl.PEM_cert_to_DER_cert(CORP.pem.decode()) == ssl.PEM_cert_to_DER_cert(
        f"-----BEGIN CERTIFICATE-----\n{one['der']}\n-----END CERTIFICATE-----\n"
    )


def test_another_certificate_in_the_file_needs_another_lock(trusting: Desk) -> None:
    trusting.neve("lock")
    (trusting.directory / "corp-ca.pem").write_bytes(SOON.pem)
    refused = trusting.neve("build", "-o", "out", expect=2)
    assert "corp-ca.pem: changed" in refused.err


def test_diff_and_boms_name_it(trusting: Desk) -> None:
    trusting.neve("build", "-o", "with", "--attestations", "boms")
    trusting.write("neve.yaml", (trusting.directory / "neve.yaml").read_text().partition("cert")[0])
    trusting.neve("build", "-o", "without")
    (change,) = trusting.neve("diff", "without", "with", "--format", "json").document[
        "certificates"
    ]
    assert (change["name"], change["before"]) == ("corp-ca", None)
    assert CORP.fingerprint[:16] in change["after"]
    assert "corp-ca" in trusting.neve("diff", "without", "with").out
    boms = trusting.directory / "boms"
    (part,) = (
        one
        for one in json.loads((boms / "sbom.cdx.json").read_text())["components"]
        if one["type"] == "cryptographic-asset"
    )
    assert part["cryptoProperties"]["certificateProperties"]["subjectName"] == "CN=Corp CA"
    (file,) = (
        one
        for one in json.loads((boms / "sbom.spdx.json").read_text())["files"]
        if one["fileName"] == "./usr/local/share/ca-certificates/corp-ca.crt"
    )
    assert CORP.fingerprint in file["comment"]


def test_what_expires_is_a_finding_only_when_asked_and_no_public_root(trusting: Desk) -> None:
    (trusting.directory / "soon.pem").write_bytes(SOON.pem)
    trusting.neve("add", "cert", "soon.pem")
    built = trusting.neve("build", "-o", "out")
    assert "certificate soon (CN=Short CA) expires in 19 days" in built.out
    assert trusting.neve("certs", "out").code == 0
    assert trusting.neve("certs", "out", "--expires-within", "2w").code == 0
    found = trusting.neve("certs", "out", "--expires-within", "30d", expect=1)
    assert "1 expired or within 30 days" in found.out
    trusting.neve("certs", "out", "--expires-within", "soon", expect=2)


def test_warnings_are_named_in_lock_plan_and_build_and_stop_nothing(trusting: Desk) -> None:
    (trusting.directory / "past.pem").write_bytes(PAST.pem)
    trusting.neve("add", "cert", "past.pem")
    for words in (("plan",), ("lock",), ("build", "-o", "out"), ("build", "-o", "out")):
        shown = " ".join(trusting.neve(*words).out.split())
        assert "warning certificate-expired: past: CN=Past CA (sha256 " in shown, words
        assert PAST.fingerprint[:16] in shown
    trusting.neve("certs", "out", expect=1)


def test_a_leaf_is_trusted_when_asked_and_said_to_be_one(trusting: Desk) -> None:
    (trusting.directory / "printer.pem").write_bytes(LONELY.pem)
    refused = trusting.neve("add", "cert", "printer.pem", expect=2)
    assert "neve add cert --leaf printer.pem" in refused.err
    done = trusting.neve("add", "cert", "--leaf", "printer.pem")
    assert "+  - {file: printer.pem, trust: leaf}" in done.out
    assert LONELY.fingerprint in done.out
    built = " ".join(trusting.neve("build", "-o", "out").out.split())
    assert "certificate-leaf: printer: CN=printer" in built


def test_a_private_key_never_gets_near_the_recipe(trusting: Desk) -> None:
    before = (trusting.directory / "neve.yaml").read_text()
    secret = CORP.pem + CORP.key_pem
    (trusting.directory / "both.pem").write_bytes(secret)
    for more in ((), ("--inline",), ("--dry-run",)):
        refused = trusting.neve("add", "cert", "both.pem", *more, expect=2)
        line = CORP.pem.count(b"\n") + 1
        assert f"both.pem:{line}:1: a private key" in refused.err
        for row in CORP.key_pem.decode().splitlines()[1:-1]:
            assert row not in refused.err + refused.out
    assert (trusting.directory / "neve.yaml").read_text() == before


def test_a_file_from_elsewhere_is_written_inline_or_refused(trusting: Desk, tmp_path: Path) -> None:
    outside = tmp_path / "Other Root.pem"
    outside.write_bytes(b"# comment\n" + SOON.pem)
    refused = trusting.neve("add", "cert", outside, expect=2)
    assert "--inline" in refused.err
    trusting.neve("add", "cert", "--inline", outside)
    text = (trusting.directory / "neve.yaml").read_text()
    assert "  - name: Other-Root\n    text: |\n      -----BEGIN CERTIFICATE-----\n" in text
    assert "# comment" not in text
    listed = trusting.neve("certs", "neve.yaml", "--format", "json").document["certificates"]
    assert {one["name"] for one in listed} == {"corp-ca", "Other-Root"}
    again = trusting.neve("add", "cert", "corp-ca.pem", "--format", "json").document
    assert not again["changed"]


def test_a_dry_run_writes_nothing(desk: Desk) -> None:
    (desk.directory / "ca.pem").write_bytes(CORP.pem)
    before = (desk.directory / "neve.yaml").read_text()
    shown = desk.neve("add", "cert", "--dry-run", "ca.pem").out
    assert "+  - ca.pem" in shown
    assert (desk.directory / "neve.yaml").read_text() == before


def test_any_root_file_system_can_be_asked(desk: Desk) -> None:
    root = desk.directory / "root"
    (root / "etc/ssl/certs").mkdir(parents=True)
    (root / "usr/share/ca-certificates").mkdir(parents=True)
    (root / "srv").mkdir()
    (root / "usr/share/ca-certificates/r.crt").write_bytes(CORP.pem)
    (root / "etc/ssl/certs/ca-certificates.crt").write_bytes(CORP.pem + SOON.pem)
    (root / "srv/past.pem").write_bytes(PAST.pem)
    every = desk.neve("certs", "rootfs:root", "--all", "--format", "json", expect=1).document
    whose = {one["subject"]: one["whose"] for one in every["certificates"]}
    assert whose == {"CN=Corp CA": "public", "CN=Short CA": "bundle", "CN=Past CA": "image"}
    few = desk.neve("certs", "rootfs:root", "--format", "json", expect=1).document
    assert ([one["subject"] for one in few["certificates"]], few["public"]) == (["CN=Past CA"], 2)
    (root / "srv/past.pem").write_bytes(PAST.pem.rpartition(b"-----END")[0])
    broken = desk.neve("certs", "rootfs:root", expect=3)
    assert "not judged: /srv/past.pem" in broken.out
    desk.neve("certs", "rootfs:nowhere", expect=2)
