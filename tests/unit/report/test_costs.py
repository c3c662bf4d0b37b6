"""Prices as text: what costs most first, what was not counted said so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from neve.report.costs import costs_text, priced_edit_text
from neve.verbs.add_cost import PricedEdit
from neve.verbs.costs import Costs, LineCost
from neve.verbs.costs_measure import Amount
from neve.verbs.recipes import EditResult

WHOLE = Amount(
    packages=5,
    download=9_000_000,
    files=300,
    kept=30_000_000,
    surface={"executables": 12, "privileged": 1},
    vulnerabilities=7,
)
NOTHING = Amount(
    packages=0,
    download=0,
    files=0,
    kept=0,
    surface={"executables": 0, "privileged": 0},
    vulnerabilities=0,
)


def line(label: str, what: str, alone: Amount | None, **more: object) -> LineCost:
    made = LineCost(line=label, kind="package", what=what, place="neve.yaml:4:5", alone=alone)
    return replace(made, **more)  # type: ignore[arg-type]


def costs(*lines: LineCost, whole: Amount = WHOLE, note: str = "") -> Costs:
    return Costs(whole=whole, shared=NOTHING, lines=lines, vulnerabilities=note)


def test_the_dearest_line_comes_first_and_the_whole_last() -> None:
    text = costs_text(
        costs(line("packages[0]", "small", NOTHING), line("packages[1]", "large", WHOLE)), 200
    )
    rows = [row for row in text.splitlines() if row and not row.startswith(("─", "what"))]
    assert [row.split("  ")[0] for row in rows[1:]] == [
        "large (packages[1])",
        "small (packages[0])",
        "shared, or in every image",
        "the whole image",
    ]
    assert "1 privileged" in rows[1]
    assert rows[1].split()[-1] == "7"


def test_what_is_shared_is_told_with_whom() -> None:
    one = line(
        "packages[0]",
        "curl",
        NOTHING,
        needs=3,
        shared_with=("packages[1]", "distribution"),
    )
    text = costs_text(costs(one, line("packages[1]", "git", WHOLE)), 200)
    assert "3 packages with git, every image" in text


def test_vulnerabilities_that_nobody_judged_are_no_zero() -> None:
    blind = replace(WHOLE, vulnerabilities=None)
    note = "not judged: no feeds, run `neve db update`"
    text = costs_text(costs(line("packages[0]", "a", blind), whole=blind, note=note), 200)
    assert text.splitlines()[2].split()[-1] != "vulnerabilities"
    assert f"vulnerabilities: {note}" in text


def test_a_line_that_cannot_be_left_out_is_named_with_its_place() -> None:
    text = costs_text(costs(line("packages[0]", "a", None, required="run.user names it")), 200)
    assert "not priced: a (packages[0]) (neve.yaml:4:5): run.user names it" in text


def test_a_variant_is_not_weighed_where_no_image_was_made() -> None:
    alone = Amount(packages=3, download=1_000_000)
    one = LineCost(line="variants.debug", kind="variant", what="debug", place="", alone=alone)
    row = next(r for r in costs_text(costs(one), 200).splitlines() if r.startswith("variants"))
    assert row.split()[1:] == ["3", "?", "1.0", "MB", "?", "?"]


def test_every_width_holds() -> None:
    found = costs(
        line("packages[0]", "a-package-with-a-long-name", WHOLE, shared_with=("distribution",)),
        line("packages[1]", "b", None, required="run.user names it"),
    )
    for width in (80, 120):
        assert all(len(row) <= width for row in costs_text(found, width).splitlines())


def test_an_edit_shows_before_after_and_more() -> None:
    edit = EditResult(recipe=Path("neve.yaml"), changed=True, summary="", difference="+  - curl\n")
    after = replace(WHOLE, packages=7, kept=31_500_000, vulnerabilities=None)
    text = priced_edit_text(
        PricedEdit(edit=edit, before=WHOLE, after=after, added=("curl", "libcurl4t64"), removed=()),
        100,
    )
    rows = {row.split("  ")[0]: row.split() for row in text.splitlines() if row}
    assert rows["packages"][-1] == "+2"
    assert rows["kept"][-2:] == ["+1.5", "MB"]
    assert "adds curl, libcurl4t64" in text
    assert "vulnerabilities" not in rows


def test_less_is_less_and_unknown_stays_unknown() -> None:
    found = NOTHING.minus(replace(WHOLE, files=None))
    assert (found.packages, found.files, found.vulnerabilities) == (-5, None, -7)
    assert found.surface == {"executables": -12, "privileged": -1}
