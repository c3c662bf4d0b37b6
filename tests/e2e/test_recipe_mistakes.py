"""A recipe that asks for what cannot be is refused at the line that asks, with a suggestion."""

from __future__ import annotations

import pytest
from tests.support.archive import make_deb
from tests.support.command import RECIPE, Desk, Mirror, publish

# What is written, where in what is written the mistake stands, what is said, the next step.
MISTAKES = {
    "a hardening rule": (
        "loosened:\n  - {rule: no-shel, reason: the start script needs one}\n",
        "no-shel,",
        "no hardening rule is called no-shel",
        "Did you mean no-shell?",
    ),
    "a rule in a variant": (
        "variants:\n  debug:\n    loosened: [{rule: no-shell-at-all, reason: to look around}]\n",
        "no-shell-at-all",
        "no hardening rule is called no-shell-at-all",
        "Did you mean no-shell?",
    ),
    "an excluded package": (
        "exclude: [plane]\n",
        "plane",
        "there is no package plane in the archive",
        "Did you mean plain?",
    ),
    "the user to run as": (
        "accounts: {users: {worker: {}}}\nrun: {user: workr}\n",
        "workr}",
        "no user is named 'workr'",
        "Did you mean worker?",
    ),
    "a file's owner": (
        "files:\n  /etc/a: {content: x, owner: nobody-here}\n",
        "nobody-here",
        "no user is named 'nobody-here'",
        "accounts.users",
    ),
    "two accounts of one number": (
        "accounts:\n  users:\n    one: {uid: 4100}\n    two: {uid: 4100}\n",
        "4100}",
        "uid 4100 belongs to the user one",
        "Choose another uid",
    ),
}


def test_who_misses_a_package_is_told_what_was_read_and_what_was_not(
    desk: Desk, mirror: Mirror
) -> None:
    """A package of another component is not misspelt: the archive has it, and nobody looked."""
    mirror.archive.add(make_deb("driver"), component="non-free")
    publish(mirror.archive, mirror.key, components=("main", "non-free"))
    text = RECIPE.replace("packages: [", "packages: [driver, ")
    desk.write("neve.yaml", text)
    done = desk.neve("lock", expect=2)
    assert "there is no package driver in the archive" in done.err
    assert "read: trixie, trixie-updates, trixie-security: main" in done.err
    assert "`{name: main, components: [main, non-free]}`" in done.err
    assert "`repositories: [backports]`" in done.err


@pytest.mark.parametrize("command", ["lock", "plan"])
def test_a_misspelt_package_of_another_variant_is_found_by_a_plan_too(
    desk: Desk, command: str
) -> None:
    text = RECIPE.replace("[inspector]", "[inspecter]")
    desk.write("neve.yaml", text)
    done = desk.neve(command, expect=2)
    column = len("  debug: {packages: [") + 1
    assert f"neve.yaml:{text.count(chr(10))}:{column}: there is no package inspecter" in done.err
    assert "Did you mean inspector?" in done.err


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_place_and_a_suggestion_are_named(desk: Desk, mistake: str) -> None:
    added, wrong, said, advice = MISTAKES[mistake]
    text = RECIPE.split("variants:")[0] + added
    desk.write("neve.yaml", text)
    done = desk.neve("lock", expect=2)
    before = text[: text.rindex(wrong)]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    assert f"neve.yaml:{line}:{column}: " in done.err
    assert said in done.err
    assert advice in done.err
    assert not (desk.directory / "neve.lock").exists()


def test_nothing_is_said_twice(desk: Desk) -> None:
    desk.write("neve.yaml", RECIPE.replace("[tool, plain]", "[tool, dash]"))
    err = desk.neve("lock", expect=4).err
    brief = err.splitlines()[[line.startswith("error: ") for line in err.splitlines()].index(True)]
    assert err.count(brief.removeprefix("error: no-shell: ")) == 1
