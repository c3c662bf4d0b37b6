"""Hardening small trees: what is taken away, what is refused, how a recipe loosens."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neve.effects.harden import HARDEN_RULES, HardenContext, Hardened, harden
from neve.errors import DeniedError
from neve.model import Fail, Origin, Pass, Reason, Waived
from neve.recipe.types import HealthCheck, Loosening, Run
from neve.tree import FileEntry, Inline, Kind, Put, Tree

SH = b"#!/bin/sh\n"


def file(
    path: str,
    data: bytes = b"\x7fELF",
    mode: int = 0o755,
    owner: str = "app",
    origin: Origin = Origin.PACKAGE,
    uid: int = 0,
    gid: int = 0,
    xattrs: tuple[tuple[str, bytes], ...] = (),
) -> FileEntry:
    return FileEntry(
        path=path,
        kind=Kind.FILE,
        mode=mode,
        uid=uid,
        gid=gid,
        content=Inline(data),
        owners=(owner,) if origin is Origin.PACKAGE else (),
        reason=Reason(origin, owner),
        xattrs=xattrs,
    )


def link(path: str, target: str, owner: str = "app") -> FileEntry:
    return FileEntry(
        path=path,
        kind=Kind.SYMLINK,
        mode=0o777,
        target=target,
        owners=(owner,),
        reason=Reason(Origin.PACKAGE, owner),
    )


def directory(path: str, mode: int = 0o755, uid: int = 0, gid: int = 0) -> FileEntry:
    reason = Reason(Origin.PACKAGE, "app")
    return FileEntry(path=path, kind=Kind.DIRECTORY, mode=mode, uid=uid, gid=gid, reason=reason)


def tree(*entries: FileEntry) -> Tree:
    made = Tree()
    for entry in entries:
        made.apply(Put(entry))
    return made


DASH = (file("/usr/bin/dash", b"\x7fELF dash", owner="dash"), link("/usr/bin/sh", "dash", "dash"))
USR = link("/bin", "usr/bin")


def context(
    *loosened: Loosening, run: Run | None = None, uid: int = 65532, **more: object
) -> HardenContext:
    return HardenContext(
        run=run or Run(entrypoint=("/usr/bin/app",)),
        uid=uid,
        gids=(uid,),
        loosened=loosened,
        **more,  # type: ignore[arg-type]
    )


def loosen(rule: str, subject: str | None = None) -> Loosening:
    return Loosening(rule=rule, subject=subject, reason="the job needs it")


def apply(made: Tree, surroundings: HardenContext) -> Hardened:
    result = harden(made, surroundings)
    made.apply_all(result.edits)
    return result


def verdicts(result: Hardened, rule: str) -> dict[str, object]:
    return {check.subject: check.verdict for check in result.checks if check.rule == rule}


def test_a_shell_that_nothing_needs_goes_under_all_its_names() -> None:
    copied = file("/usr/bin/static", b"\x7fELF dash", owner="other")
    made = tree(USR, *DASH, copied, link("/usr/bin/rbash", "dash"), file("/usr/bin/app"))
    result = apply(made, context())
    assert not result.refusals
    for path in ("/usr/bin/dash", "/usr/bin/sh", "/usr/bin/rbash", "/usr/bin/static"):
        assert path not in made
        assert made.removed[path].subject == "no-shell"
    assert "/usr/bin/app" in made


def test_an_auxiliary_script_goes_with_its_reason() -> None:
    made = tree(file("/usr/bin/ldd", SH), link("/usr/bin/lddx", "ldd"), file("/usr/bin/app"))
    result = apply(made, context())
    assert not result.refusals
    assert "/usr/bin/ldd" not in made
    assert "/usr/bin/lddx" not in made
    assert made.removed["/usr/bin/ldd"].subject == "script-without-interpreter"
    assert "/bin/sh is not in the image" in made.removed["/usr/bin/ldd"].detail


def test_a_script_goes_under_all_its_hard_links() -> None:
    other = FileEntry(
        path="/usr/bin/ldd2",
        kind=Kind.HARDLINK,
        mode=0o755,
        target="/usr/bin/ldd",
        reason=Reason(Origin.PACKAGE, "app"),
    )
    made = tree(file("/usr/bin/ldd", SH), other)
    apply(made, context())
    assert not [entry for entry in made if entry.kind is not Kind.DIRECTORY]


@pytest.mark.parametrize(
    "run",
    [
        Run(entrypoint=("/usr/bin/start",)),
        Run(entrypoint=("start",)),
        Run(entrypoint=("/usr/bin/app",), command=("/usr/bin/start",)),
        Run(
            entrypoint=("/usr/bin/app",),
            health_check=HealthCheck(command=("/usr/bin/start",)),
        ),
        Run(entrypoint=("/usr/bin/app",), environment=(("HOOK", "/usr/bin/start"),)),
    ],
)
def test_a_script_the_recipe_runs_stops_the_lock(run: Run) -> None:
    made = tree(USR, *DASH, file("/usr/bin/start", SH, owner="app"), file("/usr/bin/app"))
    because = {"app": ("packages[0]: app",)}
    result = harden(made, context(run=run, because=because))
    (refusal,) = result.refusals
    assert refusal.subject == "/usr/bin/start"
    assert "packages[0]: app" in refusal.chain
    assert "    subject: /usr/bin/dash" in refusal.paste
    with pytest.raises(DeniedError) as raised:
        result.require()
    assert "loosened:\n  - rule: no-shell" in raised.value.resolution


def test_scripts_reached_from_scripts_and_configuration_count() -> None:
    by_script = tree(
        file("/usr/bin/app", b"#!/usr/bin/python3\nrun('/usr/lib/app/helper')\n"),
        file("/usr/bin/python3"),
        file("/usr/lib/app/helper", SH),
    )
    by_configuration = tree(
        file("/etc/app.conf", b"# /usr/lib/app/unused\nhook=/usr/lib/app/helper\n", mode=0o644),
        file("/usr/lib/app/helper", SH),
        file("/usr/lib/app/unused", SH),
    )
    for made in (by_script, by_configuration):
        result = harden(made, context())
        assert [refusal.subject for refusal in result.refusals] == ["/usr/lib/app/helper"]


def test_configuration_that_no_link_enables_runs_nothing() -> None:
    conf = file("/etc/app/mods-available/ssl", b"ask /usr/lib/app/helper\n", mode=0o644)
    helper = file("/usr/lib/app/helper", SH)
    assert not harden(tree(conf, helper), context()).refusals
    enabled = link("/etc/app/mods-enabled/ssl", "../mods-available/ssl")
    assert harden(tree(conf, helper, enabled), context()).refusals


def test_loosening_keeps_the_shell_and_its_scripts() -> None:
    made = tree(USR, *DASH, file("/usr/bin/start", SH), file("/usr/bin/bash", owner="bash"))
    run = Run(entrypoint=("/usr/bin/start",))
    result = apply(made, context(loosen("no-shell", "/usr/bin/dash"), run=run))
    assert not result.refusals
    assert {"/usr/bin/dash", "/usr/bin/sh", "/usr/bin/start"} <= {e.path for e in made}
    assert "/usr/bin/bash" not in made
    verdict = verdicts(result, "no-shell")["/usr/bin/dash"]
    assert isinstance(verdict, Waived)
    assert verdict.waiver.reason == "the job needs it"


def test_loosening_without_a_shell_in_the_image_asks_for_the_package() -> None:
    made = tree(file("/usr/bin/start", SH))
    run = Run(entrypoint=("/usr/bin/start",))
    (refusal,) = harden(made, context(loosen("no-shell"), run=run)).refusals
    assert refusal.paste == ("packages:", "  - dash")


def test_asking_for_a_shell_is_no_permission() -> None:
    made = tree(file("/usr/bin/bash", owner="bash"))
    result = harden(made, context(requested=frozenset({"bash"})))
    assert [refusal.subject for refusal in result.refusals] == ["bash"]
    allowed = harden(made, context(loosen("no-shell", "bash"), requested=frozenset({"bash"})))
    assert not allowed.refusals
    assert not allowed.edits


def test_a_need_on_evidence_stops_the_lock() -> None:
    initdb = file("/usr/lib/postgresql/17/bin/initdb", owner="postgresql-17")
    (refusal,) = harden(tree(initdb), context()).refusals
    assert "popen" in refusal.chain[0]
    assert "  - dash" in refusal.paste
    made = tree(USR, initdb, *DASH)
    assert not harden(made, context(loosen("no-shell", "/usr/bin/dash"))).refusals


def test_modules_that_carry_a_shebang_stay() -> None:
    made = tree(file("/usr/lib/python3/cgi.py", b"#!/usr/local/bin/python\n"))
    assert not apply(made, context()).refusals
    assert "/usr/lib/python3/cgi.py" in made


def test_a_missing_interpreter_of_a_reached_script_is_refused() -> None:
    made = tree(file("/usr/bin/app", b"#!/usr/bin/env perl\n"))
    (refusal,) = harden(made, context()).refusals
    assert refusal.rule == "script-without-interpreter"


def test_package_managers_go_and_the_database_stays() -> None:
    made = tree(
        file("/usr/bin/apt-get", owner="apt"),
        file("/usr/bin/dpkg", owner="dpkg"),
        file("/usr/lib/apt/methods/http", owner="apt"),
        file("/var/lib/dpkg/status.d/app", mode=0o644),
        file("/usr/bin/pip", b"#!/usr/bin/python3\n"),
        file("/usr/bin/python3"),
    )
    apply(made, context())
    names = {entry.path for entry in made if entry.kind is Kind.FILE}
    assert names == {"/var/lib/dpkg/status.d/app", "/usr/bin/pip", "/usr/bin/python3"}


def test_setuid_and_capabilities_are_stripped() -> None:
    capable = (("security.capability", b"\1"), ("user.x", b"y"))
    made = tree(
        file("/usr/bin/su", mode=0o4755),
        file("/usr/bin/ping", xattrs=capable),
        directory("/var/mail", 0o2755),
    )
    result = apply(made, context())
    assert made["/usr/bin/su"].mode == 0o755
    assert made["/usr/bin/ping"].xattrs == (("user.x", b"y"),)
    assert made["/var/mail"].mode == 0o755
    assert isinstance(verdicts(result, "no-setuid")["/usr/bin/su"], Pass)


def test_setuid_stays_where_the_recipe_answers_for_it() -> None:
    made = tree(file("/usr/bin/su", mode=0o4755))
    result = apply(made, context(loosen("no-setuid", "/usr/bin/su")))
    assert made["/usr/bin/su"].mode == 0o4755
    assert isinstance(verdicts(result, "no-setuid")["/usr/bin/su"], Waived)


def test_write_permission_of_others_goes_but_for_tmp_and_the_users_groups() -> None:
    made = tree(
        directory("/tmp", 0o1777),
        directory("/var/tmp", 0o1777),
        directory("/var/lib/open", 0o777),
        directory("/run/app", 0o775, gid=65532),
        directory("/var/mail", 0o775, gid=8),
    )
    apply(made, context())
    modes = {e.path: e.mode for e in made}
    assert modes["/tmp"] == modes["/var/tmp"] == 0o1777
    assert modes["/var/lib/open"] == 0o755
    assert modes["/run/app"] == 0o775
    assert modes["/var/mail"] == 0o755


def test_writable_paths_belong_to_the_user() -> None:
    made = tree(directory("/var/lib/app"), file("/var/lib/app/db", mode=0o644))
    run = Run(entrypoint=("/x",), writable=("/var/lib/app", "/run/app"))
    apply(made, context(run=run))
    assert {
        (made[p].uid, made[p].gid) for p in ("/var/lib/app", "/var/lib/app/db", "/run/app")
    } == {(65532, 65532)}
    arbitrary = Run(entrypoint=("/x",), writable=("/var/lib/app",), arbitrary_uid=True)
    apply(made, context(run=arbitrary))
    assert (made["/var/lib/app"].gid, made["/var/lib/app"].mode) == (0, 0o775)
    assert made["/var/lib/app/db"].mode == 0o664


def test_under_an_arbitrary_uid_group_0_keeps_what_is_the_users_alone() -> None:
    made = tree(
        directory("/home/nonroot", mode=0o770, uid=65532),
        directory("/srv/shared", mode=0o775),
        directory("/srv/other", mode=0o775, uid=7),
    )
    run = Run(entrypoint=("/x",), arbitrary_uid=True)
    apply(made, replace(context(run=run), gids=(0,)))
    modes = [made[path].mode for path in ("/home/nonroot", "/srv/shared", "/srv/other")]
    assert modes == [0o770, 0o755, 0o755]


def test_root_is_refused_unless_loosened() -> None:
    result = harden(tree(), context(uid=0))
    assert [refusal.rule for refusal in result.refusals] == ["non-root"]
    assert isinstance(verdicts(result, "non-root")["image"], Fail)
    assert not harden(tree(), context(loosen("non-root"), uid=0)).refusals


def test_generated_secrets_go_and_added_keys_are_refused() -> None:
    key = b"-----BEGIN PRIVATE KEY-----\n"
    made = tree(
        file("/etc/ssh/ssh_host_rsa_key", b"x", mode=0o600, origin=Origin.EFFECT),
        file("/etc/app/generated", key, mode=0o600, origin=Origin.EFFECT),
        file("/usr/share/app/test.key", key, mode=0o644),
        file("/etc/app/mine.pem", key, mode=0o600, origin=Origin.RECIPE),
    )
    result = apply(made, context())
    assert "/etc/ssh/ssh_host_rsa_key" not in made
    assert "/etc/app/generated" not in made
    assert "/usr/share/app/test.key" in made
    assert [refusal.subject for refusal in result.refusals] == ["/etc/app/mine.pem"]


def test_every_rule_answers_even_where_there_is_nothing() -> None:
    answered = {check.rule for check in harden(tree(), context()).checks}
    assert answered >= {rule.id for rule in HARDEN_RULES} - {"writable-paths"}


def test_the_tree_given_is_left_alone() -> None:
    made = tree(file("/usr/bin/su", mode=0o4755))
    harden(made, context())
    assert made["/usr/bin/su"].mode == 0o4755


entries = st.sampled_from(
    [
        *DASH,
        USR,
        file("/usr/bin/app"),
        file("/usr/bin/ldd", SH),
        link("/usr/bin/lddx", "ldd"),
        file("/usr/bin/su", mode=0o6755),
        file("/usr/bin/dpkg"),
        file("/usr/bin/deploy", b"#!/usr/bin/dpkg\n"),
        directory("/var/open", 0o2777),
        directory("/var/lib/app", 0o1777, uid=5),
        file("/etc/app.conf", b"/usr/bin/ldd", mode=0o666),
        file("/etc/ssh/ssh_host_rsa_key", b"x", origin=Origin.EFFECT),
        FileEntry(
            path="/usr/bin/ash",
            kind=Kind.HARDLINK,
            mode=0o4755,
            target="/usr/bin/su",
            reason=Reason(Origin.PACKAGE, "app"),
        ),
        FileEntry(
            path="/usr/bin/lddy",
            kind=Kind.HARDLINK,
            mode=0o755,
            target="/usr/bin/ldd",
            reason=Reason(Origin.PACKAGE, "app"),
        ),
    ]
)


@settings(max_examples=120, deadline=None)
@given(st.sets(entries), st.booleans(), st.booleans())
def test_hardening_twice_is_hardening_once(
    chosen: set[FileEntry], loosened: bool, writable: bool
) -> None:
    paths = {entry.path for entry in chosen}
    held = [e for e in chosen if e.kind is not Kind.HARDLINK or e.target in paths]
    made = tree(*sorted(held, key=lambda e: (e.kind is Kind.HARDLINK, e.path)))
    run = Run(entrypoint=("/usr/bin/app",), writable=("/var/lib/app",) if writable else ())
    surroundings = context(*([loosen("no-shell")] if loosened else []), run=run)
    apply(made, surroundings)
    assert harden(made, surroundings).edits == ()
