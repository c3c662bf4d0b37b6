"""Bringing a database up to date with newly traced effects."""

from __future__ import annotations

from neve.effects.ops import Effect, Generate, Precondition
from neve.model import sha256_of
from neve.verbs.effects_trace import merge_effects


def effect(package: str, script: bytes, *generators: str, absent: str = "") -> Effect:
    conditions = (Precondition(path=absent, present=False),) if absent else ()
    return Effect(
        package=package,
        key=sha256_of(script),
        preconditions=conditions,
        operations=tuple(Generate(generator=name) for name in generators),
    )


def test_a_new_trace_of_the_same_scripts_takes_the_place_of_every_old_effect() -> None:
    old = (effect("p", b"1", "mime"), effect("p", b"1", "mime", absent="/usr/bin/x"))
    new = (effect("p", b"1", "fontconfig"),)
    assert merge_effects(old, new) == new


def test_other_scripts_and_other_packages_are_kept() -> None:
    old = (effect("p", b"1", "mime"), effect("q", b"1"))
    new = (effect("p", b"2"),)
    assert set(merge_effects(old, new)) == {*old, *new}
