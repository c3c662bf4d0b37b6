"""The file of waivers: read strictly, every problem at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from neve.errors import SourceError, UsageError
from neve.verbs.waivers import WAIVERS_NAME, read_waivers, waivers_beside

GOOD = "  - {vulnerability: CVE-2026-1, reason: r, owner: o, expires: 2027-01-31}\n"


def file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / WAIVERS_NAME
    path.write_text(text)
    return path


def test_a_file_is_read_with_the_place_of_each_waiver(tmp_path: Path) -> None:
    path = file(
        tmp_path,
        "waivers:\n  - vulnerability: GHSA-jfh8-c2jp-5v3q\n    package: log4j-core\n"
        '    version: "2.14"\n    reason: no lookups\n    owner: team-a\n    expires: 2027-01-31\n'
        + GOOD,
    )
    waivers = read_waivers(path)
    first, second = waivers.entries
    assert (first.vulnerability, first.package, first.version) == (
        "GHSA-jfh8-c2jp-5v3q",
        "log4j-core",
        "2.14",
    )
    assert first.waiver.subject == "GHSA-jfh8-c2jp-5v3q log4j-core 2.14"
    assert (str(first.place), str(second.place)) == (f"{path}:2:5", f"{path}:8:5")
    assert waivers.digest.algorithm == "sha256"
    assert read_waivers(file(tmp_path, "waivers: []\n")).entries == ()


@pytest.mark.parametrize(
    ("text", "said", "place"),
    [
        ("waivers:\n" + GOOD.replace("owner", "ownr"), "ownr", "2:44"),
        ("waivers:\n" + GOOD.replace(", owner: o", ""), "owner is missing", "2:5"),
        ("waivers:\n" + GOOD.replace(", reason: r", ""), "reason is missing", "2:5"),
        ("waivers:\n" + GOOD.replace(", expires: 2027-01-31", ""), "expires is missing", "2:5"),
        ("waivers:\n" + GOOD.replace("2027-01-31", "2027-02-31"), "2027-02-31", ""),
        ("waivers:\n" + GOOD.replace("2027-01-31", "never"), "never", ""),
        ("waivers:\n" + GOOD.replace("reason: r", "reason: ' '"), "reason", ""),
        ("waivers:\n" + GOOD.replace("CVE-2026-1", '"*"'), "the name of a vulnerability", ""),
        ("waivers:\n" + GOOD + GOOD, "waived twice", "3:5"),
        ("waiver:\n" + GOOD, "no list of waivers", "1:1"),
        ("waivers:\n" + GOOD + "other: 1\n", "unknown key 'other'", "3:1"),
        ("- a\n", "no list of waivers", ""),
        ("waivers: a\n", "expected a list", ""),
        ("waivers: [\n", "", ""),
        ("", "the file is empty", "1:1"),
        ("# nobody\n", "the file is empty", "1:1"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    tmp_path: Path, text: str, said: str, place: str
) -> None:
    path = file(tmp_path, text)
    with pytest.raises(SourceError) as caught:
        read_waivers(path)
    assert said in caught.value.brief
    assert caught.value.brief.startswith(f"{path}:{place}")


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    bad = GOOD.replace("2027-01-31", "soon")
    with pytest.raises(SourceError) as caught:
        read_waivers(file(tmp_path, "waivers:\n" + bad + bad.replace("CVE-2026-1", "x")))
    assert len(caught.value.details) == 2


def test_what_is_no_file_is_a_wrong_call(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.yaml"):
        with pytest.raises(UsageError, match="waivers"):
            read_waivers(path)
    with pytest.raises(UsageError, match="larger"):
        read_waivers(file(tmp_path, "#" * ((1 << 20) + 1)))


def test_a_file_is_found_in_a_directory(tmp_path: Path) -> None:
    assert waivers_beside(tmp_path) is None
    assert waivers_beside(file(tmp_path, "waivers: []\n").parent) == tmp_path / WAIVERS_NAME
