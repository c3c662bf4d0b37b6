"""apk's versions and database, against what apk itself answers and writes."""

from __future__ import annotations

import base64
import hashlib
from contextlib import suppress
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neve.errors import HostileInputError
from neve.formats.apk import compare_versions, is_version, read_installed

ORDERED = [
    "0.9-r1", "1.0_alpha", "1.0_alpha2", "1.0_beta1", "1.0_pre3", "1.0_rc1", "1.0_rc1_p1",
    "1.0~0abc", "1.0", "1.0-r1", "1.0-r10", "1.0_cvs1", "1.0_git20240101", "1.0_p1", "1.0_p1-r2",
    "1.0_p10", "1.0a", "1.0a-r1", "1.0b", "1.0.0", "1.0.09", "1.0.1", "1.0.9", "1.0.10", "1.00.1",
    "1.01", "1.1", "1.2", "1.10", "2", "10", "20240101",
]  # fmt: skip
"""Each older than the next; ``apk version -t`` of 2.14 says so of all but the commit."""

ODD = [
    "1.0_foo",
    "1.0-",
    "1.0-r",
    "a1",
    "",
    "1..0",
    "1.0_p1.2",
    "1.0-r1-r2",
    "1.0~",
    "1.0~xyz",
    " 1",
]


@pytest.mark.parametrize(("older", "newer"), list(combinations(ORDERED[8:], 2)))
def test_order(older: str, newer: str) -> None:
    assert compare_versions(older, newer) == -1
    assert compare_versions(newer, older) == 1


def test_a_pre_release_is_older_than_its_release() -> None:
    for older, newer in combinations([*ORDERED[:7], "1.0"], 2):
        assert (older, newer, compare_versions(older, newer)) == (older, newer, -1)


@pytest.mark.parametrize("text", ORDERED)
def test_real_versions(text: str) -> None:
    assert is_version(text)
    assert compare_versions(text, text) == 0


@pytest.mark.parametrize("text", ODD)
def test_what_is_no_version(text: str) -> None:
    assert not is_version(text)
    assert compare_versions(text, text) == 0


VERSIONS = st.from_regex(
    r"[0-9]{1,3}(\.[0-9]{1,3}){0,3}[a-c]?(_(alpha|rc|p|git)[0-9]{0,2}){0,2}(-r[0-9]{1,2})?",
    fullmatch=True,
)


@given(VERSIONS, VERSIONS)
def test_one_order_both_ways(one: str, two: str) -> None:
    assert compare_versions(one, two) == -compare_versions(two, one)


@given(st.text(), st.text())
def test_any_text_has_an_answer(one: str, two: str) -> None:
    assert compare_versions(one, two) in (-1, 0, 1)


def q1(data: bytes) -> str:
    return "Q1" + base64.b64encode(hashlib.sha1(data).digest()).decode()


DATABASE = f"""\
C:Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=
P:musl
V:1.2.5-r0
A:x86_64
L:MIT
o:musl
m:Somebody <somebody@example.org>
F:lib
R:ld-musl-x86_64.so.1
a:0:0:755
Z:{q1(b"loader")}
R:odd
Z:Q9broken

P:musl-utils
V:1.2.5-r0
o:musl
F:etc
R:utils.conf
Z:{q1(b"conf")}
F:
R:top
"""


def test_the_database() -> None:
    musl, utils = read_installed(DATABASE.encode(), path="/lib/apk/db/installed")
    assert (musl.name, musl.version, musl.architecture) == ("musl", "1.2.5-r0", "x86_64")
    assert (utils.name, utils.origin) == ("musl-utils", "musl")
    assert musl.files == (
        ("/lib/ld-musl-x86_64.so.1", "sha1:" + hashlib.sha1(b"loader").hexdigest()),
        ("/lib/odd", ""),
    )
    assert utils.files == (
        ("/etc/utils.conf", "sha1:" + hashlib.sha1(b"conf").hexdigest()),
        ("/top", ""),
    )


def test_a_paragraph_without_a_name_is_refused_and_what_came_before_is_kept() -> None:
    found = read_installed(DATABASE.encode() + b"\nV:1\n", path="/db")
    assert [next(found).name, next(found).name] == ["musl", "musl-utils"]
    with pytest.raises(HostileInputError, match="names no package"):
        next(found)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(HostileInputError):
        list(read_installed(data, path="/db"))


def test_a_long_directory_of_many_files_is_refused() -> None:
    data = b"P:a\nV:1\nF:" + b"d" * 100_000 + b"\n" + b"R:f\n" * 100_000
    with pytest.raises(HostileInputError, match="longer than any path"):
        list(read_installed(data, path="/db"))
