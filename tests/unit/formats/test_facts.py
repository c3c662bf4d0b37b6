"""Package facts survive the action cache, and nothing else is taken for facts."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neve.formats.deb import ElfFacts, PackageFacts, dump_facts, load_facts
from neve.model import Digest, Origin, Reason, sha256_of
from neve.tree import FileEntry, Kind, Slice

SOURCE = sha256_of(b"data")
REASON = Reason(Origin.PACKAGE, "example", "unpacked")
NUMBERS = st.integers(0, 2**31)
TEXTS = st.text(max_size=8)
_PACKED = (Kind.FILE, Kind.DIRECTORY, Kind.SYMLINK, Kind.HARDLINK)
"""What a package may hold; devices and pipes are refused when it is read."""


@st.composite
def entries(draw: st.DrawFn) -> tuple[FileEntry, ...]:
    made = []
    for path in draw(st.lists(TEXTS, max_size=6, unique=True)):
        kind = draw(st.sampled_from(_PACKED))
        content = None
        if kind is Kind.FILE:
            body = draw(st.binary(max_size=4))
            content = Slice(
                SOURCE, draw(NUMBERS), draw(NUMBERS), sha256_of(body), body.hex().rjust(40, "0")
            )
        made.append(
            FileEntry(
                path="/" + path,
                kind=kind,
                mode=draw(st.integers(0, 0o7777)),
                uid=draw(NUMBERS),
                gid=draw(st.sampled_from([0, 42])),
                mtime=draw(NUMBERS),
                content=content,
                target=draw(TEXTS) if kind in (Kind.SYMLINK, Kind.HARDLINK) else None,
                xattrs=draw(st.sampled_from([(), (("user.a", b"\0\xff"),)])),
                owners=("example",),
                reason=REASON,
            )
        )
    return tuple(made)


ELF = st.builds(
    ElfFacts,
    soname=st.none() | TEXTS,
    needed=st.lists(TEXTS, max_size=2).map(tuple),
    interpreter=st.none() | TEXTS,
    runpath=st.lists(TEXTS, max_size=2).map(tuple),
    machine=st.integers(0, 65535),
    bits=st.sampled_from([32, 64]),
    runs_shell=st.booleans(),
)
FACTS = st.builds(
    PackageFacts,
    digest=st.just(sha256_of(b"deb")),
    data=st.just(SOURCE),
    data_size=st.just(2**40),
    control=st.lists(st.tuples(TEXTS, TEXTS), max_size=3).map(tuple),
    entries=entries(),
    scripts=st.lists(st.tuples(TEXTS, st.binary(max_size=9)), max_size=2).map(tuple),
    conffiles=st.lists(TEXTS, max_size=2).map(tuple),
    md5sums=st.none() | st.binary(max_size=9),
    interpreters=st.lists(st.tuples(TEXTS, st.lists(TEXTS, max_size=2).map(tuple)), max_size=2).map(
        tuple
    ),
    elf=st.lists(st.tuples(TEXTS, ELF), max_size=2).map(tuple),
)


@settings(deadline=None)
@given(FACTS)
def test_facts_come_back_as_they_went(facts: PackageFacts) -> None:
    loaded = load_facts(dump_facts(facts))
    assert loaded == facts
    assert hash(loaded.entries) == hash(facts.entries)
    assert dump_facts(loaded) == dump_facts(facts)


@pytest.fixture(scope="module")
def dumped(make_deb: Callable[..., bytes], read: Callable[[bytes], PackageFacts]) -> bytes:
    script = tarfile.TarInfo("./script")
    link = tarfile.TarInfo("./link")
    link.type, link.linkname = tarfile.SYMTYPE, "script"
    return dump_facts(read(make_deb((script, b"#!/bin/sh\n"), link)))


def test_loaded_digests_are_digests(dumped: bytes) -> None:
    content = load_facts(dumped).entries[0].content
    assert isinstance(content, Slice)
    assert content.digest == Digest.parse(str(content.digest)) == sha256_of(b"#!/bin/sh\n")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("version", "0"),
        ("digest", "sha256:12"),
        ("data_size", -1),
        ("data_size", True),
        ("data_size", 3),
        ("kinds", "ff"),
        ("kinds", "f?"),
        ("kinds", "f"),
        ("paths", ["/script", "/script"]),
        ("paths", ["/script", 7]),
        ("modes", [0o100644, 0]),
        ("modes", [1.5, 0]),
        ("offsets", []),
        ("offsets", ["a"]),
        ("sha256", "Z" * 64),
        ("sha256", "A" * 64),
        ("sha1", "0" * 39),
        ("targets", []),
        ("targets", ["a", "b"]),
        ("owned", [[0, [-1, 0]]]),
        ("xattrs", [[0, [["a", "not base64"]]]]),
        ("elf", [["/x", 1]]),
        ("control", [["a"]]),
        ("conffiles", "abc"),
        ("entries", None),
        ("name", 3),
    ],
)
def test_facts_of_a_wrong_shape_are_refused(key: str, value: object, dumped: bytes) -> None:
    document: dict[str, Any] = json.loads(dumped)
    if value is None:
        document = {}
    else:
        document[key] = value
    with pytest.raises(ValueError):  # noqa: PT011
        load_facts(json.dumps(document).encode())


def test_facts_cut_at_any_byte_are_refused(dumped: bytes) -> None:
    for length in range(len(dumped)):
        with pytest.raises(ValueError):  # noqa: PT011
            load_facts(dumped[:length])
