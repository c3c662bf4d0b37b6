"""Registries that lie, break off or never end: every one is caught, in bounded time."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.support.registry import INDEX, MANIFEST, Asked, FakeRegistry, Reply, digest_of
from tests.unit.oci.conftest import Connect

from neve.errors import HostileInputError, NeveError, TrustError
from neve.net import NetworkError, NotFoundError, WrongSizeError
from neve.oci.contents import RepositoryContents, gather
from neve.oci.documents import descriptor_of
from neve.oci.registry_source import RegistryImage
from neve.oci.transfer import fetch
from neve.store import Store

LAYER = bytes(range(256)) * 4096
LIMIT = 30


def blob_lie(reply: Callable[[Asked], Reply | None]) -> Callable[[Asked], Reply | None]:
    return lambda asked: reply(asked) if "/blobs/" in asked.path else None


def manifest_lie(reply: Reply) -> Callable[[Asked], Reply | None]:
    return lambda asked: reply if "/manifests/" in asked.path else None


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(body=b"x" * len(LAYER)), TrustError),
        (Reply(body=LAYER[:-1]), WrongSizeError),
        (Reply(body=LAYER + b"x"), WrongSizeError),
        (Reply(body=LAYER, length=len(LAYER) + 1, cut=len(LAYER)), WrongSizeError),
        (Reply(404), NotFoundError),
        (Reply(302, {"Location": "/v2/team/app/blobs/again"}), NetworkError),
        (Reply(302, {"Location": "file:///etc/shadow"}), NetworkError),
        (Reply(302), NetworkError),
        (Reply(500), NetworkError),
        (Reply(204), NetworkError),
    ],
)
def test_blobs(
    registry: FakeRegistry, connect: Connect, store: Store, reply: Reply, error: type[NeveError]
) -> None:
    row = descriptor_of(registry.add_blob("team/app", LAYER), "")
    registry.lies.append(blob_lie(lambda _: reply))
    with pytest.raises(error):
        connect(registry).fetch(row, store)
    assert not store.has(row.digest)
    assert len(registry.asked) < LIMIT


def test_redirects_without_end(registry: FakeRegistry, connect: Connect, store: Store) -> None:
    row = descriptor_of(registry.add_blob("team/app", LAYER), "")
    count = iter(range(10_000))
    registry.lies.append(
        blob_lie(lambda _: Reply(307, {"Location": f"/v2/team/app/blobs/{next(count)}"}))
    )
    with pytest.raises(NetworkError, match="more than 5 redirects"):
        connect(registry).fetch(row, store)
    assert len(registry.asked) < LIMIT


def test_a_broken_transfer_goes_on_where_it_stopped(
    registry: FakeRegistry, connect: Connect, store: Store
) -> None:
    row = descriptor_of(registry.add_blob("team/app", LAYER), "")
    cuts = iter((300_000, 200_000))

    def drop(asked: Asked) -> Reply | None:
        cut = next(cuts, None)
        if cut is None:
            return None
        start = int(asked.headers.get("range", "bytes=0-")[6:].partition("-")[0])
        span = {"Content-Range": f"bytes {start}-{len(LAYER) - 1}/{len(LAYER)}"} if start else {}
        return Reply(206 if start else 200, span, LAYER[start:], cut=cut)

    registry.lies.append(blob_lie(drop))
    connect(registry).fetch(row, store)
    asked = [one.headers.get("range") for one in registry.asked if "/blobs/" in one.path]
    assert asked == [None, "bytes=300000-", "bytes=500000-"]
    assert store.path(row.digest).read_bytes() == LAYER


def test_a_server_that_cannot_resume_begins_anew(
    registry: FakeRegistry, connect: Connect, store: Store
) -> None:
    row = descriptor_of(registry.add_blob("team/app", LAYER), "")
    cuts = iter((300_000, None))
    registry.lies.append(blob_lie(lambda _: Reply(200, {}, LAYER, cut=next(cuts, None))))
    connect(registry).fetch(row, store)
    assert store.path(row.digest).read_bytes() == LAYER


def test_what_the_store_has_is_not_asked_for(
    registry: FakeRegistry, connect: Connect, store: Store
) -> None:
    row = descriptor_of(registry.add_blob("team/app", LAYER), "")
    repository = connect(registry)
    assert repository.fetch(row, store)
    before = len(registry.asked)
    assert not repository.fetch(row, store)
    assert len(registry.asked) == before


@pytest.mark.parametrize(("said", "waited"), [("7", 7.0), ("9999", 30.0), ("soon", 0.5)])
def test_a_busy_registry_is_given_its_time(
    registry: FakeRegistry, connect: Connect, waits: list[float], said: str, waited: float
) -> None:
    registry.add_image("team/app", "1", b"layer")
    busy = iter([Reply(429, {"Retry-After": said})])
    registry.lies.append(lambda a: next(busy, None) if "/manifests/" in a.path else None)
    connect(registry).manifest("1")
    assert waits == [waited]


def test_a_registry_that_stays_broken(
    registry: FakeRegistry, connect: Connect, waits: list[float]
) -> None:
    registry.lies.append(manifest_lie(Reply(503)))
    with pytest.raises(NetworkError, match="busy"):
        connect(registry).manifest("1")
    assert len(waits) == 2


DOCUMENT = {"schemaVersion": 2, "mediaType": MANIFEST, "config": {}, "layers": []}
OTHER = digest_of(b"other")


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(body=bytes(20 << 20)), WrongSizeError),
        (Reply(body=b"<html>"), HostileInputError),
        (Reply(body=b"[" * 100_000), HostileInputError),
        (Reply(body=b"[]"), HostileInputError),
        (Reply(200, {"Content-Type": "application/pdf"}, b"{}"), HostileInputError),
        (Reply(200, {"Content-Type": INDEX}, json.dumps(DOCUMENT).encode()), HostileInputError),
        (
            Reply(
                200, {"Content-Type": MANIFEST}, json.dumps({**DOCUMENT, "manifests": []}).encode()
            ),
            HostileInputError,
        ),
        (
            Reply(200, {"Content-Type": INDEX}, b'{"manifests": [], "layers": []}'),
            HostileInputError,
        ),
        (
            Reply(
                200,
                {"Content-Type": MANIFEST, "Docker-Content-Digest": OTHER},
                json.dumps(DOCUMENT).encode(),
            ),
            TrustError,
        ),
        (
            Reply(
                200, {"Content-Type": "application/vnd.docker.distribution.manifest.v1+prettyjws"}
            ),
            HostileInputError,
        ),
    ],
)
def test_manifests(
    registry: FakeRegistry, connect: Connect, reply: Reply, error: type[NeveError]
) -> None:
    registry.lies.append(manifest_lie(reply))
    with pytest.raises(error):
        connect(registry).manifest("1")


def test_another_manifest_than_the_digest_names(registry: FakeRegistry, connect: Connect) -> None:
    row = registry.add_image("team/app", "1", b"layer")
    other = registry.add_image("team/app", "2", b"other")
    registry.manifests["team/app", row["digest"]] = registry.manifests["team/app", other["digest"]]
    with pytest.raises(TrustError, match="not what its digest says"):
        connect(registry).manifest(row["digest"])


def test_an_image_whose_index_lies_about_sizes(
    registry: FakeRegistry, connect: Connect, store: Store
) -> None:
    row = registry.add_image("team/app", "a", b"layer")
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [{**row, "size": 5}]}
    registry.add_manifest("team/app", index, tag="1", kind=INDEX)
    with pytest.raises(TrustError):
        gather(RepositoryContents(connect(registry), "1"), platform=None, referrers=False)
    with pytest.raises(TrustError):
        RegistryImage(connect(registry), "1", store, platform=None)


def nested(registry: FakeRegistry, depth: int) -> None:
    row = registry.add_image("team/app", "a", b"layer")
    for _ in range(depth):
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [row]}
        row = registry.add_manifest("team/app", index, tag="1", kind=INDEX)


def test_indexes_in_indexes(registry: FakeRegistry, connect: Connect) -> None:
    nested(registry, 12)
    with pytest.raises(HostileInputError, match="too deeply"):
        gather(RepositoryContents(connect(registry), "1"), platform=None, referrers=False)
    assert len(registry.asked) < LIMIT


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"layers": [{"digest": OTHER, "size": -1, "mediaType": "x"}]}, HostileInputError),
        ({"layers": [{"digest": "../../etc", "size": 1, "mediaType": "x"}]}, HostileInputError),
        ({"layers": [{"digest": OTHER, "size": 1 << 60, "mediaType": "x"}]}, HostileInputError),
        ({"layers": [{"digest": OTHER, "size": 1}]}, HostileInputError),
        ({"layers": "none"}, HostileInputError),
        ({"config": None}, HostileInputError),
        ({"layers": [{"digest": OTHER, "size": 1, "mediaType": "x", "urls": ["u"]}]}, NeveError),
        (
            {"layers": [{"digest": OTHER, "size": n, "mediaType": "x"} for n in (1, 2)]},
            HostileInputError,
        ),
    ],
)
def test_manifests_that_name_what_is_not_taken(
    registry: FakeRegistry,
    connect: Connect,
    store: Store,
    changes: dict[str, Any],
    error: type[NeveError],
) -> None:
    config = registry.add_blob("team/app", b"{}")
    registry.add_manifest("team/app", {**DOCUMENT, "config": config, **changes}, tag="1")
    contents = RepositoryContents(connect(registry), "1")
    with pytest.raises(error):
        fetch(
            gather(contents, platform=None, referrers=False),
            contents,
            store,
            told=lambda _size, _item: None,
        )


# Lists


def test_tags_in_pages(registry: FakeRegistry, connect: Connect) -> None:
    def page(asked: Asked) -> Reply | None:
        if not asked.path.endswith("/tags/list"):
            return None
        last = asked.query.get("last")
        tags = {None: ["b", "a"], "b": ["c"], "c": None}[last]
        following = {None: "b", "b": "c"}.get(last)
        link = {"Link": f'</v2/team/app/tags/list?n=2&last={following}>; rel="next"'}
        body = json.dumps({"name": "team/app", "tags": tags}).encode()
        headers = {"Content-Type": "application/json", **(link if following else {})}
        return Reply(200, headers, body)

    registry.lies.append(page)
    assert connect(registry).tags() == ("a", "b", "c")


@pytest.mark.parametrize(
    "link",
    [
        "</v2/team/app/tags/list?n=1000>",
        "</v2/team/app/tags/list?last=x>",
        "</v2/other/tags/list>",
        "<http://127.0.0.1:1/v2/team/app/tags/list>",
        "<//evil.example/v2/team/app/tags/list>",
    ],
)
def test_lists_that_lead_astray(registry: FakeRegistry, connect: Connect, link: str) -> None:
    headers = {"Content-Type": "application/json", "Link": f'{link}; rel="next"'}
    registry.lies.append(
        lambda a: Reply(200, headers, b'{"tags":["a"]}') if "tags" in a.path else None
    )
    with pytest.raises(HostileInputError):
        connect(registry).tags()
    assert len(registry.asked) < LIMIT


def test_a_list_without_end(
    registry: FakeRegistry, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neve.oci.repository._MAX_PAGES", 20)
    count = iter(range(1_000_000))

    def more(asked: Asked) -> Reply | None:
        number = next(count)
        link = f'</v2/team/app/tags/list?last={number}>; rel="next"'
        headers = {"Content-Type": "application/json", "Link": link}
        return Reply(200, headers, b'{"tags":["t%d"]}' % number) if "tags" in asked.path else None

    registry.lies.append(more)
    with pytest.raises(HostileInputError, match="pages"):
        connect(registry).tags()
    assert len(registry.asked) < LIMIT


@pytest.mark.parametrize("tags", ["x", ["../x"], [5], ["a" * 200], ["a\nb"], {"a": 1}])
def test_tags_that_are_none(registry: FakeRegistry, connect: Connect, tags: object) -> None:
    body = json.dumps({"tags": tags}).encode()
    headers = {"Content-Type": "application/json"}
    registry.lies.append(lambda a: Reply(200, headers, body) if "tags" in a.path else None)
    with pytest.raises(HostileInputError):
        connect(registry).tags()


@pytest.mark.parametrize("word", ["\x1b[31mred", "a b", "", "x" * 100, 5, None, ["linux"]])
def test_a_platform_that_nobody_would_give(
    registry: FakeRegistry, connect: Connect, store: Store, word: object
) -> None:
    rows = [
        {
            **registry.add_image("team/app", "a", b"a"),
            "platform": {"os": word, "architecture": "x"},
        },
        {**registry.add_image("team/app", "b", b"b"), "platform": {"os": "l", "architecture": "x"}},
    ]
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": rows}
    registry.add_manifest("team/app", index, tag="1", kind=INDEX)
    opened = RegistryImage(connect(registry), "1", store, platform=None)
    assert str(opened.manifest_digest) == rows[1]["digest"]
