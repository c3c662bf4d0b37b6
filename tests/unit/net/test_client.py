"""The client against servers on loopback that drop, lie, redirect and never end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.support.archive import Fault, Server, serve
from tests.support.tls import Authority, intercepting_proxy

from neve.errors import UsageError
from neve.net import (
    Credentials,
    HttpClient,
    NetSettings,
    NetworkError,
    NotFoundError,
    OfflineClient,
    OfflineError,
    Proxies,
    WrongSizeError,
)

BODY = os.urandom(700_000)
SECRET = "sw0rdf1sh"


class Sink:
    """A sink that remembers restarts."""

    def __init__(self) -> None:
        self.data = b""
        self.restarts = 0

    @property
    def position(self) -> int:
        return len(self.data)

    def write(self, data: bytes) -> None:
        self.data += data

    def restart(self) -> None:
        self.data = b""
        self.restarts += 1


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "file").write_bytes(BODY)
    (tmp_path / "www" / "small").write_bytes(b"small")
    return tmp_path / "www"


@pytest.fixture
def server(root: Path) -> Iterator[Server]:
    with serve(root) as running:
        yield running


@pytest.fixture
def waits() -> list[float]:
    return []


Make = Callable[..., HttpClient]


@pytest.fixture
def make(waits: list[float]) -> Make:
    def client(**settings: object) -> HttpClient:
        defaults = {"attempts": 3, "read_timeout": 5.0, "connect_timeout": 2.0}
        return HttpClient(NetSettings(**(defaults | settings)), sleep=waits.append)  # type: ignore[arg-type]

    return client


def test_get(server: Server, make: Make) -> None:
    assert make().get_bytes(f"{server.url}/small", limit=5) == b"small"


@pytest.mark.parametrize("endless", [False, True])
def test_a_body_over_the_limit_is_refused(server: Server, make: Make, *, endless: bool) -> None:
    server.faults["/small"] = Fault(times=5, endless=endless, body=bytes(1_000_000))
    with pytest.raises(WrongSizeError, match="more than the 100000 bytes"):
        make().get_bytes(f"{server.url}/small", limit=100_000)
    assert len(server.requests) == 1


def test_a_download_resumes_where_it_broke_off(server: Server, make: Make) -> None:
    server.faults["/file"] = Fault(cut=300_000)
    sink = Sink()
    make().download(f"{server.url}/file", sink, size=len(BODY))
    assert sink.data == BODY
    assert sink.restarts == 0
    assert "if-range" in server.requests[1][1]
    assert server.requests[1][1]["range"].startswith("bytes=300000-")


def test_a_download_without_validators_resumes_if_its_size_is_known(
    server: Server, make: Make
) -> None:
    server.validators = False
    server.faults["/file"] = Fault(cut=300_000)
    sink = Sink()
    make().download(f"{server.url}/file", sink, size=len(BODY))
    assert sink.data == BODY
    assert sink.restarts == 0


def test_a_download_of_unknown_size_without_validators_starts_again(
    server: Server, make: Make
) -> None:
    server.validators = False
    server.faults["/file"] = Fault(cut=300_000)
    sink = Sink()
    make().download(f"{server.url}/file", sink, size=None, limit=10**6)
    assert sink.data == BODY
    assert sink.restarts == 1


def test_a_file_that_changed_in_between_is_taken_whole(
    server: Server, make: Make, root: Path
) -> None:
    server.faults["/file"] = Fault(cut=300_000)
    changed = BODY[::-1]

    class Changing(Sink):
        def write(self, data: bytes) -> None:
            super().write(data)
            (root / "file").write_bytes(changed)

    sink = Changing()
    make().download(f"{server.url}/file", sink, size=len(BODY))
    assert sink.data == changed
    assert sink.restarts == 1


def test_dropping_again_and_again_ends(server: Server, make: Make, waits: list[float]) -> None:
    server.faults["/file"] = Fault(times=99, cut=0)
    with pytest.raises(NetworkError, match="broke off") as caught:
        make().download(f"{server.url}/file", Sink(), size=len(BODY))
    assert len(server.requests) == 3
    assert waits == [0.5, 1.0]
    assert "mirror" in caught.value.resolution


def test_every_drop_with_progress_is_forgiven(server: Server, make: Make) -> None:
    server.faults["/file"] = Fault(times=10, cut=50_000)
    sink = Sink()
    make().download(f"{server.url}/file", sink, size=len(BODY))
    assert sink.data == BODY


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_heeded_within_reason(
    server: Server, make: Make, waits: list[float], status: int
) -> None:
    server.faults["/small"] = Fault(status=status, headers={"Retry-After": "7"})
    assert make().get_bytes(f"{server.url}/small", limit=5) == b"small"
    server.faults["/small"] = Fault(status=status, headers={"Retry-After": "999999"})
    assert make().get_bytes(f"{server.url}/small", limit=5) == b"small"
    assert waits == [7.0, 30.0]


def test_a_busy_server_is_given_up_at_last(server: Server, make: Make) -> None:
    server.faults["/small"] = Fault(times=99, status=503)
    with pytest.raises(NetworkError, match="busy"):
        make().get_bytes(f"{server.url}/small", limit=5)
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("status", "kind"), [(404, NotFoundError), (410, NotFoundError), (400, NetworkError)]
)
def test_a_lasting_answer_is_not_asked_for_twice(
    server: Server, make: Make, status: int, kind: type[Exception]
) -> None:
    server.faults["/small"] = Fault(times=9, status=status)
    with pytest.raises(kind):
        make().get_bytes(f"{server.url}/small", limit=5)
    assert len(server.requests) == 1


@pytest.mark.parametrize("length", [3, 50_000])
def test_a_wrong_content_length_is_noticed(server: Server, make: Make, length: int) -> None:
    server.faults["/small"] = Fault(times=9, length=length, body=b"small", cut=5)
    with pytest.raises(NetworkError):
        make().download(f"{server.url}/small", Sink(), size=5)


def test_a_length_other_than_promised_is_refused_before_a_byte(server: Server, make: Make) -> None:
    sink = Sink()
    with pytest.raises(WrongSizeError, match="5 bytes, 6 were promised"):
        make().download(f"{server.url}/small", sink, size=6)
    assert sink.data == b""


def test_only_changes_are_sent(server: Server, make: Make) -> None:
    client = make()
    url = f"{server.url}/small"
    first = client.get_if_changed(url, limit=5, etag=None, modified=None)
    assert first is not None
    assert first.body == b"small"
    assert client.get_if_changed(url, limit=5, etag=first.etag, modified=None) is None
    changed = client.get_if_changed(url, limit=5, etag='"other"', modified=None)
    assert changed is not None


def test_a_silent_server_times_out(server: Server, make: Make) -> None:
    server.faults["/small"] = Fault(times=9, delay=0.3)
    with pytest.raises(NetworkError, match="no answer in time"):
        make(read_timeout=0.05, attempts=2).get_bytes(f"{server.url}/small", limit=5)


def test_no_server_is_told(make: Make) -> None:
    with pytest.raises(NetworkError, match="could not connect"):
        make(attempts=1).get_bytes("http://127.0.0.1:9/x", limit=5)


def test_a_silent_host_is_not_waited_for_again(make: Make, waits: list[float]) -> None:
    client = make()
    for _ in range(4):
        with pytest.raises(NetworkError, match="could not connect"):
            client.get_bytes("http://127.0.0.1:9/x", limit=5)
    assert len(waits) == 2


@pytest.mark.parametrize(
    "url", ["ftp://x/y", "file:///etc/passwd", "nonsense", "http://", "http://[x"]
)
def test_other_addresses_are_refused(make: Make, url: str) -> None:
    with pytest.raises(NetworkError):
        make().get_bytes(url, limit=5)


def test_offline_opens_no_connection(server: Server) -> None:
    client = OfflineClient()
    with pytest.raises(OfflineError, match="switched off"):
        client.get_bytes(f"{server.url}/small", limit=5)
    with pytest.raises(OfflineError):
        client.download(f"{server.url}/small", Sink(), size=5)
    with pytest.raises(OfflineError):
        client.get_if_changed(f"{server.url}/small", limit=5, etag=None, modified=None)
    assert server.requests == []


# Redirects and credentials


def test_redirects_are_followed_but_not_for_ever(server: Server, make: Make) -> None:
    server.faults["/a"] = Fault(location="/small")
    assert make().get_bytes(f"{server.url}/a", limit=5) == b"small"
    server.faults["/loop"] = Fault(times=99, location="/loop")
    with pytest.raises(NetworkError, match="more than 5 redirects"):
        make().get_bytes(f"{server.url}/loop", limit=5)
    assert server.paths().count("/loop") == 6


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://x/", "", "http:///x", "http://[x"]
)
def test_redirects_elsewhere_are_refused(server: Server, make: Make, location: str) -> None:
    server.faults["/a"] = Fault(location=location)
    with pytest.raises(NetworkError):
        make().get_bytes(f"{server.url}/a", limit=5)


def test_https_is_never_left_by_a_redirect(
    server: Server, make: Make, root: Path, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    with serve(root, tls=authority.context("127.0.0.1")) as secure:
        secure.faults["/a"] = Fault(location=f"{server.url}/small")
        with pytest.raises(NetworkError, match="refused a redirect"):
            make(ca_file=authority.file).get_bytes(f"{secure.url}/a", limit=5)
    assert server.requests == []


def _with_login(url: str) -> str:
    return url.replace("http://", f"http://user:{SECRET}@")


def test_a_login_in_the_address_is_used_and_never_shown(server: Server, make: Make) -> None:
    make().get_bytes(f"{_with_login(server.url)}/small", limit=5)
    assert server.requests[0][1]["authorization"].startswith("Basic ")
    server.faults["/secret"] = Fault(times=9, status=403)
    with pytest.raises(NetworkError) as caught:
        make().get_bytes(f"{_with_login(server.url)}/secret?token={SECRET}", limit=5)
    shown = f"{caught.value} {caught.value.details} {caught.value.resolution} {caught.value!r}"
    assert SECRET not in shown
    assert "user" not in caught.value.brief


def test_a_login_does_not_follow_a_redirect_to_another_host(
    server: Server, make: Make, root: Path
) -> None:
    with serve(root) as other:
        server.faults["/a"] = Fault(location=f"{other.url}/small")
        make().get_bytes(f"{_with_login(server.url)}/a", limit=5)
        assert "authorization" not in other.requests[0][1]
    server.faults["/b"] = Fault(location="/small")
    make().get_bytes(f"{_with_login(server.url)}/b", limit=5)
    assert "authorization" in server.requests[-1][1]


def test_netrc_logins_are_sent_to_their_host_alone(
    server: Server, make: Make, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login user password {SECRET}\n")
    client = make(credentials=Credentials.from_files([tmp_path / "netrc"]))
    client.get_bytes(f"{server.url}/small", limit=5)
    client.get_bytes(f"{server.url.replace('127.0.0.1', 'localhost')}/small", limit=5)
    assert ["authorization" in headers for _, headers in server.requests] == [True, False]


def test_netrcs_default_follows_no_redirect_to_another_server(
    server: Server, make: Make, root: Path, tmp_path: Path
) -> None:
    """It is for whatever server somebody chose, and who answers there chooses the redirect."""
    authority = Authority(tmp_path)
    (tmp_path / "netrc").write_text(f"default login user password {SECRET}\n")
    logins = Credentials.from_files([tmp_path / "netrc"])
    client = make(credentials=logins, ca_file=authority.file)
    with serve(root, tls=authority.context("localhost")) as other:
        elsewhere = other.url.replace("127.0.0.1", "localhost")
        server.faults["/a"] = Fault(location=f"{elsewhere}/small")
        assert client.get_bytes(f"{server.url}/a", limit=5) == b"small"
        assert "authorization" in server.requests[-1][1]
        assert "authorization" not in other.requests[-1][1]
        client.get_bytes(f"{elsewhere}/small", limit=5)
        assert "authorization" in other.requests[-1][1]
    server.faults["/b"] = Fault(location="/small")
    client.get_bytes(f"{server.url}/b", limit=5)
    assert "authorization" in server.requests[-1][1]


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://one.example/b", True),
        ("https://one.example:443/b", True),
        ("https://one.example:8443/b", False),
        ("https://two.example/b", False),
        ("http://one.example/b", False),
    ],
)
def test_netrcs_default_stays_with_the_server_that_was_asked(
    url: str, *, sent: bool, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text(f"default login user password {SECRET}\n")
    logins = Credentials.from_files([tmp_path / "netrc"])
    for asked in ("http://one.example/a", "https://one.example/a"):
        assert (logins.find(url, asked=asked) is not None) is sent
    assert (logins.find(url) is not None) is url.startswith("https:")


def test_unreadable_login_files_are_told_when_access_is_refused(server: Server, make: Make) -> None:
    server.faults["/small"] = Fault(times=9, status=401)
    client = make(credentials=Credentials(unread=("/etc/apt/auth.conf",)))
    with pytest.raises(NetworkError, match="refused") as caught:
        client.get_bytes(f"{server.url}/small", limit=5)
    assert caught.value.details == ("could not read /etc/apt/auth.conf",)


# TLS and proxies


def test_a_private_ca_is_trusted_only_when_named(make: Make, root: Path, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with serve(root, tls=authority.context("127.0.0.1")) as secure:
        url = f"{secure.url}/small"
        with pytest.raises(NetworkError, match="not trusted") as caught:
            make().get_bytes(url, limit=5)
        assert "NEVE_CA_FILE" in caught.value.resolution
        assert make(ca_file=authority.file).get_bytes(url, limit=5) == b"small"


def test_a_certificate_for_another_host_is_refused(make: Make, root: Path, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    client = make(ca_file=authority.file)
    with serve(root, tls=authority.context("example.org")) as secure:
        url = f"{secure.url}/small"
        with pytest.raises(NetworkError, match="not trusted"):
            client.get_bytes(url, limit=5)


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_an_unusable_ca_file_is_the_callers_mistake(
    make: Make, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=r"ca\.pem"):
        make(ca_file=path).get_bytes("https://127.0.0.1:9/", limit=5)


def test_through_a_proxy_that_intercepts_tls(server: Server, make: Make, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    upstream = urlsplit(server.url)
    assert upstream.port is not None
    with intercepting_proxy(authority, ("127.0.0.1", upstream.port)) as proxy:
        environment = {
            "HTTPS_PROXY": proxy.url.replace("http://", f"http://user:{SECRET}@"),
            "NO_PROXY": "localhost,.internal",
            "NEVE_CA_FILE": str(authority.file),
        }
        client = HttpClient(NetSettings.from_environment(environment))
        sink = Sink()
        server.faults["/file"] = Fault(cut=100_000)
        client.download("https://mirror.example.org/file", sink, size=len(BODY))
        assert sink.data == BODY
        assert set(proxy.connects) == {"mirror.example.org:443"}
        assert proxy.logins[0] == f"user:{SECRET}"
        assert any(b"GET /file" in block for block in proxy.plain)
        # Straight to the loopback server, which the proxy never hears of.
        count = len(proxy.connects)
        near = server.url.replace("127.0.0.1", "localhost")
        assert client.get_bytes(f"{near}/small", limit=5) == b"small"
        assert len(proxy.connects) == count

        without = NetSettings.from_environment({"HTTPS_PROXY": proxy.url})
        with pytest.raises(NetworkError, match="not trusted"):
            HttpClient(without).get_bytes("https://mirror.example.org/small", limit=5)


def test_a_proxy_that_wants_a_login_says_so_without_telling_it(
    server: Server, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    with intercepting_proxy(authority, ("127.0.0.1", 9)) as proxy:
        proxy.login = "somebody:else"
        url = proxy.url.replace("http://", f"http://user:{SECRET}@")
        client = HttpClient(NetSettings.from_environment({"https_proxy": url}))
        with pytest.raises(NetworkError, match="407") as caught:
            client.get_bytes("https://mirror.example.org/small", limit=5)
    assert SECRET not in f"{caught.value} {caught.value.resolution} {caught.value.details}"
    assert "HTTPS_PROXY" in caught.value.resolution


def test_plain_http_goes_through_the_http_proxy(server: Server) -> None:
    client = HttpClient(NetSettings(proxies=Proxies(http=server.url)))
    with pytest.raises(NotFoundError):
        client.get_bytes("http://mirror.example.org/file", limit=10**6)
    assert server.paths() == ["http://mirror.example.org/file"]
