"""Reading a .deb: what an honest one says, and that every dishonest one is refused whole."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neve.errors import HostileInputError
from neve.formats.deb import PackageFacts, field
from neve.formats.deb.package import read_package
from neve.model import Origin, sha256_of
from neve.store import Store
from neve.tree import FileEntry, Kind, Slice

Read = Callable[[bytes], PackageFacts]
Build = Callable[..., bytes]


def info(
    name: str, kind: bytes = tarfile.REGTYPE, mode: int = 0o644, **more: object
) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    member.mode = mode
    for key, value in more.items():
        setattr(member, key, value)
    return member


ROOT = info("./", tarfile.DIRTYPE, 0o755)
BIN = info("./bin", tarfile.DIRTYPE, 0o755)


def entries_of(facts: PackageFacts) -> dict[str, FileEntry]:
    return {entry.path: entry for entry in facts.entries}


@pytest.mark.parametrize("suffix", ["", ".gz", ".xz", ".zst", ".bz2", ".lzma"])
def test_files_are_slices_of_the_inflated_data(
    suffix: str, make_deb: Build, read: Read, store: Store
) -> None:
    deb = make_deb(
        ROOT, BIN, (info("./bin/a", mode=0o755, mtime=1_700_000_000), b"A" * 70_000), suffix=suffix
    )
    facts = read(deb)
    entry = entries_of(facts)["/bin/a"]
    assert isinstance(entry.content, Slice)
    content = store.mapped(facts.data)[entry.content.offset :][: entry.content.size]
    assert bytes(content) == b"A" * 70_000
    assert entry.content.digest == sha256_of(b"A" * 70_000)
    assert entry.content.sha1 == hashlib.sha1(b"A" * 70_000).hexdigest()
    assert (entry.mode, entry.mtime, entry.owners) == (0o755, 1_700_000_000, ("example",))
    assert (entry.reason.origin, entry.reason.subject) == (Origin.PACKAGE, "example")
    assert facts.digest == sha256_of(deb)
    assert facts.data_size == store.size(facts.data) == facts.data_size


@pytest.mark.parametrize("suffix", ["", ".gz", ".xz", ".zst"])
def test_the_control_archive_may_be_compressed_as_dpkg_allows(
    suffix: str, make_deb: Build, read: Read
) -> None:
    assert field(read(make_deb(control_suffix=suffix)).control, "package") == "example"


def test_links_keep_their_text_and_hard_links_name_the_first_file(
    make_deb: Build, read: Read
) -> None:
    facts = read(
        make_deb(
            ROOT,
            BIN,
            (info("./bin/a"), b"x"),
            info("./bin/b", tarfile.LNKTYPE, linkname="./bin/a"),
            info("./bin/c", tarfile.LNKTYPE, linkname="./bin/b"),
            info("./bin/d", tarfile.SYMTYPE, 0o777, linkname="../../../etc/passwd"),
        )
    )
    found = entries_of(facts)
    assert [(found[p].kind, found[p].target) for p in ("/bin/b", "/bin/c", "/bin/d")] == [
        (Kind.HARDLINK, "/bin/a"),
        (Kind.HARDLINK, "/bin/a"),
        (Kind.SYMLINK, "../../../etc/passwd"),
    ]


def test_owner_names_mean_what_they_mean_on_a_fresh_system(make_deb: Build, read: Read) -> None:
    facts = read(
        make_deb(
            (info("./shadow", uid=1000, gid=1001, uname="root", gname="shadow"), b"x"),
            (info("./own", uid=1000, gid=1001, uname="builder", gname=""), b"x"),
        )
    )
    found = entries_of(facts)
    assert (found["/shadow"].uid, found["/shadow"].gid) == (0, 42)
    assert (found["/own"].uid, found["/own"].gid) == (1000, 1001)


def test_setuid_bits_and_capabilities_are_kept_for_hardening_to_judge(
    make_deb: Build, read: Read
) -> None:
    capability = b"\x01\x00\x00\x02\x00\x20"
    facts = read(
        make_deb(
            (info("./su", mode=0o104755 & 0o7777), b"x"),
            (
                info(
                    "./ping", pax_headers={"SCHILY.xattr.security.capability": capability.decode()}
                ),
                b"y",
            ),
            form=tarfile.PAX_FORMAT,
        )
    )
    found = entries_of(facts)
    assert found["/su"].mode == 0o4755
    assert found["/ping"].xattrs == (("security.capability", capability),)
    assert found["/su"].xattrs == ()


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_long_names_are_read_whole(form: int, make_deb: Build, read: Read) -> None:
    name = "./" + "/".join(["d" * 40] * 4) + "/file"
    link = "é" * 60 if form != tarfile.USTAR_FORMAT else "e" * 60
    facts = read(
        make_deb(
            (info(name), b"content"), info("./link", tarfile.SYMTYPE, linkname=link), form=form
        )
    )
    assert name[1:] in entries_of(facts)
    assert entries_of(facts)["/link"].target == link


def test_control_data_is_kept_as_it_is(make_deb: Build, read: Read) -> None:
    facts = read(
        make_deb(
            (info("./etc/a.conf"), b""),
            control={
                "control": b"Package: example\nVersion: 1\nArchitecture: all\nDepends: a,\n b\n",
                "postinst": b"#!/bin/sh\nexit 0\n",
                "triggers": b"activate-noawait ldconfig\n",
                "conffiles": b"/etc/a.conf\nremove-on-upgrade /etc/old.conf\n",
                "md5sums": b"d41d8cd98f00b204e9800998ecf8427e  etc/a.conf\n",
                "shlibs": b"liba 1 a\n",
            },
        )
    )
    assert facts.control[-1] == ("Depends", "a,\n b")
    assert facts.scripts == (
        ("postinst", b"#!/bin/sh\nexit 0\n"),
        ("triggers", b"activate-noawait ldconfig\n"),
    )
    assert facts.conffiles == ("/etc/a.conf",)
    assert facts.md5sums == b"d41d8cd98f00b204e9800998ecf8427e  etc/a.conf\n"


def test_interpreters_of_scripts_are_found(make_deb: Build, read: Read) -> None:
    facts = read(
        make_deb((info("./s"), b"#! /usr/bin/env  -S python3 -u \n"), (info("./t"), b"#!"))
    )
    assert facts.interpreters == (("/s", ("/usr/bin/env", "-S python3 -u")),)


def test_optional_members_are_passed_over(make_deb: Build, ar: Build, read: Read) -> None:
    deb = make_deb((info("./a"), b"x"))
    with_signature = deb + ar([("_gpgorigin", b"signature")])[8:]
    assert entries_of(read(with_signature)).keys() == {"/a"}


HOSTILE_NAMES = [
    "/etc/passwd",
    "../etc/passwd",
    "./../x",
    "./a/../../b",
    "a/..",
    "",
    "./a\nb",
    "x" * 256,
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_names_that_lead_out_of_the_package_are_refused(
    name: str, make_deb: Build, read: Read
) -> None:
    with pytest.raises(HostileInputError, match="name"):
        read(make_deb((info(name), b"x")))


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([info("./a"), info("a")], "twice"),
        ([BIN, info("bin//", tarfile.DIRTYPE)], "twice"),
        ([info("./null", tarfile.CHRTYPE)], "character device"),
        ([info("./disk", tarfile.BLKTYPE)], "block device"),
        ([info("./pipe", tarfile.FIFOTYPE)], "fifo"),
        ([info("./odd", b"Z")], "unknown type"),
        ([info("./odd", b"S")], "sparse"),
        ([info("./h", tarfile.LNKTYPE, linkname="./missing")], "no earlier file"),
        ([BIN, info("./h", tarfile.LNKTYPE, linkname="./bin")], "no earlier file"),
        ([info("./h", tarfile.LNKTYPE, linkname="./h")], "no earlier file"),
        ([info("./h", tarfile.LNKTYPE, linkname="../../etc/shadow")], "leads out"),
        ([info("./h", tarfile.LNKTYPE, linkname="/etc/shadow")], "leads out"),
        ([info("./l", tarfile.SYMTYPE, linkname="")], "nowhere"),
        ([info("./l", tarfile.SYMTYPE, linkname="/etc"), info("./l/passwd")], "lies below"),
        ([info("./f"), info("./f/x")], "lies below"),
        ([info("./late/x"), info("./late", tarfile.SYMTYPE, linkname="/etc")], "lies below"),
        ([info("./", tarfile.SYMTYPE, linkname="/etc"), info("./passwd")], "lies below"),
    ],
)
def test_members_no_honest_package_has_are_refused(
    members: list[tarfile.TarInfo], message: str, make_deb: Build, read: Read
) -> None:
    with pytest.raises(HostileInputError, match=message) as refusal:
        read(make_deb(*members))
    assert refusal.value.resolution
    assert any("sha256:" in line for line in refusal.value.details)


def test_a_sparse_file_in_pax_clothes_is_refused(make_deb: Build, read: Read) -> None:
    member = info("./s", pax_headers={"GNU.sparse.major": "1", "GNU.sparse.name": "x"})
    with pytest.raises(HostileInputError, match="sparse"):
        read(make_deb((member, b"x"), form=tarfile.PAX_FORMAT))


def test_names_that_are_not_utf8_are_refused(make_deb: Build, read: Read, tar: Build) -> None:
    data = bytearray(tar((info("./abc"), b"x")))
    data[2:5] = b"\xff\xfe\xfd"
    with pytest.raises(HostileInputError, match="UTF-8"):
        read(make_deb(data=_fixed(data)))


def test_a_header_whose_checksum_lies_is_refused(make_deb: Build, read: Read, tar: Build) -> None:
    data = bytearray(tar((info("./abc"), b"x")))
    data[3] ^= 1
    with pytest.raises(HostileInputError, match="checksum"):
        read(make_deb(data=bytes(data)))


@pytest.mark.parametrize(
    "size", [b"77777777777\0", b"\x80" + b"\x00" * 3 + b"\x7f" * 8, b"\xff" * 12, b"00000009999\0"]
)
def test_sizes_that_lie_are_refused(size: bytes, make_deb: Build, read: Read, tar: Build) -> None:
    data = bytearray(tar((info("./abc"), b"x")))
    data[124:136] = size
    with pytest.raises(HostileInputError):
        read(make_deb(data=_fixed(data)))


def test_a_tar_without_an_end_or_with_more_after_it_is_refused(
    make_deb: Build, read: Read, tar: Build
) -> None:
    data = tar((info("./abc"), b"x"))
    for broken in (data[:1024], data[:1000], data + b"\1", b""):
        with pytest.raises(HostileInputError, match=r"cut short|after its end"):
            read(make_deb(data=broken))


@pytest.mark.parametrize("suffix", [".xz", ".gz", ".zst", ".bz2"])
def test_a_bomb_is_stopped_before_it_fills_the_disk(
    suffix: str, read: Read, make_deb: Build
) -> None:
    bomb = make_deb(data=bytes(66 << 20), suffix=suffix)
    assert len(bomb) < 250 << 10
    with pytest.raises(HostileInputError, match="inflates to more than"):
        read(bomb)


def test_unknown_compression_is_refused(make_deb: Build, read: Read) -> None:
    with pytest.raises(HostileInputError, match="compressed in a way"):
        read(make_deb(suffix=".br"))


@pytest.mark.parametrize("suffix", [".xz", ".gz", ".zst", ".bz2", ".lzma"])
def test_corrupt_compression_is_refused(
    suffix: str, make_deb: Build, ar: Build, read: Read
) -> None:
    deb = make_deb(suffix=suffix)
    at = deb.index(b"data.tar") + 60
    with pytest.raises(HostileInputError):
        read(deb[:at] + bytes(b ^ 0xA5 for b in deb[at:]))


@pytest.mark.parametrize(
    "members",
    [
        [],
        [("debian-binary", b"2.0\n")],
        [("debian-binary", b"3.0\n"), ("control.tar", b""), ("data.tar", b"")],
        [("control.tar", b""), ("debian-binary", b"2.0\n")],
        [("debian-binary", b"2.0\n"), ("data.tar", b""), ("control.tar", b"")],
        [("debian-binary", b"2.0\n"), ("surprise", b""), ("control.tar", b"")],
        [("debian-binary", b"2.0\n")] + [("_x", b"")] * 100,
    ],
)
def test_members_missing_or_out_of_order_are_refused(
    members: list[tuple[str, bytes]], ar: Build, read: Read
) -> None:
    with pytest.raises(HostileInputError):
        read(ar(members))


@pytest.mark.parametrize(
    "control",
    [
        {},
        {"control": b""},
        {"control": b"Package: a b\nVersion: 1\nArchitecture: all\n"},
        {"control": b"Package: example\nVersion: 1 2\nArchitecture: all\n"},
        {"control": b"Package: ../../etc\nVersion: 1\nArchitecture: all\n"},
        {"control": b"Package: example\nVersion: 1\n"},
        {"control": b"Package: example\nVersion: 1\nVersion: 2\nArchitecture: all\n"},
        {"control": b"Package: example\n\nPackage: example\n"},
        {"control": b"\xff\xfe"},
        {"control": b" continued\n"},
        {"control": b"no field\n"},
        {"sub/control": b""},
    ],
)
def test_control_files_dpkg_would_not_read_are_refused(
    control: dict[str, bytes], make_deb: Build, read: Read
) -> None:
    with pytest.raises(HostileInputError):
        read(make_deb(control=control))


def test_a_package_cut_at_any_byte_is_refused(make_deb: Build, store: Store) -> None:
    deb = make_deb(ROOT, BIN, (info("./bin/a"), b"x" * 700), suffix=".xz")
    for length in range(len(deb)):
        if length == len(deb) - 1 and deb[-1:] == b"\n":
            continue  # only the padding after the last member is missing
        with pytest.raises(HostileInputError):
            read_package(io.BytesIO(deb[:length]), digest=sha256_of(b""), store=store)


@pytest.mark.parametrize("suffix", [".xz", ".gz", ".zst", ".bz2", ".lzma"])
def test_compressed_data_cut_short_in_a_sound_container_is_refused(
    suffix: str, make_deb: Build, ar: Build, read: Read
) -> None:
    deb = make_deb(ROOT, (info("./a"), bytes(range(256)) * 30), suffix=suffix)
    control_at = deb.index(b"control.tar")
    data_at = deb.index(b"data.tar")
    control = deb[control_at + 60 :][: int(deb[control_at + 48 : control_at + 58])]
    data = deb[data_at + 60 :][: int(deb[data_at + 48 : data_at + 58])]

    def packed(body: bytes) -> bytes:
        names = ("debian-binary", "control.tar.gz", f"data.tar{suffix}")
        return ar(list(zip(names, (b"2.0\n", control, body), strict=True)))

    assert read(packed(data)).entries
    for length in range(0, len(data) - 1, 5):
        with pytest.raises(HostileInputError):
            read(packed(data[:length]))
    with pytest.raises(HostileInputError):
        read(packed(data + b"garbage"))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_package_is_read_or_refused_but_never_crashes(
    data: st.DataObject, make_deb: Build, read: Read
) -> None:
    members = (
        ROOT,
        BIN,
        (info("./bin/a"), b"#!/bin/sh\n"),
        info("./l", tarfile.SYMTYPE, linkname="a"),
    )
    deb = bytearray(make_deb(*members, suffix="", control_suffix=""))
    for _ in range(data.draw(st.integers(1, 4))):
        deb[data.draw(st.integers(0, len(deb) - 1))] = data.draw(st.integers(0, 255))
    try:
        facts = read(bytes(deb))
    except HostileInputError:
        return
    for entry in facts.entries:
        assert entry.path.startswith("/")
        assert ".." not in entry.path.split("/")


def _fixed(data: bytearray) -> bytes:
    """``data`` with the first header's checksum made right again."""
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    return bytes(data)
