"""What a recipe says that came to nothing is shown, never taken for granted."""

from __future__ import annotations

from datetime import date

import pytest

from neve.build.unmet import unmet_wishes
from neve.effects.harden_model import Refusal, denied
from neve.effects.recipe import RunAs
from neve.model import Check, Fail, Origin, Reason, Skipped, Waived, Waiver
from neve.recipe.types import HealthCheck, Loosening, Run
from neve.tree import FileEntry, Inline, Kind, Tree


def tree(*paths: str) -> Tree:
    reason = Reason(Origin.PACKAGE, "demo")
    entries = [
        FileEntry(path=path, kind=Kind.FILE, mode=0o755, content=Inline(b""), reason=reason)
        for path in paths
    ]
    return Tree(
        [
            *entries,
            FileEntry(path="/bin", kind=Kind.SYMLINK, mode=0o777, target="usr/bin", reason=reason),
        ]
    )


def found(
    run: Run,
    *paths: str,
    keep: tuple[str, ...] = (),
    loosened: tuple[Loosening, ...] = (),
    judged: tuple[Check, ...] = (),
) -> list[str]:
    checks = unmet_wishes(tree(*paths), run, keep=keep, loosened=loosened, judged=judged)
    assert all(isinstance(check.verdict, Skipped) for check in checks)
    return [f"{check.rule} {check.subject}" for check in checks]


@pytest.mark.parametrize("word", ["/usr/bin/app", "/bin/app", "app", "./app"])
def test_a_program_that_is_there_is_found_as_it_would_be_run(word: str) -> None:
    assert found(Run(entrypoint=(word,), workdir="/usr/bin"), "/usr/bin/app") == []


@pytest.mark.parametrize("word", ["/usr/bin/other", "other", "./app"])
def test_a_program_that_is_missing_is_named(word: str) -> None:
    assert found(Run(entrypoint=(word,)), "/usr/bin/app") == ["program-missing run.entrypoint"]


def test_the_path_of_the_recipe_decides() -> None:
    run = Run(command=("app",), environment=(("PATH", "/opt/bin"),))
    assert found(run, "/usr/bin/app") == ["program-missing run.command"]
    assert found(run, "/opt/bin/app") == []


def test_arguments_of_an_entrypoint_are_no_program() -> None:
    assert found(Run(entrypoint=("/usr/bin/app",), command=("serve",)), "/usr/bin/app") == []


def test_a_health_check_is_looked_at_too() -> None:
    run = Run(health_check=HealthCheck(command=("/usr/bin/ask",)))
    assert found(run) == ["program-missing run.health_check"]


def test_a_keep_that_keeps_nothing_is_named() -> None:
    keep = ("/usr/share/doc/demo/**", "/usr/share/doc/other/**")
    assert found(Run(), "/usr/share/doc/demo/README", keep=keep) == ["keep-unused keep[1]"]


def test_a_loosening_that_nothing_needed_is_named() -> None:
    used = Loosening(rule="no-shell", subject="dash", reason="initdb")
    unused = Loosening(rule="no-setuid", reason="just in case")
    waiver = Waiver(
        rule="no-shell", subject="dash", reason="initdb", owner="recipe", expires=date(9999, 12, 31)
    )
    judged = Check(
        rule="no-shell", subject="/usr/bin/dash", verdict=Waived(waiver, Fail("a shell"))
    )
    names = found(Run(), loosened=(used, unused), judged=(judged,))
    assert names == ["loosening-unused loosened[1]"]


def test_a_variants_refusal_is_settled_under_the_variants_name() -> None:
    refusal = Refusal(
        rule="no-shell",
        subject="dash",
        brief="a shell is needed",
        chain=(),
        paste=("loosened:", "  - rule: no-shell", "    subject: dash"),
    )
    text = denied([refusal], variant="dev").resolution
    assert "variants:\n  dev:\n    loosened:\n      - rule: no-shell\n        subject: dash" in text
    assert "variants:" not in denied([refusal]).resolution


def judged_for(run: Run, run_as: RunAs, *folders: FileEntry) -> list[Check]:
    checks = unmet_wishes(Tree(folders), run, keep=(), loosened=(), judged=(), run_as=run_as)
    return [check for check in checks if check.rule in ("low-port", "volume-not-writable")]


APP = RunAs(uid=999, gid=998, home="/")
ROOT = RunAs(uid=0, gid=0, home="/root")


@pytest.mark.parametrize(
    ("port", "low"),
    [("80", True), ("1023", True), ("53/udp", True), ("1024", False), ("8080/tcp", False)],
)
def test_a_low_port_is_explained_to_who_is_not_root(port: str, *, low: bool) -> None:
    run = Run(ports=("9000", port))
    assert judged_for(run, ROOT) == []
    found = judged_for(run, APP)
    assert [check.subject for check in found] == (["run.ports[1]"] if low else [])
    for check in found:
        assert isinstance(check.verdict, Skipped)
        for word in ("Docker from 20.10", "ip_unprivileged_port_start=0", "targetPort", "Podman"):
            assert word in check.verdict.reason


@pytest.mark.parametrize(
    ("uid", "gid", "mode", "writable"),
    [
        (999, 0, 0o700, True),
        (999, 0, 0o500, False),
        (0, 998, 0o770, True),
        (0, 998, 0o755, False),
        (0, 0, 0o755, False),
        (0, 0, 0o1777, True),
    ],
)
def test_a_volume_on_somebody_elses_directory_is_told(
    uid: int, gid: int, mode: int, *, writable: bool
) -> None:
    reason = Reason(Origin.PACKAGE, "demo")
    folder = FileEntry(
        path="/data", kind=Kind.DIRECTORY, mode=mode, uid=uid, gid=gid, reason=reason
    )
    run = Run(volumes=("/absent", "/data"))
    assert judged_for(run, ROOT, folder) == []
    rules = [(check.rule, check.subject) for check in judged_for(run, APP, folder)]
    assert rules == ([] if writable else [("volume-not-writable", "run.volumes[1]")])
