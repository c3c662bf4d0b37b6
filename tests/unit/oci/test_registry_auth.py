"""Logins on the wire: who gets them, and everybody who must not."""

from __future__ import annotations

import base64
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.registry import Asked, FakeRegistry, Reply, basic, fake_registry
from tests.support.tls import Authority
from tests.unit.oci.conftest import Connect

from neve.errors import NeveError, TrustError
from neve.net import AccessError, NetworkError
from neve.oci.documents import descriptor_of
from neve.oci.registry_auth import Challenge, parse_challenges
from neve.report.document import error_document
from neve.store import Store

LOGIN = "robot:s3cret-w0rd"
SECRETS = ("s3cret-w0rd", base64.b64encode(LOGIN.encode()).decode(), "a-token")


def auths(registry: FakeRegistry, login: str = LOGIN) -> dict[str, object]:
    return {registry.host: {"auth": base64.b64encode(login.encode()).decode()}}


def assert_silent(error: NeveError) -> None:
    text = "\n".join((error.brief, *error.details, error.resolution, repr(error)))
    for secret in SECRETS:
        assert secret not in text + error_document(error)


def sent_logins(registry: FakeRegistry) -> set[str]:
    return {one.headers.get("authorization", "") for one in registry.asked}


def test_nobody_is_told_a_login_who_does_not_ask(registry: FakeRegistry, connect: Connect) -> None:
    registry.add_image("team/app", "1", b"layer")
    connect(registry, auths=auths(registry)).manifest("1")
    assert sent_logins(registry) == {""}


def test_basic(registry: FakeRegistry, connect: Connect) -> None:
    registry.login = LOGIN
    registry.add_image("team/app", "1", b"layer")
    repository = connect(registry, auths=auths(registry))
    repository.manifest("1")
    repository.manifest("1")
    logins = [one.headers.get("authorization") for one in registry.asked if "manifests" in one.path]
    assert logins == [None, basic(LOGIN), basic(LOGIN)]


@pytest.mark.parametrize("known", [None, "robot:wrong"])
def test_a_refused_login_is_told_without_it(
    registry: FakeRegistry, connect: Connect, known: str | None
) -> None:
    registry.login = LOGIN
    repository = connect(registry, auths=auths(registry, known) if known else None)
    with pytest.raises(AccessError, match="access refused") as caught:
        repository.manifest("1")
    assert "podman login" in caught.value.resolution
    assert "wrong" not in caught.value.brief
    assert len(registry.paths("GET")) <= 3
    assert_silent(caught.value)


def test_a_token_is_asked_for_once_a_scope(registry: FakeRegistry, connect: Connect) -> None:
    registry.realm, registry.login = f"{registry.url}/token", LOGIN
    registry.add_image("team/app", "1", b"layer")
    repository = connect(registry, auths=auths(registry))
    for _ in range(3):
        repository.manifest("1")
    repository.put_manifest(b'{"mediaType":"x"}', "x", "2")
    tokens = [one for one in registry.asked if one.path == "/token"]
    assert [one.query["scope"] for one in tokens] == [
        "repository:team/app:pull",
        "repository:team/app:pull,push",
    ]
    assert all(one.headers["authorization"] == basic(LOGIN) for one in tokens)
    assert tokens[0].query["service"] == "fake"


def test_anonymous_tokens(registry: FakeRegistry, connect: Connect) -> None:
    registry.realm = f"{registry.url}/token"
    registry.add_image("team/app", "1", b"layer")
    connect(registry).manifest("1")
    assert sent_logins(registry) == {"", "Bearer a-token"}


def test_an_expired_token_is_renewed(registry: FakeRegistry, connect: Connect) -> None:
    registry.realm = f"{registry.url}/token"
    registry.add_image("team/app", "1", b"layer")
    repository = connect(registry)
    repository.manifest("1")
    registry.token = lambda _asked: "the-next"  # type: ignore[method-assign]
    repository.manifest("1")
    assert "Bearer the-next" in sent_logins(registry)


