from __future__ import annotations

import pytest

from neve.contract.configured import labels_of, subject_from
from neve.contract.read import parse_contract
from neve.contract.run import run_contract
from neve.contract.subject import Subject, writable_paths
from neve.errors import HostileInputError, UsageError
from neve.model import Check, Fail, Origin, Pass, Reason, Skipped
from neve.sandbox.port import RunnableImage
from neve.tree import FileEntry, Inline, Kind, Tree

WHY = Reason(Origin.PACKAGE, "base", "unpacked")
PASSWD = b"root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/app:/bin/sh\nbad line\nx:x:y:z:::\n"
GROUP = b"root:x:0:\napp:x:1001:\nextra:x:50:app,root\nvideo:x:44:app\n"


def entry(path: str, kind: Kind = Kind.DIRECTORY, **fields: object) -> FileEntry:
    values: dict[str, object] = {"mode": 0o755, "reason": WHY} | fields
    return FileEntry(path=path, kind=kind, **values)  # type: ignore[arg-type]


def file(path: str, data: bytes = b"", **fields: object) -> FileEntry:
    return entry(path, Kind.FILE, **({"mode": 0o644, "content": Inline(data)} | fields))


def link(path: str, target: str) -> FileEntry:
    return entry(path, Kind.SYMLINK, mode=0o777, target=target)


def tree(*more: FileEntry) -> Tree:
    base = [entry(path) for path in ("/", "/etc", "/usr", "/usr/bin", "/var", "/var/lib")]
    accounts = [file("/etc/passwd", PASSWD), file("/etc/group", GROUP)]
    return Tree([*base, link("/bin", "usr/bin"), *accounts, *more])


def read(of: FileEntry) -> bytes:
    assert isinstance(of.content, Inline)
    return of.content.data


def subject(*more: FileEntry, uid: int = 1000, gid: int = 1001) -> Subject:
    planted = tree(*more)
    image = RunnableImage(uid=uid, gid=gid)
    image = RunnableImage(uid=uid, gid=gid, writable=writable_paths(planted, image))
    return Subject(name="image", tree=planted, read=read, image=image)


def judge(text: str, of: Subject) -> list[Check]:
    return list(run_contract(parse_contract(text.encode(), "c"), of, None))


def only(text: str, of: Subject) -> object:
    (check,) = judge(text, of)
    return check.verdict


@pytest.mark.parametrize("path", ["/usr/bin/sh", "/usr/bin/bash", "/usr/bin/busybox"])
def test_a_shell_is_found_under_every_name_and_behind_merged_usr(path: str) -> None:
    verdict = only("shell: absent", subject(file(path, mode=0o755)))
    assert isinstance(verdict, Fail)
    assert path in verdict.evidence


def test_a_shell_behind_a_link_counts_and_a_dangling_link_does_not() -> None:
    linked = subject(link("/usr/bin/sh", "dash"), file("/usr/bin/dash", mode=0o755))
    assert isinstance(only("shell: absent", linked), Fail)
    assert isinstance(only("shell: present", linked), Pass)
    dangling = subject(link("/usr/bin/sh", "dash"))
    assert isinstance(only("shell: absent", dangling), Pass)


def test_a_file_that_is_not_executable_is_no_shell() -> None:
    assert isinstance(only("shell: absent", subject(file("/usr/bin/sh"))), Pass)


def test_the_user_is_the_configurations() -> None:
    assert isinstance(only("runs_as: 1000", subject()), Pass)
    verdict = only("runs_as: 65532", subject())
    assert verdict == Fail("the configuration runs it as 1000:1001")


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ("/etc/app: present", True),
        ("/etc/app: absent", False),
        ("/etc/nothing: absent", True),
        ("/etc/nothing: present", False),
        ('/etc/app: {kind: file, mode: "0640", owner: 5, group: 6}', True),
        ('/etc/app: {mode: "0644"}', False),
        ("/etc/app: {owner: 0}", False),
        ("/etc/app: {group: 0}", False),
        ("/etc/app: {kind: directory}", False),
        ("/etc/app: {contains: [hello, world]}", True),
        ("/etc/app: {contains: [bye]}", False),
        ("/etc: {kind: directory}", True),
        ("/bin: {link: usr/bin}", True),
        ("/bin: {kind: link}", True),
        ("/bin: {link: /usr/bin}", False),
        ("/bin: {kind: directory}", True),
        ("/bin/app: {kind: file, contains: [hello]}", True),
        ("/etc/*/x: present", False),
        ("/etc/*/x: absent", True),
        ("/etc/ap?: {owner: 5}", True),
        ("/etc/*: {owner: 5}", False),
        ("/etc/a*: absent", False),
    ],
)
def test_files_are_judged_by_every_attribute(rule: str, *, holds: bool) -> None:
    app = file("/etc/app", b"hello world", mode=0o640, uid=5, gid=6)
    hard = entry("/usr/bin/app", Kind.HARDLINK, target="/etc/app")
    verdict = only(f"files:\n  {rule}", subject(app, hard))
    assert isinstance(verdict, Pass if holds else Fail), verdict


