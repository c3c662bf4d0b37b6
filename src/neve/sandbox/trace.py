"""Running one package's maintainer scripts in a sandbox, and noting everything they did.

The root is an overlay of unpacked packages (``trace_layers``) in namespaces of its own; scripts
see recorders instead of the commands whose result depends on the rest of an image
(``trace_stubs``), no network, no host files and no service. Each run is done twice under
different names, so that what is random or the host's own shows. Nothing here knows what a
change means: that is ``neve.effects.trace``.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from neve.errors import HostileInputError, ToolError
from neve.sandbox.process import Completed, find_program, run_command
from neve.sandbox.trace_changes import read_changes
from neve.sandbox.trace_layers import HOSTS, write_status
from neve.sandbox.trace_looks import STRACE_EVENTS, read_looks
from neve.sandbox.trace_record import Change, PackageLayer, Stage, Trace
from neve.sandbox.trace_stubs import read_commands, stub_paths, write_stubs

_LOG = "/neve/log"
_REAL = "/neve/real"
_OUTPUT_TAIL = 2000
_NOTES_LIMIT = 64 << 20

_MOUNT = (
    'cd "$1" && LIBMOUNT_FORCE_MOUNT2=always mount -t overlay overlay -o "$2" root'
    ' && shift 2 && exec "$@"'
)
_HEAD = """#!/bin/sh
cd /
umask 022
one() {
  name=$1; script=$2; shift 2
  DPKG_MAINTSCRIPT_NAME=$script DPKG_MAINTSCRIPT_PACKAGE=${name%%:*} \\
    "/var/lib/dpkg/info/$name.$script" "$@" < /dev/null
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceRoot:
    """What a script finds: layers from the topmost down, and dpkg's list of them.

    ``configured`` are packages whose scripts are run, unrecorded, before the one in question,
    in this order. ``lowers`` hold the directories of all packages but the subject's.
    """

    lowers: tuple[Path, ...]
    packages: tuple[PackageLayer, ...]
    configured: tuple[PackageLayer, ...] = ()
    architecture: str = "amd64"
    bootstrapping: bool = False
    """The subject is Essential, and so among ``lowers``: nothing runs before all of it is
    unpacked, as debootstrap does."""


class Tracer:
    """Runs scripts under ``scratch``, a directory that may hold overlays (not itself one)."""

    def __init__(self, scratch: Path, *, timeout: float = 180.0) -> None:
        """``timeout`` in seconds, for one script."""
        self._scratch = scratch
        self._timeout = timeout
        _require_root()
        for program in ("bwrap", "strace", "unshare", "mount", "tar"):
            find_program(program)
        scratch.mkdir(parents=True, exist_ok=True)

    def trace(self, subject: PackageLayer, root: TraceRoot) -> Trace:
        """Trace ``preinst install``, ``postinst configure`` and the triggers of ``subject``.

        A script that fails ends the trace: its stage tells. Raises ``ToolError`` when the
        sandbox itself could not be set up.
        """
        with self._directory() as work:
            prepared = self._prepare(work, subject, root)
            first = self._stages(work / "a", subject, root, prepared, host=HOSTS[0])
            if not any(change.after and change.after.digest for s in first for change in s.changes):
                unstable: frozenset[str] = frozenset()
            else:
                second = self._stages(work / "b", subject, root, prepared, host=HOSTS[1])
                unstable = _differing(first, second)
        return Trace(
            package=subject.name,
            architecture=root.architecture,
            stages=tuple(first),
            unstable=unstable,
        )

    def configure(self, root: TraceRoot, upper: Path) -> tuple[str, ...]:
        """Run the scripts of ``root.configured`` and keep what they leave in ``upper``.

        Gives a line for each script that failed.
        """
        with self._directory() as work:
            return self._configure(work, root, upper)

    def _prepare(self, work: Path, subject: PackageLayer, root: TraceRoot) -> tuple[Path, ...]:
        """Layers with the dependencies configured: the lower directories of every stage."""
        status = work / "status"
        write_status(status, (*root.packages, subject), unpacked=frozenset({subject.name}))
        lowers = (status, *root.lowers)
        if not root.configured:
            return lowers
        upper = work / "configured"
        self._configure(
            work,
            TraceRoot(
                lowers=lowers,
                packages=root.packages,
                configured=root.configured,
                architecture=root.architecture,
            ),
            upper,
        )
        return (upper, *lowers)

    def _configure(self, work: Path, root: TraceRoot, upper: Path) -> tuple[str, ...]:
        lines = [_HEAD]
        for package in root.configured:
            for script, words in (("preinst", "install"), ("postinst", "configure ''")):
                if script in package.scripts:
                    name = shlex.quote(package.info_name)
                    lines.append(
                        f"one {name} {script} {words} || echo FAILED {name} {script} >&3\n"
                    )
        upper.mkdir(parents=True)
        space = work / "dependencies"
        self._run(
            space,
            root,
            root.lowers,
            upper,
            "".join(lines),
            host=HOSTS[0],
            strace=False,
            timeout=self._timeout * 4,
            failures=True,
        )
        failed = _noted(space / "neve" / "failed").decode("utf-8", "replace")
        shutil.rmtree(space / "work", ignore_errors=True)
        return tuple(line for line in failed.splitlines() if line)

    def _stages(
        self,
        work: Path,
        subject: PackageLayer,
        root: TraceRoot,
        lowers: tuple[Path, ...],
        *,
        host: str,
    ) -> list[Stage]:
        stages: list[Stage] = []
        plan: list[tuple[str, str, tuple[str, ...]]] = []
        if "preinst" in subject.scripts:
            plan.append(("preinst", "preinst", ("install",)))
        if "postinst" in subject.scripts:
            plan.append(("postinst", "postinst", ("configure", "")))
            if subject.triggers:
                plan.append(("triggered", "postinst", ("triggered", " ".join(subject.triggers))))
        has_files = root.bootstrapping
        if has_files and subject.scripts_of is not None:
            lowers = (subject.scripts_of, *lowers)
        for name, script, words in plan:
            if name != "preinst" and not has_files:
                lowers = (*subject.directories, *lowers)
                has_files = True
            elif name == "preinst" and not has_files:
                lowers = (self._scripts_only(work, subject), *lowers)
            space, upper = work / name, work / name / "upper"
            upper.mkdir(parents=True)
            call = shlex.join(["one", subject.info_name, script, *words])
            done = self._run(space, root, lowers, upper, f"{_HEAD}{call}\n", host=host, strace=True)
            stages.append(self._stage(name, space, upper, lowers, done))
            if stages[-1].exit_code != 0:
                break
            lowers = (upper, *lowers)
        return stages

    def _scripts_only(self, work: Path, subject: PackageLayer) -> Path:
        """A package before it is unpacked: its control files and nothing else."""
        place = work / "control"
        info = "var/lib/dpkg/info"
        (place / info).mkdir(parents=True)
        for layer in reversed(subject.directories):
            for path in sorted((layer / info).glob(f"{subject.info_name}.*")):
                if not path.name.endswith(".list"):
                    shutil.copy2(path, place / info / path.name)
        return place

    def _stage(
        self, name: str, space: Path, upper: Path, lowers: Sequence[Path], done: Completed
    ) -> Stage:
        with (space / "strace").open(encoding="utf-8", errors="replace") as lines:
            looks = read_looks(lines)
        output = (done.stdout + done.stderr).decode("utf-8", "replace")[-_OUTPUT_TAIL:]
        changes: tuple[Change, ...] = read_changes(upper, lowers)
        return Stage(
            name=name,
            exit_code=None if done.timed_out else done.exit_code,
            commands=read_commands(_noted(space / "neve" / "log")),
            changes=changes,
            looks=looks,
            output=output,
        )

    def _run(
        self,
        space: Path,
        root: TraceRoot,
        lowers: Sequence[Path],
        upper: Path,
        script: str,
        *,
        host: str,
        strace: bool,
        timeout: float | None = None,
        failures: bool = False,
    ) -> Completed:
        options = _lay_out(space, lowers, upper, script)
        argv = [*_NAMESPACES, "sh", "-c", _MOUNT, "trace", str(space), options]
        if strace:
            argv += ["strace", "-f", "-qq", "--seccomp-bpf", "-s", "4096", "--decode-pids=pidns"]
            argv += ["-e", f"trace={STRACE_EVENTS}", "-e", "signal=none", "-o", "strace"]
        argv += ["bwrap", *_sandbox(lowers, host, root.architecture)]
        shell = (
            "exec /bin/sh /neve/script 3> /neve/failed" if failures else "exec /bin/sh /neve/script"
        )
        argv += ["/bin/sh", "-c", shell]
        done = run_command(
            argv,
            timeout=timeout or self._timeout,
            environment={"PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")},
        )
        if b"mount: " in done.stderr[:200] or done.stderr.startswith((b"bwrap: ", b"unshare: ")):
            raise ToolError(
                "the sandbox for tracing could not be set up",
                details=tuple(done.stderr.decode("utf-8", "replace").splitlines()[:3]),
                resolution="Tracing needs overlay mounts: use a scratch directory on a real file "
                "system such as ext4, and run it where mounting is allowed.",
            )
        return done

    @contextlib.contextmanager
    def _directory(self) -> Iterator[Path]:
        work = Path(tempfile.mkdtemp(dir=self._scratch, prefix="run-"))
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)


