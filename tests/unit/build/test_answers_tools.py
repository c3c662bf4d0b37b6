"""A script ran before anything was dropped: programs of dropped packages count as found."""

from __future__ import annotations

from neve.build.answers import Answers, answer_scripts, tools_of
from neve.effects.database import EffectsDatabase, dump_effects
from neve.effects.ops import Effect, MakeDirectory, Precondition
from neve.effects.script import script_key
from neve.formats.deb import PackageFacts
from neve.model import Origin, Reason, sha256_of
from neve.tree import FileEntry, Inline, Kind

TMPFILES = "/usr/bin/systemd-tmpfiles"


def package(name: str, *paths: str, postinst: bytes = b"") -> PackageFacts:
    entries = tuple(
        FileEntry(
            path=path,
            kind=Kind.FILE,
            mode=0o755,
            content=Inline(b"x"),
            reason=Reason(Origin.PACKAGE, name),
        )
        for path in paths
    )
    return PackageFacts(
        digest=sha256_of(name.encode()),
        data=sha256_of(b""),
        data_size=0,
        control=(("Package", name), ("Version", "1"), ("Architecture", "amd64")),
        entries=entries,
        scripts=(("postinst", postinst),) if postinst else (),
        conffiles=(),
        md5sums=None,
        interpreters=(),
        elf=(),
    )


DAEMON = package("daemon", "/usr/sbin/daemon", postinst=b"#!/bin/sh\nsome-unknown-thing\n")
TOOLS = package("systemd-standalone-tmpfiles", "/bin/systemd-tmpfiles", "/usr/share/doc/x")


def database() -> EffectsDatabase:
    key = script_key(DAEMON, "amd64")
    effects = [
        Effect(
            package="daemon",
            key=key,
            operations=(MakeDirectory(path="/var/lib/daemon"),) if there else (),
            preconditions=(Precondition(path=TMPFILES, present=there),),
            suites=("trixie",),
        )
        for there in (True, False)
    ]
    return EffectsDatabase.parse(dump_effects(effects, codename="trixie"))


def answered(*tools: str) -> Answers:
    return answer_scripts(
        [DAEMON],
        database=database(),
        architecture="amd64",
        acknowledged=(),
        today=None,
        tools=tools,
    )


def test_the_effect_is_the_one_that_a_real_installation_would_have_had() -> None:
    found = answered(*tools_of([TOOLS]))
    ((_, effect),) = found.packages
    assert effect is not None
    assert effect.operations == (MakeDirectory(path="/var/lib/daemon"),)
    assert found.tools == (TMPFILES,)


def test_a_build_from_the_lock_finds_the_same_with_only_what_the_lock_names() -> None:
    locked = answered(*tools_of([TOOLS]))
    assert answered(*locked.tools).locked == locked.locked


def test_without_the_tool_the_other_effect_holds_and_nothing_is_recorded() -> None:
    found = answered()
    ((_, effect),) = found.packages
    assert effect is not None
    assert effect.operations == ()
    assert found.tools == ()
