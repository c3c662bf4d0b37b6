"""Version order: deb-version(7)'s rules, and the laws an order must keep."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neve.errors import HostileInputError
from neve.formats.deb import compare_versions, is_version, satisfies, version_key

VERSIONS = st.from_regex(r"\A(?:[0-9]:)?[0-9][a-z0-9.+~]{0,6}(?:-[a-z0-9.+~]{1,4})?\Z").filter(
    is_version
)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("1.0~beta1~svn1245", "1.0~beta1"),
        ("1.0~beta1", "1.0"),
        ("1.0", "1.0-1"),
        ("1.0-1", "1.0-1+b1"),
        ("9", "1:0"),
        ("1.2", "1.10"),
        ("1.0a", "1.0+"),
        ("1.0+", "1.0."),
        ("2.36-9+deb12u9", "2.36-9+deb12u14"),
        ("1.0-1~bpo12+1", "1.0-1"),
        ("5.15.8+dfsg-11", "5.15.8+dfsg-11+deb12u1"),
        ("a~", "a"),
        ("1-1-1", "1-1-2"),
    ],
)
def test_the_older_version_sorts_first(older: str, newer: str) -> None:
    assert compare_versions(older, newer) == -1
    assert compare_versions(newer, older) == 1
    assert version_key(older) < version_key(newer)


@pytest.mark.parametrize(
    ("one", "other"), [("1.0", "0:1.0"), ("1", "1-0"), ("1.00", "1.0"), ("1.", "1.0"), ("01", "1")]
)
def test_versions_that_differ_only_in_writing_are_equal(one: str, other: str) -> None:
    assert compare_versions(one, other) == 0


@given(VERSIONS, VERSIONS, VERSIONS)
def test_the_order_is_total(one: str, two: str, three: str) -> None:
    assert compare_versions(one, two) == -compare_versions(two, one)
    low, middle, high = sorted([one, two, three], key=version_key)
    assert compare_versions(low, middle) <= 0
    assert compare_versions(middle, high) <= 0
    assert compare_versions(low, high) <= 0


@given(VERSIONS)
def test_a_tilde_always_goes_before(version: str) -> None:
    assert compare_versions(version + "~", version) == -1


@pytest.mark.parametrize(
    ("operator", "holds"),
    [
        ("<<", (True, False, False)),
        ("<=", (True, True, False)),
        ("=", (False, True, False)),
        (">=", (False, True, True)),
        (">>", (False, False, True)),
        ("<", (True, True, False)),
        (">", (False, True, True)),
        ("", (True, True, True)),
    ],
)
def test_operators(operator: str, holds: tuple[bool, bool, bool]) -> None:
    assert tuple(satisfies(v, operator, "2") for v in ("1", "2", "3")) == holds


def test_an_unknown_operator_is_an_error() -> None:
    with pytest.raises(ValueError, match="operator"):
        satisfies("1", "==", "1")


@pytest.mark.parametrize(
    "text", ["", "1 2", "a:1", ":1", "1:", "1:2:3\n", "1_2", "1-", "-1", "9" * 5_000, "ü", "²"]
)
def test_what_is_no_version_is_refused(text: str) -> None:
    assert not is_version(text)
    with pytest.raises(HostileInputError, match="not a Debian version"):
        version_key(text)


@given(st.text(max_size=40))
def test_any_text_is_ordered_or_refused(text: str) -> None:
    if is_version(text):
        assert compare_versions(text, text) == 0
    else:
        with pytest.raises(HostileInputError):
            version_key(text)
