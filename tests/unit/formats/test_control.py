"""Control files and dpkg's database of installed packages."""

from __future__ import annotations

import contextlib
import tarfile
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neve.errors import HostileInputError
from neve.formats.deb import PackageFacts, field, paragraphs, parse_control
from neve.formats.deb.control import render_paragraph
from neve.formats.deb.status import (
    read_installed,
    read_status,
    status_files,
    status_paragraph,
)

LINE = st.text(alphabet="abc :#.-é", min_size=1, max_size=8).map(str.strip).filter(bool)
VALUE = st.lists(LINE, min_size=1, max_size=3).map("\n ".join)
PARAGRAPH = st.dictionaries(
    st.from_regex(r"\A[A-Z][a-z-]{0,5}\Z"), VALUE, min_size=1, max_size=4
).map(lambda fields: tuple(fields.items()))


def test_folded_lines_keep_their_breaks() -> None:
    text = "Package: a\nDescription: short\n long\n .\n  verbatim\nEmpty:\n"
    assert parse_control(text, subject="x") == (
        ("Package", "a"),
        ("Description", "short\n long\n .\n  verbatim"),
        ("Empty", ""),
    )


def test_paragraphs_are_parted_by_blank_lines_and_comments_are_none() -> None:
    found = list(paragraphs(b"\nA: 1\r\n# comment\nB: 2\n \t\n\nA: 3", subject="x"))
    assert found == [(("A", "1"), ("B", "2")), (("A", "3"),)]


@given(st.lists(PARAGRAPH, max_size=3))
def test_what_is_rendered_is_read_back(written: list[tuple[tuple[str, str], ...]]) -> None:
    text = "\n".join(render_paragraph(paragraph) for paragraph in written)
    assert list(paragraphs(text, subject="x")) == written


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(HostileInputError):
        for paragraph in paragraphs(data, subject="x"):
            assert len({name.lower() for name, _ in paragraph}) == len(paragraph)


def test_field_names_have_no_letter_case() -> None:
    assert field((("Multi-Arch", "same"),), "multi-arch") == "same"
    assert field((("Multi-Arch", "same"),), "Version") is None


@pytest.fixture(scope="module")
def facts(make_deb: Callable[..., bytes], read: Callable[[bytes], PackageFacts]) -> PackageFacts:
    control = (
        b"Package: libx1\nVersion: 2.0-1+b1\nSource: x (2.0-1)\nArchitecture: amd64\n"
        b"Maintainer: M <m@example.org>\nInstalled-Size: 12\nDepends: libc6 (>= 2.36)\n"
        b"Section: libs\nPriority: optional\nMulti-Arch: same\nHomepage: https://example.org\n"
        b"Build-Ids: abc\nDescription: short\n long text\n .\n more\n"
    )
    return read(
        make_deb(tarfile.TarInfo("./x"), control={"control": control, "md5sums": b"00  x\n"})
    )


def test_the_status_paragraph_is_as_dpkg_writes_it(facts: PackageFacts) -> None:
    assert status_paragraph(facts).decode() == (
        "Package: libx1\nStatus: install ok installed\nPriority: optional\nSection: libs\n"
        "Installed-Size: 12\nMaintainer: M <m@example.org>\nArchitecture: amd64\n"
        "Multi-Arch: same\nSource: x (2.0-1)\nVersion: 2.0-1+b1\nDepends: libc6 (>= 2.36)\n"
        "Description: short\n long text\n .\n more\nHomepage: https://example.org\n"
    )


def test_what_status_d_holds_is_read_back_as_installed(facts: PackageFacts) -> None:
    files = status_files(facts)
    assert [path for path, _ in files] == [
        "/var/lib/dpkg/status.d/libx1",
        "/var/lib/dpkg/status.d/libx1.md5sums",
    ]
    (package,) = read_installed(files)
    assert (package.name, package.version, package.architecture) == ("libx1", "2.0-1+b1", "amd64")
    assert (package.source, package.source_version) == ("x", "2.0-1")


def test_only_installed_packages_of_the_status_file_count() -> None:
    status = (
        b"Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n"
        b"Package: b\nStatus: deinstall ok config-files\nVersion: 1\n\n"
        b"Package: c\nStatus: hold ok installed\nVersion: 2\n\n"
        b"Package: d\nStatus: install ok not-installed\n\n"
        b"Package: e\nStatus: install ok half-configured\nVersion: 1\n"
    )
    found = read_installed([("/var/lib/dpkg/status", status), ("/etc/passwd", b"not: this one")])
    assert [package.name for package in found] == ["a", "c"]


def test_a_package_in_both_databases_counts_once(facts: PackageFacts) -> None:
    paragraph = status_paragraph(facts)
    found = read_installed([("/var/lib/dpkg/status", paragraph), *status_files(facts)])
    assert len(found) == 1


def test_an_installed_package_without_a_version_is_refused() -> None:
    with pytest.raises(HostileInputError, match=r"/var/lib/dpkg/status: .*no version"):
        list(read_status(b"Package: a\n", path="/var/lib/dpkg/status"))
