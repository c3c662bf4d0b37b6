"""Variants on the runtime image: its layers, one more, and nothing of it changed needlessly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neve.build.tree import Assembly
from neve.build.variant_kinds import DEBUG, DEV, expiry, loosened_by
from neve.build.variants import layers_of, on_top_of
from neve.effects.harden import Hardened
from neve.effects.recipe import RunAs
from neve.model import Origin, Reason
from neve.oci.layering import LayerPlan
from neve.recipe.types import Variant
from neve.tree import FileEntry, Inline, Kind, Remove, Tree

REASON = Reason(Origin.RULE, "test")


def file(path: str, data: bytes = b"x", mode: int = 0o644, owner: str = "app") -> FileEntry:
    return FileEntry(
        path=path, kind=Kind.FILE, mode=mode, content=Inline(data), owners=(owner,), reason=REASON
    )


def directory(path: str, mode: int = 0o755) -> FileEntry:
    return FileEntry(path=path, kind=Kind.DIRECTORY, mode=mode, reason=REASON)


def link(path: str, target: str, kind: Kind = Kind.SYMLINK) -> FileEntry:
    return FileEntry(path=path, kind=kind, mode=0o777, target=target, reason=REASON)


def assembly(*entries: FileEntry) -> Assembly:
    tree = Tree()
    for entry in entries:
        tree.put(entry)
    return Assembly(
        tree=tree,
        run_as=RunAs(uid=65532, gid=65532, home="/"),
        hardened=Hardened(edits=(), checks=(), refusals=()),
        planted=len(entries),
    )


def layers(whole: Assembly) -> tuple[LayerPlan, ...]:
    return layers_of(whole, order=["app", "tools"], base_order=["app"])


def shown(plans: tuple[LayerPlan, ...]) -> Tree:
    """What an engine shows of ``plans``: whiteouts of a layer first, then what it holds."""
    tree = Tree()
    for plan in plans:
        for path in plan.removed:
            tree.apply(Remove(path, REASON))
        for entry in plan.entries:
            tree.put(entry)
    return tree


def seen(tree: Tree) -> dict[str, object]:
    """Path → what a program notices."""
    found: dict[str, object] = {}
    for entry in tree:
        held = tree.content_entry(entry)
        content = None if held.content is None else held.content.digest
        kind = Kind.FILE if entry.kind is Kind.HARDLINK else entry.kind
        found[entry.path] = (kind, held.mode, held.uid, held.gid, content, entry.target)
        if entry.kind is Kind.HARDLINK:
            found[entry.path] = (kind, held.mode, held.uid, held.gid, content, None)
    return found


RUNTIME = assembly(
    directory("/usr"),
    directory("/usr/bin"),
    file("/usr/bin/app", b"program"),
    file("/etc/passwd", b"root"),
    directory("/srv", 0o700),
)


@pytest.mark.parametrize("kind", [DEBUG, DEV])
def test_the_runtime_layers_come_first_and_one_more(kind: str) -> None:
    whole = assembly(*RUNTIME.tree, file("/usr/bin/sh", owner="tools"))
    below, made = layers(RUNTIME), layers(on_top_of(RUNTIME, whole, kind))
    assert made[:-1] == below
    assert [e.path for e in made[-1].entries] == ["/usr", "/usr/bin", "/usr/bin/sh"]
    assert made[-1].packages == ("tools",)
    assert made[-1].removed == ()


@pytest.mark.parametrize("kind", [DEBUG, DEV])
def test_a_variant_that_adds_nothing_is_the_runtime_image(kind: str) -> None:
    assert layers(on_top_of(RUNTIME, assembly(*RUNTIME.tree), kind)) == layers(RUNTIME)


def test_debug_hides_nothing_and_leaves_directories_as_they_are() -> None:
    whole = assembly(directory("/srv", 0o755), file("/etc/passwd", b"root and more"))
    made = on_top_of(RUNTIME, whole, DEBUG)
    assert made.tree["/srv"].mode == 0o700
    assert "/usr/bin/app" in made.tree
    above = layers(made)[-1]
    assert above.removed == ()
    assert [e.path for e in above.entries] == ["/etc", "/etc/passwd"]
    assert shown(layers(made))["/etc/passwd"].content == Inline(b"root and more")


def test_dev_is_exactly_what_it_is_assembled_as() -> None:
    runtime = assembly(
        *RUNTIME.tree, file("/var/lib/dpkg/status.d/app"), file("/var/lib/dpkg/status.d/b")
    )
    whole = assembly(*RUNTIME.tree, file("/var/lib/dpkg/status"), directory("/srv", 0o755))
    plans = layers(on_top_of(runtime, whole, DEV))
    assert plans[-1].removed == ("/var/lib/dpkg/status.d",)
    assert seen(shown(plans)) == seen(whole.tree)


def test_what_stood_below_a_directory_that_is_a_link_now_needs_no_whiteout() -> None:
    runtime = assembly(directory("/lib"), file("/lib/a"), file("/lib/b"))
    whole = assembly(link("/lib", "usr/lib"), file("/usr/lib/a"))
    plans = layers(on_top_of(runtime, whole, DEV))
    assert plans[-1].removed == ()
    assert seen(shown(plans)) == seen(whole.tree)


def test_a_file_whose_other_name_was_pruned_stays_the_runtime_s() -> None:
    runtime = assembly(file("/usr/bin/perl5", b"perl"))
    whole = assembly(
        file("/usr/bin/perl", b"perl"), link("/usr/bin/perl5", "/usr/bin/perl", Kind.HARDLINK)
    )
    plans = layers(on_top_of(runtime, whole, DEBUG))
    assert [e.path for e in plans[-1].entries if e.kind is not Kind.DIRECTORY] == ["/usr/bin/perl"]


def test_a_hard_link_to_a_file_of_a_lower_layer_is_a_copy() -> None:
    runtime = assembly(file("/usr/bin/perl", b"perl", 0o755))
    whole = assembly(
        file("/usr/bin/perl", b"perl", 0o755),
        link("/usr/bin/perl5", "/usr/bin/perl", Kind.HARDLINK),
    )
    plans = layers(on_top_of(runtime, whole, DEV))
    (copy,) = [e for e in plans[-1].entries if e.path == "/usr/bin/perl5"]
    assert (copy.kind, copy.content, copy.mode) == (Kind.FILE, Inline(b"perl"), 0o755)


NAMES = st.sampled_from(["/a", "/a/b", "/a/c", "/d", "/d/e", "/d/e/f", "/g"])
KINDS = st.sampled_from(
    [lambda p: file(p, b"1"), lambda p: file(p, b"2"), directory, lambda p: link(p, "x")]
)


def sound(chosen: dict[str, Callable[[str], FileEntry]]) -> Assembly:
    """What of ``chosen`` can be: nothing below what is no directory."""
    entries: dict[str, FileEntry] = {}
    for path, make in sorted(chosen.items()):
        above = [entries[p] for p in (path[:2], path[:4]) if p in entries and p != path]
        if all(entry.kind is Kind.DIRECTORY for entry in above):
            entries[path] = make(path)
    return assembly(*entries.values())


TREES = st.dictionaries(NAMES, KINDS, max_size=7).map(sound)


@given(TREES, TREES)
def test_an_engine_shows_the_variant_s_tree(below: Assembly, above: Assembly) -> None:
    for kind in (DEBUG, DEV):
        made = on_top_of(below, above, kind)
        plans = layers(made)
        lower = layers(below)
        assert plans[: len(lower)] == lower
        assert len(plans) <= len(lower) + 1
        assert seen(shown(plans)) == seen(made.tree)
    for entry in above.tree:
        kept = on_top_of(below, above, DEBUG).tree[entry.path]
        assert kept.kind is entry.kind


def test_a_debug_variant_expires_90_days_after_its_lock_unless_it_says() -> None:
    time = int(datetime(2026, 1, 31, 23, 59, tzinfo=UTC).timestamp())
    debug = Variant(name="look", kind=DEBUG)
    assert expiry(debug, time) == date(2026, 5, 1)
    assert expiry(replace(debug, expires=date(2027, 1, 1)), time) == date(2027, 1, 1)
    assert expiry(Variant(name="dev", kind=DEV), time) is None
    assert expiry(Variant(name="big"), time) is None


def test_only_a_debug_variant_loosens_by_itself() -> None:
    rules = [one.rule for one in loosened_by(Variant(name="debug", kind=DEBUG))]
    assert rules == ["no-shell", "no-package-manager", "script-without-interpreter"]
    assert loosened_by(Variant(name="big")) == ()
