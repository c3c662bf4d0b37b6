"""Requests with more words than GET: bodies, answers, guards, and what travels where."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate

import pytest
from tests.support.registry import Asked, FakeRegistry, Reply, fake_registry

from neve.net import (
    AccessError,
    HttpClient,
    NetSettings,
    NetworkError,
    OfflineClient,
    OfflineError,
    Request,
    WrongSizeError,
)


@dataclass
class Key:
    """A guard that knows one header and gets better ones when it is challenged."""

    headers: list[str]
    home: str
    seen: list[tuple[str | None, tuple[str, ...]]] = field(default_factory=list)

    def header(self, url: str) -> str | None:
        return self.headers[0] if url.startswith(self.home) else None

    def challenged(self, _url: str, used: str | None, challenges: tuple[str, ...]) -> bool:
        self.seen.append((used, challenges))
        if len(self.headers) > 1:
            self.headers.pop(0)
            return True
        return False


@pytest.fixture
def server() -> Iterator[FakeRegistry]:
    with fake_registry() as running:
        yield running


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def client(waits: list[float]) -> Iterator[HttpClient]:
    settings = NetSettings(attempts=3, read_timeout=5.0, connect_timeout=2.0)
    made = HttpClient(settings, sleep=waits.append)
    yield made
    made.close()


def lie(server: FakeRegistry, reply: Callable[[Asked], Reply | None]) -> None:
    server.lies.append(reply)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH"])
def test_what_is_asked_and_answered(server: FakeRegistry, client: HttpClient, method: str) -> None:
    lie(server, lambda _: Reply(418, {"X-Kind": "teapot"}, b"short"))
    body = b"hello" if method not in ("GET", "HEAD") else None
    answer = client.send(
        Request(method=method, url=f"{server.url}/x?y=1", headers={"X-A": "b"}, body=body)
    )
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.query) == (method, "/x", {"y": "1"})
    assert (asked.headers["x-a"], asked.body) == ("b", body or b"")
    assert (answer.status, answer.headers["x-kind"]) == (418, "teapot")
    assert answer.body == (b"" if method == "HEAD" else b"short")


def test_a_streamed_body_is_sent_anew_with_each_attempt(
    server: FakeRegistry, client: HttpClient, waits: list[float]
) -> None:
    busy = iter([Reply(503), Reply(429)])
    lie(server, lambda _: next(busy, Reply(201)))
    given: list[int] = []

    def body() -> Iterator[bytes]:
        given.append(1)
        yield b"ab" * 50_000
        yield b"c"

    answer = client.send(Request(method="PUT", url=f"{server.url}/x", body=body, length=100_001))
    assert answer.status == 201
    assert [len(one.body) for one in server.asked] == [100_001] * 3
    assert all("transfer-encoding" not in one.headers for one in server.asked)
    assert len(given) == 3
    assert len(waits) == 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_body_goes_to_no_other_server(
    server: FakeRegistry, client: HttpClient, status: int
) -> None:
    with fake_registry() as other:
        lie(server, lambda _: Reply(status, {"Location": f"{other.url}/x"}))
        with pytest.raises(NetworkError, match="meant for this server"):
            client.send(Request(method="POST", url=f"{server.url}/x", body=b"secret"))
        assert not other.asked


def test_a_guards_login_stays_with_its_server(server: FakeRegistry, client: HttpClient) -> None:
    with fake_registry() as other:
        lie(server, lambda _: Reply(302, {"Location": f"{other.url}/v2/"}))
        key = Key(["Bearer one"], server.url)
        assert client.send(Request(method="GET", url=f"{server.url}/x", guard=key)).status == 200
        assert server.asked[0].headers["authorization"] == "Bearer one"
        assert "authorization" not in other.asked[0].headers


def test_a_challenge_names_what_was_refused(server: FakeRegistry, client: HttpClient) -> None:
    def door(asked: Asked) -> Reply | None:
        good = asked.headers.get("authorization") == "Bearer two"
        return Reply() if good else Reply(401, {"WWW-Authenticate": "Bearer a=b"})

    lie(server, door)
    key = Key(["Bearer one", "Bearer two"], server.url)
    assert client.send(Request(method="GET", url=f"{server.url}/x", guard=key)).status == 200
    assert key.seen == [("Bearer one", ("Bearer a=b",))]
    with pytest.raises(AccessError, match="access refused"):
        client.send(Request(method="GET", url=f"{server.url}/x", guard=Key(["no"], server.url)))


def test_challenges_end(server: FakeRegistry, client: HttpClient) -> None:
    lie(server, lambda _: Reply(401, {"WWW-Authenticate": "Basic"}))
    key = Key([f"n{number}" for number in range(100)], server.url)
    with pytest.raises(AccessError):
        client.send(Request(method="GET", url=f"{server.url}/x", guard=key))
    assert len(server.asked) < 6


def test_without_a_guard_no_login_is_sent_and_401_is_an_answer(
    server: FakeRegistry, client: HttpClient
) -> None:
    lie(server, lambda _: Reply(401))
    name = server.url.replace("http://", "http://me:secret@")
    assert client.send(Request(method="GET", url=f"{name}/x")).status == 401
    assert "authorization" not in server.asked[0].headers


def test_an_answer_over_its_limit(server: FakeRegistry, client: HttpClient) -> None:
    lie(server, lambda _: Reply(body=bytes(1000)))
    assert len(client.send(Request(method="GET", url=server.url, limit=1000)).body) == 1000
    with pytest.raises(WrongSizeError):
        client.send(Request(method="GET", url=server.url, limit=999))


def test_a_date_to_wait_for(server: FakeRegistry, client: HttpClient, waits: list[float]) -> None:
    when = formatdate(time.time() + 20, usegmt=True)
    busy = iter([Reply(429, {"Retry-After": when}), Reply(503, {"Retry-After": "Mon, 99"})])
    lie(server, lambda _: next(busy, Reply()))
    client.send(Request(method="GET", url=server.url))
    assert 15 < waits[0] <= 20
    assert waits[1] == 1.0


def test_what_failed_says_whether_it_may_pass(server: FakeRegistry, client: HttpClient) -> None:
    lie(server, lambda _: Reply(503, {"Retry-After": "9"}))
    with pytest.raises(NetworkError) as caught:
        client.send(Request(method="GET", url=server.url, attempts=1))
    assert (caught.value.passing, caught.value.retry_after) == (True, 9.0)
    assert len(server.asked) == 1


def test_offline_nothing_is_sent() -> None:
    with pytest.raises(OfflineError):
        OfflineClient().send(Request(method="PUT", url="http://127.0.0.1:9/"))
