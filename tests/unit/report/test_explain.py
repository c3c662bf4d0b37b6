"""``plan`` and ``diff`` at 80 columns: nothing essential is cut."""

from __future__ import annotations

from datetime import date

import pytest

from neve.model import (
    Check,
    Digest,
    Fail,
    Origin,
    Pass,
    Platform,
    Skipped,
    Verdict,
    Waived,
    Waiver,
)
from neve.recipe.lock import DroppedPackage
from neve.report.explain import check_text, diff_text, plan_text
from neve.verbs.diff import Changed, DiffResult, Totals
from neve.verbs.plan import PlannedPackage, PlanResult, RuleCount

LOCK = Digest("sha256", "0" * 64)
NAMES = ("libpython3.13-stdlib", "python3-charset-normalizer", "zlib1g")


def planned(name: str, because: tuple[str, ...]) -> PlannedPackage:
    return PlannedPackage(
        name=name,
        version="1:1.3.dfsg+really1.3.1-1+deb13u1",
        architecture="amd64",
        archive="debian:trixie",
        because=because,
        scripts="traced",
        size=2_900_000,
        kept=12_800_000,
        stored=False,
    )


def plan() -> PlanResult:
    chain = ("packages[0]: python3", "python3 → python3.13 (>= 3.13)")
    return PlanResult(
        name="app",
        platform=Platform("linux", "amd64"),
        variant="runtime",
        lock=LOCK,
        packages=(planned("python3", chain[:1]), *(planned(name, chain) for name in NAMES)),
        dropped=(
            DroppedPackage(
                name="debconf",
                version="1.5.91",
                rule="drop-questions",
                evidence="debconf asks questions in scripts; " + "no kept file needs it " * 4,
            ),
        ),
        added=(RuleCount(origin=Origin.EFFECT, subject="tzdata", paths=1),),
        removed=(RuleCount(origin=Origin.RULE, subject="prune-manuals", paths=15),),
        checks=(),
        files=3,
        installed_size=1,
        download_size=2,
        steps=(),
    )


@pytest.mark.parametrize("width", [80, 120])
def test_a_plan_fits_and_names_every_package_whole(width: int) -> None:
    text = plan_text(plan(), width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert all(name in text for name in NAMES)
    assert "dropped debconf 1.5.91" in text
    assert "(drop-questions)" in text


def test_a_plan_says_who_asked() -> None:
    lines = {line.split()[0]: line for line in plan_text(plan(), 160).splitlines() if line.strip()}
    assert "packages[0] " in lines["python3"]
    assert lines["zlib1g"].split()[4] == "python3"


def test_a_plan_counts_downloads_scripts_and_paths() -> None:
    text = plan_text(plan(), 80)
    assert "4 packages (4 to fetch, 2 B in all)" in text
    assert "scripts: 4 traced" in text
    assert "added by effect tzdata: 1 path\n" in text
    assert "removed by rule prune-manuals: 15 paths\n" in text


WAIVER = Waiver(
    rule="no-shell", subject="dash", reason="initdb", owner="recipe", expires=date(2027, 1, 1)
)


@pytest.mark.parametrize(
    ("verdict", "start"),
    [
        (Pass("no shell"), "pass     no-shell: image: no shell"),
        (Pass(""), "pass     no-shell: image"),
        (Fail("dash"), "FAIL     no-shell: image: dash"),
        (Skipped("no sandbox"), "skipped  no-shell: image: no sandbox"),
        (Waived(WAIVER, Fail("dash")), "waived   no-shell: image: dash; recipe: initdb"),
    ],
)
def test_a_verdict_begins_with_its_word(verdict: Verdict, start: str) -> None:
    assert check_text(Check(rule="no-shell", subject="image", verdict=verdict), 80) == start + "\n"


def test_a_long_verdict_goes_on_under_itself() -> None:
    check = Check(rule="start", subject="service", verdict=Fail("it ended at once " * 10))
    lines = check_text(check, 60).splitlines()
    assert max(len(line) for line in lines) <= 60
    assert all(line.startswith(" " * 9) for line in lines[1:])


def changed(name: str, before: str | None, after: str | None) -> Changed:
    return Changed(name=name, before=before, after=after)


def diff(files: tuple[Changed, ...], packages: tuple[Changed, ...] = ()) -> DiffResult:
    totals = Totals(packages=1, files=2, size=3)
    return DiffResult(
        before="old",
        after="new",
        packages=packages,
        files=files,
        users=(),
        groups=(),
        configuration=(),
        loosened=(),
        totals=(totals, totals),
    )


def test_what_came_with_a_directory_is_counted_beside_it() -> None:
    text = diff_text(
        diff(
            (
                changed("/usr/lib/certifi", None, "directory 0755 0:0"),
                changed("/usr/lib/certifi-2025.egg", None, "file 0644 0:0 aa"),
                changed("/usr/lib/certifi/core.py", None, "file 0644 0:0 bb"),
                changed("/usr/lib/certifi/deep", None, "directory 0755 0:0"),
                changed("/usr/lib/certifi/deep/x", None, "file 0644 0:0 bb"),
                changed("/usr/lib/other", "file 0644 0:0 aa", "file 0644 0:0 bb"),
            )
        ),
        100,
    )
    assert "/usr/lib/certifi and 3 paths below" in text
    assert "core.py" not in text
    assert "/usr/lib/certifi-2025.egg" in text
    assert "~  /usr/lib/other" in text


def test_many_files_are_cut_and_counted_and_packages_never_are() -> None:
    many = tuple(changed(f"name-{number:03}", None, "1") for number in range(90))
    assert "… and 50 more (--format json shows all)" in diff_text(diff(many), 80)
    text = diff_text(diff((), many), 80)
    assert all(one.name in text for one in many)


def test_a_changed_directory_hides_nothing() -> None:
    text = diff_text(
        diff(
            (
                changed("/srv", "directory 0755 0:0", "directory 0700 0:0"),
                changed("/srv/x", None, "file 0644 0:0 bb"),
            )
        ),
        100,
    )
    assert "/srv/x" in text


def test_no_difference_is_said() -> None:
    assert diff_text(diff(()), 80) == "no difference between old and new\n"