# What a script that installs files needs. Others lead out of the sandbox: CAP_DAC_READ_SEARCH
# through open_by_handle_at(2) to every file of the scratch directory's file system, CAP_SYS_PTRACE
# to what /proc/PID/root of a process outside shows, were there one to be seen.
_CAPABILITIES = (
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
)
_NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--mount-proc", "--propagation", "private")


def _require_root() -> None:
    """Owners of files are kept as packages have them, and overlays mounted: both need root."""
    if os.geteuid() != 0:
        raise ToolError(
            "tracing needs root: it mounts overlays and keeps the owners of files",
            resolution="Run it as root, on a machine or in a virtual machine of its own.",
        )


def _noted(path: Path) -> bytes:
    """What the recorders wrote. Scripts may put anything in its place: a link to a file of this
    host, or a pipe that nobody writes to.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            data = (
                file.read(_NOTES_LIMIT + 1) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
            )
    except OSError:
        data = None
    if data is None or len(data) > _NOTES_LIMIT:
        raise HostileInputError(
            f"a script replaced or filled the recorders' own file {path.name!r}",
            resolution="Leave this package out: no honest script touches it.",
        )
    return data


def _lay_out(space: Path, lowers: Sequence[Path], upper: Path, script: str) -> str:
    """The directory of one run; gives the overlay's options, short as mount(2) takes a page."""
    for name in ("neve/real", "root", "work", "l"):
        (space / name).mkdir(parents=True, exist_ok=True)
    for number, lower in enumerate(lowers):
        (space / "l" / str(number)).symlink_to(lower.absolute())
    (space / "u").symlink_to(upper.absolute())
    write_stubs(space / "neve", log=_LOG, real=_REAL)
    (space / "neve" / "log").touch()
    (space / "neve" / "failed").touch()
    (space / "neve" / "script").write_text(script, encoding="utf-8")
    names = ":".join(f"l/{number}" for number in range(len(lowers)))
    return f"lowerdir={names},upperdir=u,workdir=work"


