"""The database's file form: every operation survives, hostile files are refused."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neve.effects.codec import EffectFormatError, effect_id
from neve.effects.database import (
    EffectsDatabase,
    PackagedPaths,
    Unmatched,
    dump_effects,
    import_update,
    load_effects,
)
from neve.effects.ops import (
    AddGroup,
    AddMember,
    AddUser,
    Alternative,
    CopyFile,
    DeletePath,
    Divert,
    Effect,
    Generate,
    MakeDirectory,
    MakeLink,
    Operation,
    Precondition,
    SetAttributes,
    WriteFile,
)
from neve.effects.script import Parameters
from neve.errors import DeniedError
from neve.formats.deb.types import PackageFacts
from neve.model import Digest, Origin, Reason, sha256_of
from neve.tree import FileEntry, Inline, Kind

AMD64 = Parameters.of("amd64")
KEY = sha256_of(b"script")

names = st.text("abcdefghij-", min_size=1, max_size=8)
paths = st.lists(names, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
modes = st.integers(0, 0o1777).map(lambda m: m & ~0o6000)
texts = st.text("abc \n{}é", max_size=12)
data = st.one_of(texts.map(str.encode), st.binary(max_size=8))
ids = st.none() | st.integers(0, 60000)
operations: st.SearchStrategy[Operation] = st.one_of(
    st.builds(MakeDirectory, path=paths, mode=modes, owner=names, group=names),
    st.builds(WriteFile, path=paths, data=data, mode=modes, owner=names, group=names),
    st.builds(CopyFile, path=paths, source=paths, mode=modes),
    st.builds(MakeLink, path=paths, target=texts),
    st.builds(SetAttributes, path=paths, mode=st.none() | modes, owner=st.none() | names),
    st.builds(DeletePath, path=paths),
    st.builds(AddGroup, name=names, gid=ids, allocator=st.sampled_from(["adduser", "sysusers"])),
    st.builds(AddUser, name=names, uid=ids, group=st.none() | names, home=paths),
    st.builds(AddMember, user=names, group=names),
    st.builds(
        Alternative,
        name=names,
        link=paths,
        path=paths,
        priority=st.integers(-10, 10000),
        slaves=st.lists(st.tuples(paths, names, paths), max_size=2).map(tuple),
    ),
    st.builds(Divert, path=paths, to=paths),
    st.builds(Generate, generator=names, arguments=st.lists(names, max_size=2).map(tuple)),
)
effects = st.builds(
    Effect,
    package=names,
    key=st.binary(max_size=2).map(sha256_of),
    reads=st.dictionaries(paths, st.just(KEY), max_size=2).map(lambda d: tuple(sorted(d.items()))),
    operations=st.lists(operations, max_size=4).map(tuple),
    provenance=st.sampled_from(["traced", "static", "acknowledged"]),
    suites=st.just(("trixie",)),
    note=texts,
)


@given(st.lists(effects, max_size=4))
def test_what_is_written_is_read_back(found: list[Effect]) -> None:
    data = dump_effects(found, codename="trixie")
    back = load_effects(data)
    assert sorted(map(repr, back)) == sorted(map(repr, found))
    assert dump_effects(reversed(back), codename="trixie") == data


@given(effects)
def test_the_id_does_not_depend_on_suites(effect: Effect) -> None:
    assert effect_id(effect) == effect_id(replace(effect, suites=("bookworm",)))
    assert effect_id(effect) != effect_id(replace(effect, package=effect.package + "x"))


def test_one_changed_operation_is_one_changed_line() -> None:
    effect = Effect(
        package="demo",
        key=KEY,
        operations=(MakeDirectory(path="/var/lib/demo"), AddGroup(name="demo")),
    )
    other = replace(
        effect,
        operations=(MakeDirectory(path="/var/lib/demo", mode=0o750), *effect.operations[1:]),
    )
    before = dump_effects([effect], codename="trixie").splitlines()
    after = dump_effects([other], codename="trixie").splitlines()
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1


@pytest.mark.parametrize(
    ("operation", "word"),
    [
        ({"op": "format-disk"}, "unknown operation"),
        ({"op": "make-directory", "path": "relative"}, "absolute"),
        ({"op": "make-directory", "path": "/a/../../etc"}, "absolute"),
        ({"op": "make-directory", "path": "/a", "mode": 755}, "octal"),
        ({"op": "make-directory", "path": "/a", "mode": "0999"}, "octal"),
        ({"op": "make-directory", "path": "/a", "colour": "red"}, "colour"),
        ({"op": "make-directory"}, "missing"),
        ({"op": "write-file", "path": "/a"}, "text and base64"),
        ({"op": "write-file", "path": "/a", "base64": "!"}, "base64"),
        ({"op": "add-user", "name": "a", "uid": "0"}, "whole number"),
        (
            {
                "op": "alternative",
                "name": "a",
                "link": "/a",
                "path": "/b",
                "priority": 1,
                "slaves": [1],
            },
            "slave",
        ),
        ("text", "not an object"),
    ],
)
def test_a_malformed_operation_is_refused_by_name(operation: object, word: str) -> None:
    block = {"package": "demo", "key": str(KEY), "operations": [operation]}
    document = {"schema_version": 1, "codename": "trixie", "effects": [block]}
    with pytest.raises(EffectFormatError, match=word) as caught:
        load_effects(json.dumps(document).encode())
    assert "demo" in str(caught.value)
    assert "neve effects trace" in caught.value.resolution


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b"[" * 100000, b'{"schema_version": 9, "effects": []}']
)
def test_what_is_no_database_is_refused(data: bytes) -> None:
    with pytest.raises(EffectFormatError):
        load_effects(data)


class Around:
    """A hand-made image: paths to content digests."""

    def __init__(self, **found: bytes) -> None:
        self.found = {f"/{name}": sha256_of(data) for name, data in found.items()}

    def has(self, path: str) -> bool:
        return path in self.found

    def digest(self, path: str) -> Digest | None:
        return self.found.get(path)


def test_preconditions_choose_between_effects() -> None:
    plain = Effect(
        package="demo", key=KEY, preconditions=(Precondition(path="/conf", present=False),)
    )
    configured = Effect(
        package="demo",
        key=KEY,
        preconditions=(Precondition(path="/conf", present=True),),
        reads=(("/conf", sha256_of(b"a")),),
    )
    database = EffectsDatabase.parse(dump_effects([plain, configured], codename="trixie"))
    assert database.match("demo", KEY, Around(), AMD64) == plain
    assert database.match("demo", KEY, Around(conf=b"a"), AMD64) == configured
    other = database.match("demo", KEY, Around(conf=b"b"), AMD64)
    assert isinstance(other, Unmatched)
    assert "/conf" in " ".join(other.reasons)
    assert database.match("demo", sha256_of(b"new script"), Around(), AMD64) is None


def test_an_update_wins_over_the_shipped_effect() -> None:
    old = Effect(package="demo", key=KEY, note="old")
    new = Effect(package="demo", key=KEY, note="new")
    kept = Effect(package="other", key=KEY)
    shipped = EffectsDatabase.parse(dump_effects([old, kept], codename="trixie"))
    both = EffectsDatabase.parse(dump_effects([new], codename="trixie")).over(shipped)
    assert both.match("demo", KEY, Around(), AMD64) == new
    assert both.match("other", KEY, Around(), AMD64) == kept
    assert both.digest not in (shipped.digest,)


@given(st.lists(effects, max_size=4))
def test_a_database_laid_out_otherwise_reads_the_same(found: list[Effect]) -> None:
    data = dump_effects(found, codename="trixie")
    flat = json.dumps(json.loads(data)).encode()
    assert load_effects(flat) == load_effects(data)


def test_a_block_cannot_pass_for_another_packages() -> None:
    data = dump_effects([Effect(package="demo", key=KEY)], codename="trixie")
    twice = data.replace(b'"key"', b'"key": "%s",\n "package": "evil",\n "key"' % str(KEY).encode())
    with pytest.raises(EffectFormatError):
        load_effects(twice)


def test_five_hundred_effects_load_quickly() -> None:
    many = [
        Effect(
            package=f"package-{n}",
            key=sha256_of(str(n).encode()),
            operations=tuple(MakeDirectory(path=f"/var/lib/{n}/{i}") for i in range(6)),
        )
        for n in range(500)
    ]
    data = dump_effects(many, codename="trixie")
    best = min(_timed(data) for _ in range(5))
    assert best < 0.1


def _timed(data: bytes) -> float:
    start = time.perf_counter()
    EffectsDatabase.parse(data)
    return time.perf_counter() - start


@pytest.mark.parametrize(
    "operation",
    [
        WriteFile(
            path="/k", data=b"-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n"
        ),
        WriteFile(path="/k", data=b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n"),
        WriteFile(
            path="/k",
            data=b'key "k" {\n\talgorithm hmac-sha256;\n\tsecret "7rnVvZQUiqRJVvJQ5sYxHg==";\n};\n',
        ),
        WriteFile(path="/k", data=b"[client]\npassword = Xa91ksPPqLm2Zt7e\n"),
        WriteFile(path="/k", data=b"root:$y$j9T$abcdefgh$ijklmnop:19000::::::\n"),
        WriteFile(path="/k", data=b"QKXHBZWJPLFMTYAGDVRNabq1"),
        WriteFile(path="/k", data=bytes(range(256))),
        SetAttributes(path="/usr/bin/x", mode=0o4755),
        WriteFile(path="/usr/bin/x", data=b"", mode=0o2755),
        WriteFile(path="/usr/bin/x", data=b"", mode=0o4755),
    ],
)
def test_secrets_and_privilege_are_refused_by_structure(operation: Operation) -> None:
    document = dump_effects(
        [Effect(package="demo", key=KEY, operations=(operation,))], codename="x"
    )
    with pytest.raises(DeniedError, match="demo"):
        load_effects(document)


@pytest.mark.parametrize(
    "data",
    [
        b"-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----\n",
        b"password = changeme\nport = 5432\n",
        b"Europe/Berlin\n",
        b"# a comment about a secret: none\n",
        b"extension=curl.so\n",
    ],
)
def test_ordinary_configuration_is_let_through(data: bytes) -> None:
    effect = Effect(package="demo", key=KEY, operations=(WriteFile(path="/etc/x", data=data),))
    assert load_effects(dump_effects([effect], codename="x")) == (effect,)


def test_packaged_paths_know_merged_usr_and_hard_links(
    make_package: Callable[..., PackageFacts],
) -> None:
    content = Inline(b"shell")
    reason = Reason(Origin.PACKAGE, "dash", "unpacked")
    entries = (
        FileEntry(path="/bin/dash", kind=Kind.FILE, mode=0o755, content=content, reason=reason),
        FileEntry(
            path="/usr/bin/again", kind=Kind.HARDLINK, mode=0o755, target="/bin/dash", reason=reason
        ),
        FileEntry(path="/etc", kind=Kind.DIRECTORY, mode=0o755, reason=reason),
    )
    around = PackagedPaths([replace(make_package("dash"), entries=entries)])
    assert around.has("/usr/bin/dash")
    assert around.has("/bin/dash")
    assert around.has("/etc")
    assert not around.has("/binary")
    assert around.digest("/bin/again") == around.digest("/usr/bin/dash") == content.digest
    assert around.digest("/etc") is None
    assert around.digest("/nowhere") is None


def test_an_update_is_checked_whole_before_it_is_written(tmp_path: Path) -> None:
    good = dump_effects([Effect(package="demo", key=KEY)], codename="trixie")
    written = import_update(good, tmp_path, write=lambda path, data: None)
    assert written == tmp_path / "trixie.json"
    secret = WriteFile(path="/k", data=b"-----BEGIN PRIVATE KEY-----\n")
    bad = dump_effects([Effect(package="demo", key=KEY, operations=(secret,))], codename="trixie")
    climbing = dump_effects([], codename="../../etc/x")
    for data, error in ((bad, DeniedError), (climbing, EffectFormatError)):
        with pytest.raises(error):
            import_update(data, tmp_path, write=lambda path, data: pytest.fail("written"))


def test_a_suite_without_a_database_knows_nothing() -> None:
    empty = EffectsDatabase.load("nosuchsuite")
    assert len(empty) == 0
    assert empty.match("demo", KEY, Around(), AMD64) is None
