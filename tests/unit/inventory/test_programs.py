"""Programs are known by what they are made of: copies, static builds, scripts and look-alikes."""

from __future__ import annotations

import shutil
import struct
import sys
from pathlib import Path

import pytest

from neve.inventory.observe_elf import OBSERVERS
from neve.inventory.program_families import FAMILIES
from neve.inventory.programs import judge_name, with_links
from neve.inventory.types import Candidate, Depth, Observer
from neve.model import Origin, Reason
from neve.tree import FileEntry, Kind, Tree

ROLES = {family.name: {role.value for role in family.roles} for family in FAMILIES}


def elf(*words: bytes) -> bytes:
    """A minimal static executable without sections that holds ``words``."""
    header = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    fields = struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 0, 0, 0, 0)
    return header + fields + b"\0" + b"\0".join(words) + b"\0"


def family(data: bytes, path: str = "/opt/x", mode: int = 0o755) -> str | None:
    candidate = Candidate(path=path, mode=mode, size=len(data))
    for observer in OBSERVERS:
        facts = observer.observe(candidate, memoryview(data)) if asks(observer, data) else None
        if facts is not None and facts.program is not None:
            return facts.program[0]
    return None


def asks(observer: Observer, data: bytes) -> bool:
    return observer.depth is Depth.INVENTORY and data.startswith(observer.magics)


def test_names_of_families_are_unique() -> None:
    assert len(ROLES) == len(FAMILIES)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ((b"BusyBox v1.37", b"wget", b"SUBSEP", b"ENVIRON"), "busybox-net"),
        ((b"BusyBox v1.37", b"cat"), "busybox"),
        ((b"OPTIND", b"PS4", b"IFS"), "posix-shell"),
        (("histchars".encode("utf-32-le"),), "other-shell"),
        ((b"CURL_HOME", b".curlrc"), "curl"),
        ((b"usage: nc [-46]",), "netcat"),
        ((b"s_client", b"s_server"), "openssl"),
        ((b"COLLECT_GCC",), "compiler"),
        ((b"This GDB was configured as",), "debugger"),
        ((b"OPTIND", b"PS4"), None),
        ((b"no_s_client", b"no_s_server"), None),
        ((b"nothing",), None),
    ],
)
def test_static_programs(words: tuple[bytes, ...], name: str | None) -> None:
    assert family(elf(*words)) == name


def test_a_busybox_with_wget_is_a_network_tool_as_well() -> None:
    assert ROLES["busybox-net"] == {"shell", "network-tool"}
    assert ROLES["busybox"] == {"shell"}


@pytest.mark.parametrize("name", ["bash", "dash", "mawk", "perl", "curl", "wget", "ssh", "gdb"])
def test_a_real_program_is_known_under_any_name(name: str) -> None:
    found = shutil.which(name)
    if found is None or Path(found).read_bytes()[:4] != b"\x7fELF":
        pytest.skip(f"no {name} here")
    wanted = {"bash": "posix-shell", "dash": "posix-shell", "mawk": "awk", "gdb": "debugger"}
    assert family(Path(found).read_bytes(), "/srv/helper") == wanted.get(name, name)


def test_this_python_is_one() -> None:
    assert family(Path(sys.executable).resolve().read_bytes(), "/srv/helper") == "python"


@pytest.mark.parametrize(
    ("data", "path", "name"),
    [
        (b'#!/bin/sh\nexec /opt/real "$@"\n', "/usr/bin/python3", "script"),
        (b"#!/usr/bin/python3\nprint()\n", "/usr/bin/bash", "script"),
        (b"#!/usr/bin/python3\nfrom pip._internal.cli.main import main\n", "/srv/get", "pip"),
        (b"#!/usr/bin/env node\nrequire('../lib/cli.js')(process)\n", "/opt/n", "npm"),
        (b"#!/usr/bin/perl\nuse App::Cpan;\n", "/opt/c", "cpan"),
        (b"#!/bin/sh\n", "/usr/bin/apt-key", "apt"),
        (b"#!/bin/sh\n", "/usr/bin/anything", "script"),
    ],
)
def test_scripts(data: bytes, path: str, name: str) -> None:
    assert family(data, path) == name


def test_scripts_have_no_role() -> None:
    assert ROLES["script"] == set()


def test_what_nobody_may_run_is_no_program() -> None:
    assert family(elf(b"OPTIND", b"PS4", b"IFS"), mode=0o644) is None


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/usr/bin/nc", "netcat"),
        ("/usr/bin/x86_64-linux-gnu-gcc-14", "compiler"),
        ("/usr/bin/strace", "debugger"),
        ("/usr/sbin/tcpdump", "capture"),
        ("/usr/share/doc/nc", None),
        ("/usr/bin/ncurses-config", None),
    ],
)
def test_names_where_content_is_silent(path: str, name: str | None) -> None:
    judged = judge_name(path)
    assert (judged[0].name if judged else None) == name


def test_a_link_to_a_program_of_many_names_is_only_what_it_is_called() -> None:
    box = next(one for one in FAMILIES if one.name == "busybox-net")
    reason = Reason(Origin.RULE, "test", "made")
    entries = [
        FileEntry(path="/bin/busybox", kind=Kind.FILE, mode=0o755, reason=reason),
        *(
            FileEntry(
                path=f"/bin/{name}", kind=Kind.SYMLINK, mode=0o777, target="busybox", reason=reason
            )
            for name in ("ls", "sh", "wget")
        ),
    ]
    found = with_links(Tree(entries), {"/bin/busybox": (box, "test")})
    assert [(one.path, one.role.value) for one in found] == [
        ("/bin/busybox", "network-tool"),
        ("/bin/busybox", "shell"),
        ("/bin/sh", "shell"),
        ("/bin/wget", "network-tool"),
    ]
