"""The surface is a vector whose every count can be traced, and the reduction is its mean."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from neve.inventory.read import read_inventory
from neve.model import Origin, Reason
from neve.surface import REDUCED_PARTS, Measure, Part, Surface, measure_surface, reduction
from neve.tree import FileEntry, Inline, Kind, Tree

REASON = Reason(Origin.RULE, "test")
STATUS = b"Package: a\nVersion: 1\nArchitecture: all\n"
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "surface.md"


def tree() -> Tree:
    def entry(path: str, kind: Kind, mode: int, **more: object) -> FileEntry:
        return FileEntry(path=path, kind=kind, mode=mode, reason=REASON, **more)  # type: ignore[arg-type]

    return Tree(
        [
            entry("/tmp", Kind.DIRECTORY, 0o1777),
            entry("/usr/bin/dash", Kind.FILE, 0o755, content=Inline(b"four")),
            entry("/usr/bin/sh", Kind.SYMLINK, 0o777, target="dash"),
            entry("/usr/bin/dpkg", Kind.FILE, 0o755, content=Inline(b"12")),
            entry("/usr/bin/su", Kind.FILE, 0o4755, content=Inline(b"1")),
            entry("/usr/bin/su2", Kind.HARDLINK, 0o4755, target="/usr/bin/su"),
            entry(
                "/bin/ping",
                Kind.FILE,
                0o755,
                content=Inline(b"1"),
                xattrs=(("security.capability", b"x"),),
            ),
            entry(
                "/var/lib/dpkg/status.d/a",
                Kind.FILE,
                0o644,
                content=Inline(STATUS),
            ),
        ]
    )


def read(entry: FileEntry) -> bytes:
    assert isinstance(entry.content, Inline)
    return entry.content.data


def surface(**counts: int) -> Surface:
    return Surface(
        measures=tuple(
            Measure(part=part, count=counts.get(part.name.lower(), 0), subjects=()) for part in Part
        )
    )


def test_counts_and_their_subjects() -> None:
    found = measure_surface(read_inventory(tree(), read))
    assert found.counts() == {
        "packages": 1,
        "files": 7,
        "executables": 5,
        "shells-and-interpreters": 2,
        "package-managers": 1,
        "privileged": 3,
        "world-writable": 1,
        "bytes": 8 + len(STATUS),
    }
    assert found.of(Part.SHELLS_AND_INTERPRETERS).subjects == ("/usr/bin/dash", "/usr/bin/sh")
    assert found.of(Part.PRIVILEGED).subjects == ("/bin/ping", "/usr/bin/su", "/usr/bin/su2")
    assert found.of(Part.PACKAGES).subjects == ("a:all=1",)


def test_reduction_is_the_mean_over_what_was_there() -> None:
    before = surface(packages=100, files=1000, bytes=10, package_managers=5)
    after = surface(packages=25, files=1000, bytes=0, privileged=7)
    assert reduction(before, after) == pytest.approx((0.75 + 0.0 + 1.0) / 3)
    assert reduction(before, before) == 0
    assert reduction(surface(), after) == 0
    assert reduction(after, before) < 0


def test_the_page_names_every_part_and_what_is_reduced() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| .+ \| (yes|no) \|$", PAGE.read_text(), re.MULTILINE)
    assert [name for name, _ in rows] == [part.value for part in Part]
    assert [name for name, reduced in rows if reduced == "yes"] == [p.value for p in REDUCED_PARTS]
