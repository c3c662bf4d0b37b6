"""An image's inventory from its layers: read once, kept by digest, merged as engines merge."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.layers import Layers, tar_of

from neve.errors import HostileInputError, NeveError, TrustError
from neve.inventory import Change, Depth, Inventory
from neve.inventory import layer_facts as bounds
from neve.inventory.codec import decode, encode
from neve.inventory.entries import digest_of, size_of
from neve.inventory.facts import observing
from neve.inventory.layer_facts import Allowance, Hashes, LayerFacts, read_layer
from neve.inventory.layers import read_image
from neve.model import Digest
from neve.oci.read_tree import read_tree
from neve.oci.source import ReadLimits
from neve.store import Store
from neve.tree import Tree

STATUS = (
    b"Package: tool\nStatus: install ok installed\nVersion: 1:2-3\nArchitecture: amd64\n"
    b"Source: tools (2-3)\nConffiles:\n /etc/tool.conf %s\n\n"
)
MD5 = hashlib.md5(b"tool", usedforsecurity=False).hexdigest()


class Cache:
    """Rows by key, counted."""

    def __init__(self) -> None:
        self.rows: dict[Digest, bytes] = {}

    def action(self, key: Digest) -> bytes | None:
        """The row."""
        return self.rows.get(key)

    def remember(self, key: Digest, value: bytes) -> None:
        """Keep the row."""
        self.rows[key] = value


@pytest.fixture
def base() -> bytes:
    """A small Debian: one package with a program, a configuration file and documentation."""
    conf = hashlib.md5(b"conf", usedforsecurity=False).hexdigest().encode()
    sums = f"{MD5}  bin/tool\n{MD5}  usr/share/doc/tool/README\n{MD5}  usr/lib/gone.so\n"
    return tar_of(
        ("etc", "5"),
        ("etc/debian_version", b"13.1\n"),
        ("etc/os-release", b"ID=debian\n"),
        ("etc/tool.conf", b"conf"),
        ("bin", "-> usr/bin"),
        ("usr/bin/tool", b"tool"),
        ("usr/lib/os-release", b'ID=debian\nVERSION_ID="13"\n'),
        ("var/lib/dpkg/status", STATUS % conf),
        ("var/lib/dpkg/info/tool.md5sums", sums.encode()),
        ("var/lib/dpkg/info/tool.list", b"/.\n/etc/tool.conf\n/bin/tool\n"),
    )


def test_packages_owners_and_changes(base: bytes) -> None:
    found = read_image(Layers(base)).inventory
    (package,) = found.packages
    assert package.purl == "pkg:deb/debian/tool@1:2-3?arch=amd64&distro=debian&upstream=tools%402-3"
    owners = {item.path: item.owners for item in found.files}
    assert owners["/usr/bin/tool"] == owners["/etc/tool.conf"] == ("tool",)
    assert owners["/etc/os-release"] == ()
    assert [(item.path, item.change) for item in found.changed] == [
        ("/usr/lib/gone.so", Change.MISSING)
    ]


def test_what_an_upper_layer_changes_is_a_change(base: bytes) -> None:
    upper = tar_of(("usr/bin/tool", b"other"), ("etc/tool.conf", b"mine"))
    found = read_image(Layers(base, upper)).inventory
    assert [(item.path, item.change) for item in found.changed] == [
        ("/etc/tool.conf", Change.CONFIGURATION),
        ("/usr/bin/tool", Change.CONTENT),
        ("/usr/lib/gone.so", Change.MISSING),
    ]


def test_a_member_below_a_linked_directory_replaces_the_file_behind_it(base: bytes) -> None:
    found = read_image(Layers(base, tar_of(("bin/tool", b"other")))).inventory
    assert ("/usr/bin/tool", Change.CONTENT) in [(c.path, c.change) for c in found.changed]
    assert not any(item.path == "/bin/tool" for item in found.files)


def test_a_second_look_costs_only_what_is_new(base: bytes) -> None:
    cache = Cache()
    first = read_image(Layers(base), cache=cache)
    image = Layers(base, tar_of(("srv/x", b"1")))
    second = read_image(image, cache=cache)
    assert [layer.cached for layer in second.layers] == [True, False]
    assert image.taken[0] == 0
    assert image.taken[1] > 0
    assert first.inventory.packages == second.inventory.packages
    again = read_image(Layers(base, tar_of(("srv/x", b"1"))), cache=cache)
    assert again.inventory == second.inventory
    assert shape(again.tree) == shape(second.tree)


def test_another_process_finds_the_same_rows() -> None:
    script = (
        "from neve.inventory.codec import format_version\n"
        "from neve.inventory.facts import observing\n"
        "from neve.inventory.types import Depth\n"
        "print(format_version(), observing(Depth.FULL).version)"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(said) == 1


def test_depths_share_no_rows(base: bytes) -> None:
    cache = Cache()
    for depth in Depth:
        assert not read_image(Layers(base), cache=cache, depth=depth).layers[0].cached
    assert len(cache.rows) == len(Depth)


@pytest.mark.parametrize(
    "damage", [b"", b"junk", zstandard.compress(b"{}"), zstandard.compress(b"[1]")]
)
def test_a_damaged_row_is_read_from_the_layer_again(base: bytes, damage: bytes) -> None:
    cache = Cache()
    want = read_image(Layers(base), cache=cache).inventory
    cache.rows = dict.fromkeys(cache.rows, damage)
    found = read_image(Layers(base), cache=cache)
    assert found.inventory == want
    assert not found.layers[0].cached
    assert read_image(Layers(base), cache=cache).layers[0].cached


def test_a_row_vouches_for_no_layer_of_other_bytes(base: bytes) -> None:
    """A manifest that names its own bytes but a known diff_id is not the known layer."""
    cache = Cache()
    read_image(Layers(base), cache=cache)
    evil = gzip.compress(tar_of(("bin/evil", b"x")))
    with pytest.raises(TrustError, match="not what the configuration says"):
        read_image(Layers(evil, tars=[base]), cache=cache)


def test_layers_known_by_their_content_alone_are_hashed_each_time(base: bytes) -> None:
    cache = Cache()
    read_image(Layers(base, named=False), cache=cache)
    image = Layers(base, named=False)
    assert read_image(image, cache=cache).layers[0].cached
    assert image.taken[0] == len(base)
    other = tar_of(("x", b""))
    with pytest.raises(TrustError):
        read_image(Layers(other, tars=[base], named=False), cache=cache)


def test_a_missing_blob_is_no_known_layer(base: bytes) -> None:
    cache = Cache()
    image = Layers(base)
    read_image(image, cache=cache)

    def gone(_: object) -> object:
        raise HostileInputError("the blob is missing", resolution="Fetch it again.")

    image.open_layer = gone  # type: ignore[method-assign,assignment]
    with pytest.raises(HostileInputError, match="missing"):
        read_image(image, cache=cache)


def test_the_same_layer_twice_is_read_once(base: bytes) -> None:
    image = Layers(base, base)
    found = read_image(image)
    assert image.opened == [1, 0]
    assert len(found.layers) == 2


@pytest.mark.parametrize(
    ("marker", "taken"),
    [("etc/debian_version", "md5"), ("etc/alpine-release", "sha1"), ("etc/rpm", "sha256")],
)
def test_only_the_checksum_of_the_distribution_is_taken(marker: str, taken: str) -> None:
    data = tar_of((marker, b"1"), ("usr/bin/x", b"content"))
    image = Layers(data)
    limits = ReadLimits()
    hashes = Hashes(Depth.FULL)
    read = read_layer(image, image.layers[0], observing(Depth.INVENTORY), Allowance(limits), hashes)
    member = read.members[-1]
    facts = member.facts
    assert {
        "md5": bool(facts and facts.md5),
        "sha1": bool(facts and facts.sha1),
        "sha256": bool(member.sha256),
    } == {name: name in (taken, "sha256") for name in ("md5", "sha1", "sha256")}


def test_content_is_hashed_at_full_depth_only(base: bytes) -> None:
    found = read_image(Layers(base), depth=Depth.INVENTORY).inventory
    assert found.changed == ()
    assert {item.digest for item in found.files} == {None}


def test_files_too_large_to_hold_are_hashed_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "SMALL", 1000)
    monkeypatch.setattr(bounds, "LARGEST", 5000)
    large, larger = b"\x7fELF" + b"x" * 4000, b"\x7fELF" + b"x" * 9000
    found = read_image(Layers(tar_of(("a", large), ("b", larger)))).inventory
    assert {item.path for item in found.unjudged} == {"/b"}
    assert "too large" in found.unjudged[0].reason
    digests = {item.path: item.digest for item in found.files}
    assert digests["/a"] == Digest("sha256", hashlib.sha256(large).hexdigest())
    assert digests["/b"] == Digest("sha256", hashlib.sha256(larger).hexdigest())


def test_an_observer_that_fails_hides_nothing_else(base: bytes) -> None:
    broken = tar_of(("var/lib/dpkg/status.d/x", b"no field\n"))
    found = read_image(Layers(base, broken)).inventory
    assert [item.name for item in found.packages] == ["tool"]
    assert [item.path for item in found.unjudged] == ["/var/lib/dpkg/status.d/x"]


def shape(tree: Tree) -> list[tuple[object, ...]]:
    return [
        (e.path, e.kind, e.mode, e.uid, e.gid, e.mtime, e.target, e.xattrs, e.device,
         size_of(e), digest_of(e))
        for e in tree
    ]  # fmt: skip


_NAMES = st.sampled_from(["a", "b", "c", "d", ".wh.a", ".wh.b", ".wh..wh..opq"])
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map("/".join)
_WHAT = st.one_of(
    st.binary(max_size=6),
    st.sampled_from(["5", "3", "6", "-> a", "-> /b", "-> ../c", "-> c/d", "= a", "= b/c"]),
)
_TARS = st.lists(st.tuples(_PATHS, _WHAT), max_size=6).map(lambda rows: tar_of(*rows))


@settings(max_examples=80, deadline=None)
@given(st.lists(_TARS, min_size=1, max_size=4))
def test_streamed_layers_give_the_tree_that_stored_ones_give(tars: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        store = Store.open(Path(scratch))
        assert outcome(lambda: read_tree(Layers(*tars), store)) == outcome(
            lambda: read_image(Layers(*tars)).tree
        )


def outcome(read: Callable[[], Tree]) -> object:
    try:
        return shape(read())
    except NeveError as error:
        return error.brief


@settings(max_examples=30, deadline=None)
@given(_TARS)
def test_facts_come_back_from_their_bytes(data: bytes) -> None:
    image = Layers(data)
    limits = ReadLimits()
    facts = read_layer(
        image, image.layers[0], observing(Depth.FULL), Allowance(limits), Hashes(Depth.FULL)
    )
    assert decode(encode(facts)) == facts


def test_what_real_files_say_comes_back_from_its_bytes() -> None:
    program = Path(sys.executable).read_bytes()
    data = tar_of(("usr/bin/python3", program), ("x", b"\xff"), ("\udcff", b""))
    image = Layers(data)
    facts = read_layer(
        image,
        image.layers[0],
        observing(Depth.FULL),
        Allowance(ReadLimits()),
        Hashes(Depth.FULL),
    )
    said = facts.members[0].facts
    assert said is not None
    assert said.elf is not None
    assert decode(encode(facts)) == facts


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_no_bytes_crash_the_cache(data: st.DataObject) -> None:
    raw = bytearray(encode(_facts()))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ValueError):
        decode(bytes(raw))


def _facts() -> LayerFacts:
    image = Layers(tar_of(("etc/passwd", b"root:x:0:0::/:/bin/sh\n"), ("l", "-> x")))
    limits = ReadLimits()
    return read_layer(
        image, image.layers[0], observing(Depth.FULL), Allowance(limits), Hashes(Depth.FULL)
    )


def _passwords() -> Iterator[tuple[str, str, str]]:
    yield "x", "$y$j9T$abc$def", "hash yescrypt"
    yield "x", "$6$salt$hash", "hash sha512crypt"
    yield "x", "$2b$12$abcdefghijk", "hash bcrypt"
    yield "x", "abJnggxhB/yWI", "hash des"
    yield "x", "*", "locked"
    yield "x", "!", "locked"
    yield "x", "!$6$salt$hash", "locked"
    yield "x", "", "none"
    yield "", "", "none"
    yield "*", "", "locked"


@pytest.mark.parametrize(("field", "shadow", "state"), list(_passwords()))
def test_how_an_account_may_log_in(field: str, shadow: str, state: str) -> None:
    found = _with(
        ("etc/passwd", f"u:{field}:1000:1000::/:/bin/sh\n".encode()),
        ("etc/shadow", f"u:{shadow}:1:::::\n".encode()),
    )
    assert [account.password for account in found.accounts] == [state]


def test_without_a_shadow_file_nothing_is_said_of_passwords() -> None:
    found = _with(("etc/passwd", b"u:x:1:1::/:/bin/sh\n"))
    assert [account.password for account in found.accounts] == [""]


def test_services_of_every_manager() -> None:
    found = _with(
        ("lib/systemd/system/a.service", b""),
        ("etc/systemd/system/masked.service", "-> /dev/null"),
        ("etc/init.d/b", b"#!/bin/sh\n"),
        ("etc/init.d/c", b"#!/sbin/openrc-run\n"),
        ("etc/sv/d/run", b""),
        ("etc/services.d/e/run", b""),
        ("etc/s6-overlay/s6-rc.d/f/up", b""),
        ("usr/lib/services/template/h/run", "-> /usr/lib/services/each/h/run"),
        ("etc/supervisor/conf.d/x.conf", b"[program:g]\ncommand=x\n[supervisord]\n"),
        ("etc/inittab", b"# c\n::respawn:/sbin/getty 1\nid:3:initdefault:\n"),
    )
    assert [(item.manager, item.name) for item in found.services] == [
        ("init", "/sbin/getty 1"),
        ("systemd", "a.service"),
        ("init", "b"),
        ("openrc", "c"),
        ("runit", "d"),
        ("s6", "e"),
        ("s6", "f"),
        ("supervisor", "g"),
        ("s6", "h"),
    ]


def _with(*members: tuple[str, object]) -> Inventory:
    return read_image(Layers(tar_of(*members))).inventory
