"""Layers: what a tar reader sees, what they refuse, and that nothing outside shapes the bytes."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neve.errors import HostileInputError
from neve.model import Origin, Reason
from neve.oci.codec import BLOCK_SIZE, Compression
from neve.oci.layer import LayerBlob, write_layer
from neve.oci.pack import store_reader
from neve.store import Store
from neve.tree import Blob, FileEntry, Inline, Kind, Slice

WHY = Reason(Origin.PACKAGE, "hello", "unpacked")


def entry(path: str, kind: Kind = Kind.FILE, data: bytes = b"x", **fields: object) -> FileEntry:
    content = Inline(data) if kind is Kind.FILE else None
    mode = 0o755 if kind is Kind.DIRECTORY else 0o644
    values: dict[str, object] = {"mode": mode, "content": content, **fields}
    return FileEntry(path=path, kind=kind, reason=WHY, **values)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


def write(
    store: Store, entries: list[FileEntry], compression: Compression = Compression.GZIP
) -> LayerBlob:
    return write_layer(entries, store_reader(store), compression=compression, writer=store.writer())


def members(store: Store, blob: LayerBlob) -> list[tarfile.TarInfo]:
    data = gzip.decompress(store.read(blob.digest))
    assert hashlib.sha256(data).hexdigest() == blob.diff_id.value
    assert len(data) == blob.uncompressed_size
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return tar.getmembers()


def test_directories_come_first_and_everything_is_in_path_order(store: Store) -> None:
    blob = write(
        store,
        [
            entry("/usr/bin/b"),
            entry("/usr", Kind.DIRECTORY),
            entry("/usr/bin-x"),
            entry("/usr/bin", Kind.DIRECTORY),
            entry("/usr/bin/a"),
            entry("/", Kind.DIRECTORY),
        ],
    )
    names = [member.name for member in members(store, blob)]
    assert names == [".", "usr", "usr/bin", "usr/bin/a", "usr/bin/b", "usr/bin-x"]


def test_all_metadata_reaches_a_tar_reader(store: Store) -> None:
    blob = write(
        store,
        [
            entry("/a", mode=0o4755, uid=33, gid=65532, mtime=1_700_000_000),
            entry("/huge-ids", uid=3_000_000, gid=4_294_967_294, mtime=-5),
            entry("/caps", xattrs=(("security.capability", b"\x01\x00=\n\x02"),)),
            entry("/link", Kind.SYMLINK, target="../x y", mode=0o777),
        ],
    )
    a, caps, huge, link = members(store, blob)
    assert (a.mode, a.uid, a.gid, a.mtime) == (0o4755, 33, 65532, 1_700_000_000)
    assert (huge.uid, huge.gid, huge.mtime) == (3_000_000, 4_294_967_294, -5)
    assert caps.pax_headers["SCHILY.xattr.security.capability"].encode() == b"\x01\x00=\n\x02"
    assert (link.issym(), link.linkname) == (True, "../x y")


@pytest.mark.parametrize(
    "path",
    [
        "/" + "a" * 100,
        "/" + "a" * 101,
        "/" + "d" * 90 + "/" + "f" * 90,
        "/" + "d" * 155 + "/" + "f" * 100,
        "/" + "d" * 156 + "/" + "f" * 100,
        "/" + "/".join(["long"] * 80),
        "/Käse/Größe",
        "/" + "ü" * 120,
        "/latin\udce9",
    ],
)
@pytest.mark.parametrize("kind", [Kind.FILE, Kind.DIRECTORY])
def test_names_of_any_length_and_script(store: Store, path: str, kind: Kind) -> None:
    (member,) = members(store, write(store, [entry(path, kind)]))
    assert member.name == path[1:]
    assert member.isdir() == (kind is Kind.DIRECTORY)


def test_long_link_targets(store: Store) -> None:
    target = "/" + "t" * 300
    blob = write(store, [entry("/link", Kind.SYMLINK, target=target, mode=0o777)])
    assert [member.linkname for member in members(store, blob)] == [target]


def test_a_hard_link_follows_its_content_even_when_its_name_sorts_first(store: Store) -> None:
    blob = write(
        store,
        [entry("/z", data=b"body", mode=0o755), entry("/a", Kind.HARDLINK, target="/z")],
    )
    first, second = members(store, blob)
    assert (first.name, first.isreg(), first.size, first.mode) == ("a", True, 4, 0o755)
    assert (second.name, second.islnk(), second.linkname) == ("z", True, "a")


def test_a_hard_link_out_of_the_layer_is_the_callers_mistake(store: Store) -> None:
    with pytest.raises(ValueError, match="not in this layer"):
        write(store, [entry("/a", Kind.HARDLINK, target="/elsewhere")])


def test_a_duplicate_path_is_the_callers_mistake(store: Store) -> None:
    with pytest.raises(ValueError, match="twice"):
        write(store, [entry("/a"), entry("/a", data=b"y")])


def test_names_that_would_remove_other_files_are_refused(store: Store) -> None:
    with pytest.raises(HostileInputError, match=r"\.wh\."):
        write(store, [entry("/etc/.wh.passwd")])


def test_removed_paths_become_whiteouts(store: Store) -> None:
    blob = write_layer(
        [entry("/etc", Kind.DIRECTORY)],
        store_reader(store),
        compression=Compression.GZIP,
        writer=store.writer(),
        removed=["/etc/motd", "/top"],
    )
    assert [m.name for m in members(store, blob)] == ["etc", "etc/.wh.motd", ".wh.top"]


def test_contents_come_from_memory_blobs_and_slices(store: Store) -> None:
    whole = b"0123456789" * 50_000
    digest = store.put(whole)
    part = Slice(source=digest, offset=5, size=100_000, digest=digest, sha1="")
    blob = write(
        store,
        [
            entry("/blob", content=Blob(digest=digest, size=len(whole), sha1="")),
            entry("/empty", data=b""),
            entry("/slice", content=part),
        ],
    )
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(store.read(blob.digest)))) as tar:
        read = {m.name: (tar.extractfile(m) or io.BytesIO()).read() for m in tar.getmembers()}
    assert read == {"blob": whole, "empty": b"", "slice": whole[5:100_005]}


def test_content_of_another_length_is_refused_and_nothing_is_stored(store: Store) -> None:
    with pytest.raises(ValueError, match="expected"):
        write_layer(
            [entry("/a", data=b"four")],
            lambda _: b"five!",
            compression=Compression.NONE,
            writer=store.writer(),
        )
    assert store.verify().sound


def test_one_tar_three_encodings(store: Store) -> None:
    entries = [entry("/data", data=os.urandom(300_000))]
    plain, packed, zstd = (write(store, entries, c) for c in Compression)
    assert plain.diff_id == packed.diff_id == zstd.diff_id == plain.digest
    tar = store.read(plain.digest)
    assert gzip.decompress(store.read(packed.digest)) == tar
    assert zstandard.ZstdDecompressor().stream_reader(store.read(zstd.digest)).read() == tar
    assert [b.media_type.rpartition(".")[2] for b in (plain, packed, zstd)] == [
        "tar",
        "tar+gzip",
        "tar+zstd",
    ]


def test_the_gzip_header_names_no_time_and_no_system(store: Store) -> None:
    blob = write(store, [entry("/a")])
    assert store.read(blob.digest)[:10] == bytes.fromhex("1f8b08000000000000ff")


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    sizes=st.lists(
        st.one_of(st.integers(0, 2000), st.integers(BLOCK_SIZE - 1600, BLOCK_SIZE + 1600)),
        min_size=1,
        max_size=6,
    )
)
def test_sizes_around_every_block_edge_survive(store: Store, sizes: list[int]) -> None:
    entries = [entry(f"/{i}", data=bytes([i + 1]) * size) for i, size in enumerate(sizes)]
    assert [m.size for m in members(store, write(store, entries))] == sizes


_SCRIPT = """
import os, sys, pathlib, locale
os.umask(int(sys.argv[2], 8))
from neve.model import Origin, Reason
from neve.oci.codec import Compression
from neve.oci.layering import partition
from neve.oci.pack import pack_layers
from neve.store import Store
from neve.tree import FileEntry, Inline, Kind
names = {f"p{i}" for i in range(12)}
entries = []
for name in names:
    why = Reason(Origin.PACKAGE, name)
    for path in {"/usr", "/usr/lib", f"/usr/lib/{name}"}:
        entries.append(FileEntry(path=path, kind=Kind.DIRECTORY, mode=0o755, owners=(name,),
                                 reason=why, mtime=hash(name) % 1000))
    data = name.encode() * 40_000
    entries.append(FileEntry(path=f"/usr/lib/{name}/x\\u00e9", kind=Kind.FILE, mode=0o644,
                             owners=(name,), reason=why, content=Inline(data)))
store = Store.open(pathlib.Path(sys.argv[1]))
seen = {}
for e in entries: seen[e.path] = e
for compression in (Compression.GZIP, Compression.ZSTD):
    for blob in pack_layers(partition(seen.values()), store, compression=compression,
                            workers=int(sys.argv[3])):
        print(blob.digest, blob.diff_id, blob.size)
"""


def test_time_zone_umask_locale_hash_seed_and_threads_leave_no_trace(tmp_path: Path) -> None:
    outputs = set()
    for number, (zone, umask, language, seed, workers) in enumerate(
        [
            ("UTC", "022", "C.UTF-8", "0", "1"),
            ("Pacific/Kiritimati", "077", "C", "1", "4"),
            ("America/St_Johns", "000", "tr_TR.UTF-8", "4242", "2"),
        ]
    ):
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT, str(tmp_path / str(number)), umask, workers],
            env={**os.environ, "TZ": zone, "LC_ALL": language, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1
    assert len(outputs.pop().splitlines()) == 24
