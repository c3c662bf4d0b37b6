"""The loader's cache on small trees: which files count, their order, and the links made.

That the bytes are ldconfig's own is tested against ldconfig in the integration tests.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neve.effects.bench import EffectContext, Workbench
from neve.effects.generators import ldcache
from neve.effects.script import Parameters
from neve.formats.deb.types import ElfFacts
from neve.model import sha256_of
from neve.tree import Inline, Kind, Tree

BANNER = b"\0GNU C Library (Debian GLIBC 2.41-12) stable release version 2.41.\0"
LIBC = "/usr/lib/x86_64-linux-gnu/libc.so.6"
CONF = {
    "/etc/ld.so.conf": b"include /etc/ld.so.conf.d/*.conf\n",
    "/etc/ld.so.conf.d/a.conf": b"# Multiarch\n/lib/x86_64-linux-gnu\n/usr/lib/x86_64-linux-gnu\n",
    LIBC: BANNER,
}
Run = Callable[..., Workbench]


def elf(soname: str | None, machine: int = 62, bits: int = 64) -> ElfFacts:
    return ElfFacts(
        soname=soname,
        needed=(),
        interpreter=None,
        runpath=(),
        machine=machine,
        bits=bits,
        runs_shell=False,
    )


@pytest.fixture
def run(make_tree: Callable[..., Tree], context: EffectContext) -> Run:
    def made(paths: dict[str, bytes | str | None], sonames: dict[bytes, ElfFacts]) -> Workbench:
        known = {sha256_of(data): facts for data, facts in sonames.items()}
        known[sha256_of(BANNER)] = elf("libc.so.6")
        bench = Workbench(make_tree({**CONF, **paths}), replace(context, elf=known))
        ldcache.run(bench, (("libc-bin", ()),))
        return bench

    return made


def cached(bench: Workbench) -> list[tuple[str, str, int]]:
    content = bench.tree["/etc/ld.so.cache"].content
    assert isinstance(content, Inline)
    data = content.data
    count, size = struct.unpack_from("<II", data, 20)
    assert 48 + 24 * count + size <= len(data)

    def text(offset: int) -> str:
        return data[offset : data.index(b"\0", offset)].decode()

    found = []
    for index in range(count):
        _, key, value, _, hwcap = struct.unpack_from("<iIIIQ", data, 48 + 24 * index)
        found.append((text(key), text(value), hwcap))
    return found


def test_libraries_are_found_by_soname_newest_first(run: Run) -> None:
    lib = "/usr/lib/x86_64-linux-gnu"
    bench = run(
        {
            f"{lib}/libz.so.1": "libz.so.1.3.1",
            f"{lib}/libz.so.1.3.1": b"z",
            f"{lib}/libz.so.1.2.9": b"old z",
            f"{lib}/libb.so.10": b"b10",
            f"{lib}/libb.so.9": b"b9",
            f"{lib}/notalib.so": b"z",
            f"{lib}/libtext.so": b"/* GNU ld script */",
            f"{lib}/libfoo-gdb.py": b"",
            f"{lib}/libdangling.so.1": "nowhere",
        },
        {
            b"z": elf("libz.so.1"),
            b"old z": elf("libz.so.1"),
            b"b10": elf("libb.so.10"),
            b"b9": elf("libb.so.9"),
        },
    )
    assert [(key, value) for key, value, _ in cached(bench)] == [
        ("libz.so.1", "/lib/x86_64-linux-gnu/libz.so.1"),
        ("libc.so.6", "/lib/x86_64-linux-gnu/libc.so.6"),
        ("libb.so.10", "/lib/x86_64-linux-gnu/libb.so.10"),
        ("libb.so.9", "/lib/x86_64-linux-gnu/libb.so.9"),
    ]


def test_a_missing_soname_link_is_made(run: Run) -> None:
    bench = run({"/usr/lib/libq.so.2.1": b"q"}, {b"q": elf("libq.so.2")})
    link = bench.tree["/usr/lib/libq.so.2"]
    assert (link.kind, link.target, link.reason.subject) == (
        Kind.SYMLINK,
        "libq.so.2.1",
        "libc-bin",
    )


def test_hwcaps_come_before_the_plain_library(run: Run) -> None:
    lib = "/usr/lib/x86_64-linux-gnu"
    bench = run(
        {
            f"{lib}/libx.so.1": b"plain",
            f"{lib}/glibc-hwcaps/x86-64-v3/libx.so.1": b"v3",
            f"{lib}/glibc-hwcaps/x86-64-v2/libx.so.1": b"v2",
        },
        {b"plain": elf("libx.so.1"), b"v2": elf("libx.so.1"), b"v3": elf("libx.so.1")},
    )
    found = [(value, hwcap) for key, value, hwcap in cached(bench) if key == "libx.so.1"]
    assert [value.split("/")[-2] for value, _ in found] == [
        "x86-64-v2",
        "x86-64-v3",
        "x86_64-linux-gnu",
    ]
    assert [hwcap >> 62 for _, hwcap in found] == [1, 1, 0]


def test_foreign_machines_do_not_count(run: Run) -> None:
    bench = run(
        {"/usr/lib/liba.so.1": b"arm", "/usr/lib/libi.so.1": b"i386"},
        {b"arm": elf("liba.so.1", machine=183), b"i386": elf("libi.so.1", machine=3, bits=32)},
    )
    assert [key for key, _, _ in cached(bench)] == ["libi.so.1", "libc.so.6"]


def test_nothing_is_written_without_a_c_library(
    make_tree: Callable[..., Tree], context: EffectContext
) -> None:
    bench = Workbench(make_tree({"/usr/lib/liba.so": b""}), context)
    ldcache.run(bench, (("libc-bin", ()),))
    assert bench.edits == []


def test_unasked_it_is_written_only_where_the_loader_needs_it(
    make_tree: Callable[..., Tree], context: EffectContext
) -> None:
    known = {sha256_of(b"o"): elf("libo.so.1")}
    paths: dict[str, bytes | str | None] = {
        LIBC: BANNER,
        "/etc/ld.so.conf.d/x.conf": b"/usr/lib/x86_64-linux-gnu\n/opt/lib\n",
    }
    plain = Workbench(make_tree(paths), replace(context, elf=known))
    ldcache.run(plain, ())
    assert plain.edits == []
    own = Workbench(make_tree({**paths, "/opt/lib/libo.so.1": b"o"}), replace(context, elf=known))
    ldcache.run(own, ())
    assert ("libo.so.1", "/opt/lib/libo.so.1", 0) in cached(own)


def test_includes_that_include_each_other_end(run: Run) -> None:
    bench = run(
        {
            "/etc/ld.so.conf.d/b.conf": b"include /etc/ld.so.conf\ninclude *.conf\n/opt/lib\n",
            "/opt/lib/libo.so.1": b"o",
        },
        {b"o": elf("libo.so.1")},
    )
    assert ("libo.so.1", "/opt/lib/libo.so.1", 0) in cached(bench)


def test_the_same_tree_gives_the_same_bytes(run: Run) -> None:
    paths: dict[str, bytes | str | None] = {f"/usr/lib/lib{c}.so.1": c.encode() for c in "dbca"}
    known = {c.encode(): elf(f"lib{c}.so.1") for c in "abcd"}
    first, second = run(paths, known), run(dict(reversed(paths.items())), known)
    assert first.tree["/etc/ld.so.cache"].content == second.tree["/etc/ld.so.cache"].content
    again = len(first.edits)
    ldcache.run(first, (("libc-bin", ()),))
    assert len(first.edits) == again


@given(st.lists(st.text("ab.0123456789", max_size=6), min_size=2, max_size=6))
def test_the_order_of_names_is_an_order(names: list[str]) -> None:
    for a in names:
        assert ldcache._libcmp(a, a) == 0
        for b in names:
            assert ldcache._libcmp(a, b) == -ldcache._libcmp(b, a)
            for c in names:
                if ldcache._libcmp(a, b) <= 0 and ldcache._libcmp(b, c) <= 0:
                    assert ldcache._libcmp(a, c) <= 0


@given(st.sets(st.text("ab/", min_size=1, max_size=5), min_size=1, max_size=12))
def test_every_text_of_the_string_table_is_where_it_says(texts: set[str]) -> None:
    offsets, table = ldcache._string_table(texts)
    for text in texts:
        start = offsets[text]
        assert table[start : table.index(b"\0", start)].decode() == text


def test_arm64_has_its_own_flag(make_tree: Callable[..., Tree], context: EffectContext) -> None:
    tree = make_tree({"/usr/lib/aarch64-linux-gnu/libc.so.6": BANNER, "/usr/lib/liba.so.1": b"a"})
    known = {sha256_of(b"a"): elf("liba.so.1", machine=183)}
    bench = Workbench(tree, replace(context, parameters=Parameters.of("arm64"), elf=known))
    ldcache.run(bench, (("libc-bin", ()),))
    content = tree["/etc/ld.so.cache"].content
    assert isinstance(content, Inline)
    assert struct.unpack_from("<i", content.data, 48) == (0x0A03,)
