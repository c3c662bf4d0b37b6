"""``lock``, ``build`` and ``test`` as people read them, at 80 columns."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from neve.build.made import ImageFacts
from neve.model import Check, Digest, Fail, Pass, Platform, Skipped, Waived, Waiver
from neve.recipe.lockdiff import LockDiff, PackageChange
from neve.report import text as report
from neve.report.text import build_text, lock_changes_text, lock_text
from neve.verbs.build import BuildResult, BuiltPlatform
from neve.verbs.lock import LockResult, TargetSummary
from neve.verbs.test import TestResult as Outcome

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")
ROOT = Digest("sha256", "a" * 64)
DROPPED = ("debconf", "dpkg", "libacl1", "libmd0", "libpcre2-8-0", "libselinux1", "mawk", "tar")


SKIPPED = Check(
    rule="keep-unused", subject="keep[0]", verdict=Skipped("/x matches nothing in the image")
)


def waived(subject: str) -> Check:
    waiver = Waiver(
        rule="no-shell", subject=subject, reason="initdb", owner="r", expires=date(2030, 1, 1)
    )
    return Check(rule="no-shell", subject=subject, verdict=Waived(waiver, Fail("a shell")))


def built(platform: Platform) -> BuiltPlatform:
    facts = ImageFacts(
        packages=30,
        files=2701,
        planted=2900,
        installed_size=61_600_000,
        compressed_size=25_400_000,
        layers=27,
        user="65532:65532",
    )
    return BuiltPlatform(
        platform=platform,
        manifest=Digest("sha256", ("b" if platform == AMD64 else "c") * 64),
        config=ROOT,
        facts=facts,
        waived=(waived("/usr/bin/dash"), waived("/usr/bin/sh")),
        skipped=(SKIPPED,),
    )


def build(*platforms: Platform, image_format: str = "oci", locked: bool = True) -> BuildResult:
    return BuildResult(
        name="app",
        variant="runtime",
        output=Path("image"),
        image_format=image_format,
        tag="app:1",
        root=ROOT,
        lock=ROOT,
        locked=locked,
        loaded=None,
        pushed=(),
        platforms=tuple(built(one) for one in platforms),
        notices=(),
    )


def test_a_build_shows_digests_whole_and_what_to_do_next() -> None:
    text = build_text(build(AMD64), 80)
    assert f"app {ROOT}\n" in text
    assert "oci:image:1" in text
    assert "neve push" in text
    assert "resolved for this build alone" not in text


def test_a_build_of_several_platforms_shows_each_digest() -> None:
    text = build_text(build(AMD64, ARM64), 80)
    assert f"linux/amd64 sha256:{'b' * 64}" in text
    assert f"linux/arm64 sha256:{'c' * 64}" in text


def test_a_loosened_rule_is_said_once_with_all_its_subjects() -> None:
    text = build_text(build(AMD64, ARM64), 80)
    assert text.count("loosened:") == 1
    assert "loosened: no-shell (/usr/bin/dash, /usr/bin/sh): initdb\n" in text


def test_a_build_without_a_lock_says_so() -> None:
    assert "`neve lock` makes it repeatable" in build_text(build(AMD64, locked=False), 80)


def target(platform: Platform, dropped: tuple[str, ...] = DROPPED) -> TargetSummary:
    return TargetSummary(
        platform=platform,
        variant="runtime",
        packages=30,
        download_size=15_500_000,
        installed_size=50_000_000,
        dropped=dropped,
        effects={"traced": 12},
    )


def locked(*targets: TargetSummary, written: bool = True, replaced: bool = False) -> LockResult:
    return LockResult(
        path=Path("neve.lock"),
        digest=ROOT,
        written=written,
        replaced=replaced,
        changes=LockDiff(added=(), removed=(), changed=(), rules=(), effects=()),
        targets=targets,
        archives=(("debian:trixie", date(2026, 11, 21)), ("debian:updates", date(2026, 11, 22))),
    )


def test_a_lock_names_every_dropped_package_once() -> None:
    text = lock_text(locked(target(AMD64), target(ARM64)), 80)
    assert all(len(line) <= 80 for line in text.splitlines())
    assert all(text.count(f"{name}") == 1 for name in DROPPED)
    assert "neve.lock written" in text


def test_platforms_that_drop_other_packages_are_told_apart() -> None:
    text = lock_text(locked(target(AMD64), target(ARM64, ("dpkg",))), 80)
    assert "dropped on linux/arm64 runtime: dpkg\n" in text


def test_a_lock_that_was_up_to_date_says_so() -> None:
    assert "up to date" in lock_text(locked(target(AMD64), written=False, replaced=True), 80)
    assert "not written" in lock_text(locked(target(AMD64), written=False), 80)


def test_changes_of_all_platforms_stand_in_one_row() -> None:
    changes = [
        PackageChange(
            platform=str(one), variant="runtime", name="libssl3t64", architecture=one.architecture,
            old="3.5.8-1~deb13u1", new="3.5.9-1~deb13u1",
        )
        for one in (AMD64, ARM64)
    ]  # fmt: skip
    diff = LockDiff(added=(), removed=(), changed=tuple(changes), rules=(), effects=())
    text = lock_changes_text(diff, 80)
    assert all(len(line) <= 80 for line in text.splitlines())
    assert text.count("libssl3t64") == 1


def test_another_file_of_the_same_version_is_said() -> None:
    change = PackageChange(
        platform="linux/amd64",
        variant="runtime",
        name="libssl3t64",
        architecture="amd64",
        old="3.5.9-1",
        new="3.5.9-1",
        repacked=True,
    )
    diff = LockDiff(added=(), removed=(), changed=(change,), rules=(), effects=())
    assert "3.5.9-1 (another file)" in lock_changes_text(diff, 100)


def test_failures_stand_last_and_are_counted() -> None:
    result = Outcome(
        image="image",
        contract="contract.yaml",
        platform=AMD64,
        sandbox="bubblewrap",
        checks=(
            Check(rule="http", subject="GET :80/", verdict=Fail("status 501, not 200")),
            Check(rule="shell", subject="absent", verdict=Pass("no shell found")),
            Check(rule="port", subject="80", verdict=Skipped("no network")),
        ),
    )
    lines = report.test_text(result, 80).splitlines()
    assert lines[-1] == "1 passed, 1 failed, 1 skipped"
    assert [line.split()[0] for line in lines[2:5]] == ["pass", "skipped", "FAIL"]


def test_what_a_recipe_says_in_vain_is_shown_once() -> None:
    text = build_text(build(AMD64, ARM64), 100)
    assert text.count("note: keep-unused (keep[0]): /x matches nothing in the image") == 1
