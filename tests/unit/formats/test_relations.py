"""Relationship fields as Policy §7.1 writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neve.errors import HostileInputError
from neve.formats.deb import Relation, parse_relations

NAMES = st.from_regex(r"\A[a-z0-9][a-z0-9+.-]{1,8}\Z")
RELATIONS = st.builds(
    lambda name, arch, op, version: Relation(name, arch, op, version if op else ""),
    NAMES,
    st.sampled_from(["", "any", "amd64"]),
    st.sampled_from(["", "<<", "<=", "=", ">=", ">>"]),
    st.from_regex(r"\A[0-9][a-z0-9.]{0,4}\Z"),
)


def test_alternatives_keep_the_authors_order() -> None:
    assert parse_relations("gawk | mawk:any (>= 1.3), libc6(>=2.36)") == (
        (Relation("gawk"), Relation("mawk", "any", ">=", "1.3")),
        (Relation("libc6", "", ">=", "2.36"),),
    )


@given(st.lists(st.lists(RELATIONS, min_size=1, max_size=3), max_size=4))
def test_what_is_written_is_read_back(clauses: list[list[Relation]]) -> None:
    text = ", ".join(" | ".join(map(str, clause)) for clause in clauses)
    assert parse_relations(text) == tuple(map(tuple, clauses))


@pytest.mark.parametrize("text", ["", "  ", ",", " , ", "\n "])
def test_an_empty_field_has_no_clauses(text: str) -> None:
    assert parse_relations(text) == ()


def test_folded_fields_and_trailing_commas_are_tolerated() -> None:
    assert parse_relations("\n a,\n b (= 1),\n") == (
        (Relation("a"),),
        (Relation("b", "", "=", "1"),),
    )


def test_obsolete_operators_mean_what_dpkg_makes_of_them() -> None:
    assert parse_relations("a (< 1), b (> 2), c (3)") == (
        (Relation("a", "", "<=", "1"),),
        (Relation("b", "", ">=", "2"),),
        (Relation("c", "", "=", "3"),),
    )


def test_restrictions_are_ignored_unless_an_architecture_is_given() -> None:
    text = "a [amd64 arm64] <!nocheck>, b [!amd64] | c, d [linux-any] <stage1> <cross>"
    assert [[str(r) for r in clause] for clause in parse_relations(text)] == [
        ["a"],
        ["b", "c"],
        ["d"],
    ]
    assert [[str(r) for r in c] for c in parse_relations(text, architecture="amd64")] == [
        ["a"],
        ["c"],
        ["d"],
    ]
    assert [[str(r) for r in c] for c in parse_relations(text, architecture="i386")] == [
        ["b", "c"],
        ["d"],
    ]


@pytest.mark.parametrize(
    "text",
    ["a b", "a (>= )", "a (>=1", "a (== 1)", "|", "a |", "a | | b", "(>= 1)", "a (>= 1 2)", "-a"],
)
def test_what_dpkg_would_not_read_is_refused(text: str) -> None:
    with pytest.raises(HostileInputError, match="not a package relation"):
        parse_relations(text)


def test_long_hostile_fields_take_no_time() -> None:
    with pytest.raises(HostileInputError):
        parse_relations("a " + "<" * 200_000)
    with pytest.raises(HostileInputError):
        parse_relations("a" + " " * 200_000 + "(")
    with pytest.raises(HostileInputError):
        parse_relations("a," * 2_000_000)


@given(st.text(alphabet="ab1 .()<>=|,:[]!~\n", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        clauses = parse_relations(text)
    except HostileInputError:
        return
    assert parse_relations(", ".join(" | ".join(map(str, c)) for c in clauses)) == clauses
