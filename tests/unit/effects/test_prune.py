"""Pruning small trees: what goes, what stays, and why."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neve.effects.prune import PruneRequest, prunable, prune
from neve.effects.prune_patterns import Patterns
from neve.effects.prune_rules import EMPTIED_RULE, HELPERS_RULE, PRUNE_RULES
from neve.model import Origin, Reason
from neve.tree import FileEntry, Inline, Kind, Put, Tree


def tree(*paths: str, owner: str = "app", origin: Origin = Origin.PACKAGE) -> Tree:
    """Paths ending in ``/`` are directories; ``a -> b`` is a link."""
    made = Tree()
    for text in paths:
        path, _, target = text.partition(" -> ")
        kind = Kind.SYMLINK if target else Kind.DIRECTORY if path.endswith("/") else Kind.FILE
        made.apply(
            Put(
                FileEntry(
                    path=path.rstrip("/"),
                    kind=kind,
                    mode=0o755,
                    target=target or None,
                    content=Inline(b"x") if kind is Kind.FILE else None,
                    owners=(owner,),
                    reason=Reason(origin, owner),
                )
            )
        )
    return made


def left(made: Tree, **request: object) -> set[str]:
    made.apply_all(prune(made, PruneRequest(**request)))  # type: ignore[arg-type]
    return {entry.path for entry in made if entry.kind is not Kind.DIRECTORY}


def test_documentation_goes_and_licences_stay() -> None:
    made = tree(
        "/usr/share/doc/app/README",
        "/usr/share/doc/app/changelog.gz",
        "/usr/share/doc/app/copyright",
        "/usr/share/doc/app/LICENSE.txt",
        "/usr/bin/app",
    )
    assert left(made) == {
        "/usr/share/doc/app/copyright",
        "/usr/share/doc/app/LICENSE.txt",
        "/usr/bin/app",
    }
    assert made.removed["/usr/share/doc/app/README"].subject == "prune-documentation"


def test_what_a_kept_link_leads_to_stays() -> None:
    made = tree(
        "/usr/share/doc/app/copyright -> terms.txt",
        "/usr/share/doc/app/terms.txt",
        "/usr/share/doc/lib -> app",
    )
    assert left(made) == {
        "/usr/share/doc/app/copyright",
        "/usr/share/doc/app/terms.txt",
        "/usr/share/doc/lib",
    }


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/usr/share/man/man1/app.1.gz", "prune-manuals"),
        ("/usr/share/info/app.info.gz", "prune-info"),
        ("/usr/share/locale/de/LC_MESSAGES/app.mo", "prune-locales"),
        ("/usr/share/lintian/overrides/app", "prune-reporting"),
        ("/usr/share/bash-completion/completions/app", "prune-completions"),
        ("/etc/apt/apt.conf.d/50app", "prune-package-manager-data"),
        ("/etc/init.d/app", "prune-init-scripts"),
        ("/usr/lib/systemd/system/app.service", "prune-init-scripts"),
        ("/etc/cron.daily/app", "prune-cron-jobs"),
        ("/etc/network/if-up.d/app", "prune-network-hooks"),
        ("/usr/share/gdb/auto-load/lib.py", "prune-debugger-helpers"),
        ("/usr/sbin/update-app", "prune-maintainer-helpers"),
        ("/usr/share/menu/app", "prune-menus"),
    ],
)
def test_each_rule_names_itself(path: str, rule: str) -> None:
    made = tree(path, "/usr/bin/app")
    assert left(made) == {"/usr/bin/app"}
    assert made.removed[path].subject == rule
    assert prunable(path)


@pytest.mark.parametrize(
    "path",
    [
        "/usr/lib/locale/C.utf8/LC_CTYPE",
        "/usr/share/locale/locale.alias",
        "/var/lib/dpkg/status.d/app",
        "/usr/lib/sysusers.d/app.conf",
        "/usr/lib/tmpfiles.d/app.conf",
        "/usr/share/common-licenses/GPL-3",
        "/usr/share/zoneinfo/UTC",
        "/etc/default/app",
    ],
)
def test_what_is_needed_at_run_time_stays(path: str) -> None:
    assert left(tree(path)) == {path}
    assert not prunable(path)


def test_a_manual_page_goes_with_its_alternative() -> None:
    paths = (
        "/usr/bin/which.debianutils",
        "/usr/bin/which -> /etc/alternatives/which",
        "/etc/alternatives/which -> /usr/bin/which.debianutils",
        "/usr/share/man/man1/which.debianutils.1.gz",
        "/usr/share/man/man1/which.1.gz -> /etc/alternatives/which.1.gz",
        "/etc/alternatives/which.1.gz -> /usr/share/man/man1/which.debianutils.1.gz",
    )
    made = tree(*paths)
    assert left(made) == set(paths_of(paths[:3]))
    assert made.removed["/etc/alternatives/which.1.gz"].subject == "prune-manuals"
    kept = left(tree(*paths), keep=("/usr/share/man/man1/which.1.gz",))
    assert kept == set(paths_of(paths))


def paths_of(texts: tuple[str, ...]) -> list[str]:
    return [text.partition(" -> ")[0] for text in texts]


def test_a_directory_that_a_link_leads_to_stays() -> None:
    made = tree(
        "/sbin -> usr/sbin",
        "/usr/bin/app",
        "/usr/sbin/",
        "/usr/sbin/update-app",
        "/usr/share/man/man1/",
        "/usr/share/man/man1/app.1.gz",
    )
    assert left(made) == {"/sbin", "/usr/bin/app"}
    assert "/usr/sbin" in made
    assert "/usr/share/man/man1" not in made


def test_keep_wins_by_pattern_and_by_directory() -> None:
    paths = ("/usr/share/man/man1/a.1", "/usr/share/man/man8/b.8", "/usr/share/locale/de/x.mo")
    assert left(tree(*paths), keep=("/usr/share/man/man1", "/usr/share/**/*.mo")) == {
        "/usr/share/man/man1/a.1",
        "/usr/share/locale/de/x.mo",
    }


def test_the_recipes_own_files_and_commands_stay() -> None:
    assert left(tree("/etc/init.d/app", origin=Origin.RECIPE)) == {"/etc/init.d/app"}
    used = frozenset({"/usr/sbin/update-app"})
    assert left(tree("/usr/sbin/update-app"), used=used) == {"/usr/sbin/update-app"}


def test_a_rule_rests_where_its_user_is_in_the_image() -> None:
    paths = {"/etc/cron.daily/app", "/usr/sbin/cron"}
    assert left(tree(*paths)) == paths


def test_emptied_directories_go_and_empty_ones_are_payload() -> None:
    made = tree("/usr/share/man/man1/a.1", "/var/lib/app/", "/usr/share/app/")
    made.apply_all(prune(made, PruneRequest()))
    assert "/usr/share/man" not in made
    assert made.removed["/usr/share/man/man1"].subject == EMPTIED_RULE
    assert "/var/lib/app" in made
    assert "/usr/share/app" in made
    assert "/usr" in made


def test_headers_go_only_from_development_packages_nobody_asked_for() -> None:
    paths = {"/usr/include/z.h", "/usr/lib/x86_64-linux-gnu/libz.a"}
    assert left(tree(*paths, owner="zlib1g-dev")) == set()
    assert left(tree(*paths, owner="zlib1g")) == paths
    asked = frozenset({"zlib1g-dev"})
    assert left(tree(*paths, owner="zlib1g-dev"), requested=asked) == paths
    with_compiler = {*paths, "/usr/bin/cc"}
    assert left(tree(*with_compiler, owner="zlib1g-dev")) == with_compiler


names = st.sampled_from(
    [
        "/usr/share/doc/a/b",
        "/usr/share/doc/a/copyright",
        "/usr/share/man/x",
        "/usr/share/doc/l -> a",
        "/etc/init.d/a",
        "/usr/bin/dpkg",
        "/usr/share/doc/a/k -> b",
        "/usr/share/empty/",
        "/usr/sbin/cron",
        "/etc/cron.d/a",
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.sets(names))
def test_pruning_twice_is_pruning_once(paths: set[str]) -> None:
    made = tree(*sorted(paths))
    made.apply_all(prune(made, PruneRequest()))
    assert prune(made, PruneRequest()) == []


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/a/*", "/a/b", True),
        ("/a/*", "/a/b/c", True),
        ("/a/*.so", "/a/b/c.so", False),
        ("/a/**/*.so", "/a/b/c.so", True),
        ("/a/**/*.so", "/a/c.so", True),
        ("/a", "/ab", False),
        ("/a/", "/a/b", True),
        ("/rc[0-9S].d", "/rcS.d/x", True),
        ("/a/?", "/a/bb", False),
        ("/a/[!b]", "/a/b", False),
        ("/a.b", "/axb", False),
    ],
)
def test_patterns(pattern: str, path: str, *, matches: bool) -> None:
    assert Patterns((pattern,)).match(path) is matches


def test_no_pattern_matches_nothing() -> None:
    assert not Patterns(()).match("/a")


def test_rule_ids_are_distinct_and_explained() -> None:
    rules = (*PRUNE_RULES, HELPERS_RULE)
    assert len({rule.id for rule in rules}) == len(rules)
    assert all(rule.why for rule in rules)
