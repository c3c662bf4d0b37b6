"""What no catalogue image may hold: privileges, secrets, shells, package managers."""

from __future__ import annotations

import posixpath

import pytest
from tests.support.images import Image, Works

from neve.formats.elf import read_elf
from neve.recipe.types import Loosening
from neve.tree import FileEntry, Kind

pytestmark = pytest.mark.integration

IMAGES = [
    "static",
    "base",
    "cc",
    "python",
    "perl",
    "nginx",
    "haproxy",
    "memcached",
    "valkey",
    "postgres",
]
SHELLS = {"sh", "bash", "dash", "rbash", "zsh", "ksh", "mksh", "fish", "csh", "tcsh", "busybox"}
MANAGERS = {
    "apt",
    "apt-cache",
    "apt-get",
    "apt-mark",
    "aptitude",
    "dpkg",
    "dpkg-deb",
    "dpkg-divert",
    "dpkg-query",
    "dpkg-statoverride",
    "dpkg-trigger",
    "update-alternatives",
    "rpm",
    "yum",
    "dnf",
    "apk",
}
PRIVILEGE = {"su", "sudo", "mount", "umount", "passwd", "chsh", "chfn", "newgrp", "gpasswd"}
PROGRAMS = ("/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/usr/games")
MODULES = "/usr/share/nginx/modules"
"""nginx-common links to where its module packages put theirs; Debian's own dangles too."""
STICKY = {"/tmp", "/var/tmp", "/run/lock", "/dev/shm"}


@pytest.fixture(scope="module", params=IMAGES)
def image(request: pytest.FixtureRequest, works: Works) -> Image:
    return works.image(works.catalogue(request.param))


def loosened(image: Image) -> tuple[Loosening, ...]:
    return image.lock.recipe.loosened


def programs(image: Image) -> dict[str, FileEntry]:
    """Name → what stands in a directory of programs under it."""
    return {
        posixpath.basename(entry.path): entry
        for entry in image.tree
        if posixpath.dirname(entry.path) in PROGRAMS and entry.kind is not Kind.DIRECTORY
    }


def test_nothing_raises_privileges(image: Image) -> None:
    assert not [e.path for e in image.tree if e.mode & 0o6000 and e.kind is not Kind.SYMLINK]
    assert not [e.path for e in image.tree if any(n.startswith("security.") for n, _ in e.xattrs)]
    assert not PRIVILEGE & set(programs(image))


def test_nothing_is_writable_by_others(image: Image) -> None:
    for entry in image.tree:
        if entry.kind is Kind.SYMLINK or not entry.mode & 0o002:
            continue
        assert entry.path in STICKY, entry.path
        assert entry.mode & 0o1000, entry.path


def test_the_user_may_write_its_own_paths_alone(image: Image) -> None:
    """Not the programs, not the libraries, not the configuration."""
    uid, _, gid = image.settings["User"].partition(":")
    home = [
        line.split(":")[5]
        for line in image.read("/etc/passwd").decode().splitlines()
        if line.split(":")[2] == uid
    ]
    allowed = [image.tree.resolve(path) for path in (*image.lock.recipe.run.writable, *home)]
    assert uid != "0"
    for entry in image.tree:
        if entry.kind is Kind.SYMLINK or entry.path in STICKY:
            continue
        mine = entry.uid == int(uid) and entry.mode & 0o200
        ours = entry.gid == int(gid or 0) and entry.mode & 0o020
        if mine or ours:
            assert any(f"{entry.path}/".startswith(f"{top}/") for top in allowed), entry.path


def test_no_shell_but_where_the_recipe_answers_for_it(image: Image) -> None:
    present = SHELLS & set(programs(image))
    rules = [one for one in loosened(image) if one.rule == "no-shell"]
    assert bool(present) == bool(rules)
    if rules:
        assert present <= {"sh", "dash"}
        assert all(len(one.reason) > 20 for one in rules)


def test_no_package_manager(image: Image) -> None:
    assert not MANAGERS & set(programs(image))
    for path in ("/etc/apt", "/var/lib/apt", "/var/cache/apt", "/usr/lib/apt", "/etc/dpkg"):
        assert path not in image.tree
    assert "/var/lib/dpkg/status" not in image.tree
    for package in image.packages:
        assert f"/var/lib/dpkg/status.d/{package.name}" in image.tree


def test_no_secret(image: Image) -> None:
    for entry in image.tree:
        if entry.kind is not Kind.FILE:
            continue
        data = image.bytes_of(entry)
        if b"PRIVATE KEY-----" in data:
            # Libraries and scripts name the mark; a key has base64 after it.
            after = data.split(b"PRIVATE KEY-----", 1)[1].lstrip(b"\r\n")[:40]
            assert data[:4] == b"\x7fELF" or not after.replace(b"\n", b"").isalnum(), entry.path
        if entry.path == "/etc/machine-id":
            assert data.strip() in (b"", b"uninitialized")
    for line in image.read("/etc/passwd").decode().splitlines():
        assert line.split(":")[1] in ("x", "*", "!"), line
    if "/etc/shadow" in image.tree:
        assert image.entry("/etc/shadow").mode & 0o004 == 0
        for line in image.read("/etc/shadow").decode().splitlines():
            assert line.split(":")[1] in ("*", "!", "!*"), line
    for place in ("/etc/ssh", "/etc/ssl/private", "/root/.ssh"):
        assert not [e.path for e in image.tree.under(place) if e.kind is Kind.FILE]


def test_no_leftovers_of_an_installation(image: Image) -> None:
    for place in ("/var/cache/apt", "/var/lib/dpkg/info", "/usr/share/man", "/tmp"):
        assert not [e.path for e in image.tree.under(place) if e.kind is Kind.FILE]
    logs = [e for e in image.tree.under("/var/log") if e.kind is Kind.FILE]
    assert not [e.path for e in logs if image.bytes_of(e)]
    for package in image.packages:
        assert [e for e in image.tree if e.path == f"/usr/share/doc/{package.name}/copyright"] or (
            f"/usr/share/doc/{package.name}" in image.tree
        ), package.name
    release = image.read("/etc/os-release").decode() if "/etc/os-release" in image.tree else ""
    assert "ID=debian\n" in release


def test_every_link_leads_somewhere_in_the_image(image: Image) -> None:
    links = [entry for entry in image.tree if entry.kind is Kind.SYMLINK]
    nowhere = [e.path for e in links if image.tree.resolve(e.path) not in image.tree]
    assert [path for path in nowhere if path != MODULES] == []


def test_every_program_finds_its_interpreter_and_libraries(image: Image) -> None:
    names = {posixpath.basename(entry.path) for entry in image.tree if ".so" in entry.path}
    missing = []
    for entry in image.tree:
        if entry.kind is not Kind.FILE:
            continue
        data = image.bytes_of(entry)
        wanted: list[str] = []
        elf = read_elf(data) if data[:4] == b"\x7fELF" else None
        if elf is not None:
            missing += [f"{entry.path}: {name}" for name in elf.needed if name not in names]
            wanted = [elf.interpreter] if elf.interpreter else []
        elif data[:2] == b"#!" and entry.mode & 0o111:
            words = data[2:].partition(b"\n")[0].decode().split()
            by_name = words[0].endswith("/env") and len(words) > 1
            wanted = [f"/usr/bin/{words[1]}" if by_name else words[0]]
        missing += [f"{entry.path}: {p}" for p in wanted if image.tree.resolve(p) not in image.tree]
    assert missing == []
