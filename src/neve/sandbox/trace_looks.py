"""Reading strace's output: which paths a maintainer script and its tools asked about.

What recorded commands and other programs do inside is not the script's own question and is left
out; shells and the small text and file tools that scripts decide with are listened to.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass

from neve.sandbox.trace_record import Look
from neve.sandbox.trace_stubs import PASS, SKIP

STRACE_EVENTS = "%file,clone,clone3,fork,vfork"

_LISTENED = frozenset(
    [
        "sh",
        "dash",
        "bash",
        "test",
        "[",
        "ls",
        "cat",
        "grep",
        "egrep",
        "fgrep",
        "sed",
        "awk",
        "mawk",
        "gawk",
        "original-awk",
        "cut",
        "head",
        "tail",
        "sort",
        "uniq",
        "tr",
        "wc",
        "find",
        "readlink",
        "realpath",
        "stat",
        "cmp",
        "diff",
        "cp",
        "mv",
        "ln",
        "install",
        "mkdir",
        "rmdir",
        "rm",
        "chown",
        "chgrp",
        "chmod",
        "touch",
        "env",
        "xargs",
        "expr",
        "which",
        "tempfile",
        "mktemp",
        "basename",
        "dirname",
    ]
)
_MUTED = (
    PASS
    | SKIP
    | frozenset(
        [
            "frontend",
            "dpkg",
            "dpkg-query",
            "dpkg-maintscript-helper",
            "dpkg-split",
            "dpkg-deb",
            "debconf",
            "debconf-communicate",
            "debconf-set-selections",
            "perl",
            "getent",
            "id",
        ]
    )
)
_LINE = re.compile(r"^(\d+) +(.*)$")
_CALL = re.compile(r"^(\w+)\((.*)$", re.S)
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_OUTSIDE = re.compile(r"/\* (\d+) in strace's PID NS \*/")
_RESULT = re.compile(r"\) += (-?\d+|\?)(?: (E[A-Z]+))?")
_STATS = frozenset(
    [
        "access",
        "faccessat",
        "faccessat2",
        "stat",
        "lstat",
        "newfstatat",
        "statx",
        "readlink",
        "readlinkat",
    ]
)
_ESCAPE = re.compile(r"\\([0-7]{1,3}|x[0-9a-f]{2}|.)")
_NAMED = {"n": "\n", "t": "\t", "r": "\r", "v": "\v", "f": "\f", '"': '"', "\\": "\\"}
_PASSING = ("/proc", "/dev", "/sys", "/tmp", "/run", "/neve", "/var/lib/dpkg", "/var/cache/debconf")  # noqa: S108


@dataclass(slots=True)
class _Task:
    cwd: str = "/"
    program: str = "sh"
    muted: bool = False


def read_looks(lines: Iterable[str]) -> tuple[Look, ...]:
    """The looks in strace's output (``-f -qq -o --decode-pids=pidns``, of ``STRACE_EVENTS``), each
    once, sorted.

    Listening begins with the first program started below ``/var/lib/dpkg/info``: what set the
    sandbox up is not the script's.
    """
    reader = _Reader()
    for line in lines:
        reader.read(line.rstrip("\n"))
    return tuple(sorted(reader.looks))


class _Reader:
    def __init__(self) -> None:
        self.looks: set[Look] = set()
        self._tasks: dict[str, _Task] = {}
        self._unfinished: dict[str, str] = {}
        self._started = False
        self._last = _Task()

    def read(self, line: str) -> None:
        match = _LINE.match(line)
        if match is None:
            return
        pid, text = match.groups()
        if text.endswith("<unfinished ...>"):
            text = text.removesuffix("<unfinished ...>")
            self._unfinished[pid] = text
            if re.match(r"v?fork|clone", text):
                self._last = self._task(pid)  # the child is seen before the call returns
            return
        if text.startswith("<... "):
            text = self._unfinished.pop(pid, "") + text.partition("resumed>")[2]
        call = _CALL.match(text)
        result = _RESULT.search(text)
        if call is not None and result is not None:
            self._call(pid, call.group(1), call.group(2), result)

    def _task(self, pid: str) -> _Task:
        task = self._tasks.get(pid)
        if task is None:
            parent = self._last
            task = _Task(cwd=parent.cwd, program=parent.program, muted=parent.muted)
            self._tasks[pid] = task
        return task

    def _call(self, pid: str, name: str, arguments: str, result: re.Match[str]) -> None:
        task = self._task(pid)
        value, error = result.groups()
        if name in ("fork", "vfork", "clone", "clone3"):
            outside = _OUTSIDE.search(result.string, result.end())
            value = outside[1] if outside else value
            if value not in ("?", "-1") and value not in self._tasks:
                self._tasks[value] = _Task(cwd=task.cwd, program=task.program, muted=task.muted)
            return
        text = _TEXT.search(arguments)
        if text is None or error not in (None, "ENOENT", "ENOTDIR", "EINVAL"):
            return
        path = posixpath.normpath(posixpath.join(task.cwd, _unescape(text.group(1))))
        path = path.replace("//", "/")
        if name == "execve":
            if error is None:
                self._execute(task, path)
        elif name == "chdir":
            if error is None:
                task.cwd = path
        elif name in _STATS:
            self._note(task, path, "stat", found=error in (None, "EINVAL"))
        elif name in ("open", "openat") and "O_RDONLY" in arguments:
            action = "stat" if "O_DIRECTORY" in arguments else "read"
            self._note(task, path, action, found=error is None)

    def _execute(self, task: _Task, path: str) -> None:
        if path.startswith("/var/lib/dpkg/info/"):
            self._started = True
            task.muted = False
            task.program = "sh"
            return
        self._note(task, path, "execute", found=True)
        task.program = posixpath.basename(path)
        task.muted = task.muted or task.program in _MUTED

    def _note(self, task: _Task, path: str, action: str, *, found: bool) -> None:
        if not self._started or task.muted or task.program not in _LISTENED:
            return
        if any(path == p or path.startswith(p + "/") for p in _PASSING) or path == "/":
            return
        self.looks.add(Look(path, action, found))


def _unescape(text: str) -> str:
    """Strace's C-style escapes, for bytes that are UTF-8."""
    if "\\" not in text:
        return text

    def one(match: re.Match[str]) -> str:
        code = match.group(1)
        if code[0] in "01234567":
            return chr(int(code, 8))
        if code[0] == "x" and len(code) == 3:
            return chr(int(code[1:], 16))
        return _NAMED.get(code, code)

    raw = _ESCAPE.sub(one, text)
    return raw.encode("latin-1", "replace").decode("utf-8", "surrogateescape")
