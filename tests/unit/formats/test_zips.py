"""ZIP archives in memory: what Python writes is read, what no honest tool writes is refused."""

from __future__ import annotations

import io
import struct
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neve.errors import HostileInputError
from neve.formats.zips import Budget, read_zip

FILES = {"a.txt": b"first", "dir/b.txt": b"second" * 500, "c": b""}


def packed(files: dict[str, bytes], *, stored: bool = False, prefix: bytes = b"") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as new:
        for name, data in files.items():
            new.writestr(name, data)
    return prefix + made.getvalue()


def contents(data: bytes, limit: int = 1 << 20) -> dict[str, bytes]:
    archive = read_zip(memoryview(data), subject="x.jar")
    return {item.name: bytes(archive.content(item, limit=limit)) for item in archive.entries}


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("prefix", [b"", b"#!/bin/sh\nexec java -jar $0\n"])
def test_what_python_writes(stored: bool, prefix: bytes) -> None:
    assert contents(packed(FILES, stored=stored, prefix=prefix)) == FILES


def test_zip64() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as new, new.open("wide", "w", force_zip64=True) as file:
        file.write(b"content")
    assert contents(made.getvalue()) == {"wide": b"content"}


def test_a_zip64_directory() -> None:
    data = packed(FILES)
    end = data.rindex(b"PK\5\6")
    count, size, offset = struct.unpack_from("<HII", data, end + 10)
    wide = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, offset)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, end, 1)
    ending = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    assert contents(data[:end] + wide + locator + ending) == FILES


def test_only_wanted_names() -> None:
    archive = read_zip(
        memoryview(packed(FILES)), subject="x", wanted=lambda name: name.endswith(b".txt")
    )
    assert [item.name for item in archive.entries] == ["a.txt", "dir/b.txt"]


def test_a_bomb_is_refused_before_it_is_inflated() -> None:
    with pytest.raises(HostileInputError, match="larger than"):
        contents(packed({"zeros": bytes(4 << 20)}), limit=1 << 20)


def test_a_size_that_lies() -> None:
    data = bytearray(packed({"zeros": bytes(1 << 20)}))
    at = data.rindex(b"PK\1\2")
    data[at + 24 : at + 28] = (100).to_bytes(4, "little")
    with pytest.raises(HostileInputError, match="is not what"):
        contents(bytes(data))


def test_overlapping_entries_share_one_budget() -> None:
    data = bytearray(packed({f"{index:03}": bytes(50_000) for index in range(64)}))
    start = data.index(b"PK\1\2")
    (first,) = struct.unpack_from("<I", data, start + 42)
    at = start
    for _ in range(64):  # every name leads to the same bytes
        struct.pack_into("<I", data, at + 42, first)
        name, extra, comment = struct.unpack_from("<HHH", data, at + 28)
        at += 46 + name + extra + comment
    archive = read_zip(memoryview(data), subject="x.jar")
    budget = Budget(1_000_000)
    for entry in archive.entries[:20]:
        archive.content(entry, limit=1 << 20, budget=budget)
    with pytest.raises(HostileInputError, match="inflates to more"):
        archive.content(archive.entries[20], limit=1 << 20, budget=budget)


@pytest.mark.parametrize("data", [b"", b"PK\5\6", b"PK\3\4" + bytes(100), b"x" * 100_000])
def test_what_is_no_archive(data: bytes) -> None:
    with pytest.raises(HostileInputError, match="no ZIP"):
        read_zip(memoryview(data), subject="x.jar")


@settings(max_examples=200, deadline=None)
@given(
    edits=st.lists(st.tuples(st.integers(0, 4096), st.integers(0, 255)), min_size=1, max_size=20)
)
def test_any_damage_is_read_or_refused(edits: list[tuple[int, int]]) -> None:
    data = bytearray(packed(FILES))
    for at, value in edits:
        data[at % len(data)] = value
    with suppress(HostileInputError):
        contents(bytes(data))
