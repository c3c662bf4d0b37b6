"""Release files and compressed indexes of any shape: refused or read, never a crash."""

from __future__ import annotations

import contextlib
import gzip
import lzma
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from neve.archive import BrokenLinkError, SuiteRequest
from neve.archive.inflate import inflate_index
from neve.archive.release import parse_release, snapshot_name, snapshot_seconds
from neve.errors import HostileInputError, NeveError

REQUEST = SuiteRequest(alias="a", suite="s", components=("main",), keyring=b"")
GOOD = b"Suite: s\nDate: Sat, 21 Nov 2026 09:15:44 UTC\nSHA256:\n " + b"0" * 64 + b" 5 main/x\n"
PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor().compress,
    "": bytes,
}


def test_a_release_file_is_read() -> None:
    release = parse_release(GOOD, REQUEST)
    assert release.date == 1_795_252_544
    assert release.files["main/x"].size == 5


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    with contextlib.suppress(NeveError):
        parse_release(data, REQUEST)


@given(st.data())
def test_a_good_file_with_one_byte_changed(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(GOOD) - 1))
    changed = GOOD[:at] + bytes([data.draw(st.integers(0, 255))]) + GOOD[at + 1 :]
    with contextlib.suppress(HostileInputError, BrokenLinkError):
        parse_release(changed, REQUEST)


@given(st.integers(0, 4_000_000_000))
def test_snapshot_names_read_back(seconds: int) -> None:
    assert snapshot_seconds(snapshot_name(seconds)) == seconds


def _inflated(data: bytes, suffix: str, limit: int = 1 << 20) -> bytes:
    return b"".join(inflate_index(memoryview(data), suffix, limit=limit, subject="index"))


@pytest.mark.parametrize("suffix", PACK)
@given(parts=st.lists(st.binary(min_size=1, max_size=2000), min_size=1, max_size=3))
def test_every_codec_reads_concatenated_members(suffix: str, parts: list[bytes]) -> None:
    packed = b"".join(PACK[suffix](part) for part in parts)
    assert _inflated(packed, suffix) == b"".join(parts)


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".zst"])
def test_truncation_and_bombs_are_refused(suffix: str) -> None:
    packed = PACK[suffix](bytes(5_000_000))
    with pytest.raises(HostileInputError, match="more than"):
        _inflated(packed, suffix, limit=1_000_000)
    assert len(_inflated(packed, suffix, limit=5_000_000)) == 5_000_000


@pytest.mark.parametrize("suffix", [".gz", ".xz"])
@pytest.mark.parametrize("keep", [1, 10, -1])
def test_a_truncated_stream_is_refused(suffix: str, keep: int) -> None:
    packed = PACK[suffix](bytes(range(256)) * 400)
    with pytest.raises(HostileInputError):
        _inflated(packed[:keep], suffix)


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".zst"])
@given(data=st.binary(min_size=1, max_size=300))
def test_any_compressed_bytes(suffix: str, data: bytes) -> None:
    with contextlib.suppress(HostileInputError):
        _inflated(data, suffix)
