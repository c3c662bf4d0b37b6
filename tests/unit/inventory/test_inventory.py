"""What an image holds is found by what is in its files, and what can't be read is named."""

from __future__ import annotations

import struct

import pytest

from neve.inventory import Inventory, Role
from neve.inventory.read import read_inventory
from neve.model import Origin, Reason
from neve.tree import FileEntry, Inline, Kind, Tree

REASON = Reason(Origin.RULE, "test")


def elf(*words: bytes) -> bytes:
    """A minimal 64-bit executable without sections that holds ``words``."""
    header = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    fields = struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 0, 0, 0, 0)
    return header + fields + b"\0".join(words)


SHELL = elf(b"OPTIND", b"PS4", b"IFS")


def file(
    path: str, data: bytes = b"x", mode: int = 0o644, owners: tuple[str, ...] = ()
) -> FileEntry:
    return FileEntry(
        path=path, kind=Kind.FILE, mode=mode, content=Inline(data), owners=owners, reason=REASON
    )


def link(path: str, target: str, kind: Kind = Kind.SYMLINK) -> FileEntry:
    return FileEntry(path=path, kind=kind, mode=0o777, target=target, reason=REASON)


def directory(path: str, mode: int = 0o755) -> FileEntry:
    return FileEntry(path=path, kind=Kind.DIRECTORY, mode=mode, reason=REASON)


def take(*entries: FileEntry) -> Inventory:
    def read(entry: FileEntry) -> bytes:
        assert isinstance(entry.content, Inline)
        return entry.content.data

    return read_inventory(Tree(entries), read)


def programs(inventory: Inventory) -> list[tuple[str, str, Role]]:
    return [(item.path, item.family, item.role) for item in inventory.programs]


def test_a_renamed_shell_is_found_by_its_content() -> None:
    found = take(file("/opt/app/helper", SHELL, 0o755))
    assert programs(found) == [("/opt/app/helper", "posix-shell", Role.SHELL)]
    assert "OPTIND" in found.programs[0].evidence


def test_links_count_as_what_they_lead_to() -> None:
    found = take(
        file("/usr/bin/dash", SHELL, 0o755),
        link("/usr/bin/sh", "dash"),
        link("/bin", "usr/bin"),
        link("/usr/bin/other", "/bin/dash"),
        link("/usr/bin/hard", "/usr/bin/dash", Kind.HARDLINK),
        link("/usr/bin/a", "b"),
        link("/usr/bin/b", "a"),
    )
    assert [item.path for item in found.programs] == [
        "/usr/bin/dash",
        "/usr/bin/hard",
        "/usr/bin/other",
        "/usr/bin/sh",
    ]
    assert found.programs[1].evidence == "link to /usr/bin/dash"


@pytest.mark.parametrize(
    ("path", "data", "family"),
    [
        ("/usr/local/bin/python3.13", elf(b"Py_BytesMain"), "python"),
        ("/usr/bin/perl", elf(b"perl_parse", b"PERL5OPT"), "perl"),
        ("/srv/node", elf(b"NODE_OPTIONS"), "node"),
        ("/usr/bin/mawk", elf(b"SUBSEP", b"ENVIRON"), "awk"),
        ("/bin/bb", elf(b"BusyBox v1.37", b"OPTIND", b"PS4", b"IFS"), "busybox"),
        ("/usr/lib/jvm/java-21/bin/java", elf(), "java"),
        ("/usr/bin/dpkg-query", elf(), "dpkg"),
        ("/usr/bin/pip3.13", b"#!/usr/bin/python3\n", "pip"),
        ("/usr/bin/fish", b"\0asm", "other-shell"),
    ],
)
def test_families(path: str, data: bytes, family: str) -> None:
    assert [name for _, name, _ in programs(take(file(path, data, 0o755)))] == [family]


