"""Reading images back: what was written comes back, and what nobody honest writes is refused."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.layouts import write_layers

from neve.errors import HostileInputError, NeveError, TrustError, UsageError
from neve.model import Digest, Origin, Platform, Reason, sha256_of
from neve.oci.archive import write_docker_archive, write_oci_archive
from neve.oci.bundle import Artifact, Bundle, PlatformImage, assemble, platform_image
from neve.oci.codec import Compression
from neve.oci.config import ImageConfig, layer_history
from neve.oci.layering import partition
from neve.oci.layout import write_layout
from neve.oci.layout_source import open_image
from neve.oci.pack import pack_layers, store_reader
from neve.oci.read_tree import read_tree
from neve.oci.source import ReadLimits, SourceLayer
from neve.recipe.types import HealthCheck, Run
from neve.store import Store
from neve.tree import FileEntry, Inline, Kind, Tree

AMD64 = Platform("linux", "amd64")
ARM64 = Platform("linux", "arm64")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


class Layers:
    """A source of layers made in the test, honest about their digests."""

    configuration = b"{}"

    def __init__(self, *blobs: bytes, tars: Sequence[bytes] | None = None) -> None:
        self._blobs = dict(enumerate(blobs))
        self.layers = tuple(
            SourceLayer(
                digest=sha256_of(blob), diff_id=sha256_of(tar), size=len(blob), name=str(number)
            )
            for number, (blob, tar) in enumerate(zip(blobs, tars or blobs, strict=True))
        )

    def open_layer(self, layer: SourceLayer) -> BinaryIO:
        return io.BytesIO(self._blobs[int(layer.name)])


def tar(*members: tuple[str, object], form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar by Python's own writer. A member is (name, data | "-> target" | type flag)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, what in members:
            info = tarfile.TarInfo(name)
            match what:
                case bytes():
                    info.size = len(what)
                    archive.addfile(info, io.BytesIO(what))
                    continue
                case str() if what.startswith("-> "):
                    info.type, info.linkname = tarfile.SYMTYPE, what[3:]
                case str() if what.startswith("= "):
                    info.type, info.linkname = tarfile.LNKTYPE, what[2:]
                case str():
                    info.type = what.encode()
                case _:
                    raise TypeError(what)
            archive.addfile(info)
    return out.getvalue()


def contents(tree: Tree, store: Store) -> dict[str, bytes | str]:
    read = store_reader(store)
    found: dict[str, bytes | str] = {}
    for entry in tree:
        if entry.kind is Kind.DIRECTORY:
            continue
        link = entry.kind is Kind.SYMLINK
        found[entry.path] = entry.target or "" if link else bytes(read(tree.content_entry(entry)))
    return found


def apply(store: Store, *layers: bytes) -> dict[str, bytes | str]:
    return contents(read_tree(Layers(*layers), store), store)


def test_later_layers_replace_and_remove(store: Store) -> None:
    lower = tar(("a/x", b"1"), ("a/y", b"2"), ("b", b"3"), ("d/e/f", b"4"))
    upper = tar(("a/.wh.x", b""), ("b", b"new"), (".wh.d", b""))
    assert apply(store, lower, upper) == {"/a/y": b"2", "/b": b"new"}


def test_an_opaque_directory_hides_only_what_is_below(store: Store) -> None:
    upper = tar(("a/new", b"n"), ("a/.wh..wh..opq", b""), ("a/z", b"z"))
    assert apply(store, tar(("a/x", b"1"), ("a/s/y", b"2")), upper) == {
        "/a/new": b"n",
        "/a/z": b"z",
    }


def test_a_whiteout_spares_its_own_layer(store: Store) -> None:
    upper = tar(("x", b"again"), (".wh.x", b""))
    assert apply(store, tar(("x", b"old")), upper) == {"/x": b"again"}


def test_members_follow_links_of_lower_layers_inside_the_image(store: Store) -> None:
    lower = tar(("usr/lib", "5"), ("lib", "-> usr/lib"), ("out", "-> ../../../etc"))
    upper = tar(("lib/libc.so", b"c"), ("out/passwd", b"p"))
    assert apply(store, lower, upper) == {
        "/lib": "usr/lib",
        "/out": "../../../etc",
        "/usr/lib/libc.so": b"c",
        "/etc/passwd": b"p",
    }


def test_hard_links_reach_lower_layers_and_outlive_their_first_name(store: Store) -> None:
    lower = tar(("a", b"body"), ("b", "= a"))
    assert apply(store, lower, tar(("c", "= b")), tar((".wh.a", b""))) == {
        "/b": b"body",
        "/c": b"body",
    }


def test_of_two_members_with_one_path_the_later_wins(store: Store) -> None:
    assert apply(store, tar(("a", b"1"), ("./a", b"2"))) == {"/a": b"2"}


def test_a_directory_gives_way_to_a_file_and_back(store: Store) -> None:
    assert apply(store, tar(("a/b", b"1")), tar(("a", b"2"))) == {"/a": b"2"}
    assert apply(store, tar(("a", b"2")), tar(("a", "5"), ("a/b", b"1"))) == {"/a/b": b"1"}


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_dialect_of_long_names(store: Store, form: int) -> None:
    name = "d" * 90 + "/" + "f" * 90
    members: list[tuple[str, object]] = [(name, b"x"), ("link", "-> " + "t" * 90)]
    if form != tarfile.USTAR_FORMAT:
        members.append(("é" * 150, b"y"))
    found = apply(store, tar(*members, form=form))
    assert {path.lstrip("/") for path in found} == {name for name, _ in members}


@pytest.mark.parametrize(
    ("members", "cause"),
    [
        ([("../etc/passwd", b"")], "passwd"),
        ([("a/../../b", b"")], "member named"),
        ([("a", "= b")], "hard link"),
        ([("d", "5"), ("a", "= d")], "hard link"),
        ([("d/f", b""), ("d", "= d/f")], "hard link"),
        ([("f", b"x"), ("f/g", b"y")], "both a file and a directory"),
        ([(".wh...", b"")], "whiteout of nothing"),
        ([("/", b"")], "root"),
        ([("a", "-> b"), ("b", "-> a"), ("a/x", b"")], "symbolic links"),
        ([("x", "V")], "unknown type"),
        ([("/".join(["n" * 200] * 30), b"")], "longer"),
        ([("/".join("n" * 300), b"")], "deeper"),
        ([("a", "-> " + "/x" * 3000)], "4,096"),
    ],
)
def test_what_no_honest_tool_writes(
    store: Store, members: list[tuple[str, object]], cause: str
) -> None:
    with pytest.raises(HostileInputError, match=cause) as caught:
        apply(store, tar(*members))
    assert caught.value.resolution


def _damaged() -> Iterator[tuple[str, bytes]]:
    whole = tar(("a", b"x" * 600), ("b", b"y"))
    yield "cut short", whole[:700]
    yield "ends inside a header", whole[:1536] + whole[1536:1600]
    yield "checksum", whole[:10] + b"!" + whole[11:]
    yield "header of zeros", tar(("a", b""))[:512] + bytes(512) + tar(("b", b""))
    yield "followed by nothing", tar(("é", b""))[:1024]
    huge = tarfile.TarInfo("h")
    huge.size = 1 << 50
    yield "cut short", huge.tobuf(tarfile.GNU_FORMAT)
    comment = tarfile.TarInfo("c")
    comment.pax_headers = {"comment": "x" * (2 << 20)}
    yield "extended header of", comment.tobuf(tarfile.PAX_FORMAT)


def test_a_global_header_speaks_of_no_member_as_in_every_engine(store: Store) -> None:
    plain = tar(("a", b"1"))
    for key, value in (("path", "b"), ("size", "0"), ("SCHILY.xattr.user.a", "1")):
        head = tarfile.TarInfo.create_pax_global_header({key: value})
        tree = read_tree(Layers(head + plain), store)
        assert contents(tree, store) == {"/a": b"1"}
        assert tree["/a"].xattrs == ()


def test_what_follows_the_end_of_an_archive_is_nobodys(store: Store) -> None:
    assert apply(store, tar(("a", b"1")) + b"\0" * 511 + b"!") == {"/a": b"1"}


def test_devices_and_pipes_are_shown_with_their_numbers(store: Store) -> None:
    info = tarfile.TarInfo("dev/sda")
    info.type, info.devmajor, info.devminor, info.mode = tarfile.BLKTYPE, 8, 3, 0o660
    data = info.tobuf() + tar(("dev/null", "3"), ("pipe", "6"), ("also", "= dev/null"))
    tree = read_tree(Layers(data), store)
    assert {entry.path: (entry.kind, entry.device) for entry in tree if entry.path != "/dev"} == {
        "/dev/sda": (Kind.BLOCK, (8, 3)),
        "/dev/null": (Kind.CHARACTER, (0, 0)),
        "/pipe": (Kind.FIFO, None),
        "/also": (Kind.CHARACTER, (0, 0)),
    }
    with pytest.raises(HostileInputError, match="cannot be put into an image"):
        pack_layers(partition(tree), store)


def test_an_image_of_too_many_files_or_layers_is_refused(store: Store) -> None:
    data = tar(*[(str(number), b"") for number in range(9)])
    with pytest.raises(HostileInputError, match="too many members"):
        read_tree(Layers(data), store, ReadLimits(members=8))
    with pytest.raises(HostileInputError, match="too many members"):
        read_tree(Layers(data, data), store, ReadLimits(members=17))
    with pytest.raises(HostileInputError, match="layers"):
        read_tree(Layers(data, data), store, ReadLimits(layers=1))
    with pytest.raises(HostileInputError, match="hold more"):
        read_tree(Layers(data), store, ReadLimits(total_size=100))


@pytest.mark.parametrize(("cause", "data"), list(_damaged()))
def test_damaged_archives(store: Store, cause: str, data: bytes) -> None:
    with pytest.raises(HostileInputError, match=cause):
        apply(store, data)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_bytes_crash_the_reader(data: st.DataObject) -> None:
    raw = bytearray(tar(("d", "5"), ("d/ä", b"x"), ("l", "-> d"), ("h", "= d/ä")))
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as scratch:
        store = Store.open(Path(scratch))
        try:
            read_tree(Layers(bytes(raw)), store)
        except NeveError as error:
            assert error.resolution  # noqa: PT017


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress, lambda data: data])
def test_compression_is_seen_from_the_bytes(store: Store, pack: object) -> None:
    data = tar(("a", b"x" * 3_000_000))
    packed = pack(data)  # type: ignore[operator]
    assert contents(read_tree(Layers(packed, tars=[data]), store), store) == {
        "/a": b"x" * 3_000_000
    }


def test_gzip_members_in_a_row_are_one_layer(store: Store) -> None:
    data = tar(("a", b"x" * 5000))
    packed = gzip.compress(data[:3000]) + gzip.compress(data[3000:])
    read_tree(Layers(packed, tars=[data]), store)
    assert store.has(sha256_of(data))


def test_a_bomb_is_stopped_before_it_fills_the_disk(store: Store) -> None:
    data = gzip.compress(bytes(50 << 20))
    limits = ReadLimits(ratio_from=1 << 20)
    with pytest.raises(HostileInputError, match="bomb"):
        read_tree(Layers(data), store, limits)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_truncated_stream_is_refused(store: Store, pack: object) -> None:
    data = tar(("a", hashlib.sha256(b"noise").digest() * 5000))
    packed: bytes = pack(data)[:-20]  # type: ignore[operator]
    with pytest.raises((HostileInputError, TrustError)):
        read_tree(Layers(packed, tars=[data]), store)
    assert not store.has(sha256_of(data))


def test_a_layer_that_is_not_what_it_is_named_is_refused(store: Store) -> None:
    data, other = tar(("a", b"1")), tar(("a", b"2"))
    with pytest.raises(TrustError, match="not what the configuration says"):
        read_tree(Layers(data, tars=[other]), store)
    source = Layers(data)
    object.__setattr__(source.layers[0], "digest", sha256_of(other))
    with pytest.raises(TrustError, match="its digest is not"):
        read_tree(source, store)


def test_a_layer_that_the_store_knows_vouches_for_no_other_content(store: Store) -> None:
    known, other = tar(("a", b"known")), tar(("a", b"other"))
    read_tree(Layers(known), store)
    with pytest.raises(TrustError, match="not what the configuration says"):
        read_tree(Layers(gzip.compress(other), tars=[known]), store)
    assert apply(store, known) == {"/a": b"known"}


def test_a_name_that_was_a_hard_link_keeps_what_a_later_layer_gave_it(store: Store) -> None:
    first = tar(("a", b"good"), ("b", "= a"))
    assert apply(store, first, tar(("b", b"other")), tar((".wh.a", b""))) == {"/b": b"other"}


WHY = Reason(Origin.PACKAGE, "hello", "unpacked")
_NAMES = st.text("ab.é -_", min_size=1, max_size=4).filter(
    lambda name: name not in (".", "..") and not name.startswith(".wh.")
)


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """Trees as a build makes them: parents there, hard links after the name they link to."""
    tree = Tree()
    places = [""]
    number = st.integers(0, 2**32 - 2)
    for _ in range(draw(st.integers(0, 12))):
        path = f"{draw(st.sampled_from(places))}/{draw(_NAMES)}"
        if path in tree:
            continue
        kind = draw(st.sampled_from([Kind.FILE, Kind.DIRECTORY, Kind.SYMLINK, Kind.HARDLINK]))
        files = [e for e in tree if e.kind is Kind.FILE and _key(e.path) < _key(path)]
        if kind is Kind.HARDLINK and not files:
            kind = Kind.FILE
        holder = draw(st.sampled_from(files)) if kind is Kind.HARDLINK else None
        target = holder.path if holder else draw(st.text("/.aü", min_size=1, max_size=120))
        owners: tuple[str, ...] = draw(st.sampled_from([("p",), ("q",), ("p", "q"), ()]))
        entry = FileEntry(
            path=path,
            kind=kind,
            mode=holder.mode if holder else draw(st.integers(0, 0o7777)),
            uid=holder.uid if holder else draw(number),
            gid=holder.gid if holder else draw(number),
            mtime=0 if kind is Kind.DIRECTORY else holder.mtime if holder else draw(number),
            content=Inline(draw(st.binary(max_size=40))) if kind is Kind.FILE else None,
            target=target if kind in (Kind.SYMLINK, Kind.HARDLINK) else None,
            xattrs=draw(st.sampled_from([(), (("user.x", b"a=\n\xff"),)])) if not holder else (),
            owners=holder.owners if holder else owners,
            reason=WHY,
        )
        tree = Tree([*tree, entry])
        if kind is Kind.DIRECTORY:
            places.append(path)
    return tree


def _key(path: str) -> str:
    return path.replace("/", "\0")


def shape(tree: Tree) -> list[tuple[object, ...]]:
    return [
        (
            e.path,
            e.kind,
            e.mode,
            e.uid,
            e.gid,
            e.mtime,
            e.target,
            e.xattrs,
            e.content and (e.content.digest, e.content.size, e.content.sha1),
        )
        for e in tree
    ]


def image(store: Store, tree: Tree, platform: Platform = AMD64, **options: object) -> PlatformImage:
    compression = options.get("compression", Compression.GZIP)
    assert isinstance(compression, Compression)
    plans = partition(tree, own_layer_size=20)
    blobs = pack_layers(plans, store, compression=compression, workers=2)
    config = ImageConfig(
        run=Run(health_check=HealthCheck(command=("/check",))),
        user="65532:65532",
        platform=platform,
        created=1_700_000_000,
        layers=layer_history(blobs, [plan.packages for plan in plans]),
    )
    return platform_image(config, blobs, {})


@settings(max_examples=25, deadline=None)
@given(trees(), st.sampled_from(list(Compression)))
def test_what_is_written_is_what_is_read(tree: Tree, compression: Compression) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        base = Path(scratch)
        store = Store.open(base / "writer")
        made = image(store, tree, compression=compression)
        write_layout(assemble([made], annotations={}), base / "layout", store, tag="v1")
        write_oci_archive(assemble([made], annotations={}), base / "oci.tar", store, tag="v1")
        write_docker_archive(made, base / "docker.tar", store, tags=["x/y:v1"])
        for name in ("layout", "oci.tar", "docker.tar"):
            other = Store.open(base / f"reader-{name}")
            assert shape(read_tree(open_image(base / name), other)) == shape(tree)


def file(path: str, data: bytes) -> FileEntry:
    return FileEntry(path=path, kind=Kind.FILE, mode=0o644, content=Inline(data), reason=WHY)


@pytest.fixture
def two(store: Store, tmp_path: Path) -> Path:
    """A layout with an image of two platforms, referrers, and a second tag."""
    images = []
    for platform in (AMD64, ARM64):
        text = platform.architecture.encode()
        entry = FileEntry(
            path="/arch", kind=Kind.FILE, mode=0o644, content=Inline(text), reason=WHY
        )
        images.append(image(store, Tree([entry]), platform))
    sbom = Artifact(artifact_type="a/b", media_type="a/b", data=b"{}", name="sbom.json")
    bundle = assemble(images, annotations={}, artifacts={AMD64: [sbom], ARM64: [sbom]})
    write_layout(bundle, tmp_path / "two", store, tag="v1")
    return tmp_path / "two"


def test_a_platform_is_chosen_and_must_be_named(two: Path, store: Store) -> None:
    for platform in (AMD64, ARM64):
        tree = read_tree(open_image(two, tag="v1", platform=platform), store)
        assert contents(tree, store) == {"/arch": platform.architecture.encode()}
        assert shape(read_tree(open_image(two, platform=platform), store)) == shape(tree)
    with pytest.raises(UsageError, match="several platforms"):
        open_image(two, tag="v1")
    with pytest.raises(UsageError, match="no image for linux/s390x"):
        open_image(two, platform=Platform("linux", "s390x"))
    assert open_image(two, tag="v1-arm64").layers == open_image(two, platform=ARM64).layers


def test_an_unknown_tag_names_those_there_are(two: Path) -> None:
    with pytest.raises(UsageError, match="tagged v9") as caught:
        open_image(two, tag="v9")
    assert caught.value.details == ("tag: v1", "tag: v1-amd64", "tag: v1-arm64")


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.unlink()
    path.write_bytes(data)


def test_every_changed_blob_is_noticed(store: Store, tmp_path: Path) -> None:
    entry = file("/a", b"a")
    bundle: Bundle = assemble([image(store, Tree([entry]))], annotations={})
    write_layout(bundle, tmp_path / "whole", store, tag="v1")
    names = sorted(p.name for p in (tmp_path / "whole/blobs/sha256").iterdir())
    assert len(names) == 3
    warm = Store.open(tmp_path / "warm")
    read_tree(open_image(tmp_path / "whole"), warm)
    for number, name in enumerate(names):
        layout = tmp_path / f"changed-{number}"
        write_layout(bundle, layout, store, tag="v1")
        _flip(layout / "blobs/sha256" / name)
        with pytest.raises((TrustError, HostileInputError)):
            read_tree(open_image(layout), Store.open(tmp_path / f"store-{number}"))
        with pytest.raises((TrustError, HostileInputError)):
            read_tree(open_image(layout), warm)
        (layout / "blobs/sha256" / name).unlink()
        with pytest.raises(HostileInputError, match="missing"):
            read_tree(open_image(layout), Store.open(tmp_path / f"other-{number}"))
        with pytest.raises(HostileInputError, match="missing"):
            read_tree(open_image(layout), warm)
    assert store.verify().sound


def test_merging_takes_no_blob_of_ours_from_the_layout_that_was_there(
    store: Store, tmp_path: Path
) -> None:
    bundle: Bundle = assemble([image(store, Tree([file("/a", b"a")]))], annotations={})
    layout = tmp_path / "layout"
    write_layout(bundle, layout, store, tag="v1")
    for blob in (layout / "blobs/sha256").iterdir():
        _flip(blob)
    write_layout(bundle, layout, store, tag="v2", merge=True)
    fresh = Store.open(tmp_path / "fresh")
    assert contents(read_tree(open_image(layout, tag="v2"), fresh), fresh) == {"/a": b"a"}


@settings(max_examples=80, deadline=None)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["manifests", "digest", "size", "mediaType", "annotations", "platform"]
                ),
                inner,
            )
        ),
        max_leaves=12,
    )
)
def test_no_index_crashes_the_reader(document: object) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        layout = Path(scratch)
        (layout / "oci-layout").write_text("{}")
        (layout / "index.json").write_text(json.dumps(document))
        with pytest.raises(NeveError):
            open_image(layout)


@pytest.mark.parametrize("digest", ["sha256:../../etc/passwd", "md5:" + "0" * 32, "x", None])
def test_a_digest_is_never_a_path(tmp_path: Path, digest: object) -> None:
    row = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 1}
    (tmp_path / "oci-layout").write_text("{}")
    (tmp_path / "index.json").write_text(json.dumps({"manifests": [row]}))
    with pytest.raises(HostileInputError):
        open_image(tmp_path)


@pytest.mark.parametrize("name", ["{}/secret", "../secret", "a/../../secret", "a\0b"])
def test_documents_name_no_file_outside_the_directory(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text(json.dumps({"rootfs": {"diff_ids": []}}))
    image = tmp_path / "image"
    (image / "a").mkdir(parents=True)
    rows: list[object] = [{"Config": name.format(tmp_path), "RepoTags": None, "Layers": []}]
    (image / "manifest.json").write_text(json.dumps(rows))
    with pytest.raises(HostileInputError, match="is missing"):
        open_image(image)


@pytest.mark.parametrize("tags", [5, True, {"a": 1}, "a"])
def test_tags_that_are_no_list_are_none(tmp_path: Path, tags: object) -> None:
    (tmp_path / "c.json").write_text(json.dumps({"rootfs": {"diff_ids": []}}))
    rows = [{"Config": "c.json", "RepoTags": tags, "Layers": []}]
    (tmp_path / "manifest.json").write_text(json.dumps(rows))
    assert open_image(tmp_path).layers == ()
    with pytest.raises(UsageError, match="no image is tagged a"):
        open_image(tmp_path, tag="a")


def test_something_else_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to read"):
        open_image(tmp_path / "absent")
    with pytest.raises(UsageError, match="neither"):
        open_image(tmp_path)
    (tmp_path / "x.tgz").write_bytes(gzip.compress(tar(("a", b""))))
    with pytest.raises(UsageError, match="compressed"):
        open_image(tmp_path / "x.tgz")


def test_docker_save_archives_with_links_between_layers(store: Store, tmp_path: Path) -> None:
    layer = tar(("a", b"1"))
    config = json.dumps({"rootfs": {"diff_ids": [str(sha256_of(layer))] * 2}}).encode()
    manifest = json.dumps([{"Config": "c.json", "RepoTags": None, "Layers": ["x/l", "y/l"]}])
    whole = tar(
        ("c.json", config),
        ("x/l", layer),
        ("y/l", "-> ../x/l"),
        ("manifest.json", manifest.encode()),
    )
    (tmp_path / "d.tar").write_bytes(whole)
    tree = read_tree(open_image(tmp_path / "d.tar"), store)
    assert contents(tree, store) == {"/a": b"1"}


def test_only_sha256_names_content(store: Store) -> None:
    source = Layers(tar(("a", b"")))
    object.__setattr__(source.layers[0], "diff_id", Digest("sha512", "0" * 128))
    with pytest.raises(TrustError, match="sha512"):
        read_tree(source, store)


@pytest.mark.parametrize(
    ("extra", "cause"),
    [
        ({"urls": ["https://example.org/layer"]}, "outside of registries"),
        ({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip+encrypted"}, "encrypted"),
    ],
)
def test_layers_that_nobody_could_look_into_are_named(
    tmp_path: Path, extra: dict[str, object], cause: str
) -> None:
    layout = write_layers(tmp_path / "image", [tar(("a", b"1"))])
    index = json.loads((layout / "index.json").read_bytes())
    name = index["manifests"][0]["digest"].partition(":")[2]
    manifest = json.loads((layout / "blobs/sha256" / name).read_bytes())
    manifest["layers"][0].update(extra)
    data = json.dumps(manifest).encode()
    digest = sha256_of(data)
    (layout / "blobs/sha256" / digest.value).write_bytes(data)
    index["manifests"][0].update(digest=str(digest), size=len(data))
    (layout / "index.json").write_text(json.dumps(index))
    with pytest.raises(UsageError, match=cause):
        open_image(layout)
