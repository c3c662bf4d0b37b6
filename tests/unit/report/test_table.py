"""Tables and lines fit the width they are given and lose nothing."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from neve.report.table import Column, size_text, table, wrapped

WORD = st.text(st.sampled_from("abcdefgh0123456789./-+~:"), min_size=1, max_size=60)


def squeezed(text: str) -> str:
    return re.sub(r"[\s─]", "", text)


def test_numbers_stand_on_the_right_and_words_on_the_left() -> None:
    columns = [Column(title="name"), Column(title="size", number=True)]
    assert table(columns, [["a", "1"], ["long", "1000"]], width=80) == (
        "name  size\n────  ────\na        1\nlong  1000\n"
    )


def test_a_table_without_rows_still_has_its_head() -> None:
    assert table([Column(title="name")], [], width=80) == "name\n────\n"


def test_spare_columns_go_before_a_cell_is_broken_much() -> None:
    columns = [
        Column(title="package", shrink=True),
        Column(title="download", number=True, spare=True),
        Column(title="stored", spare=True),
    ]
    rows = [["a" * 20, "2.9 MB", "yes"]]
    assert "stored" in table(columns, rows, width=32)
    narrower = table(columns, rows, width=26)
    assert "stored" not in narrower
    assert "download" in narrower
    assert table(columns, rows, width=20).splitlines()[0] == "package"


def test_a_long_version_goes_on_below_after_a_joint() -> None:
    columns = [Column(title="package"), Column(title="version", shrink=True)]
    lines = table(columns, [["zlib1g", "1:1.3.dfsg+really1.3.1-1+deb13u1"]], width=30).splitlines()
    assert lines[2:] == ["zlib1g   1:1.3.dfsg+", "         really1.3.1-1+deb13u1"]


@given(st.lists(st.tuples(WORD, WORD, WORD), max_size=5), st.integers(40, 120))
def test_a_table_of_columns_that_shrink_fits_and_loses_nothing(
    rows: list[tuple[str, str, str]], width: int
) -> None:
    columns = [Column(title=title, shrink=True) for title in ("one", "two", "three")]
    text = table(columns, rows, width=width)
    assert all(len(line) <= width for line in text.splitlines())
    for row in rows:
        for cell in row:
            assert all(letter in squeezed(text) for letter in cell)
    assert len(squeezed(text)) == len("onetwothree") + sum(len(c) for row in rows for c in row)


@given(st.lists(WORD, min_size=1, max_size=20).map(" ".join), st.integers(20, 120))
def test_a_wrapped_line_fits_unless_a_word_does_not(text: str, width: int) -> None:
    result = wrapped(text, width, indent=4)
    assert " ".join(result.split()) == text
    for line in result.splitlines():
        assert len(line) <= width or len(line.split()) == 1


def test_a_wrapped_line_keeps_its_own_indentation() -> None:
    assert wrapped("  its scripts: traced", 18, indent=6) == "  its scripts:\n      traced\n"


def test_a_digest_is_never_broken() -> None:
    digest = "sha256:" + "0" * 64
    assert digest in wrapped(f"neve.lock written ({digest})", 40)


def test_sizes_are_decimal() -> None:
    assert [size_text(n) for n in (0, 999, 1000, 12_345_678, 5 * 10**9)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "12.3 MB",
        "5.0 GB",
    ]
