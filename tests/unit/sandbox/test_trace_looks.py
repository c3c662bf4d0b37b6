"""Reading strace's output: whose questions count, and what was answered."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from neve.sandbox.trace_looks import read_looks
from neve.sandbox.trace_record import Look

START = '1 execve("/var/lib/dpkg/info/p.postinst", ["p"], 0x1 /* 9 vars */) = 0'


def looks(*lines: str) -> tuple[Look, ...]:
    return read_looks([START, *lines])


def test_a_test_for_a_command_is_a_look() -> None:
    line = '1 newfstatat(AT_FDCWD, "/usr/bin/systemctl", 0x7, 0) = -1 ENOENT (No such file)'
    assert looks(line) == (Look("/usr/bin/systemctl", "stat", False),)


def test_nothing_before_the_script_starts_counts() -> None:
    assert read_looks(['1 newfstatat(AT_FDCWD, "/etc/x", {st_mode=1}, 0) = 0']) == ()


def test_a_sourced_file_is_read() -> None:
    line = '1 openat(AT_FDCWD, "/usr/share/p/functions", O_RDONLY) = 3'
    assert looks(line) == (Look("/usr/share/p/functions", "read", True),)


def test_writing_is_no_look() -> None:
    assert looks('1 openat(AT_FDCWD, "/etc/p.conf", O_WRONLY|O_CREAT, 0666) = 3') == ()


def test_what_a_recorded_command_does_inside_is_not_the_scripts_question() -> None:
    assert looks(
        "1 vfork() = 2",
        '2 execve("/usr/sbin/adduser", ["adduser"], 0x1) = 0',
        '2 access("/etc/secret", R_OK) = 0',
        "2 vfork() = 3",
        '3 execve("/usr/bin/cat", ["cat"], 0x1) = 0',
        '3 openat(AT_FDCWD, "/etc/other", O_RDONLY) = 3',
    ) == (Look("/usr/sbin/adduser", "execute", True),)


def test_debconf_is_deaf_but_the_script_it_starts_again_is_heard() -> None:
    found = looks(
        '1 execve("/usr/share/debconf/frontend", ["frontend"], 0x1) = 0',
        '1 openat(AT_FDCWD, "/etc/debconf.conf", O_RDONLY) = 3',
        "1 clone(child_stack=NULL) = 2",
        '2 execve("/var/lib/dpkg/info/p.postinst", ["p"], 0x1) = 0',
        '2 access("/etc/wanted", R_OK) = 0',
    )
    assert Look("/etc/wanted", "stat", True) in found
    assert all(look.path != "/etc/debconf.conf" for look in found)


def test_relative_paths_follow_the_working_directory() -> None:
    found = looks('1 chdir("/etc") = 0', '1 access("fstab", R_OK) = -1 ENOENT (No such file)')
    assert found == (Look("/etc/fstab", "stat", False),)


def test_a_child_seen_before_fork_returns_inherits_from_its_parent() -> None:
    found = looks(
        '1 chdir("/var") = 0',
        "1 vfork( <unfinished ...>",
        '2 access("lib", R_OK) = 0',
        "1 <... vfork resumed>) = 2",
    )
    assert found == (Look("/var/lib", "stat", True),)


def test_interrupted_lines_are_put_together() -> None:
    found = looks(
        '1 openat(AT_FDCWD, "/etc/a", O_RDONLY <unfinished ...>',
        "1 <... openat resumed>) = 3",
    )
    assert found == (Look("/etc/a", "read", True),)


def test_escaped_names_are_read() -> None:
    found = looks('1 access("/etc/F\\305\\221tan\\"x", R_OK) = 0')
    assert found == (Look('/etc/Főtan"x', "stat", True),)


def test_processes_devices_and_the_sandbox_itself_do_not_count() -> None:
    for path in ("/proc/self/maps", "/dev/null", "/neve/log", "/var/lib/dpkg/status", "/tmp/x"):
        assert looks(f'1 access("{path}", R_OK) = 0') == ()


@given(st.lists(st.text(max_size=80), max_size=20))
def test_any_text_is_survived(lines: list[str]) -> None:
    read_looks([START, *lines])


@given(
    st.lists(
        st.sampled_from(["1 ", "2 ", "execve(", '"/a"', ") = 0", "<... ", "resumed>", "fork("])
    )
)
def test_broken_lines_are_survived(parts: list[str]) -> None:
    read_looks([START, "".join(parts)])


def test_a_child_of_another_pid_namespace_is_known_by_its_number_outside() -> None:
    found = looks(
        '1 chdir("/var") = 0',
        "1 clone(child_stack=NULL) = 2 /* 70 in strace's PID NS */",
        '1 chdir("/etc") = 0',
        '70 access("lib", R_OK) = 0',
    )
    assert found == (Look("/var/lib", "stat", True),)
