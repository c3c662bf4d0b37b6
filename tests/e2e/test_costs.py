"""Prices on the command line: of every line of a recipe, and of a package before it is added."""

from __future__ import annotations

import json
from typing import Any

from tests.support.command import RECIPE, Desk

FILES = """\
files:
  /srv/site: {source: site}
  /etc/greeting: {content: "hello\\n"}
"""


def prices(desk: Desk, *more: str) -> dict[str, Any]:
    document: dict[str, Any] = desk.neve("plan", "--costs", "--format", "json", *more).document
    costs: dict[str, Any] = document["costs"]
    costs["by_line"] = {one["line"]: one for one in costs["lines"]}
    return costs


def test_each_line_costs_what_goes_with_it(desk: Desk) -> None:
    (desk.directory / "site").mkdir()
    desk.write("site/a.txt", "a" * 1000)
    desk.write("site/b.txt", "b" * 500)
    desk.write("neve.yaml", RECIPE + FILES)
    desk.neve("lock")
    costs = prices(desk)
    tool, plain = costs["by_line"]["packages[0]"], costs["by_line"]["packages[1]"]
    assert tool["packages"] == ["dash", "libsmall1", "tool"]
    assert tool["alone"]["surface"]["executables"] >= 2
    assert (plain["packages"], plain["alone"]["packages"]) == (["plain"], 1)
    assert plain["alone"]["kept"] >= 16_000
    assert plain["place"] == "neve.yaml:8:18"
    site, greeting = costs["by_line"]["files./srv/site"], costs["by_line"]["files./etc/greeting"]
    assert (site["alone"]["files"], site["alone"]["kept"]) == (2, 1500)
    assert (greeting["alone"]["files"], greeting["alone"]["kept"]) == (1, 6)
    debug = costs["by_line"]["variants.debug"]
    assert (debug["packages"], debug["alone"]["kept"]) == (["inspector"], None)
    assert costs["whole"]["vulnerabilities"] is None
    assert "neve db update" in costs["vulnerabilities"]

    alone = [one["alone"] for one in costs["lines"] if one["kind"] != "variant"]
    for amount in ("packages", "download", "files", "kept"):
        together = sum(one[amount] for one in alone) + costs["shared"][amount]
        assert together == costs["whole"][amount], amount


def test_what_two_lines_need_goes_with_neither(desk: Desk) -> None:
    desk.write("neve.yaml", RECIPE.replace("[tool, plain]", "[tool, libsmall1]"))
    costs = prices(desk)
    tool, library = costs["by_line"]["packages[0]"], costs["by_line"]["packages[1]"]
    assert tool["packages"] == ["dash", "tool"]
    assert (library["packages"], library["alone"]["kept"]) == ([], 0)
    assert tool["shared_with"] == ["packages[1]"]
    assert library["shared_with"] == ["packages[0]"]


def test_a_line_that_another_needs_is_not_priced(desk: Desk) -> None:
    desk.write("neve.yaml", RECIPE + "run: {user: tool}\n")
    costs = prices(desk)
    tool = costs["by_line"]["packages[0]"]
    assert tool["alone"] is None
    assert "no user is named 'tool'" in tool["required"]
    shown = desk.neve("plan", "--costs").out
    assert "not priced: tool (packages[0]) (neve.yaml:8:12)" in shown


def test_prices_are_the_same_each_time_and_from_the_lock(desk: Desk) -> None:
    first = prices(desk)
    desk.neve("lock")
    locked = prices(desk, "--offline")
    for one in (first, locked):  # a variant's packages are known from the lock alone
        one["by_line"].pop("variants.debug")
        one["lines"] = [line for line in one["lines"] if line["kind"] != "variant"]
    assert first == locked


def test_a_plan_without_prices_says_how_to_get_them(desk: Desk) -> None:
    assert "neve plan --costs" in desk.neve("plan").out
    refused = desk.neve("plan", "--costs", "--variant", "debug", expect=2)
    assert "Leave out --variant" in refused.err


def test_a_package_is_priced_before_it_is_added(desk: Desk) -> None:
    before = (desk.directory / "neve.yaml").read_text()
    words = ("add", "package", "shelled", "--cost")
    shown = desk.neve(*words, "--dry-run").out
    assert "+packages: [tool, plain, shelled]" in shown
    assert (desk.directory / "neve.yaml").read_text() == before
    document = json.loads(desk.neve(*words, "--format", "json").out)
    assert document["kind"] == "priced-edit"
    assert "shelled" in document["added"]
    assert document["after"]["packages"] - document["before"]["packages"] == len(document["added"])
    assert "shelled" in (desk.directory / "neve.yaml").read_text()


def test_a_package_that_is_nowhere_is_not_added_at_a_price(desk: Desk) -> None:
    before = (desk.directory / "neve.yaml").read_text()
    refused = desk.neve("add", "package", "shellde", "--cost", expect=2)
    assert "neve.yaml:8:25: " in refused.err
    assert "shelled" in refused.err
    assert (desk.directory / "neve.yaml").read_text() == before
    variant = desk.neve("add", "package", "plain", "--cost", "--variant", "debug", expect=2)
    assert "neve plan --costs" in variant.err


TRACKER = {
    "toolbox": {
        "CVE-2026-1": {"releases": {"trixie": {"status": "open", "urgency": "high"}}},
        "CVE-2026-2": {"releases": {"trixie": {"status": "open", "urgency": "low"}}},
        "CVE-2026-3": {
            "releases": {"trixie": {"status": "resolved", "fixed_version": "1.0", "urgency": "low"}}
        },
    },
    "plain": {"CVE-2026-4": {"releases": {"trixie": {"status": "open", "urgency": "high"}}}},
}


def test_vulnerabilities_are_priced_once_there_are_feeds(desk: Desk) -> None:
    """``tool`` is built from ``toolbox``: advisories speak of the source."""
    tracker = desk.write("tracker.json", json.dumps(TRACKER))
    desk.neve("db", "import", tracker)
    costs = prices(desk)
    counts = {one["what"]: one["alone"]["vulnerabilities"] for one in costs["lines"][:2]}
    assert counts == {"tool": 2, "plain": 1}
    assert costs["whole"]["vulnerabilities"] == 3
    assert "not judged" not in costs["vulnerabilities"]
    text = desk.neve("plan", "--costs").out
    header = next(line for line in text.splitlines() if line.startswith("line  "))
    assert "vulnerabilities" in header
    added = desk.neve("add", "package", "shelled", "--cost", "--dry-run").out
    row = next(line for line in added.splitlines() if line.startswith("vulnerabilities"))
    assert row.split()[1:] == ["3", "3"]


def test_too_many_lines_are_refused(desk: Desk) -> None:
    files = "".join(f"  /srv/{number}: {{content: x}}\n" for number in range(201))
    desk.write("neve.yaml", RECIPE + f"files:\n{files}")
    refused = desk.neve("plan", "--costs", expect=2)
    assert "at most 200" in refused.err
    assert "neve diff" in refused.err
