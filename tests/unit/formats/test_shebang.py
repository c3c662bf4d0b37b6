"""``#!`` lines as the kernel splits them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neve.formats.shebang import read_shebang


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (b"#!/bin/sh\n", ("/bin/sh",)),
        (b"#!/bin/sh", ("/bin/sh",)),
        (b"#! \t/bin/sh -e \t\nrest", ("/bin/sh", "-e")),
        (b"#!/usr/bin/env -S python3 -u\n", ("/usr/bin/env", "-S python3 -u")),
        (b"#!/usr/bin/perl\t-w\n", ("/usr/bin/perl", "-w")),
        (b"#!/bin/sh\0 -x\n", ("/bin/sh",)),
        (b"#!/" + b"a" * 252 + b"\n", ("/" + "a" * 252,)),
        (b"#!/bin/sh " + b"a" * 300, ("/bin/sh", "a" * 246)),
        (b"#!/" + b"a" * 300 + b"\n", None),
        (b"#!\n/bin/sh", None),
        (b"#!", None),
        (b"#!python3\n", None),
        (b"#![allow(dead_code)]\n", None),
        (b"/bin/sh\n", None),
        (b"", None),
    ],
)
def test_shebang(script: bytes, words: tuple[str, ...] | None) -> None:
    assert read_shebang(script) == words
    assert read_shebang(memoryview(script)) == words


@given(st.binary(max_size=300))
def test_any_script_has_at_most_two_words(tail: bytes) -> None:
    words = read_shebang(b"#!" + tail)
    assert words is None or 1 <= len(words) <= 2
