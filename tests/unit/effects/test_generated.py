"""PHP's links, byte-compilation plans, and what is said about caches left out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from neve.effects.apply import apply_effects, settle_effects
from neve.effects.bench import EffectContext, Workbench
from neve.effects.bytecode import bytecode_edits, bytecode_plan
from neve.effects.generators import php
from neve.effects.generators.globs import matches
from neve.effects.generators.omitted import ELSEWHERE, OMITTED
from neve.effects.generators.table import GENERATORS
from neve.effects.ops import CopyFile, Effect, Generate
from neve.errors import ToolError
from neve.formats.deb.types import PackageFacts
from neve.model import Origin, Reason, sha256_of
from neve.tree import Inline, Remove, Tree

MakeTree = Callable[..., Tree]
PYC = b"\xf3\r\r\n" + bytes(12) + b"code"


def test_modules_are_linked_for_installed_sapis_by_priority(
    make_tree: MakeTree, context: EffectContext
) -> None:
    tree = make_tree(
        {
            "/usr/lib/php/8.4/sapi/fpm": b"",
            "/usr/lib/php/8.4/sapi/cli": b"",
            "/etc/php/8.4/mods-available/opcache.ini": b"; priority=10\nzend_extension=opcache\n",
            "/etc/php/8.4/mods-available/curl.ini": b"extension=curl.so\n",
            "/etc/php/8.4/apache2": None,
            "/etc/php/notes": None,
        }
    )
    bench = Workbench(tree, context)
    php.run(bench, (("php8.4-common", ()),))
    for sapi in ("fpm", "cli"):
        where = f"/etc/php/8.4/{sapi}/conf.d"
        assert tree.children(where) == ("10-opcache.ini", "20-curl.ini")
        assert tree[f"{where}/20-curl.ini"].target == "/etc/php/8.4/mods-available/curl.ini"
    assert "/etc/php/8.4/apache2/conf.d" not in tree
    tree.apply(Remove("/etc/php/8.4/mods-available/curl.ini", Reason(Origin.RULE, "prune")))
    php.run(bench, (("php8.4-common", ()),))
    assert tree.children("/etc/php/8.4/fpm/conf.d") == ("10-opcache.ini",)


def test_generators_see_what_every_package_brought(
    make_tree: MakeTree, make_package: Callable[..., PackageFacts], context: EffectContext
) -> None:
    """The first package asks, the second brings the module: the order must not matter."""
    tree = make_tree({"/usr/lib/php/8.4/sapi/cli": b"", "/usr/share/b/b.ini": b"extension=b\n"})

    def effect(name: str, *operations: Generate | CopyFile) -> Effect:
        return Effect(package=name, key=sha256_of(b""), operations=operations)

    copy = CopyFile(path="/etc/php/8.4/mods-available/b.ini", source="/usr/share/b/b.ini")
    applied = apply_effects(
        tree,
        [
            (make_package("a"), effect("a", Generate(generator="php-modules"))),
            (make_package("b"), effect("b", copy)),
            (make_package("c"), None),
        ],
        context,
    )
    assert "/etc/php/8.4/cli/conf.d/20-b.ini" in tree
    assert settle_effects(tree, applied) == ()


class TestBytecode:
    def test_each_python_compiles_its_own_and_the_default_the_shared(
        self, make_tree: MakeTree
    ) -> None:
        tree = make_tree(
            {
                "/usr/bin/python3": "python3.13",
                "/usr/bin/python3.13": b"",
                "/usr/bin/python3.9": b"",
                "/usr/lib/python3.13/os.py": b"a",
                "/usr/lib/python3.13/os.txt": b"",
                "/usr/lib/python3.13/lib2to3/tests/data/bad.py": b"print 1",
                "/usr/lib/python3.13/link.py": "os.py",
                "/usr/lib/python3.9/os.py": b"b",
                "/usr/lib/python3/dist-packages/p/__init__.py": b"c",
                "/usr/share/app/main.py": b"d",
            }
        )
        plans = bytecode_plan(tree, ["/usr/share/app"])
        assert [(p.version, p.tag, p.interpreter) for p in plans] == [
            ("3.13", "cpython-313", "/usr/bin/python3.13"),
            ("3.9", "cpython-39", "/usr/bin/python3.9"),
        ]
        assert [s.target for s in plans[0].sources] == [
            "/usr/lib/python3.13/__pycache__/os.cpython-313.pyc",
            "/usr/lib/python3/dist-packages/p/__pycache__/__init__.cpython-313.pyc",
            "/usr/share/app/__pycache__/main.cpython-313.pyc",
        ]
        assert [s.path for s in plans[1].sources] == ["/usr/lib/python3.9/os.py"]
        assert bytecode_plan(make_tree({"/usr/bin/perl": b""})) == ()

    def test_results_are_placed_beside_their_source(self, make_tree: MakeTree) -> None:
        tree = make_tree({"/usr/bin/python3.13": b"", "/usr/lib/python3.13/os.py": b"a"})
        (plan,) = bytecode_plan(tree)
        source = tree["/usr/lib/python3.13/os.py"]
        tree.apply_all(bytecode_edits(plan, {source.path: Inline(PYC)}))
        made = tree["/usr/lib/python3.13/__pycache__/os.cpython-313.pyc"]
        assert (made.content, made.mode, made.mtime) == (Inline(PYC), 0o644, source.mtime)
        assert (made.owners, made.reason.origin) == (("demo",), Origin.PACKAGE)
        assert tree["/usr/lib/python3.13/__pycache__"].owners == ("demo",)
        assert bytecode_plan(tree) == (plan,)

    def test_what_was_not_asked_for_is_refused(self, make_tree: MakeTree) -> None:
        tree = make_tree({"/usr/bin/python3.13": b"", "/usr/lib/python3.13/os.py": b"a"})
        (plan,) = bytecode_plan(tree)
        with pytest.raises(ToolError, match="/etc/passwd"):
            bytecode_edits(plan, {"/etc/passwd": Inline(PYC)})


def test_a_cache_left_out_is_said_with_its_reason(
    make_tree: MakeTree, make_package: Callable[..., PackageFacts], context: EffectContext
) -> None:
    effect = Effect(
        package="fontconfig",
        key=sha256_of(b""),
        operations=(
            Generate(generator="fontconfig"),
            Generate(generator="python-bytecode", arguments=("/usr/share/app",)),
        ),
    )
    applied = apply_effects(make_tree({}), [(make_package("fontconfig"), effect)], context)
    assert applied.omitted == (("fontconfig", "fontconfig", OMITTED["fontconfig"]),)
    assert applied.bytecode_directories == ("/usr/share/app",)


def test_no_generator_has_two_answers() -> None:
    names = [*GENERATORS, *OMITTED, *ELSEWHERE]
    assert len(names) == len(set(names))


def test_wildcards_match_inside_the_tree_only(make_tree: MakeTree) -> None:
    tree = make_tree({"/etc/x.d/b.conf": b"", "/etc/x.d/a.conf": b"", "/etc/x.d/.h.conf": b""})
    assert matches(tree, "/etc/x.d/*.conf") == ["/etc/x.d/a.conf", "/etc/x.d/b.conf"]
    assert matches(tree, "/etc/*.d/[b-z]*") == ["/etc/x.d/b.conf"]
    assert matches(tree, "/etc/none/*") == []
    assert matches(tree, "/../../etc/x.d/a.conf") == ["/etc/x.d/a.conf"]
