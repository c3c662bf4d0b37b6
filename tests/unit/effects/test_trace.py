"""From traces to effects: what is literal, generated, a condition, or left out and said."""

from __future__ import annotations

from dataclasses import replace

from neve.effects.database import dump_effects, load_effects
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
    Precondition,
    SetAttributes,
    WriteFile,
)
from neve.effects.trace import Surrounding, TracedEffect, make_effect
from neve.model import Digest, sha256_of
from neve.sandbox.trace_record import Change, Command, Look, Node, Stage, Trace

KEY = sha256_of(b"script")
ALONE = Surrounding(
    own=frozenset({"/usr/bin/p"}),
    packaged={},
    elsewhere={},
    given=frozenset(),
    digest=lambda path: None,
)


def file(data: bytes = b"text\n", *, mode: int = 0o644, owner: str = "root") -> Node:
    return Node.of_file(data, mode=mode, owner=owner, group="root")


def symlink(target: str) -> Node:
    return Node(kind="symlink", mode=0o777, owner="root", group="root", target=target)


def directory(mode: int = 0o755, owner: str = "root", group: str = "root") -> Node:
    return Node(kind="directory", mode=mode, owner=owner, group=group)


def new(path: str, node: Node) -> Change:
    return Change(path=path, before=None, after=node)


def stage(
    *changes: Change,
    commands: tuple[tuple[str, ...], ...] = (),
    looks: tuple[Look, ...] = (),
    name: str = "postinst",
) -> Stage:
    return Stage(
        name=name,
        exit_code=0,
        commands=tuple(Command(argv) for argv in commands),
        changes=tuple(changes),
        looks=looks,
        output="",
    )


def read(
    *stages: Stage,
    surrounding: Surrounding = ALONE,
    unstable: frozenset[str] = frozenset(),
    packaged: dict[Digest, str] | None = None,
    triggers: tuple[str, ...] = (),
) -> TracedEffect:
    trace = Trace(package="p", architecture="amd64", stages=stages, unstable=unstable)
    return make_effect(
        trace,
        key=KEY,
        suite="trixie",
        surrounding=surrounding,
        packaged_content=packaged or {},
        triggers=triggers,
    )


def operations(*changes: Change, commands: tuple[tuple[str, ...], ...] = ()) -> tuple[object, ...]:
    return read(stage(*changes, commands=commands)).effect.operations


def test_a_script_that_does_nothing_is_an_effect_without_operations() -> None:
    assert read(stage()).effect == Effect(package="p", key=KEY, suites=("trixie",))


def test_files_directories_and_links_are_literal_and_in_path_order() -> None:
    assert operations(
        new("/var/lib/p", directory(0o750, "p", "adm")),
        new("/etc/p.conf", file(b"a=1\n", mode=0o640)),
        new(
            "/etc/p.link", Node(kind="symlink", mode=0o777, owner="root", group="root", target="p")
        ),
    ) == (
        WriteFile(path="/etc/p.conf", data=b"a=1\n", mode=0o640),
        MakeLink(path="/etc/p.link", target="p"),
        MakeDirectory(path="/var/lib/p", mode=0o750, owner="p", group="adm"),
    )


def test_content_of_a_packaged_file_is_a_copy_that_follows_updates() -> None:
    node = file(b"default\n")
    assert node.digest is not None
    found = read(stage(new("/etc/p.conf", node)), packaged={node.digest: "/usr/share/p/p.conf"})
    assert found.effect.operations == (CopyFile(path="/etc/p.conf", source="/usr/share/p/p.conf"),)


def test_an_empty_file_is_no_copy() -> None:
    node = file(b"")
    assert node.digest is not None
    found = read(stage(new("/var/log/p", node)), packaged={node.digest: "/usr/share/empty"})
    assert found.effect.operations == (WriteFile(path="/var/log/p", data=b""),)


def test_a_packaged_path_that_only_changes_owner() -> None:
    change = Change(path="/etc/p", before=directory(), after=directory(0o750, group="adm"))
    assert operations(change) == (SetAttributes(path="/etc/p", mode=0o750, group="adm"),)


def test_setuid_is_left_out_and_said() -> None:
    change = Change(path="/usr/bin/p", before=file(), after=file(mode=0o4755))
    found = read(stage(change))
    assert found.effect.operations == (SetAttributes(path="/usr/bin/p", mode=0o755),)
    assert any("setuid" in problem for problem in found.problems)


def test_deleting_a_directory_deletes_what_is_below_with_it() -> None:
    gone = [Change(path=p, before=directory(), after=None) for p in ("/srv/p", "/srv/p/q")]
    assert operations(*gone) == (DeletePath(path="/srv/p"),)


def test_what_preinst_makes_and_postinst_removes_never_was() -> None:
    found = read(
        stage(new("/etc/p.tmp", file()), name="preinst"),
        stage(Change(path="/etc/p.tmp", before=file(), after=None)),
    )
    assert found.effect.operations == ()