@pytest.mark.parametrize(
    ("path", "data", "mode"),
    [
        ("/usr/share/doc/bash", b"text", 0o755),
        ("/usr/bin/bash", SHELL, 0o644),
        ("/usr/bin/shred", elf(b"OPTIND"), 0o755),
        ("/usr/bin/python3-config", b"#!/x", 0o755),
        ("/usr/bin/apt-listchanges", b"#!/x", 0o755),
    ],
)
def test_what_is_no_program_of_these(path: str, data: bytes, mode: int) -> None:
    assert programs(take(file(path, data, mode))) == []


def test_packages_of_both_databases() -> None:
    found = take(
        file("/var/lib/dpkg/status", b"Package: b\nStatus: install ok installed\nVersion: 1\n\n"
             b"Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n"),
        file("/var/lib/dpkg/status.d/a", b"Package: a\nVersion: 2\nArchitecture: all\nSource: s\n"),
        file("/var/lib/dpkg/status.d/a.md5sums", b"0" * 32 + b"  bin/tool\n"),
        file("/usr/bin/tool"),
        link("/bin", "usr/bin"),
    )  # fmt: skip
    assert [(p.name, p.version, p.source) for p in found.packages] == [
        ("a", "2", "s"),
        ("b", "1", "b"),
    ]
    assert {item.path: item.owners for item in found.files}["/usr/bin/tool"] == ("a",)


def test_owners_of_the_tree_win_over_lists() -> None:
    found = take(
        file("/var/lib/dpkg/info/x:amd64.list", b"/.\n/usr\n/usr/bin/t\n/usr/bin/u\n"),
        file("/usr/bin/t", owners=("real",)),
        file("/usr/bin/u"),
    )
    owners = {item.path: item.owners for item in found.files}
    assert (owners["/usr/bin/t"], owners["/usr/bin/u"]) == (("real",), ("x",))


def test_a_damaged_database_is_unjudged_and_not_empty() -> None:
    found = take(
        file("/var/lib/dpkg/status", b"nonsense\n"),
        file("/var/lib/dpkg/status.d/a", b"Package: a\nVersion: 2\n"),
        file("/etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nbroken\nx:x:zero:0::/:\n"),
    )
    assert [package.name for package in found.packages] == ["a"]
    assert [(item.path, "no" in item.reason) for item in found.unjudged] == [
        ("/etc/passwd", True),
        ("/etc/passwd", True),
        ("/var/lib/dpkg/status", True),
    ]


def test_accounts_and_who_can_log_in() -> None:
    found = take(
        file("/etc/passwd", b"root:x:0:0:root:/root:/bin/bash\napp:x:10001:10001::/app:/bin/sh\n"
             b"www:x:33:33::/:/usr/sbin/nologin\n"),
        file("/etc/group", b"app:x:10001:\nstaff:x:50:a,b\n"),
        file("/usr/bin/dash", SHELL, 0o755),
        link("/bin/sh", "/usr/bin/dash"),
        file("/usr/sbin/nologin", mode=0o755),
    )  # fmt: skip
    assert [(account.name, account.uid, account.login) for account in found.accounts] == [
        ("root", 0, False),
        ("app", 10001, True),
        ("www", 33, False),
    ]
    assert [(group.name, group.members) for group in found.groups] == [
        ("app", ()),
        ("staff", ("a", "b")),
    ]


def test_services() -> None:
    found = take(
        file("/usr/lib/systemd/system/nginx.service"),
        file("/usr/lib/systemd/system/readme"),
        file("/etc/init.d/nginx", b"#!/bin/sh", 0o755),
    )
    assert [(item.name, item.manager) for item in found.services] == [
        ("nginx", "init"),
        ("nginx.service", "systemd"),
    ]


def test_modes_of_a_hard_link_are_those_of_its_file() -> None:
    found = take(
        file("/usr/bin/su", elf(), 0o4755),
        link("/usr/bin/su2", "/usr/bin/su", Kind.HARDLINK),
        directory("/tmp", 0o1777),
        directory("/var/mail", 0o2775),
    )
    flags = {item.path: (item.privileged, item.world_writable) for item in found.files}
    assert flags == {
        "/tmp": (False, True),
        "/usr/bin/su": (True, False),
        "/usr/bin/su2": (True, False),
        "/var/mail": (False, False),
    }
