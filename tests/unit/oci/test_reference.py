"""References: Docker Hub's defaults, hosts and ports, and that reading undoes writing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neve.errors import UsageError
from neve.model import Digest
from neve.oci.reference import Reference, is_loopback, names_registry

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "full", "host", "wanted"),
    [
        ("debian", "docker.io/library/debian", "registry-1.docker.io", "latest"),
        ("debian:13", "docker.io/library/debian:13", "registry-1.docker.io", "13"),
        ("team/app", "docker.io/team/app", "registry-1.docker.io", "latest"),
        ("docker.io/debian", "docker.io/library/debian", "registry-1.docker.io", "latest"),
        ("index.docker.io/debian", "docker.io/library/debian", "registry-1.docker.io", "latest"),
        ("docker://debian", "docker.io/library/debian", "registry-1.docker.io", "latest"),
        ("localhost/app", "localhost/app", "localhost", "latest"),
        ("localhost:5000/app:1", "localhost:5000/app:1", "localhost:5000", "1"),
        ("[::1]:5000/app", "[::1]:5000/app", "[::1]:5000", "latest"),
        ("Registry.Example/a/b/c:x", "registry.example/a/b/c:x", "registry.example", "x"),
        (f"r.example/a:1@{DIGEST}", f"r.example/a:1@{DIGEST}", "r.example", DIGEST),
        (f"a@{DIGEST}", f"docker.io/library/a@{DIGEST}", "registry-1.docker.io", DIGEST),
    ],
)
def test_what_a_name_means(text: str, full: str, host: str, wanted: str) -> None:
    reference = Reference.parse(text)
    assert (str(reference), reference.host, reference.wanted) == (full, host, wanted)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Debian",
        "a//b",
        "/a",
        "a/",
        "r.example/",
        "r.example/A",
        "r.example:99999/a",
        "r.example:0/a",
        "a:",
        "a:-x",
        "a:b:c",
        "a@",
        "a@sha256:abc",
        f"a@sha512:{'a' * 128}",
        f"a@md5:{'a' * 32}",
        "user:secret@r.example/a",
        "r.example/a?x=1",
        "r.example/a#b",
        "r.example/../a",
        "https://r.example/a",
        "a b",
        "a\n",
        "[::zz]:5000/a",
        "a/" * 200 + "a",
        "x" * 5000,
    ],
)
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(UsageError):
        Reference.parse(text)


def test_only_a_dot_a_port_or_localhost_make_a_host() -> None:
    assert names_registry("r.example/a")
    assert names_registry("localhost/a")
    assert names_registry("box:5000/a")
    assert not names_registry("team/app")
    assert not names_registry("app.d:1")


def test_loopback_is_this_machine_alone() -> None:
    assert all(
        map(is_loopback, ("localhost", "localhost:1", "127.0.0.1:5", "127.9.9.9", "[::1]:5"))
    )
    strangers = ("localhost.example", "10.0.0.1", "128.0.0.1", "127.0.0.1.example:80", "example")
    assert not any(map(is_loopback, strangers))


_words = st.from_regex(r"[a-z0-9]{1,8}([._-][a-z0-9]{1,8})?", fullmatch=True)
_hosts = st.from_regex(r"[a-z]{1,8}\.[a-z]{2,5}(:[1-9][0-9]{0,3})?", fullmatch=True)
_references = st.builds(
    Reference,
    registry=_hosts | st.just("docker.io") | st.just("localhost"),
    repository=st.lists(_words, min_size=2, max_size=4).map("/".join),
    tag=st.none() | st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True),
    digest=st.none()
    | st.text("0123456789abcdef", min_size=64, max_size=64).map(lambda v: Digest("sha256", v)),
)


@given(_references)
def test_reading_undoes_writing(reference: Reference) -> None:
    assert Reference.parse(str(reference)) == reference


@given(st.text(max_size=60))
def test_any_text_is_a_name_or_refused(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except UsageError:
        return
    assert Reference.parse(str(reference)) == reference
    assert "/.." not in f"/{reference.repository}"