def test_a_registry_that_never_admits_anybody(registry: FakeRegistry, connect: Connect) -> None:
    count = 0

    def fresh(asked: Asked) -> Reply | None:
        nonlocal count
        count += 1
        if asked.path == "/token":
            return Reply(body=json.dumps({"token": f"t{count}"}).encode())
        header = f'Bearer realm="{registry.url}/token"'
        return None if asked.path == "/v2/" else Reply(401, {"WWW-Authenticate": header})

    registry.lies.append(fresh)
    with pytest.raises(AccessError):
        connect(registry).manifest("1")
    assert count < 12


def test_identity_tokens_travel_in_a_form_to_the_realm(
    registry: FakeRegistry, connect: Connect
) -> None:
    registry.realm = f"{registry.url}/token"
    registry.add_image("team/app", "1", b"layer")
    repository = connect(registry, auths={registry.host: {"identitytoken": "s3cret-w0rd"}})
    repository.manifest("1")
    (asked,) = [one for one in registry.asked if one.path == "/token"]
    form = parse_qs(asked.body.decode())
    assert asked.method == "POST"
    assert form["grant_type"] == ["refresh_token"]
    assert form["refresh_token"] == ["s3cret-w0rd"]
    assert form["scope"] == ["repository:team/app:pull"]


def test_a_token_service_elsewhere_gets_this_registrys_login_alone(
    registry: FakeRegistry, connect: Connect
) -> None:
    registry.add_image("team/app", "1", b"layer")
    with fake_registry(login=LOGIN) as service:
        registry.realm = f"{service.url}/token"
        others = {service.host: {"auth": base64.b64encode(b"other:theirs").decode()}}
        connect(registry, auths={**auths(registry), **others}).manifest("1")
        assert sent_logins(service) == {basic(LOGIN)}
    assert basic(LOGIN) not in sent_logins(registry)


def test_a_token_service_that_redirects_takes_no_login_along(
    registry: FakeRegistry, connect: Connect
) -> None:
    with fake_registry() as thief, fake_registry() as service:
        registry.realm = f"{service.url}/token"
        service.lies.append(lambda _: Reply(307, {"Location": f"{thief.url}/token"}))
        registry.add_image("team/app", "1", b"layer")
        connect(registry, auths=auths(registry)).manifest("1")
        assert sent_logins(service) == {basic(LOGIN)}
        assert sent_logins(thief) == {""}
        form = {registry.host: {"identitytoken": "s3cret-w0rd"}}
        with pytest.raises(NetworkError, match="meant for this server") as caught:
            connect(registry, auths=form).manifest("1")
        assert len(thief.asked) == 1
        assert_silent(caught.value)


def test_a_blob_elsewhere_is_fetched_without_login(
    registry: FakeRegistry, connect: Connect, store: Store
) -> None:
    registry.login = LOGIN
    row = registry.add_blob("team/app", b"the layer")
    with fake_registry() as network:
        network.lies.append(lambda asked: Reply(body=b"the layer"))
        registry.lies.append(
            lambda asked: (
                Reply(307, {"Location": f"{network.url}/signed?key=1"})
                if "/blobs/" in asked.path and "authorization" in asked.headers
                else None
            )
        )
        connect(registry, auths=auths(registry)).fetch(descriptor_of(row, ""), store)
        assert sent_logins(network) == {""}
    assert store.path(descriptor_of(row, "").digest).read_bytes() == b"the layer"


@pytest.mark.parametrize(
    "realm",
    [
        "http://tokens.example/token",
        "ftp://tokens.example/token",
        "file:///etc/passwd",
        "//tokens.example",
        "https://",
        "https://user:pass@tokens.example/",
    ],
)
def test_a_secure_registry_cannot_name_an_open_token_service(
    tmp_path: Path, connect: Connect, realm: str
) -> None:
    authority = Authority(tmp_path)
    with fake_registry(tls=authority.context("127.0.0.1"), realm=realm) as registry:
        repository = connect(registry, auths=auths(registry), ca_file=authority.file)
        with pytest.raises(TrustError, match="refused to ask") as caught:
            repository.manifest("1")
        assert_silent(caught.value)


def test_a_private_ca_is_trusted_and_nobody_else(tmp_path: Path, connect: Connect) -> None:
    authority = Authority(tmp_path)
    with fake_registry(tls=authority.context("127.0.0.1")) as registry:
        registry.add_image("team/app", "1", b"layer")
        assert connect(registry, ca_file=authority.file).manifest("1").data
        with pytest.raises(NetworkError, match="not trusted"):
            connect(registry).manifest("1")


