"""Pushing: what is sent, what is not, and that a tag never moves to what is not whole."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from tests.support.registry import (
    INDEX,
    Asked,
    FakeRegistry,
    Reply,
    digest_of,
    fake_registry,
)
from tests.unit.oci.conftest import Connect

from neve.errors import NeveError, TrustError
from neve.model import Digest
from neve.net import AccessError, NetworkError
from neve.oci.contents import RepositoryContents, gather
from neve.oci.documents import descriptor_of
from neve.oci.manifest import Descriptor
from neve.oci.registry_upload import Sent, upload
from neve.oci.transfer import Moved, push
from neve.store import Store

DATA = bytes(range(256)) * 8192
BLOB = Descriptor(
    media_type="application/octet-stream", digest=Digest.parse(digest_of(DATA)), size=len(DATA)
)


def opened() -> io.BytesIO:
    return io.BytesIO(DATA)


def held(registry: FakeRegistry, name: str = "team/app") -> bytes | None:
    return registry.blobs.get((name, str(BLOB.digest)))


def test_in_one_piece_and_never_twice(registry: FakeRegistry, connect: Connect) -> None:
    repository = connect(registry)
    told: list[int] = []
    assert upload(repository, BLOB, opened, told=told.append) is Sent.UPLOADED
    assert held(registry) == DATA
    assert sum(told) == len(DATA)
    assert len(registry.paths("PUT")) == 1
    assert not registry.paths("PATCH")
    assert upload(repository, BLOB, opened) is Sent.PRESENT
    assert len(registry.paths("PUT")) == 1


def test_mounted_or_sent_where_the_registry_will_not(
    registry: FakeRegistry, connect: Connect
) -> None:
    registry.add_blob("other/app", DATA)
    repository = connect(registry)
    assert upload(repository, BLOB, opened, mount_from="other/app") is Sent.MOUNTED
    assert held(registry) == DATA
    assert not registry.paths("PUT")
    again = connect(registry, "third/app")
    assert upload(again, BLOB, opened, mount_from="not/there") is Sent.UPLOADED
    assert held(registry, "third/app") == DATA


def test_an_upload_that_breaks_off_goes_on(
    registry: FakeRegistry, connect: Connect, waits: list[float]
) -> None:
    registry.partial = 1_000_000
    told: list[int] = []
    assert upload(connect(registry), BLOB, opened, told=told.append) is Sent.UPLOADED
    assert held(registry) == DATA
    first = next(one for one in registry.asked if one.method == "PATCH")
    assert first.headers["content-range"].startswith("1000000-")
    assert sum(len(one.body) for one in registry.asked) == len(DATA) - 1_000_000
    assert sum(told) == len(DATA)
    assert waits


def test_an_upload_that_is_forgotten_begins_anew(registry: FakeRegistry, connect: Connect) -> None:
    registry.partial = 1_000_000
    registry.lies.append(
        lambda a: Reply(404) if a.method == "GET" and "/uploads/" in a.path else None
    )
    assert upload(connect(registry), BLOB, opened) is Sent.UPLOADED
    assert held(registry) == DATA
    assert len(registry.paths("POST")) == 2


def test_in_pieces_where_a_proxy_takes_no_large_bodies(
    registry: FakeRegistry, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neve.oci.registry_upload._PIECE", 500_000)
    registry.lies.append(lambda a: Reply(413) if len(a.body) > 600_000 else None)
    assert upload(connect(registry), BLOB, opened) is Sent.UPLOADED
    assert held(registry) == DATA
    assert len(registry.paths("PATCH")) == 5


def test_the_registrys_least_piece_is_kept(
    registry: FakeRegistry, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neve.oci.registry_upload._PIECE", 500_000)

    def least(asked: Asked) -> Reply | None:
        if asked.method == "PUT" and len(asked.body) > 600_000:
            return Reply(413)
        if asked.method == "POST":
            registry.uploads["mine"] = bytearray()
            place = "/v2/team/app/blobs/uploads/mine?state=a%2Fb"
            return Reply(202, {"Location": place, "OCI-Chunk-Min-Length": "1500000"})
        return None

    registry.lies.append(least)
    assert upload(connect(registry), BLOB, opened) is Sent.UPLOADED
    assert [len(one.body) for one in registry.asked if one.method == "PATCH"] == [
        1_500_000,
        len(DATA) - 1_500_000,
    ]
    sent = next(one for one in registry.asked if one.method == "PATCH")
    assert sent.query == {"state": "a/b"}


@pytest.mark.parametrize(
    "data", [DATA[:-1], DATA + b"x", b"x" * len(DATA)], ids=["short", "long", "other"]
)
def test_a_damaged_blob_is_never_put_under_its_name(
    registry: FakeRegistry, connect: Connect, data: bytes
) -> None:
    with pytest.raises(TrustError):
        upload(connect(registry), BLOB, lambda: io.BytesIO(data))
    assert held(registry) is None


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(500), NetworkError),
        (Reply(403), AccessError),
        (Reply(202, {"Location": "http://[broken"}), NetworkError),
        (Reply(202, {"Location": "ftp://elsewhere/x"}), NetworkError),
        (Reply(202), NetworkError),
        (Reply(200), NetworkError),
        (Reply(201), NetworkError),
    ],
)
def test_uploads_that_cannot_begin(
    registry: FakeRegistry, connect: Connect, reply: Reply, error: type[NeveError]
) -> None:
    registry.lies.append(lambda a: reply if a.method == "POST" else None)
    with pytest.raises(error):
        upload(connect(registry), BLOB, opened)
    assert len(registry.asked) < 30


@pytest.mark.parametrize("status", [404, 416, 429, 500, 502])
def test_a_registry_that_never_takes_it(
    registry: FakeRegistry, connect: Connect, status: int
) -> None:
    registry.lies.append(
        lambda a: Reply(status, {"Range": "0-99"}) if a.method in ("PUT", "PATCH") else None
    )
    with pytest.raises(NetworkError):
        upload(connect(registry), BLOB, opened)
    assert len(registry.asked) < 60


def test_an_upload_elsewhere_gets_the_blob_and_no_login(
    registry: FakeRegistry, connect: Connect
) -> None:
    registry.login = "robot:s3cret"
    logins: dict[str, object] = {
        registry.host: {"username": "robot", "password": "s3cret"},
    }
    with fake_registry() as bucket:
        bucket.uploads["x"] = bytearray()
        place = f"{bucket.url}/v2/team/app/blobs/uploads/x"
        registry.lies.append(
            lambda a: (
                Reply(202, {"Location": place})
                if a.method == "POST" and "authorization" in a.headers
                else None
            )
        )
        upload(connect(registry, auths=logins), BLOB, opened)
        assert held(bucket) == DATA
        assert all("authorization" not in one.headers for one in bucket.asked)


# Whole images


def pushed(source: Any, target: Any, store: Store, *tags: str) -> Moved:
    contents = RepositoryContents(source, "1")
    gathered = gather(contents, platform=None, referrers=True)
    return push(gathered, contents, target, tags=tags, store=store, told=lambda _size, _item: None)


def two_platforms(registry: FakeRegistry) -> dict[str, Any]:
    rows = []
    for number, architecture in enumerate(("amd64", "arm64")):
        row = registry.add_image("team/app", architecture, b"shared", b"own %d" % number)
        registry.add_referrer("team/app", row, "application/sbom", architecture.encode())
        rows.append({**row, "platform": {"os": "linux", "architecture": architecture}})
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": rows}
    return registry.add_manifest("team/app", index, tag="1", kind=INDEX)


@pytest.mark.parametrize("api", [True, False])
def test_an_image_with_all_its_platforms_and_referrers(
    registry: FakeRegistry, connect: Connect, store: Store, *, api: bool
) -> None:
    root = two_platforms(registry)
    with fake_registry(referrers=api) as other:
        moved = pushed(connect(registry), connect(other, "my/app"), store, "a", "b")
        assert moved.referrers == 2
        for tag in ("a", "b"):
            assert digest_of(other.manifests["my/app", tag][1]) == root["digest"]
        again = RepositoryContents(connect(other, "my/app"), "a")
        gathered = gather(again, platform=None, referrers=True)
        assert {str(m.descriptor.artifact_type) for _, m in gathered.referrers} == {
            "application/sbom"
        }
        assert len(gathered.referrers) == 2
        fallback = [name for _, name in other.manifests if name.startswith("sha256-")]
        assert len(fallback) == (0 if api else 2)


def test_the_index_of_referrers_keeps_what_others_entered(
    registry: FakeRegistry, connect: Connect, store: Store
) -> None:
    image = registry.add_image("team/app", "1", b"layer")
    registry.add_referrer("team/app", image, "application/mine", b"mine")
    with fake_registry(referrers=False) as other:
        theirs = other.add_referrer("my/app", image, "application/theirs", b"theirs")
        row = {**theirs, "artifactType": "application/theirs", "annotations": {"k": "v"}}
        tag = image["digest"].replace(":", "-")
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [row]}
        other.add_manifest("my/app", index, tag=tag, kind=INDEX)
        pushed(connect(registry), connect(other, "my/app"), store, "1")
        document = json.loads(other.manifests["my/app", tag][1])
        kinds = {one["artifactType"]: one for one in document["manifests"]}
        assert set(kinds) == {"application/mine", "application/theirs"}
        assert kinds["application/theirs"]["annotations"] == {"k": "v"}


def test_a_tag_does_not_move_before_all_is_there(
    registry: FakeRegistry, connect: Connect, store: Store
) -> None:
    two_platforms(registry)
    with fake_registry() as other:
        other.lies.append(lambda a: Reply(403) if a.method == "PUT" and "blobs" in a.path else None)
        with pytest.raises(AccessError):
            pushed(connect(registry), connect(other, "my/app"), store, "1")
        assert ("my/app", "1") not in other.manifests


def test_inside_one_registry_nothing_travels(
    registry: FakeRegistry, connect: Connect, store: Store
) -> None:
    two_platforms(registry)
    moved = pushed(connect(registry), connect(registry, "my/app"), store, "1")
    assert (moved.sent, moved.size) == (0, 0)
    assert moved.mounted == len({d for repo, d in registry.blobs if repo == "my/app"})
    assert not [p for p in registry.paths("GET") if "/blobs/" in p]


def test_a_registry_that_stores_something_else(
    registry: FakeRegistry, connect: Connect, store: Store
) -> None:
    registry.add_image("team/app", "1", b"layer")
    with fake_registry() as other:
        wrong = {"Docker-Content-Digest": digest_of(b"rewritten")}
        other.lies.append(
            lambda a: Reply(201, wrong) if a.method == "PUT" and "manifests" in a.path else None
        )
        with pytest.raises(TrustError, match="another digest"):
            pushed(connect(registry), connect(other, "my/app"), store, "1")


def test_a_row_reads_as_it_was_written() -> None:
    assert descriptor_of(BLOB.document(), "") == BLOB
