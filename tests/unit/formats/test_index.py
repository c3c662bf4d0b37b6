"""A Packages index read lazily: by name, by what is provided, and from cached offsets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neve.errors import HostileInputError
from neve.formats.deb import PackagesIndex, Relation


def stanza(name: str, version: str = "1", **fields: str) -> str:
    base = {
        "Version": version,
        "Architecture": "amd64",
        "Filename": f"pool/{name}_{version}.deb",
        "Size": "10",
        "SHA256": "0" * 64,
    }
    named = {key.replace("_", "-"): value for key, value in fields.items()}
    lines = [f"{key}: {value}\n" for key, value in {**base, **named}.items() if value]
    return f"Package: {name}\n{''.join(lines)}\n"


INDEX = "".join(
    [
        stanza(
            "a", Depends="b (>= 2) | c, d", Provides="mail (= 3), x-mta,\n y-mta", Essential="yes"
        ),
        stanza("b", "1", Source="bb (0.9)", Installed_Size="12", Multi_Arch="same"),
        stanza("b", "2", Source="bb"),
        stanza("c", Description="a text\n Package: not-a-package\n Provides: nothing"),
        stanza("d", Provides="mail-server, mail"),
    ]
).encode()


def test_stanzas_are_found_by_name() -> None:
    index = PackagesIndex.parse(INDEX)
    assert index.names == {"a", "b", "c", "d"}
    assert list(index) == ["a", "b", "c", "d"]
    assert len(index) == 4
    assert "b" in index
    assert index.get("missing") == ()
    (package,) = index.get("a")
    assert package.depends == ((Relation("b", "", ">=", "2"), Relation("c")), (Relation("d"),))
    assert package.essential
    assert package.size == 10
    assert package.filename == "pool/a_1.deb"


def test_several_versions_of_a_name_are_all_given() -> None:
    one, two = PackagesIndex.parse(INDEX).get("b")
    assert (one.version, one.source, one.source_version) == ("1", "bb", "0.9")
    assert (two.version, two.source, two.source_version) == ("2", "bb", "2")
    assert (one.installed_size, one.multi_arch) == (12 * 1024, "same")


def test_the_same_stanza_twice_counts_once() -> None:
    assert len(PackagesIndex.parse(INDEX + INDEX).get("a")) == 1


def test_providers_are_found_in_the_order_of_the_index() -> None:
    index = PackagesIndex.parse(INDEX)
    assert [p.name for p in index.providers("mail")] == ["a", "d"]
    assert [p.name for p in index.providers("y-mta")] == ["a"]
    assert index.providers("nothing") == ()
    assert index.virtual_names == {"mail", "x-mta", "y-mta", "mail-server"}


def test_cached_offsets_give_the_same_index() -> None:
    index = PackagesIndex.parse(INDEX)
    again = PackagesIndex.restore(memoryview(INDEX), index.dump())
    assert list(again) == list(index)
    assert all(again.get(name) == index.get(name) for name in index)
    assert again.providers("mail") == index.providers("mail")
    assert again.dump() == index.dump()


def test_offsets_of_another_index_or_cut_short_are_refused() -> None:
    dumped = PackagesIndex.parse(INDEX).dump()
    with pytest.raises(ValueError, match="another index"):
        PackagesIndex.restore(INDEX + b"\n", dumped)
    for length in range(len(dumped)):
        with pytest.raises(ValueError):  # noqa: PT011
            PackagesIndex.restore(INDEX, dumped[:length])


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_damaged_offsets_never_crash(at: int, byte: int) -> None:
    dumped = bytearray(PackagesIndex.parse(INDEX).dump())
    dumped[at % len(dumped)] = byte
    try:
        index = PackagesIndex.restore(INDEX, bytes(dumped))
        for name in index:
            index.get(name)
        index.providers("mail")
    except (ValueError, HostileInputError):
        pass


def test_an_empty_index_has_nothing() -> None:
    for data in (b"", b"\n\n"):
        index = PackagesIndex.parse(data)
        assert len(index) == 0
        assert index.providers("mail") == ()
        assert len(PackagesIndex.restore(data, index.dump())) == 0


def test_blank_lines_before_and_missing_ones_at_the_end_do_not_matter() -> None:
    index = PackagesIndex.parse(b"\n\n" + INDEX.rstrip(b"\n"))
    assert index.get("d")[0].version == "1"
    assert index.get("a")[0].version == "1"


def test_fields_may_stand_in_any_order() -> None:
    stanzas = INDEX.decode().strip().split("\n\n")
    last = []
    for text in stanzas:
        package, _, rest = text.partition("\n")
        last.append(f"{rest}\n{package}\n")
    for data in ("\n".join(last), INDEX.decode() + last[1].replace("Package: b", "Package: e")):
        index = PackagesIndex.parse(data.encode())
        known = PackagesIndex.parse(INDEX)
        assert all(index.get(name) == known.get(name) for name in known)
        assert index.providers("mail") == known.providers("mail")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (stanza("a", "1 2"), "package a: .*version"),
        (stanza("a", ""), "package a: .*Version"),
        (stanza("a", Filename="../../etc/passwd"), "package a: .*Filename"),
        (stanza("a", Filename="/etc/passwd"), "package a: .*Filename"),
        (stanza("a", SHA256="zz"), "package a: "),
        (stanza("a", Size="-1"), "package a: .*Size"),
        (stanza("a", Size="9" * 5_000), "package a: .*Size"),
        (stanza("a", Depends="b (>="), "package a: .*relation"),
        (stanza("a").rstrip("\n") + "\nSize: 11\n", "package a: .*twice"),
    ],
)
def test_a_malformed_stanza_names_its_package(broken: str, message: str) -> None:
    index = PackagesIndex.parse(broken.encode())
    with pytest.raises(HostileInputError, match=message):
        index.get("a")


@pytest.mark.parametrize("data", [b"Version: 1\n", b"Package: a b\n", b"Package: \n", b"\x1f\x8b"])
def test_what_is_no_index_is_refused(data: bytes) -> None:
    with pytest.raises(HostileInputError, match="malformed stanza"):
        PackagesIndex.parse(data)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        index = PackagesIndex.parse(stanza("a").encode() + data)
        for name in index:
            index.get(name)
        for name in index.virtual_names:
            index.providers(name)
    except HostileInputError:
        pass
