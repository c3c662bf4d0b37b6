"""Expectations, HTTP and secrets."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neve.contract.expect import excerpt, mismatch
from neve.contract.http import read_answer, request_bytes
from neve.contract.secret import RunSecrets
from neve.contract.types import Expected, HttpRule


@pytest.mark.parametrize(
    ("expected", "text", "holds"),
    [
        (Expected(), "anything", True),
        (Expected(equals="ok"), "ok\n", True),
        (Expected(equals="ok\n"), "ok", True),
        (Expected(equals="ok"), "ok\n\n", False),
        (Expected(contains=("a", "b")), "b a", True),
        (Expected(contains=("a", "c")), "b a", False),
        (Expected(matches=r"^v\d+$"), "first\nv12\nlast", True),
        (Expected(matches=r"^v\d+$"), "first v12", False),
    ],
)
def test_expectations(expected: Expected, text: str, *, holds: bool) -> None:
    assert (mismatch(expected, text, "it") is None) is holds


def test_a_mismatch_shows_the_end_of_what_was_seen() -> None:
    wrong = mismatch(Expected(contains=("missing",)), "x" * 1000 + "the cause", "its log")
    assert wrong is not None
    assert wrong.startswith("its log does not contain 'missing'")
    assert "the cause" in wrong
    assert len(wrong) < 400
    assert excerpt("  \n") == "nothing"


def test_a_request_is_what_a_server_expects() -> None:
    rule = HttpRule(port=80, path="/a?b", method="POST", headers=(("X", "y"),), body="ä")
    assert (
        request_bytes(rule)
        == (
            "POST /a?b HTTP/1.1\r\nHost: localhost:80\r\nX: y\r\nConnection: close\r\n"
            "Content-Length: 2\r\n\r\nä"
        ).encode()
    )


def test_a_host_that_was_given_is_not_doubled() -> None:
    request = request_bytes(HttpRule(port=80, headers=(("host", "example.org"),)))
    assert request.lower().count(b"host:") == 1


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: 1\r\na: 2\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\nA: 1\r\nA: 2\r\n\r\nhello",
        (
            b"HTTP/1.1 200\r\nA: 1\r\nA: 2\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        ),
    ],
)
def test_answers_by_length_by_end_and_in_chunks(data: bytes) -> None:
    answer = read_answer(data, "GET")
    assert (answer.status, answer.body, answer.headers["a"]) == (200, b"hello", "1, 2")


def test_an_answer_to_head_has_no_body() -> None:
    assert read_answer(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD").body == b""


@pytest.mark.parametrize(
    "data",
    [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 500],
)
def test_what_is_not_http_is_said(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_answer(data, "GET")


@given(st.binary(max_size=300))
def test_any_bytes_are_an_answer_or_a_value_error(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        read_answer(b"HTTP/1.1 200 OK\r\n" + data, "GET")


def test_a_secret_is_the_same_within_a_run_new_in_the_next_and_never_shown() -> None:
    first, second = RunSecrets(), RunSecrets()
    value = first.fill("${secret:db}")
    assert len(value) == 32
    assert first.fill("x=${secret:db}/${secret:other}").startswith(f"x={value}/")
    assert second.fill("${secret:db}") != value
    assert first.hide(f"password was {value}!") == "password was ${secret:db}!"
    assert first.fill("${HOME}") == "${HOME}"