def test_random_content_is_left_out_and_said() -> None:
    found = read(stage(new("/etc/p.id", file())), unstable=frozenset({"/etc/p.id"}))
    assert found.effect.operations == ()
    assert "not the same in two runs" in found.problems[0]


def test_a_link_to_what_was_left_out_is_left_out() -> None:
    found = read(
        stage(new("/etc/p/id", file()), new("/etc/p/link", symlink("id"))),
        unstable=frozenset({"/etc/p/id"}),
    )
    assert found.effect.operations == ()
    assert "links to /etc/p/id" in found.problems[1]


def test_a_certificate_made_for_the_host_asks_for_no_bundle() -> None:
    path = "/etc/ssl/certs/ssl-cert-snakeoil.pem"
    assert read(stage(new(path, file())), unstable=frozenset({path})).effect.operations == ()


def test_the_time_of_the_run_is_left_out_and_said() -> None:
    found = read(stage(new("/etc/p", file(b"# made Mon Nov 23 17:01:02 UTC 2026\n"))))
    assert found.effect.operations == ()
    assert "time of the run" in found.problems[0]


def test_a_private_key_is_never_recorded() -> None:
    key = b"-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n"
    found = read(stage(new("/etc/p/key.pem", file(key))))
    assert found.effect.operations == ()
    assert "private key" in found.problems[0]


def test_devices_are_left_out_and_said() -> None:
    node = Node(kind="special", mode=0o600, owner="root", group="root")
    assert read(stage(new("/var/p/pipe", node))).problems == (
        "/var/p/pipe: left out: a device, socket or pipe",
    )


def test_tools_records_and_locks_are_no_part_of_an_image() -> None:
    paths = (
        "/var/lib/ucf/hashfile",
        "/etc/alternatives/editor",
        "/run/adduser",
        "/etc/passwd-",
        "/usr/lib/python3/dist-packages/__pycache__/x.pyc",
    )
    assert operations(*(new(path, file()) for path in paths)) == ()


def test_a_directory_below_run_is_kept() -> None:
    assert operations(new("/run/p", directory(owner="p"))) == (
        MakeDirectory(path="/run/p", owner="p"),
    )


def test_alternatives_and_their_links() -> None:
    call = ("update-alternatives", "--quiet", "--install", "/usr/bin/editor", "editor", "/bin/ed",
            "10", "--slave", "/usr/share/man/man1/e.1.gz", "e.1.gz",
            "/usr/share/man/man1/ed.1.gz")  # fmt: skip
    link = Node(
        kind="symlink", mode=0o777, owner="root", group="root", target="/etc/alternatives/e"
    )
    assert operations(new("/usr/bin/editor", link), commands=(call, call)) == (
        Alternative(
            name="editor",
            link="/usr/bin/editor",
            path="/bin/ed",
            priority=10,
            slaves=(("/usr/share/man/man1/e.1.gz", "e.1.gz", "/usr/share/man/man1/ed.1.gz"),),
        ),
    )


def test_a_diversion_that_renames() -> None:
    call = ("dpkg-divert", "--quiet", "--package", "p", "--add", "--rename", "--divert",
            "/usr/bin/x.orig", "/usr/bin/x")  # fmt: skip
    assert operations(commands=(call,)) == (Divert(path="/usr/bin/x", to="/usr/bin/x.orig"),)


def test_a_diversion_that_moves_nothing_is_none() -> None:
    assert operations(commands=(("dpkg-divert", "--no-rename", "--add", "/lib32"),)) == ()


PASSWD = "root:x:0:0:root:/root:/bin/bash\n"
GROUP = "root:x:0:\nadm:x:4:\n"


def account_changes(passwd: str, group: str) -> tuple[Change, Change]:
    return (
        Change(
            path="/etc/passwd",
            before=file(PASSWD.encode()),
            after=file((PASSWD + passwd).encode()),
        ),
        Change(path="/etc/group", before=file(GROUP.encode()), after=file(group.encode())),
    )


def test_accounts_have_names_and_no_numbers() -> None:
    changes = account_changes(
        "p:x:104:107:P daemon:/var/lib/p:/usr/sbin/nologin\n", "root:x:0:\nadm:x:4:p\np:x:107:\n"
    )
    calls = (
        ("adduser", "--system", "--group", "--home", "/var/lib/p", "--gecos", "P daemon", "p"),
        ("adduser", "p", "adm"),
    )
    assert operations(*changes, commands=calls) == (
        AddGroup(name="p"),
        AddUser(name="p", group="p", home="/var/lib/p", comment="P daemon"),
        AddMember(user="p", group="adm"),
    )


