"""What refers to an image: from the registry's list or its tag, honest or not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.registry import INDEX, MANIFEST, FakeRegistry, Reply, digest_of
from tests.unit.oci.conftest import Connect

from neve.errors import HostileInputError, NeveError, TrustError
from neve.model import Digest
from neve.net import NetworkError
from neve.oci.contents import RepositoryContents, gather
from neve.oci.registry_referrers import list_referrers
from neve.oci.registry_source import RegistryImage
from neve.store import Store


@pytest.mark.parametrize("api", [True, False])
def test_referrers_from_the_api_or_the_tag(
    registry: FakeRegistry, connect: Connect, store: Store, *, api: bool
) -> None:
    registry.referrers = api
    image = registry.add_image("team/app", "1", b"layer")
    row = registry.add_referrer("team/app", image, "application/sbom", b"the sbom")
    if not api:
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [row]}
        tag = image["digest"].replace(":", "-")
        registry.add_manifest("team/app", index, tag=tag, kind=INDEX)
    repository = connect(registry)
    (found,) = list_referrers(repository, Digest.parse(image["digest"]))
    assert str(found.digest) == row["digest"]
    opened = RegistryImage(repository, "1", store, platform=None)
    assert opened.attached("application/sbom") == b"the sbom"
    assert opened.attached("application/other") is None


def test_the_manifest_says_of_what_type_a_referrer_is(
    registry: FakeRegistry, connect: Connect, store: Store
) -> None:
    image = registry.add_image("team/app", "1", b"layer")
    rows = [
        {**registry.add_referrer("team/app", image, kind, kind.encode()), "artifactType": said}
        for kind, said in (("a/one", "a/two"), ("a/two", "a/one"))
    ]
    body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": rows}).encode()
    reply = Reply(200, {"Content-Type": INDEX}, body)
    registry.lies.append(lambda a: reply if "/referrers/" in a.path else None)
    opened = RegistryImage(connect(registry), "1", store, platform=None)
    assert opened.attached("a/one") == b"a/one"
    assert opened.attached("a/two") == b"a/two"


def test_a_broken_referrers_list_is_not_an_empty_one(
    registry: FakeRegistry, connect: Connect
) -> None:
    image = registry.add_image("team/app", "1", b"layer")
    registry.lies.append(lambda a: Reply(500) if "/referrers/" in a.path else None)
    with pytest.raises(NetworkError):
        list_referrers(connect(registry), Digest.parse(image["digest"]))


def test_referrers_of_something_else(
    registry: FakeRegistry, connect: Connect, store: Store
) -> None:
    image = registry.add_image("team/app", "1", b"layer")
    other = registry.add_image("team/app", "2", b"other")
    stray = registry.add_referrer("team/app", other, "application/sbom", b"the sbom")
    rows: dict[str, Any] = {"schemaVersion": 2, "mediaType": INDEX}
    rows["manifests"] = [{**stray, "artifactType": "application/sbom"}]
    reply = Reply(200, {"Content-Type": INDEX}, json.dumps(rows).encode())
    registry.lies.append(
        lambda a: reply if a.path.endswith(f"/referrers/{image['digest']}") else None
    )
    contents = RepositoryContents(connect(registry), "1")
    with pytest.raises(TrustError, match="refers to something else"):
        gather(contents, platform=None, referrers=True)
    with pytest.raises(NeveError):
        RegistryImage(connect(registry), "1", store, platform=None).attached("application/sbom")


def test_more_referrers_than_anybody_needs(registry: FakeRegistry, connect: Connect) -> None:
    image = registry.add_image("team/app", "1", b"layer")
    rows = [
        {"digest": digest_of(b"%d" % n), "size": 1, "mediaType": MANIFEST} for n in range(3_000)
    ]
    body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": rows}).encode()
    reply = Reply(200, {"Content-Type": INDEX}, body)
    registry.lies.append(lambda a: reply if "/referrers/" in a.path else None)
    with pytest.raises(HostileInputError, match="referrers"):
        list_referrers(connect(registry), Digest.parse(image["digest"]))