def test_what_should_be_absent_says_why_it_is_there() -> None:
    verdict = only("files: {/etc/passwd: absent}", subject())
    assert isinstance(verdict, Fail)
    assert "package base" in verdict.evidence


def test_a_cycle_of_links_fails_and_does_not_hang() -> None:
    verdict = only("files: {/a/b: present}", subject(link("/a", "/c"), link("/c", "/a")))
    assert isinstance(verdict, Fail)
    assert "symbolic links" in verdict.evidence


def test_writable_is_judged_by_owner_group_mode_and_every_directory_above() -> None:
    own = entry("/var/lib/app", uid=1000, gid=0, mode=0o700)
    by_group = entry("/var/lib/group", uid=0, gid=1001, mode=0o775)
    closed = entry("/var/lib/closed", mode=0o700)
    below = entry("/var/lib/closed/mine", uid=1000, mode=0o700)
    of = subject(own, by_group, closed, below)
    verdicts = {
        check.subject: check.verdict
        for check in judge(
            "writable: [/tmp, /var/lib/app, /var/lib/group, /var/lib/closed/mine, /etc, /no]", of
        )
    }
    passed = {path for path, verdict in verdicts.items() if isinstance(verdict, Pass)}
    assert passed == {"/tmp", "/var/lib/app", "/var/lib/group"}
    assert "cannot be entered" in str(verdicts["/var/lib/closed/mine"])


def test_not_writable_looks_at_what_could_be_created() -> None:
    of = subject(entry("/var/lib/app", uid=1000))
    verdicts = [
        check.verdict
        for check in judge("not_writable: [/etc, /etc/new, /var/lib/app, /var/lib/app/new]", of)
    ]
    assert [type(verdict) for verdict in verdicts] == [Pass, Pass, Fail, Fail]


def test_for_root_not_writable_is_not_judged() -> None:
    assert isinstance(only("not_writable: [/etc]", subject(uid=0, gid=0)), Skipped)


def test_without_a_sandbox_nothing_dynamic_passes() -> None:
    text = """
    commands: [{command: [a]}]
    needs: {db: {}}
    service: {ports: [1], http: [{port: 1}], tcp: [{port: 1, send: a, answer: b}],
              commands: [{command: [b]}], stop: {}}
    """
    checks = judge(text, subject())
    assert len(checks) == 8
    assert all(isinstance(check.verdict, Skipped) for check in checks)


def test_the_topmost_writable_directories_want_a_mount() -> None:
    of = subject(
        entry("/var/lib/app", uid=1000),
        entry("/var/lib/app/inner", uid=1000),
        entry("/tmp", mode=0o1777),
        entry("/tmp/x", mode=0o777),
        entry("/srv", mode=0o777),
    )
    assert of.image.writable == ("/srv", "/var/lib/app")


CONFIG = b"""{"config": {"User": "app", "Env": ["A=b=c", "PATH=/bin"], "Entrypoint": ["/app"],
"Cmd": ["run"], "WorkingDir": "/srv", "Volumes": {"/data": {}}, "StopSignal": "SIGQUIT",
"Labels": {"l": "m"}}}"""


def test_a_configuration_is_read_as_engines_do() -> None:
    of = subject_from("image", tree(), read, CONFIG)
    assert (of.image.uid, of.image.gid, of.image.groups) == (1000, 1001, (44, 50))
    assert of.image.environment == (("A", "b=c"), ("PATH", "/bin"))
    assert (of.image.workdir, of.image.stop_signal) == ("/srv", 3)
    assert of.image.writable == ("/data",)
    assert of.argv == ("/app", "run")
    assert labels_of(CONFIG) == {"l": "m"}


@pytest.mark.parametrize(
    ("user", "ids"),
    [
        ("", (0, 0, (50,))),
        ("0", (0, 0, (50,))),
        ("1000", (1000, 1001, (44, 50))),
        ("1000:7", (1000, 7, ())),
        ("app:extra", (1000, 50, ())),
        ("4711", (4711, 0, ())),
        ("4711:4712", (4711, 4712, ())),
    ],
)
def test_users_and_groups(user: str, ids: tuple[int, int, tuple[int, ...]]) -> None:
    image = subject_from("i", tree(), read, b'{"config": {"User": "%s"}}' % user.encode()).image
    assert (image.uid, image.gid, image.groups) == ids


def test_a_user_the_image_does_not_know_is_said() -> None:
    with pytest.raises(UsageError, match="nobody-here"):
        subject_from("i", tree(), read, b'{"config": {"User": "nobody-here"}}')


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b'{"config": []}',
        b'{"config": {"Env": "A"}}',
        b'{"config": {"Env": [1]}}',
        b'{"config": {"User": 5}}',
        b'{"config": "x"}',
        b'{"config": {"Volumes": ["/x"]}}',
        b'{"config": {"StopSignal": "SIGNOPE"}}',
        b'{"config": {"WorkingDir": "a\\u0000b"}}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_configuration_is_refused(text: bytes) -> None:
    with pytest.raises(HostileInputError, match="configuration"):
        subject_from("i", tree(), read, text)
