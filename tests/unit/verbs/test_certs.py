"""Whose certificates a tree holds, what expires, and what a build says beside its bytes."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.support.certificates import WHEN, Made, make_certificate

from neve.effects.generators.javastore import jks
from neve.errors import SourceError, UsageError
from neve.model import Origin, Reason
from neve.recipe.types import TrustedCertificate
from neve.tree import FileEntry, Inline, Kind, Tree
from neve.verbs.add_certs import AddCertsRequest, add_certificates
from neve.verbs.certs import parse_days
from neve.verbs.certs_found import Whose, group, look_into
from neve.verbs.trusted import day_of, soon_expired

CORP = make_certificate("Corp CA")
PUBLIC = make_certificate("Public Root")
OTHER = make_certificate("Other CA")
RECIPE = 'distribution: debian\nrelease: "13"\npackages: [base-files]  # few\n'
DAY = 86_400


def tree(**files: bytes) -> Tree:
    why = Reason(Origin.RULE, "test")
    return Tree(
        FileEntry(path=path, kind=Kind.FILE, mode=0o644, content=Inline(data), reason=why)
        for path, data in files.items()
    )


def read(entry: FileEntry) -> bytes:
    assert isinstance(entry.content, Inline)
    return entry.content.data


def test_a_certificate_is_listed_once_with_every_file_that_holds_it() -> None:
    store = jks([("a", PUBLIC.der), ("b", CORP.der)], time=1)
    held = tree(
        **{
            "/usr/share/ca-certificates/x/Public.crt": PUBLIC.pem,
            "/etc/ssl/certs/ca-certificates.crt": PUBLIC.pem + CORP.pem + OTHER.pem + PUBLIC.pem,
            "/etc/ssl/certs/java/cacerts": store,
            "/srv/app/other.der": OTHER.der,
            "/usr/share/doc/notes.txt": b"notes\n" + OTHER.pem,
        }
    )
    seen, unjudged = look_into(held, read)
    found = group(seen, [CORP.fingerprint])
    assert not unjudged
    shown = {one.certificate.subject: (one.whose, one.paths) for one in found.values()}
    bundle, java = "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs/java/cacerts"
    assert shown == {
        "CN=Corp CA": (Whose.RECIPE, [bundle, java]),
        "CN=Public Root": (
            Whose.PUBLIC,
            [bundle, java, "/usr/share/ca-certificates/x/Public.crt"],
        ),
        "CN=Other CA": (Whose.BUNDLE, [bundle, "/srv/app/other.der"]),
    }


def test_what_cannot_be_read_is_said_and_the_rest_still_counts() -> None:
    held = tree(
        **{
            "/a.pem": CORP.pem + OTHER.pem.rpartition(b"-----END")[0],
            "/b.crt": b"\x30\x82\xff\xff",
            "/c.pem": b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
            "/d.pem": b"no certificate at all",
            "/e.pem": CORP.key_pem,
        }
    )
    seen, unjudged = look_into(held, read)
    found = group(seen, [])
    assert list(found) == [CORP.fingerprint]
    assert [one.path for one in unjudged] == ["/a.pem", "/b.crt", "/c.pem"]


@pytest.mark.parametrize(("text", "days"), [("0d", 0), ("30d", 30), ("8w", 56), ("1y", 365)])
def test_spans_have_units(text: str, days: int) -> None:
    assert parse_days(text) == days


@pytest.mark.parametrize("text", ["", "30", "d", "-3d", "1.5w", "999999d", "30 d"])
def test_no_span_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expires-within"):
        parse_days(text)


def trusted(made: Made, *, start: datetime, days: int) -> TrustedCertificate:
    return TrustedCertificate(
        name="ca",
        der=base64.b64encode(made.der).decode(),
        fingerprint=made.fingerprint,
        subject="CN=Corp CA",
        issuer="CN=Corp CA",
        not_before=int(start.timestamp()),
        not_after=int((start + timedelta(days=days)).timestamp()),
        key="ec secp256r1",
        key_bits=256,
        signature_hash="sha256",
        self_signed=True,
        source="ca.pem:1",
    )


@pytest.mark.parametrize(
    ("lock_age", "clock_day", "said"),
    [
        (0, 0, ""),
        (0, 69, ""),
        (0, 71, "expires in 28 days"),
        (0, 103, "expired 3 days ago"),
        (0, -1, "not valid before 2026-01-01"),
        (101, 103, ""),
    ],
)
def test_a_build_says_what_the_clock_caught_up_with(
    lock_age: int, clock_day: int, said: str
) -> None:
    """What was expired at the lock's time already is a warning of the lock's."""
    one = trusted(CORP, start=WHEN, days=100)
    since = int(WHEN.timestamp()) + lock_age * DAY
    clock = int(WHEN.timestamp()) + clock_day * DAY + 3600
    notes = soon_expired([one], since=since, clock=clock)
    assert bool(notes) == bool(said)
    assert all(said in note and "ca" in note for note in notes)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "neve.yaml"
    path.write_text(RECIPE)
    return path


def add(recipe: Path, *files: Path, leaf: bool = False, inline: bool = False) -> str:
    request = AddCertsRequest(recipe=recipe, files=files, leaf=leaf, inline=inline)
    return add_certificates(request).difference


def test_several_files_are_one_edit_that_keeps_comments(recipe: Path, tmp_path: Path) -> None:
    files = []
    for name, made in (("a.pem", CORP), ("certs/b.pem", OTHER)):
        files.append(tmp_path / name)
        files[-1].parent.mkdir(exist_ok=True)
        files[-1].write_bytes(made.pem)
    shown = add(recipe, *files)
    text = recipe.read_text()
    assert text == RECIPE + "certificates:\n  - a.pem\n  - certs/b.pem\n"
    assert "+  - certs/b.pem" in shown
    assert not add(recipe, *files)
    assert recipe.read_text() == text


def test_one_bad_file_of_several_leaves_the_recipe_alone(recipe: Path, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.pem", tmp_path / "bad.pem"
    good.write_bytes(CORP.pem)
    bad.write_bytes(CORP.pem + b"garbage\n")
    line = CORP.pem.count(b"\n") + 1
    with pytest.raises(SourceError, match=rf"bad\.pem:{line}:1"):
        add(recipe, good, bad)
    assert recipe.read_text() == RECIPE


def test_a_link_out_of_the_recipes_directory_is_outside(recipe: Path, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside.pem"
    outside.write_bytes(CORP.pem)
    link = tmp_path / "link.pem"
    link.symlink_to(outside)
    with pytest.raises(UsageError, match="not beside the recipe"):
        add(recipe, link)
    assert "text: |" in add(recipe, link, inline=True)


def test_a_missing_file_or_recipe_is_said(recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.pem: not readable"):
        add(recipe, tmp_path / "none.pem")
    (tmp_path / "ca.pem").write_bytes(CORP.pem)
    with pytest.raises(UsageError, match="not readable as a recipe"):
        add(tmp_path / "other.yaml", tmp_path / "ca.pem")


def test_inline_text_goes_into_lists_of_any_layout(recipe: Path, tmp_path: Path) -> None:
    from neve.recipe.read import read_recipe

    file = tmp_path / "ca.pem"
    file.write_bytes(CORP.pem)
    other = tmp_path / "other.pem"
    other.write_bytes(OTHER.pem)
    for start in (
        "",
        "certificates: []\n",
        "certificates: [other.pem]\n",
        "certificates:\n- other.pem\n",
    ):
        recipe.write_text(RECIPE + start)
        add(recipe, file, inline=True)
        found = {one.fingerprint for one in read_recipe(recipe).recipe.certificates}
        assert CORP.fingerprint in found
        assert (OTHER.fingerprint in found) == ("other" in start)


def test_no_number_of_seconds_breaks_the_calendar() -> None:
    assert [day_of(one).year for one in (-(2**63), 0, 2**63)] == [1, 1970, 9999]
