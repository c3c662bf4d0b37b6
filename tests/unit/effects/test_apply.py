"""Applying effects to small trees: what each operation leaves, and with which reason."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from neve.effects.apply import Applied, apply_effects, diversions, settle_effects
from neve.effects.bench import EffectContext, EffectError
from neve.effects.ops import (
    AddGroup,
    AddMember,
    AddUser,
    Alternative,
    CopyFile,
    DeletePath,
    Divert,
    Effect,
    Generate,
    MakeDirectory,
    MakeLink,
    Operation,
    SetAttributes,
    WriteFile,
)
from neve.errors import DeniedError, HostileInputError
from neve.formats.deb.types import PackageFacts
from neve.model import Origin, Reason, sha256_of
from neve.tree import Change, Inline, Kind, Put, Remove, Tree

MakeTree = Callable[..., Tree]
MakePackage = Callable[..., PackageFacts]
Apply = Callable[..., Applied]


@pytest.fixture
def apply(make_package: MakePackage, context: EffectContext) -> Apply:
    def run(tree: Tree, *operations: Operation, package: str = "demo") -> Applied:
        effect = Effect(package=package, key=sha256_of(b""), operations=operations)
        return apply_effects(tree, [(make_package(package), effect)], context)

    return run


def lines(tree: Tree, path: str) -> list[str]:
    content = tree[path].content
    assert isinstance(content, Inline)
    return content.data.decode().splitlines()


def test_files_directories_and_links_land_with_names_turned_into_ids(
    make_tree: MakeTree, apply: Apply
) -> None:
    tree = make_tree({"/usr/share/demo/default": b"packaged\n"})
    apply(
        tree,
        AddUser(name="demo", home="/var/lib/demo"),
        MakeDirectory(path="/var/lib/demo", mode=0o750, owner="demo", group="demo"),
        WriteFile(path="/etc/demo.conf", data=b"triplet={triplet}\n", mode=0o640, group="adm"),
        CopyFile(path="/etc/demo/default", source="/usr/share/demo/default"),
        MakeLink(path="/lib/demo/now", target="../demo/{arch}"),
    )
    home = tree["/var/lib/demo"]
    assert (home.kind, home.mode, home.uid, home.gid) == (Kind.DIRECTORY, 0o750, 100, 101)
    assert lines(tree, "/etc/demo.conf") == ["triplet=x86_64-linux-gnu"]
    assert (tree["/etc/demo.conf"].mode, tree["/etc/demo.conf"].gid) == (0o640, 4)
    assert tree["/etc/demo/default"].content == tree["/usr/share/demo/default"].content
    assert tree["/usr/lib/demo/now"].target == "../demo/amd64"


def test_every_change_is_an_edit_with_the_package_as_its_reason(
    make_tree: MakeTree, apply: Apply
) -> None:
    tree = make_tree({"/usr/share/demo": b""})
    applied = apply(
        tree,
        MakeDirectory(path="/var/lib/a/b"),
        SetAttributes(path="/usr/share/demo", mode=0o600),
        DeletePath(path="/usr/share/demo"),
    )
    for edit in applied.edits:
        reason = edit.entry.reason if isinstance(edit, Put) else edit.reason
        assert reason.origin is Origin.EFFECT
    subjects = [e.entry.reason.subject for e in applied.edits if isinstance(e, Put)]
    assert subjects.count("demo") == 4  # /var, /var/lib, …/a, …/b: no parent without a reason
    assert {type(e) for e in applied.edits} == {Put, Change, Remove}
    assert tree.removed["/usr/share/demo"] == Reason(Origin.EFFECT, "demo", "removed by its script")


def test_replaying_the_edits_gives_the_same_tree(make_tree: MakeTree, apply: Apply) -> None:
    start: dict[str, bytes | str | None] = {"/usr/bin/a": b"", "/usr/share/x": b"1"}
    tree, again = make_tree(start), make_tree(start)
    applied = apply(
        tree,
        AddUser(name="demo"),
        SetAttributes(path="/usr/share/x", owner="demo"),
        Alternative(name="x", link="/usr/bin/x", path="/usr/bin/a", priority=1),
    )
    again.apply_all(applied.edits)
    assert list(again) == list(tree)


def test_a_path_through_a_hostile_link_stays_inside_the_root(
    make_tree: MakeTree, apply: Apply
) -> None:
    tree = make_tree({"/var/lib/out": "../../../../../etc"})
    apply(tree, WriteFile(path="/var/lib/out/x", data=b""))
    assert "/etc/x" in tree
    with pytest.raises(HostileInputError):
        apply(make_tree({"/a": "b", "/b": "a"}), WriteFile(path="/a/x", data=b""))


def test_what_the_effect_needs_and_the_image_lacks_is_named(
    make_tree: MakeTree, apply: Apply
) -> None:
    with pytest.raises(EffectError, match="/usr/share/gone") as caught:
        apply(make_tree({}), CopyFile(path="/etc/a", source="/usr/share/gone"))
    assert "neve effects trace demo" in caught.value.resolution
    with pytest.raises(EffectError, match="nobody-knows"):
        apply(make_tree({}), MakeDirectory(path="/a", owner="nobody-knows"))
    with pytest.raises(EffectError, match="/usr/bin/gone"):
        apply(make_tree({}), SetAttributes(path="/usr/bin/gone", mode=0o700))
    with pytest.raises(EffectError, match="teapot"):
        apply(make_tree({}), Generate(generator="teapot"))


def test_no_effect_adds_setuid_or_a_secret(make_tree: MakeTree, apply: Apply) -> None:
    tree = make_tree({"/usr/bin/agent": b"", "/var/mail": None})
    apply(
        tree,
        SetAttributes(path="/usr/bin/agent", mode=0o2755),
        SetAttributes(path="/var/mail", mode=0o2775, group="mail"),
    )
    assert tree["/usr/bin/agent"].mode == 0o755
    assert (tree["/var/mail"].mode, tree["/var/mail"].gid) == (0o2775, 8)
    with pytest.raises(DeniedError):
        apply(tree, SetAttributes(path="/usr/bin/agent", mode=0o4755))
    with pytest.raises(DeniedError):
        apply(tree, WriteFile(path="/etc/k", data=b"-----BEGIN EC PRIVATE KEY-----\n"))


class TestAccounts:
    def test_minimal_accounts_are_locked_and_named(self, make_tree: MakeTree, apply: Apply) -> None:
        tree = make_tree({})
        apply(tree)
        assert [line.split(":")[0] for line in lines(tree, "/etc/passwd")] == ["root", "nobody"]
        assert lines(tree, "/etc/group") == ["root:*:0:", "nogroup:*:65534:"]
        assert all(line.split(":")[1] == "*" for line in lines(tree, "/etc/passwd"))
        assert "/etc/shadow" not in tree

    def test_without_passwd_only_new_accounts_are_shadowed(
        self, make_tree: MakeTree, apply: Apply
    ) -> None:
        tree = make_tree({})
        apply(tree, AddUser(name="net", allocator="sysusers"))
        assert lines(tree, "/etc/shadow") == ["net:!*:19675::::::"]
        assert (tree["/etc/shadow"].mode, tree["/etc/gshadow"].mode) == (0, 0)
        assert lines(tree, "/etc/passwd")[0].startswith("root:*:0:0:")

    def test_base_passwd_master_files_are_the_start(
        self, make_tree: MakeTree, apply: Apply
    ) -> None:
        tree = make_tree(
            {
                "/usr/sbin/pwconv": b"",
                "/usr/share/base-passwd/passwd.master": b"root:*:0:0:root:/root:/bin/bash\n",
                "/usr/share/base-passwd/group.master": b"root:*:0:\nshadow:*:42:\n",
            }
        )
        apply(tree, AddUser(name="a", comment="A,,,"), AddGroup(name="b"))
        assert lines(tree, "/etc/passwd") == [
            "root:x:0:0:root:/root:/bin/bash",
            "a:x:100:101:A,,,:/nonexistent:/usr/sbin/nologin",
        ]
        assert lines(tree, "/etc/group")[2:] == ["a:x:101:", "b:x:102:"]
        assert lines(tree, "/etc/shadow") == ["root:*:19675:0:99999:7:::", "a:!:19675::::::"]
        assert lines(tree, "/etc/gshadow") == ["root:*::", "shadow:*::", "a:!::", "b:!::"]
        assert tree["/etc/shadow"].gid == 42

    def test_adduser_counts_up_and_sysusers_down(self, make_tree: MakeTree, apply: Apply) -> None:
        tree = make_tree({})
        apply(
            tree,
            AddUser(name="up", group="nogroup"),
            AddUser(name="up2", group="nogroup"),
            AddUser(name="down", allocator="sysusers"),
            AddUser(name="fixed", uid=900, gid=0),
        )
        ids = {line.split(":")[0]: line.split(":")[2] for line in lines(tree, "/etc/passwd")}
        assert (ids["up"], ids["up2"], ids["down"], ids["fixed"]) == ("100", "101", "999", "900")

    def test_static_accounts_appear_when_something_needs_them(
        self, make_tree: MakeTree, apply: Apply
    ) -> None:
        tree = make_tree({})
        apply(
            tree,
            MakeDirectory(path="/var/www", owner="www-data", group="www-data"),
            MakeDirectory(path="/var/log/x", group="adm"),
        )
        assert tree["/var/www"].uid == 33
        groups = lines(tree, "/etc/group")
        assert {"www-data:*:33:", "adm:*:4:"} <= set(groups)
        assert "mail:*:8:" not in groups

    def test_members_are_written_to_group_and_gshadow(
        self, make_tree: MakeTree, apply: Apply
    ) -> None:
        tree = make_tree({})
        apply(
            tree,
            AddGroup(name="ssl-cert"),
            AddUser(name="postgres"),
            AddMember(user="postgres", group="ssl-cert"),
            AddMember(user="postgres", group="ssl-cert"),
        )
        assert "ssl-cert:x:101:postgres" in lines(tree, "/etc/group")
        assert "ssl-cert:!::postgres" in lines(tree, "/etc/gshadow")

    @pytest.mark.parametrize("name", ["", "a:b", "a b", "0", "x" * 33, "../x", "a\nroot"])
    def test_a_bad_name_is_refused(self, make_tree: MakeTree, apply: Apply, name: str) -> None:
        with pytest.raises(EffectError):
            apply(make_tree({}), AddGroup(name=name))

    def test_a_comment_cannot_smuggle_a_field(self, make_tree: MakeTree, apply: Apply) -> None:
        with pytest.raises(EffectError):
            apply(make_tree({}), AddUser(name="a", comment="x:0:0::/root:/bin/sh"))


class TestAlternatives:
    def test_the_highest_priority_that_exists_wins(self, make_tree: MakeTree, apply: Apply) -> None:
        tree = make_tree({"/usr/bin/a": b"", "/usr/bin/b": b"", "/usr/share/man/b.1": b""})
        applied = apply(
            tree,
            Alternative(name="x", link="/usr/bin/x", path="/usr/bin/a", priority=10),
            Alternative(
                name="x",
                link="/usr/bin/x",
                path="/usr/bin/b",
                priority=20,
                slaves=(
                    ("/usr/share/man/x.1", "x.1", "/usr/share/man/b.1"),
                    ("/usr/share/man/de/x.1", "x.de.1", "/usr/share/man/de/b.1"),
                ),
            ),
            Alternative(name="x", link="/usr/bin/x", path="/usr/bin/gone", priority=99),
        )
        assert tree["/etc/alternatives/x"].target == "/usr/bin/b"
        assert tree["/usr/bin/x"].target == "/etc/alternatives/x"
        assert tree["/usr/share/man/x.1"].target == "/etc/alternatives/x.1"
        assert "/usr/share/man/de/x.1" not in tree
        tree.apply(Remove("/usr/bin/b", Reason(Origin.RULE, "prune")))
        settle_effects(tree, applied)
        assert tree["/etc/alternatives/x"].target == "/usr/bin/a"
        assert "/usr/share/man/x.1" not in tree
        tree.apply(Remove("/usr/bin/a", Reason(Origin.RULE, "prune")))
        settle_effects(tree, applied)
        assert "/usr/bin/x" not in tree
        assert "/etc/alternatives/x" not in tree

    def test_equal_priorities_keep_the_first(self, make_tree: MakeTree, apply: Apply) -> None:
        tree = make_tree({"/usr/bin/a": b"", "/usr/bin/b": b""})
        apply(
            tree,
            Alternative(name="x", link="/usr/bin/x", path="/usr/bin/b", priority=1),
            Alternative(name="x", link="/usr/bin/x", path="/usr/bin/a", priority=1),
        )
        assert tree["/etc/alternatives/x"].target == "/usr/bin/b"

    def test_a_real_file_is_never_replaced_by_a_link(
        self, make_tree: MakeTree, apply: Apply
    ) -> None:
        tree = make_tree({"/usr/bin/a": b"", "/usr/bin/x": b"mine"})
        apply(tree, Alternative(name="x", link="/usr/bin/x", path="/usr/bin/a", priority=1))
        assert tree["/usr/bin/x"].kind is Kind.FILE

    def test_an_alternative_may_lead_through_another(
        self, make_tree: MakeTree, apply: Apply
    ) -> None:
        tree = make_tree({"/usr/bin/real": b""})
        apply(
            tree,
            Alternative(name="a", link="/usr/bin/a", path="/usr/bin/z", priority=1),
            Alternative(name="z", link="/usr/bin/z", path="/usr/bin/real", priority=1),
        )
        assert tree.resolve("/usr/bin/a") == "/usr/bin/real"


def test_a_diversion_moves_only_other_packages_files(
    make_tree: MakeTree, make_package: MakePackage, context: EffectContext
) -> None:
    tree = make_tree({"/usr/bin/tool": b"other"})
    effect = Effect(
        package="wrapper",
        key=sha256_of(b""),
        operations=(Divert(path="/usr/bin/tool", to="/usr/bin/tool.distrib"),),
    )
    ordered = [(make_package("wrapper"), effect)]
    assert diversions(ordered) == {"/usr/bin/tool": ("/usr/bin/tool.distrib", "wrapper")}
    apply_effects(tree, ordered, context)
    assert "/usr/bin/tool" not in tree
    assert tree["/usr/bin/tool.distrib"].owners == ("demo",)


class TestSysusers:
    def test_lines_become_accounts(self, make_tree: MakeTree, apply: Apply) -> None:
        conf = (
            b"# comment\n"
            b'u demo - "Demo service" /var/lib/demo /bin/false\n'
            b"g extra 777\nu fixed 123:extra -\nm demo extra\nu! strict -\nr - 500-900\n"
        )
        tree = make_tree({"/usr/lib/sysusers.d/demo.conf": conf})
        apply(tree, Generate(generator="sysusers", arguments=("demo.conf",)))
        users = lines(tree, "/etc/passwd")
        assert "demo:x:999:999:Demo service:/var/lib/demo:/bin/false" in users
        assert "fixed:x:123:777::/:/usr/sbin/nologin" in users
        assert "extra:x:777:demo" in lines(tree, "/etc/group")
        assert "demo:!*:19675::::::" in lines(tree, "/etc/shadow")
        assert "strict:!*:19675:::::1:" in lines(tree, "/etc/shadow")

    def test_etc_overrides_and_masks(self, make_tree: MakeTree, apply: Apply) -> None:
        tree = make_tree(
            {
                "/usr/lib/sysusers.d/a.conf": b"u a -\n",
                "/usr/lib/sysusers.d/b.conf": b"u b -\n",
                "/etc/sysusers.d/a.conf": "/dev/null",
            }
        )
        apply(tree, Generate(generator="sysusers"))
        names = [line.split(":")[0] for line in lines(tree, "/etc/passwd")]
        assert names == ["root", "nobody", "b"]

    @pytest.mark.parametrize("line", [b"z what\n", b"u\n", b'u "open\n', b"u a%m -\n"])
    def test_what_is_not_understood_stops(
        self, make_tree: MakeTree, apply: Apply, line: bytes
    ) -> None:
        tree = make_tree({"/usr/lib/sysusers.d/a.conf": line})
        with pytest.raises(EffectError):
            apply(tree, Generate(generator="sysusers"))


class TestTmpfiles:
    def test_lasting_lines_are_made(self, make_tree: MakeTree, apply: Apply) -> None:
        conf = (
            b"d /var/lib/demo 0750 mail adm -\n"
            b"f /var/lib/demo/state 0600 - - - one\\ntwo\n"
            b"L /etc/mtab - - - - ../proc/self/mounts\n"
            b"C /etc/demo - - - - /usr/share/demo\n"
            b"z /usr/share/demo/x 0640 root adm\n"
            b"f^ /etc/motd.d/x - - - - motd\nL? /etc/none - - - - /usr/none\n"
            b"d! /var/boot\nd /tmp/x\np /run/fifo\nd %b/x\nr /var/lib/demo\n"
            b"D /run/demo 0700 www-data www-data\n"
        )
        tree = make_tree({"/usr/lib/tmpfiles.d/demo.conf": conf, "/usr/share/demo/x": b"1"})
        apply(tree, Generate(generator="tmpfiles", arguments=("demo.conf",)))
        made = tree["/var/lib/demo"]
        assert (made.mode, made.uid, made.gid) == (0o750, 8, 4)
        assert lines(tree, "/var/lib/demo/state") == ["one", "two"]
        assert tree["/etc/mtab"].target == "../proc/self/mounts"
        assert "/etc/demo/x" in tree
        assert tree["/usr/share/demo/x"].mode == 0o640
        assert tree["/run/demo"].uid == 33
        assert not {"/etc/motd.d", "/etc/none", "/var/boot", "/tmp/x", "/run/fifo"} & {
            e.path for e in tree
        }

    def test_no_line_leaves_the_lasting_directories(
        self, make_tree: MakeTree, apply: Apply
    ) -> None:
        tree = make_tree(
            {"/usr/lib/tmpfiles.d/a.conf": b"f /var/x/../../root/.profile - - - - x\nf /boot/x\n"}
        )
        apply(tree, Generate(generator="tmpfiles"))
        assert "/root/.profile" not in tree
        assert "/boot/x" not in tree
