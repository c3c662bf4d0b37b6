"""RPM's versions, headers and database; databases are made by SQLite itself."""

from __future__ import annotations

import sqlite3
import struct
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neve.errors import HostileInputError
from neve.formats.rpm import Form, compare_versions, database_form, is_version, read_installed
from neve.formats.rpm.sqlite import table_rows

ORDERED = [
    "1.0~~-1", "1.0~rc1-1", "1.0~rc1^git1-1", "1.0-1.el8", "1.0-1.el9", "1.0-2", "1.0^-1",
    "1.0^20240101-1", "1.0a-1", "1.0.1-1", "1.2-1", "1.10-1", "a1:0-1", "0:2.0-1", "1:0.1-1",
    "2:0.0.1-1",
]  # fmt: skip


@pytest.mark.parametrize(("older", "newer"), [*pairwise(ORDERED[:12]), *pairwise(ORDERED[13:])])
def test_order(older: str, newer: str) -> None:
    assert compare_versions(older, newer) == -1
    assert compare_versions(newer, older) == 1


@pytest.mark.parametrize(
    ("one", "two"),
    [("1.0", "1.0-5"), ("0:1.0-1", "1.0-1"), ("1.05", "1.5"), ("1_0", "1.0"), ("2.0.", "2.0")],
)
def test_what_rpm_takes_for_the_same(one: str, two: str) -> None:
    assert compare_versions(one, two) == compare_versions(two, one) == 0


@given(st.text(alphabet="0129ab.~^_-:", max_size=12), st.text(alphabet="0129ab.~^_-:", max_size=12))
def test_one_order_both_ways(one: str, two: str) -> None:
    assert compare_versions(one, two) == -compare_versions(two, one)


def test_what_a_version_is() -> None:
    assert is_version("1:2.10-3.el9")
    assert is_version("1.0~rc1^git")
    assert not is_version("1 0")
    assert not is_version("a:1")
    assert not is_version("")


Tag = tuple[int, int, list[str] | list[int] | str]


def header(*tags: Tag) -> bytes:
    """A header's bytes, as a package database keeps them."""
    data = bytearray()
    index = []
    for tag, kind, value in tags:
        if kind in (3, 4):
            width = {3: 2, 4: 4}[kind]
            data.extend(b"\0" * (-len(data) % width))
            at = len(data)
            numbers = [item for item in value if isinstance(item, int)]
            data.extend(struct.pack(f">{len(numbers)}{'H' if kind == 3 else 'I'}", *numbers))
            index.append((tag, kind, at, len(numbers)))
        else:
            texts = [value] if isinstance(value, str) else [str(item) for item in value]
            index.append((tag, kind, len(data), len(texts)))
            data.extend(b"".join(text.encode() + b"\0" for text in texts))
    rows = b"".join(struct.pack(">IIII", *row) for row in index)
    return struct.pack(">II", len(index), len(data)) + rows + bytes(data)


HELLO = header(
    (1000, 6, "hello"), (1001, 6, "2.10"), (1002, 6, "3.el9"), (1003, 4, [1]),
    (1011, 6, "Example Project"), (1014, 6, "GPLv3+"), (1022, 6, "x86_64"),
    (1030, 3, [0o100755, 0o100644, 0o120777, 0o100600]),
    (1035, 8, ["aa" * 32, "bb" * 32, "", "cc" * 32]),
    (1037, 4, [0, 1 | 16, 0, 64]), (1044, 6, "hello-src-2.10-3.el9.src.rpm"),
    (1116, 4, [0, 1, 0, 1]), (1117, 8, ["hello", "hello.conf", "hi", "state"]),
    (1118, 8, ["/usr/bin/", "/etc/"]), (5011, 4, [8]), (5096, 6, "hello:1:2024:abc"),
)  # fmt: skip


def database(path: Path, blobs: list[bytes], page: int = 4096) -> bytes:
    """What rpm's SQLite backend would have written."""
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as made:
        made.execute(f"PRAGMA page_size={page}")
        made.execute(
            "CREATE TABLE IF NOT EXISTS 'Packages'"
            " (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)"
        )
        made.execute("CREATE TABLE 'Name' (key TEXT NOT NULL, hnum INTEGER, idx INTEGER)")
        made.executemany("INSERT INTO Packages (blob) VALUES (?)", [(blob,) for blob in blobs])
    made.close()
    return path.read_bytes()


