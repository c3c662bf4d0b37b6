"""Images that mean harm end in a clear error, within bounded time and memory.

Each case runs in a process of its own, that makes the image as a stream (so that the image itself
takes no memory), reads it and says what came of it, the seconds and the peak of its memory.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

RUN = '''
import gzip, hashlib, io, json, resource, struct, sys, tarfile, time, zlib
from contextlib import suppress
from pathlib import Path
from neve.errors import NeveError
from neve.inventory.layers import read_image
from neve.model import Digest
from neve.oci import source
from neve.oci.source import ReadLimits, SourceLayer

class Endless(io.RawIOBase):
    """What ``make`` yields, read bit by bit."""
    def __init__(self, make):
        self._parts, self._rest = make(), b""
    def readable(self):
        return True
    def read(self, size=-1):
        while len(self._rest) < size:
            part = next(self._parts, None)
            if part is None:
                break
            self._rest += part
        out, self._rest = self._rest[:size], self._rest[size:]
        return out

class Image:
    configuration = b'{"os":"linux","architecture":"amd64"}'
    def __init__(self, make, size):
        content, finite = hashlib.sha256(), size is None
        size = size or 0
        for part in make() if finite else ():
            content.update(part)
            size += len(part)
        wrong = sys.argv[1] == "wrong digest"
        digest = Digest("sha256", "0" * 64 if wrong else content.hexdigest())
        self.make = make
        self.layers = (SourceLayer(digest=digest, diff_id=digest, size=size, name="layer"),)
    def open_layer(self, layer):
        return Endless(self.make)

def header(name, size=0, type=b"0", link="", form=tarfile.GNU_FORMAT):
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, type, link
    return info.tobuf(form)

def squeezed(parts, level=9):
    stream = zlib.compressobj(level, wbits=31)
    for part in parts:
        yield stream.compress(part)
    yield stream.flush()

def pax(records):
    body = b"".join(records)
    return header("p", len(body), b"x") + body + bytes(-len(body) % 512)

def record(key, value):
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %s=%s\\n" % (length, key, value)

GIGA = 1 << 30
EMPTY_MEMBER = gzip.compress(b"")
CASES = {
    "bomb": (lambda: squeezed(header("f", 64 * GIGA) if n == 0 else bytes(1 << 20)
             for n in range(300)), 1 << 30),
    "zstd bomb": (lambda: iter([__import__("zstandard").compress(bytes(700 << 20))]), None),
    "million entries": (lambda: squeezed((header("n") * 1000 for _ in range(60)), 1), None),
    "million directories deep": (lambda: iter([header("d/" * 100_000)]), None),
    "lying header": (lambda: iter([header("f", 8 * GIGA), b"short"]), None),
    "lying header, small": (lambda: iter([header("f", 4000), b"short"]), None),
    "lying manifest": (lambda: iter([header("f"), bytes(1024)]), 5_000_000),
    "longer than declared": (lambda: (bytes(1 << 20) for _ in iter(int, 1)), 10 << 20),
    "endless gzip": (lambda: (EMPTY_MEMBER * 50_000 for _ in iter(int, 1)), 64 << 20),
    "endless extended headers": (lambda: (pax([record(b"comment", b"x" * 9000)])
             for _ in iter(int, 1)), GIGA),
    "absurd extended header": (lambda: iter([header("p", 3 << 20, b"x"), bytes(3 << 20)]), None),
    "absurd number": (lambda: iter([pax([record(b"size", b"9" * 500_000)]), header("f")]), None),
    "absurd records": (lambda: iter([pax([record(b"k%d" % n, b"v") for n in range(60_000)]) * 40,
             header("f"), bytes(1024)]), None),
    "sparse without end": (lambda: iter([pax([record(b"GNU.sparse.major", b"1"),
             record(b"GNU.sparse.minor", b"0"), record(b"GNU.sparse.realsize", b"%d" % (1 << 45)),
             record(b"GNU.sparse.name", b"f")]), header("f", 512), b"0\\n".ljust(512, b"\\0"),
             bytes(1024)]), None),
    "sparse of many pieces": (lambda: iter([pax([record(b"GNU.sparse.major", b"1"),
             record(b"GNU.sparse.minor", b"0"), record(b"GNU.sparse.realsize", b"1"),
             record(b"GNU.sparse.name", b"f")]), header("f", GIGA),
             b"99999999999\\n".ljust(512, b"0")] + [b"0\\n" * 256] * 4000), None),
    "climbing": (lambda: iter([header("a/../../etc/passwd"), bytes(1024)]), None),
    "cyclic links": (lambda: iter([header("a", type=b"2", link="b"),
             header("b", type=b"2", link="a"), header("a/x"), bytes(1024)]), None),
    "links that multiply": (lambda: iter([header("l0", type=b"2", link="."), *(header(f"l{n}",
             type=b"2", link="/".join([f"l{n - 1}"] * 20)) for n in range(1, 30)),
             header("l29/y"), bytes(1024)]), None),
    "hard link to nothing": (lambda: iter([header("a", type=b"1", link="b"), bytes(1024)]), None),
    "hard link ring": (lambda: iter([header("a", type=b"1", link="b"),
             header("b", type=b"1", link="a"), bytes(1024)]), None),
    "wrong digest": (lambda: iter([header("a"), bytes(1024)]), None),
}

def peak():
    """The kernel counts the process that this one was forked from into ru_maxrss."""
    with suppress(OSError), open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


make, size = CASES[sys.argv[1]]
image = Image(make, size)
# A tenth of what is allowed, so that the tests take a tenth of the time.
LIMITS = ReadLimits(members=50_000, ratio_from=64 << 20)
source._MAX_GZIP_MEMBERS = 50_000
before = time.process_time()
try:
    read_image(image, limits=LIMITS)
    outcome = "read"
except NeveError as error:
    outcome = f"{type(error).__name__}: {error.brief}"
print(json.dumps({
    "outcome": outcome,
    "seconds": time.process_time() - before,
    "peak": peak(),
}))
'''


def read_hostile(case: str, directory: Path) -> tuple[str, float, int]:
    """What reading the image came to, the processor's seconds and the peak in bytes."""
    script = directory / "case.py"
    script.write_text(RUN)
    done = subprocess.run(
        [sys.executable, str(script), case],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return found["outcome"], found["seconds"], found["peak"]


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("bomb", "decompression bomb"),
        ("zstd bomb", "decompression bomb"),
        ("million entries", "too many members"),
        ("million directories deep", "deeper than 256"),
        ("lying header", "cut short"),
        ("lying header, small", "cut short"),
        ("lying manifest", "instead of 5000000"),
        ("longer than declared", "longer than the 10485760 bytes declared"),
        ("endless gzip", "more than 50000 gzip members"),
        ("endless extended headers", "extended headers without end"),
        ("absurd extended header", "an extended header of 3145728 bytes"),
        ("absurd number", "a size that is no number"),
        ("absurd records", "more than 2000 records"),
        ("sparse without end", "sparse files hold more than"),
        ("sparse of many pieces", "too many pieces"),
        ("climbing", "member named"),
        ("cyclic links", "symbolic links"),
        ("links that multiply", "symbolic links"),
        ("hard link to nothing", "hard link"),
        ("hard link ring", "hard link"),
        ("wrong digest", "its digest is not"),
    ],
)
def test_a_clear_error_within_bounds(case: str, words: str, tmp_path: Path) -> None:
    outcome, seconds, peak = read_hostile(case, tmp_path)
    assert words in outcome
    assert outcome.startswith(("HostileInputError", "TrustError"))
    assert seconds < 10
    assert peak < 150e6