def test_a_fixed_number_is_kept() -> None:
    changes = account_changes("p:x:33:33::/:/bin/sh\n", GROUP + "p:x:33:\n")
    calls = (("addgroup", "--gid", "33", "p"), ("adduser", "--uid", "33", "--gid", "33", "p"))
    assert operations(*changes, commands=calls) == (
        AddGroup(name="p", gid=33),
        AddUser(name="p", uid=33, group="p", home="/", shell="/bin/sh"),
    )


def test_useradd_counts_down_as_sysusers_does() -> None:
    changes = account_changes("p:x:999:999::/:/bin/sh\n", GROUP + "p:x:999:\n")
    found = operations(*changes, commands=(("useradd", "-r", "p"),))
    assert AddGroup(name="p", allocator="sysusers") in found


def test_accounts_that_sysusers_makes_are_generated_from_its_file() -> None:
    changes = account_changes("p:x:999:999::/:/bin/sh\n", GROUP + "p:x:999:\n")
    calls = (("systemd-sysusers", "p.conf"),)
    assert operations(*changes, commands=calls) == (
        Generate(generator="sysusers", arguments=("p.conf",)),
    )


def test_what_depends_on_the_whole_image_is_generated() -> None:
    commands = (("ldconfig",), ("systemd-tmpfiles", "--create", "/usr/lib/tmpfiles.d/p.conf"))
    assert operations(new("/etc/ssl/certs/java/cacerts", file()), commands=commands) == (
        Generate(generator="ld.so.cache"),
        Generate(generator="tmpfiles", arguments=("p.conf",)),
        Generate(generator="java-cacerts"),
    )


def test_an_answered_trigger_is_a_generator_even_if_nothing_fired_it() -> None:
    found = read(stage(), triggers=("/usr/lib/x86_64-linux-gnu/gio/modules", "ldconfig"))
    assert found.effect.operations == (
        Generate(generator="gio-modules"),
        Generate(generator="ld.so.cache"),
    )


def test_services_leave_nothing_in_an_image() -> None:
    calls = (("invoke-rc.d", "p", "start"), ("deb-systemd-helper", "enable", "p.service"))
    assert operations(commands=calls) == ()


def test_the_architecture_is_a_parameter() -> None:
    found = operations(new("/usr/lib/x86_64-linux-gnu/p/cache", directory()))
    assert found == (MakeDirectory(path="/usr/lib/{triplet}/p/cache"),)


LOOK_ABSENT = Look("/usr/bin/systemctl", "stat", False)
AMID = replace(
    ALONE,
    packaged={"/usr/bin/other": "other", "/bin/sh": "dash", "/usr/share/o/lib": "other"},
    elsewhere={"/usr/bin/systemctl": "systemd", "/usr/bin/p": "p"},
    given=frozenset({"dash"}),
    digest=lambda path: sha256_of(path.encode()),
)


def test_a_missing_path_that_some_package_brings_is_a_condition() -> None:
    found = read(stage(looks=(LOOK_ABSENT, Look("/etc/nobodys", "stat", False))), surrounding=AMID)
    assert found.effect.preconditions == (Precondition(path="/usr/bin/systemctl", present=False),)
    assert found.absent_owners == {"/usr/bin/systemctl": "systemd"}


def test_a_path_of_a_package_that_need_not_be_there_is_a_condition() -> None:
    looks = (Look("/usr/bin/other", "stat", True), Look("/usr/share/o/lib", "read", True))
    found = read(stage(looks=looks), surrounding=AMID)
    assert found.effect.preconditions == (Precondition(path="/usr/bin/other", present=True),)
    assert found.effect.reads == (("/usr/share/o/lib", sha256_of(b"/usr/share/o/lib")),)


def test_what_is_always_there_decides_nothing() -> None:
    looks = (Look("/bin/sh", "execute", True), Look("/usr/bin/p", "stat", True))
    found = read(stage(looks=looks), surrounding=AMID)
    assert found.effect.preconditions == ()


def test_what_was_read_of_its_own_files_counts_when_it_writes_text() -> None:
    looks = (Look("/usr/bin/p", "read", True),)
    assert read(stage(looks=looks), surrounding=AMID).effect.reads == ()
    written = read(stage(new("/etc/p", file(b"x=1\n")), looks=looks), surrounding=AMID)
    assert written.effect.reads == (("/usr/bin/p", sha256_of(b"/usr/bin/p")),)


def test_traced_effects_survive_the_database_file() -> None:
    effect = read(
        stage(
            new("/etc/p", file(b"\xff\x00")),
            new("/var/lib/p", directory(0o2775)),
            commands=(("update-alternatives", "--install", "/usr/bin/x", "x", "/usr/bin/p", "5"),),
            looks=(LOOK_ABSENT,),
        ),
        surrounding=AMID,
    ).effect
    data = dump_effects([effect], codename="trixie")
    assert load_effects(data) == (effect,)
    assert dump_effects([effect], codename="trixie") == data