@pytest.mark.parametrize(
    "body",
    [b"{}", b"[]", b'{"token": 5}', b'{"token": "a\\r\\nX: y"}', b"<html>", b'{"token": ""}'],
)
def test_a_token_that_is_none(registry: FakeRegistry, connect: Connect, body: bytes) -> None:
    registry.realm = f"{registry.url}/token"
    registry.lies.append(lambda asked: Reply(body=body) if asked.path == "/token" else None)
    with pytest.raises(NetworkError, match="gave no token"):
        connect(registry).manifest("1")


def test_an_endless_token(registry: FakeRegistry, connect: Connect) -> None:
    registry.realm = f"{registry.url}/token"
    registry.lies.append(lambda a: Reply(body=bytes(1 << 20)) if a.path == "/token" else None)
    with pytest.raises(NetworkError, match="more than the"):
        connect(registry).manifest("1")


def test_what_a_registry_says_is_not_repeated(registry: FakeRegistry, connect: Connect) -> None:
    """An error that quotes the login back must not bring it into a log."""
    registry.login = LOGIN

    def echo(asked: Asked) -> Reply | None:
        given = asked.headers.get("authorization")
        body = {"errors": [{"code": given, "message": given, "detail": LOGIN}]}
        return (
            Reply(500 if "blobs" in asked.path else 403, {}, json.dumps(body).encode())
            if (given)
            else None
        )

    registry.lies.append(echo)
    repository = connect(registry, auths=auths(registry))
    for act in (lambda: repository.manifest("1"), repository.tags):
        with pytest.raises(NeveError) as caught:
            act()
        assert_silent(caught.value)
    shown = f"{repository!r} {repository.auth!r} {repository.auth._sessions!r}"
    assert all(secret not in shown for secret in SECRETS)


def test_challenges_as_servers_write_them() -> None:
    several = 'Basic realm="a, b", Bearer realm="https://t/x",service=s , scope="p q"'
    assert parse_challenges((several, "Negotiate", 'Digest nonce="a\\"b"')) == (
        Challenge(scheme="basic", parameters={"realm": "a, b"}),
        Challenge(
            scheme="bearer", parameters={"realm": "https://t/x", "service": "s", "scope": "p q"}
        ),
        Challenge(scheme="negotiate", parameters={}),
        Challenge(scheme="digest", parameters={"nonce": 'a"b'}),
    )


@given(st.lists(st.text(max_size=200), max_size=3))
def test_any_challenge_can_be_read(headers: list[str]) -> None:
    for challenge in parse_challenges(tuple(headers)):
        assert challenge.scheme == challenge.scheme.lower()


def test_requests_at_once_are_all_admitted(registry: FakeRegistry, connect: Connect) -> None:
    """Who was refused without a login tries the one that another request found meanwhile."""
    registry.login = LOGIN
    registry.add_image("team/app", "1", b"layer")
    together = threading.Barrier(4, timeout=5)

    def meet(asked: Asked) -> Reply | None:
        if "/manifests/" in asked.path and "authorization" not in asked.headers:
            together.wait()
        return None

    registry.lies.append(meet)
    repository = connect(registry, auths=auths(registry))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(repository.manifest, ["1"] * 4))
    assert len({one.data for one in found}) == 1


def test_a_slow_token_service_stops_nobody_for_good(
    registry: FakeRegistry, connect: Connect
) -> None:
    """Who waits for a token holds a connection: more of them than there are must not lock up."""
    registry.realm = f"{registry.url}/token"
    registry.add_image("team/app", "1", b"layer")

    def slow(asked: Asked) -> Reply | None:
        if asked.path == "/token":
            time.sleep(0.05)
        return None

    registry.lies.append(slow)
    repository = connect(registry)
    with ThreadPoolExecutor(16) as pool:
        scopes = [("GET", "pull"), ("HEAD", "push")] * 16
        found = pool.map(lambda s: repository.ask(s[0], "manifests/1", action=s[1]).status, scopes)
        assert set(found) == {200}
    assert len([one for one in registry.asked if one.path == "/token"]) == 2
