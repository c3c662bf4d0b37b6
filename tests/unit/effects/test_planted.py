"""The package database and placeholders that every image gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from neve.effects.bench import EffectContext
from neve.effects.planted import plant_database, plant_placeholders, status_paragraph
from neve.formats.deb import parse_control
from neve.formats.deb.types import PackageFacts
from neve.tree import Inline, Kind, Tree


def test_each_package_has_a_readable_paragraph_and_its_md5sums(
    make_tree: Callable[..., Tree],
    make_package: Callable[..., PackageFacts],
    context: EffectContext,
) -> None:
    tree, facts = make_tree({}), make_package("demo")
    plant_database(tree, [facts], context)
    content = tree["/var/lib/dpkg/status.d/demo"].content
    assert isinstance(content, Inline)
    fields = parse_control(content.data, subject="demo")
    assert fields[:2] == (("Package", "demo"), ("Status", "install ok installed"))
    assert dict(fields) == {**dict(facts.control), "Status": "install ok installed"}
    md5sums = tree["/var/lib/dpkg/status.d/demo.md5sums"].content
    assert md5sums == Inline(facts.md5sums or b"")


def test_a_package_cannot_claim_another_status(make_package: Callable[..., PackageFacts]) -> None:
    facts = make_package("demo")
    lying = replace(facts, control=(*facts.control, ("Status", "deinstall ok config-files")))
    assert status_paragraph(lying).count(b"Status:") == 1


def test_placeholders_leave_what_is_there(
    make_tree: Callable[..., Tree], context: EffectContext
) -> None:
    tree = make_tree({"/etc/hosts": b"127.0.0.1 localhost\n", "/etc/resolv.conf": "/run/r"})
    plant_placeholders(tree, context)
    assert tree["/etc/hosts"].content == Inline(b"127.0.0.1 localhost\n")
    assert tree["/etc/resolv.conf"].kind is Kind.SYMLINK
    assert tree["/etc/hostname"].content == Inline(b"")
    assert tree["/tmp"].mode == 0o1777
    assert tree["/proc"].kind is Kind.DIRECTORY
    before = list(tree)
    assert plant_placeholders(tree, context) == ()
    assert list(tree) == before


def test_two_architectures_of_one_package_are_both_in_the_database(
    make_tree: Callable[..., Tree],
    make_package: Callable[..., PackageFacts],
    context: EffectContext,
) -> None:
    tree = make_tree({})
    plant_database(tree, [make_package("libc6"), make_package("libc6", arch="i386")], context)
    names = [n for n in tree.children("/var/lib/dpkg/status.d") if not n.endswith(".md5sums")]
    assert names == ["libc6", "libc6:i386"]
