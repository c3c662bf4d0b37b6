"""Planting: merged-/usr, shared directories, owners, Replaces, diversions, links as parents."""

from __future__ import annotations

import pytest

from neve.build.plant import Diversion, OwnerConflictError, plant
from neve.errors import HostileInputError
from neve.formats.deb import PackageFacts
from neve.model import Origin, Reason, sha256_of
from neve.tree import FileEntry, Inline, Kind, Tree

ALIASES = {"/bin": "/usr/bin", "/lib": "/usr/lib"}


def facts(name: str, *entries: FileEntry, version: str = "1", **fields: str) -> PackageFacts:
    control = {"Package": name, "Version": version, "Architecture": "amd64"}
    control |= {key.replace("_", "-"): value for key, value in fields.items()}
    return PackageFacts(
        digest=sha256_of(f"{name} {version}".encode()),
        data=sha256_of(b"data"),
        data_size=0,
        control=tuple(control.items()),
        entries=tuple(owned(name, entry) for entry in entries),
        scripts=(),
        conffiles=(),
        md5sums=None,
        interpreters=(),
        elf=(),
    )


def owned(name: str, entry: FileEntry) -> FileEntry:
    from dataclasses import replace

    return replace(entry, owners=(name,), reason=Reason(Origin.PACKAGE, name, "unpacked"))


def file(path: str, data: bytes = b"x") -> FileEntry:
    reason = Reason(Origin.RECIPE, "test")
    return FileEntry(path=path, kind=Kind.FILE, mode=0o644, content=Inline(data), reason=reason)


def directory(path: str, mode: int = 0o755) -> FileEntry:
    reason = Reason(Origin.RECIPE, "test")
    return FileEntry(path=path, kind=Kind.DIRECTORY, mode=mode, reason=reason)


def link(path: str, target: str, kind: Kind = Kind.SYMLINK) -> FileEntry:
    reason = Reason(Origin.RECIPE, "test")
    return FileEntry(path=path, kind=kind, mode=0o777, target=target, reason=reason)


def planted(*packages: PackageFacts, diversions: dict[str, Diversion] | None = None) -> Tree:
    return plant(packages, aliases=ALIASES, diversions=diversions)


def test_a_path_below_an_alias_lands_in_usr_and_the_alias_is_a_link() -> None:
    tree = planted(facts("dash", directory("/bin"), file("/bin/dash")))
    assert tree["/bin"].target == "usr/bin"
    assert tree["/usr/bin/dash"].owners == ("dash",)
    assert "/bin/dash" not in tree


def test_an_alias_link_that_a_package_ships_stays_its_own() -> None:
    tree = planted(facts("base-files", directory("/usr/bin"), link("/bin", "usr/bin")))
    assert tree["/bin"].owners == ("base-files",)


def test_hard_links_follow_their_target_into_usr() -> None:
    target = file("/bin/perl")
    tree = planted(facts("perl", target, link("/bin/perl5", "/bin/perl", Kind.HARDLINK)))
    assert tree.content_entry(tree["/usr/bin/perl5"]).path == "/usr/bin/perl"


def test_directories_are_shared_and_keep_the_first_owners_mode() -> None:
    tree = planted(
        facts("base-files", directory("/tmp", 0o1777)), facts("other", directory("/tmp", 0o755))
    )
    assert tree["/tmp"].mode == 0o1777
    assert tree["/tmp"].owners == ("base-files", "other")


def test_two_claimants_are_an_error_that_names_both_and_the_next_step() -> None:
    with pytest.raises(OwnerConflictError, match="both a and b") as caught:
        planted(facts("a", file("/etc/x", b"1")), facts("b", file("/etc/x", b"2")))
    assert "exclude: [b]" in caught.value.resolution


@pytest.mark.parametrize("first", ["old", "new"])
def test_replaces_decides_in_either_order(first: str) -> None:
    old = facts("old", file("/etc/x", b"old"), version="1")
    new = facts("new", file("/etc/x", b"new"), Replaces="old (<< 2)")
    pair = (old, new) if first == "old" else (new, old)
    assert planted(*pair)["/etc/x"].content == Inline(b"new")


def test_replaces_of_another_version_decides_nothing() -> None:
    old = facts("old", file("/etc/x", b"old"), version="3")
    new = facts("new", file("/etc/x", b"new"), Replaces="old (<< 2)")
    with pytest.raises(OwnerConflictError):
        planted(old, new)


def test_multi_arch_same_may_share_equal_content_only() -> None:
    one = facts("lib", file("/usr/share/doc/lib/copyright"), Multi_Arch="same")
    two = facts("lib", file("/usr/share/doc/lib/copyright"), Multi_Arch="same", Architecture="i386")
    assert len(planted(one, two)["/usr/share/doc/lib/copyright"].owners) == 1
    other = facts("lib", file("/usr/share/doc/lib/copyright", b"y"), Multi_Arch="same")
    with pytest.raises(OwnerConflictError):
        planted(one, other)


def test_a_diversion_moves_what_others_bring() -> None:
    diversions = {"/usr/bin/sh": Diversion(to="/usr/bin/sh.distrib", by="dash")}
    tree = planted(
        facts("bash", file("/bin/sh", b"bash")),
        facts("dash", file("/usr/bin/sh", b"dash")),
        diversions=diversions,
    )
    assert tree["/usr/bin/sh"].content == Inline(b"dash")
    assert tree["/usr/bin/sh.distrib"].content == Inline(b"bash")


def test_what_stands_below_another_packages_link_lands_where_it_leads() -> None:
    tree = planted(
        facts("base-files", directory("/run"), directory("/var"), link("/var/run", "/run")),
        facts("daemon", file("/var/run/daemon/README")),
    )
    assert "/run/daemon/README" in tree


def test_a_link_out_of_the_root_stays_inside() -> None:
    tree = planted(
        facts("evil", link("/srv", "../../../../etc")), facts("victim", file("/srv/passwd"))
    )
    assert "/etc/passwd" in tree


def test_a_conflict_behind_a_link_is_still_a_conflict() -> None:
    with pytest.raises(OwnerConflictError):
        planted(
            facts("evil", link("/srv", "/etc"), file("/srv/passwd", b"evil")),
            facts("base", file("/etc/passwd", b"good")),
        )


def test_a_file_as_a_parent_is_refused() -> None:
    with pytest.raises(HostileInputError, match="not a directory"):
        planted(facts("a", file("/etc/x")), facts("b", file("/etc/x/y")))


def test_a_directory_does_not_replace_a_link() -> None:
    tree = planted(
        facts("a", directory("/opt/real"), link("/opt/x", "real")), facts("b", directory("/opt/x"))
    )
    assert tree["/opt/x"].kind is Kind.SYMLINK
