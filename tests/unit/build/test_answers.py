"""Who answers a package's maintainer scripts, in which order, and what an unanswered one says."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from tests.support.archive import make_deb

from neve.build.answers import Answers, UnknownScriptsError, answer_scripts
from neve.build.facts import read_facts
from neve.distro import find_distro
from neve.effects.codec import effect_id
from neve.effects.database import EffectsDatabase, dump_effects
from neve.effects.ops import Effect, MakeDirectory, MakeLink
from neve.effects.script import Parameters, script_key
from neve.formats.deb import PackageFacts
from neve.model import Digest, Platform, Waiver
from neve.store import Store

TODAY = date(2026, 11, 23)
RIDDLE = "#!/bin/sh\nset -e\nconjure --all\n"
KNOWN = "#!/bin/sh\nset -e\nmkdir -p /var/lib/known\n"


def facts_of(directory: Path, name: str, script: str | None) -> PackageFacts:
    scripts = {} if script is None else {"postinst": script}
    deb = make_deb(name, files={f"usr/share/{name}/x": b"x"}, scripts=scripts)
    with Store.open(directory / "store") as store:
        return read_facts(store, store.put(deb.data))


def key_of(facts: PackageFacts) -> Digest:
    return script_key(facts, Parameters.of("amd64").arch)


def answered(
    *packages: PackageFacts,
    effects: tuple[Effect, ...] = (),
    waivers: tuple[Waiver, ...] = (),
    today: date | None = TODAY,
) -> Answers:
    return answer_scripts(
        packages,
        database=EffectsDatabase.parse(dump_effects(effects, codename="trixie")),
        architecture="amd64",
        acknowledged=waivers,
        today=today,
    )


def waiver(subject: str, expires: date = date(2027, 1, 1)) -> Waiver:
    return Waiver(
        rule="unknown-script", subject=subject, reason="prints", owner="me", expires=expires
    )


def test_a_package_without_scripts_needs_no_answer(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, "quiet", None)
    answers = answered(facts)
    assert answers.packages == ((facts, None),)
    assert answers.locked == ()
    assert answers.unknown == ()


def test_a_script_of_recognised_patterns_is_taken_statically_and_marked(tmp_path: Path) -> None:
    answers = answered(facts_of(tmp_path, "known", KNOWN))
    ((_, effect),) = answers.packages
    assert effect is not None
    assert [op.path for op in effect.operations if isinstance(op, MakeDirectory)] == [
        "/var/lib/known"
    ]
    assert [row.provenance for row in answers.locked] == ["static"]
    assert answers.locked[0].effect == effect_id(effect)


def test_a_traced_effect_comes_before_reading_the_script(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, "known", KNOWN)
    traced = Effect(
        package="known",
        key=key_of(facts),
        operations=(MakeLink(path="/usr/share/known/y", target="x"),),
        suites=("trixie",),
    )
    answers = answered(facts, effects=(traced,))
    assert answers.locked[0].provenance == "traced"
    assert answers.locked[0].effect == effect_id(traced)


def test_an_unknown_script_names_itself_its_line_and_both_ways_on(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, "riddle", RIDDLE)
    answers = answered(facts)
    assert answers.packages == ()
    (unanswered,) = answers.unknown
    text = "\n".join(unanswered.lines())
    assert "riddle 1.0: postinst" in text
    assert "line 3: conjure --all" in text
    error = UnknownScriptsError(answers.unknown, find_distro("debian", "13"))
    assert "neve effects trace riddle --distribution debian --release 13" in error.resolution
    assert f"- script: riddle:{key_of(facts)}" in error.resolution
    assert error.exit_code == 4


def test_every_unknown_script_is_told_at_once(tmp_path: Path) -> None:
    answers = answered(
        facts_of(tmp_path, "riddle", RIDDLE), facts_of(tmp_path, "enigma", RIDDLE + "more\n")
    )
    error = UnknownScriptsError(answers.unknown, find_distro("debian", "13"))
    assert "riddle, enigma" in error.brief
    assert " on " not in error.brief


def test_the_platform_is_named_since_scripts_differ_between_them(tmp_path: Path) -> None:
    answers = answered(facts_of(tmp_path, "riddle", RIDDLE))
    release, platform = find_distro("debian", "13"), Platform("linux", "arm64")
    error = UnknownScriptsError(answers.unknown, release, platform)
    assert error.brief.endswith("of riddle on linux/arm64")


@pytest.mark.parametrize("digits", [64, 12])
def test_an_acknowledged_script_does_nothing_and_is_marked(tmp_path: Path, digits: int) -> None:
    facts = facts_of(tmp_path, "riddle", RIDDLE)
    subject = f"riddle:sha256:{key_of(facts).value[:digits]}"
    answers = answered(facts, waivers=(waiver(subject),))
    ((_, effect),) = answers.packages
    assert effect is not None
    assert effect.operations == ()
    assert effect.note == "prints"
    assert [row.provenance for row in answers.locked] == ["acknowledged"]


def test_an_acknowledgement_without_the_algorithms_name_is_one_too(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, "riddle", RIDDLE)
    assert not answered(facts, waivers=(waiver(f"riddle:{key_of(facts).value}"),)).unknown


def test_an_expired_acknowledgement_answers_nothing(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, "riddle", RIDDLE)
    subject = f"riddle:{key_of(facts)}"
    yesterday = waiver(subject, date(2026, 11, 22))
    assert answered(facts, waivers=(yesterday,)).unknown
    assert not answered(facts, waivers=(waiver(subject, TODAY),)).unknown


def test_a_lock_accepted_the_acknowledgement_already(tmp_path: Path) -> None:
    """A build years later from the same lock is still the same build."""
    facts = facts_of(tmp_path, "riddle", RIDDLE)
    old = waiver(f"riddle:{key_of(facts)}", date(2020, 1, 1))
    assert not answered(facts, waivers=(old,), today=None).unknown


def test_an_acknowledgement_is_for_one_script_of_one_package(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, "riddle", RIDDLE)
    key = key_of(facts)
    for subject in (
        "riddle",
        "riddle:",
        f"riddle:{key.value[:11]}",
        f"other:{key}",
        f"riddle:sha256:{'0' * 64}",
    ):
        assert answered(facts, waivers=(waiver(subject),)).unknown, subject
    other = Waiver(rule="no-shell", subject=f"riddle:{key}", reason="", owner="", expires=TODAY)
    assert answered(facts, waivers=(other,)).unknown


def test_another_version_of_the_script_needs_its_own_acknowledgement(tmp_path: Path) -> None:
    old = facts_of(tmp_path, "riddle", RIDDLE)
    new = facts_of(tmp_path, "riddle", RIDDLE + "conjure --more\n")
    assert answered(new, waivers=(waiver(f"riddle:{key_of(old)}"),)).unknown
