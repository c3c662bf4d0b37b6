"""CVSS scores from vectors, and words of every source on one scale."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neve.vulns.severity import base_score, level_at, level_of, severity_of
from neve.vulns.types import Level


@pytest.mark.parametrize(
    ("vector", "score"),
    [
        # first.org/cvss/v3.1/examples and v2's guide
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0),
        ("CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 6.4),
        ("CVSS:3.0/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", 3.1),
        ("CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:N/I:N/A:N", 0.0),
        ("AV:N/AC:L/Au:N/C:N/I:N/A:C", 7.8),
        ("AV:N/AC:L/Au:N/C:C/I:C/A:C", 10.0),
        ("AV:L/AC:H/Au:N/C:C/I:C/A:C", 6.2),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", None),
        ("CVSS:3.1/AV:N/AC:L", None),
        ("CVSS:3.1/AV:N/AV:L/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", None),
        ("nonsense", None),
    ],
)
def test_base_scores(vector: str, score: float | None) -> None:
    assert base_score(vector) == score


@pytest.mark.parametrize(
    ("word", "level"),
    [
        ("Important", Level.HIGH),
        ("MODERATE", Level.MEDIUM),
        ("negligible", Level.LOW),
        ("not yet assigned", Level.UNKNOWN),
    ],
)
def test_words_come_down_to_one_scale(word: str, level: Level) -> None:
    assert level_of(word) is level


def test_levels_have_the_standard_s_bounds() -> None:
    found = [level_at(score) for score in (0, 0.1, 3.9, 4.0, 6.9, 7.0, 8.9, 9.0, None)]
    assert [level.rank for level in found] == [1, 2, 2, 3, 3, 4, 4, 5, 0]


@given(st.text(max_size=60) | st.text(st.sampled_from("CVSS:3.1/AVNACLPRUISH"), max_size=60))
def test_any_text_is_a_severity(text: str) -> None:
    severity = severity_of("x", text)
    assert severity.score is None or 0.0 <= severity.score <= 10.0