def test_a_package(tmp_path: Path) -> None:
    (found,) = read_installed(database(tmp_path / "db", [HELLO]), path="/db")
    assert (found.name, found.version, found.architecture) == ("hello", "1:2.10-3.el9", "x86_64")
    assert (found.source, found.source_version) == ("hello-src", "2.10-3.el9")
    assert (found.vendor, found.module) == ("Example Project", "hello:1:2024:abc")
    assert found.files == (
        ("/usr/bin/hello", "sha256:" + "aa" * 32),
        ("/etc/hello.conf", "sha256:" + "bb" * 32),
        ("/usr/bin/hi", ""),
        ("/etc/state", ""),
    )
    assert found.configuration == {"/etc/hello.conf"}


@pytest.mark.parametrize("page", [512, 4096, 65536])
def test_every_row_that_sqlite_wrote_is_read(tmp_path: Path, page: int) -> None:
    blobs = [bytes([index % 251]) * (index * 977 % 70_000 + 1) for index in range(200)]
    data = memoryview(database(tmp_path / "db", blobs, page))
    rows = list(table_rows(data, "Packages", path="/db"))
    assert [row[0] for row in rows] == list(range(1, 201))
    assert [row[1] for row in rows] == blobs


def test_no_such_table(tmp_path: Path) -> None:
    data = memoryview(database(tmp_path / "db", []))
    assert list(table_rows(data, "Elsewhere", path="/db")) == []


def test_a_damaged_package_is_refused_and_those_before_it_are_kept(tmp_path: Path) -> None:
    data = database(tmp_path / "db", [HELLO, HELLO[:40]])
    found = read_installed(data, path="/db")
    assert next(found).name == "hello"
    with pytest.raises(HostileInputError, match="header is damaged"):
        next(found)


def test_a_tree_that_leads_into_itself_ends(tmp_path: Path) -> None:
    data = bytearray(database(tmp_path / "db", [b"x" * 100] * 3000, page=512))
    roots = [at for at in range(0, len(data), 512) if data[at] == 5]
    assert roots
    for at in roots:  # every child of every inner page is the page itself
        count = int.from_bytes(data[at + 3 : at + 5], "big")
        for index in range(count):
            place = at + int.from_bytes(data[at + 12 + 2 * index : at + 14 + 2 * index], "big")
            data[place : place + 4] = (at // 512 + 1).to_bytes(4, "big")
        data[at + 8 : at + 12] = (at // 512 + 1).to_bytes(4, "big")
    with pytest.raises(HostileInputError, match="twice"):
        list(table_rows(memoryview(data), "Packages", path="/db"))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return database(tmp_path_factory.mktemp("rpm") / "db", [HELLO] * 30, page=1024)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(edits=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), max_size=40))
def test_any_damage_is_read_or_refused(sample: bytes, edits: list[tuple[int, int]]) -> None:
    data = bytearray(sample)
    for at, value in edits:
        data[at % len(data)] = value
    with suppress(HostileInputError):
        list(read_installed(bytes(data), path="/db"))


@pytest.mark.parametrize("cut", [0, 15, 99, 100, 1024, 5000])
def test_a_database_that_is_cut_off(sample: bytes, cut: int) -> None:
    with pytest.raises(HostileInputError):
        list(read_installed(sample[:cut], path="/db"))


def test_forms() -> None:
    assert database_form(b"SQLite format 3\0...") is Form.SQLITE
    assert database_form(b"RpmP\0\0\0\0") is Form.NDB
    assert database_form(b"\0" * 12 + (0x00061561).to_bytes(4, "little")) is Form.BERKELEY
    assert database_form(b"\0" * 12 + (0x00061561).to_bytes(4, "big")) is Form.BERKELEY
    assert database_form(b"whatever else stands here") is None


def test_a_long_directory_of_many_files_is_refused(tmp_path: Path) -> None:
    """A few bytes a file must not become megabytes of path each."""
    many = header(
        (1000, 6, "a"), (1001, 6, "1"), (1116, 4, [0] * 100_000),
        (1117, 8, ["f"] * 100_000), (1118, 8, ["/" + "d" * 10_000]),
    )  # fmt: skip
    with pytest.raises(HostileInputError, match="longer than any path"):
        list(read_installed(database(tmp_path / "db", [many]), path="/db"))