def _sandbox(lowers: Sequence[Path], host: str, architecture: str) -> list[str]:
    """Bubblewrap's arguments: the root, its own devices and processes, the recorders."""
    words = ["--bind", "root", "/", "--dev", "/dev", "--proc", "/proc"]
    words += ["--perms", "1777", "--tmpfs", "/tmp"]  # noqa: S108 - the sandbox's own
    words += ["--bind", "neve", "/neve", "--bind", "root", _REAL]
    for path, kind in stub_paths(lowers):
        words += ["--ro-bind", f"neve/{kind}", path]
    words += ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    words += ["--hostname", host]
    words += ["--cap-drop", "ALL"]
    for capability in _CAPABILITIES:
        words += ["--cap-add", capability]
    words += ["--die-with-parent", "--new-session", "--clearenv"]
    for name, value in (
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("HOME", "/root"),
        ("LC_ALL", "C.UTF-8"),
        ("TZ", "UTC"),
        ("DEBIAN_FRONTEND", "noninteractive"),
        ("DEBCONF_NONINTERACTIVE_SEEN", "true"),
        ("DPKG_ADMINDIR", "/var/lib/dpkg"),
        ("DPKG_ROOT", ""),
        ("DPKG_MAINTSCRIPT_ARCH", architecture),
        ("DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT", "1"),
        ("DPKG_RUNNING_VERSION", "1.22.21"),
    ):
        words += ["--setenv", name, value]
    return words


def _differing(first: Sequence[Stage], second: Sequence[Stage]) -> frozenset[str]:
    """Paths whose state is not the same after both runs."""
    states = []
    for stages in (first, second):
        states.append({change.path: change.after for stage in stages for change in stage.changes})
    one, two = states
    return frozenset(path for path in one.keys() | two.keys() if one.get(path) != two.get(path))
