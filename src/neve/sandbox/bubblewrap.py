"""Running an image's root file system with bubblewrap: no engine, no daemon.

Owns how a directory becomes a container: read-only root, private writable paths, own process,
IPC, host-name and network namespaces with a loopback interface. As real root the program gets
the image's exact user and every file its exact owner. Otherwise only one user can be mapped, the
image's own: every file of the root belongs to it, and only the read-only mount protects them.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from neve.errors import ToolError
from neve.sandbox import probe
from neve.sandbox.enter import NOT_FOUND, SPECIFICATION
from neve.sandbox.mounts import Mount, prepare_mounts
from neve.sandbox.port import RunnableImage
from neve.sandbox.process import Completed, find_program, run_command
from neve.sandbox.scratch import scratch_directory
from neve.sandbox.terminal import run_attached
from neve.sandbox.watched import Watched, unlisted

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_EXCHANGE_LIMIT = 1 << 20
# What engines leave to a container's root user, but for devices, raw sockets and auditing.
_ROOT_CAPABILITIES = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_NET_BIND_SERVICE",
    "CAP_SETGID",
    "CAP_SETUID",
)
_ENTER_CAPABILITIES = ("CAP_CHOWN", "CAP_FOWNER", "CAP_SETGID", "CAP_SETUID", "CAP_SYS_CHROOT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bubblewrap:
    """The bubblewrap adapter of ``Sandbox``.

    ``exact`` (real root) keeps every owner; otherwise a user namespace maps the image's user.
    """

    exact: bool

    @classmethod
    def probe(cls) -> Bubblewrap:
        """The adapter in the best mode this host allows; ``ToolError`` where it allows none."""
        bwrap = find_program("bwrap")
        refused = ""
        modes = (True, False) if hasattr(os, "geteuid") and os.geteuid() == 0 else (False,)
        for exact in modes:
            argv = [bwrap, *_namespaces(exact=exact, uid=0, gid=0), "--unshare-net"]
            argv += ["--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"]
            answer = run_command(argv, timeout=10.0)
            if answer.succeeded:
                return cls(exact=exact)
            refused = answer.stderr.decode(errors="replace").strip() or answer.describe()
        raise ToolError(
            "this host does not let bubblewrap make namespaces",
            details=(refused,),
            resolution="Allow unprivileged user namespaces, run as root with CAP_SYS_ADMIN,"
            " or use an engine: --engine docker or --engine podman.",
        )

    @property
    def description(self) -> str:
        """The engine and what it cannot show exactly."""
        if self.exact:
            return "bubblewrap (exact owners)"
        return "bubblewrap (user namespace: every file appears to be the image user's)"

    @property
    def needs_reference(self) -> bool:
        """It runs a directory."""
        return False

    @contextmanager
    def pod(
        self, *, names: Sequence[str] = (), ports: Sequence[int] = ()
    ) -> Iterator[BubblewrapPod]:
        """A network namespace held open by an idle process; ``ports`` need no preparation."""
        with ExitStack() as stack:
            scratch = stack.enter_context(scratch_directory())
            namespaces = _namespaces(exact=self.exact, uid=0, gid=0)
            holder = stack.enter_context(
                Watched(
                    ["--unshare-net", *namespaces, "--ro-bind", "/", "/"], ["cat"], keep_stdin=True
                )
            )
            holder.wait_until_it_echoes()
            yield BubblewrapPod(
                exact=self.exact,
                holder=holder.child,
                names=tuple(names),
                scratch=scratch,
                stack=stack,
            )


class BubblewrapPod:
    """The containers that share one network namespace."""

    def __init__(
        self, *, exact: bool, holder: int, names: tuple[str, ...], scratch: Path, stack: ExitStack
    ) -> None:
        self.exact = exact
        self._holder = holder
        self._names = names
        self._scratch = scratch
        self._stack = stack
        self._count = 0

    def add(self, image: RunnableImage, *, name: str) -> BubblewrapContainer:
        """Prepare the writable paths of ``image``; nothing runs yet."""
        if image.root is None:
            raise ToolError(
                f"{name}: bubblewrap needs a root file system, not an engine's image",
                resolution="Name an image layout or archive, or choose --engine docker|podman.",
            )
        own = self._scratch / str(self._count)
        self._count += 1
        own.mkdir(mode=0o700)
        mounts = prepare_mounts(image, own, hosts=(name, *self._names), exact=self.exact)
        container = BubblewrapContainer(image, image.root, name=name, pod=self, mounts=mounts)
        self._stack.callback(container.close)
        return container

    def inside(self) -> list[str]:
        """The command prefix that enters the pod's network."""
        entered = ["nsenter", f"--target={self._holder}", "--net"]
        if not self.exact:
            entered += ["--user", "--preserve-credentials"]
        return [*entered, "--"]

    def exchange(self, port: int, payload: bytes, *, timeout: float = 10.0) -> bytes | None:
        """One TCP exchange with the loopback interface."""
        script = [sys.executable, "-I", "-S", probe.__file__]
        arguments = ["127.0.0.1", str(port), str(timeout), str(_EXCHANGE_LIMIT)]
        answer = run_command(
            [*self.inside(), *script, *arguments],
            stdin=payload,
            timeout=timeout + 10.0,
            environment={},
            limit_output=_EXCHANGE_LIMIT,
        )
        if answer.exit_code == probe.REFUSED:
            return None
        if not answer.succeeded:
            raise ToolError(
                f"asking port {port} in the sandbox failed: {answer.describe()}",
                details=tuple(answer.stderr.decode(errors="replace").splitlines()[-3:]),
                resolution="Run the test again; if it fails again, report it.",
            )
        return answer.stdout


class BubblewrapContainer:
    """One image in a pod: its mounts, and the program that was started."""

    def __init__(
        self,
        image: RunnableImage,
        root: Path,
        *,
        name: str,
        pod: BubblewrapPod,
        mounts: tuple[Mount, ...],
    ) -> None:
        self._image = image
        self._root = root
        self._name = name
        self._pod = pod
        self._mounts = mounts
        self._started: Watched | None = None

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout: float = 30.0,
        environment: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run a program to its end in the container."""
        options, command = self._command(argv, environment)
        with unlisted(options) as descriptor:
            ended = run_command(
                [
                    *self._pod.inside(),
                    find_program("bwrap"),
                    *("--args", str(descriptor), "--"),
                    *command,
                ],
                stdin=stdin,
                timeout=timeout,
                environment={},
                pass_fds=(descriptor,),
            )
        if ended.exit_code == 1 and ended.stderr.startswith(b"bwrap: execvp "):
            return replace(ended, exit_code=NOT_FOUND)
        return ended

    def attach(self, argv: Sequence[str], *, environment: Mapping[str, str] | None = None) -> int:
        """Run a program to its end on this process's own terminal or standard streams; its exit
        code, 127 where the image has no such program.
        """
        options, command = self._command(argv, environment)
        with unlisted(options) as descriptor:
            return run_attached(
                [
                    *self._pod.inside(),
                    find_program("bwrap"),
                    *("--args", str(descriptor), "--"),
                    *command,
                ],
                environment={},
                pass_fds=(descriptor,),
            )

    def start(self, argv: Sequence[str], *, environment: Mapping[str, str] | None = None) -> None:
        """Start the long-running program as process 1 of the container."""
        self.close()
        options, command = self._command(argv, environment)
        self._started = Watched(options, command, prefix=self._pod.inside())

    @property
    def running(self) -> bool:
        """The started program has not ended."""
        return self._started is not None and self._started.process.running

    def logs(self) -> bytes:
        """The head of what the started program wrote."""
        return b"" if self._started is None else b"".join(self._started.process.logs())

    def stop(self, number: int, timeout: float) -> Completed:
        """Send a signal to process 1 and wait for it."""
        if self._started is None:
            raise ToolError("nothing was started", resolution="Start the container first.")
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._started.child, number)
        ended = self._started.process.wait(timeout)
        self.close()
        return ended

    def close(self) -> None:
        """Kill what runs."""
        if self._started is not None:
            self._started.close()
            self._started = None

    def _command(
        self, argv: Sequence[str], environment: Mapping[str, str] | None
    ) -> tuple[list[str], list[str]]:
        whole = {"PATH": _DEFAULT_PATH, **dict(self._image.environment), **(environment or {})}
        if self._pod.exact and self._image.uid != 0:
            entered = entering_environment(self._image, self._root, argv, whole)
            options = entering_options(self._root, self._mounts, hostname=self._name)
            return [*options, *entered], entering_command()
        options = direct_options(
            self._image,
            self._root,
            self._mounts,
            hostname=self._name,
            environment=whole,
            exact=self._pod.exact,
        )
        return options, list(argv)


def entering_options(root: Path, mounts: Sequence[Mount], *, hostname: str) -> list[str]:
    """The options of bwrap to prepare ``root`` in place for ``enter.py`` (real root)."""
    options = [*_namespaces(exact=True, uid=0, gid=0), "--hostname", hostname, "--clearenv"]
    options += ["--cap-drop", "ALL"]
    for capability in _ENTER_CAPABILITIES:
        options += ["--cap-add", capability]
    return [*options, "--ro-bind", "/", "/", *_mount_options(str(root), mounts)]


def entering_command() -> list[str]:
    """The helper that goes the last step."""
    helper = Path(__file__).with_name("enter.py")
    return [sys.executable, "-I", "-S", str(helper)]


def entering_environment(
    image: RunnableImage, root: Path, argv: Sequence[str], environment: Mapping[str, str]
) -> list[str]:
    """The options of bwrap that tell the helper what to do."""
    spec = {
        "root": str(root),
        "uid": image.uid,
        "gid": image.gid,
        "groups": list(image.groups),
        "workdir": image.workdir,
        "argv": list(argv),
        "environment": dict(environment),
    }
    return ["--setenv", SPECIFICATION, json.dumps(spec)]


def direct_options(
    image: RunnableImage,
    root: Path,
    mounts: Sequence[Mount],
    *,
    hostname: str,
    environment: Mapping[str, str],
    exact: bool,
) -> list[str]:
    """The options of bwrap to make ``root`` the root itself (user namespace, or uid 0)."""
    options = [*_namespaces(exact=exact, uid=image.uid, gid=image.gid), "--hostname", hostname]
    options += ["--cap-drop", "ALL"]
    if image.uid == 0:
        for capability in _ROOT_CAPABILITIES:
            options += ["--cap-add", capability]
    options += ["--clearenv"]
    for name, value in environment.items():
        options += ["--setenv", name, value]
    options += ["--ro-bind", str(root), "/", *_mount_options("", mounts)]
    return [*options, "--chdir", image.workdir]


def _namespaces(*, exact: bool, uid: int, gid: int) -> list[str]:
    options = ["--die-with-parent", "--as-pid-1", "--unshare-pid", "--unshare-ipc"]
    options += ["--unshare-uts", "--unshare-cgroup-try"]
    if not exact:
        options += ["--unshare-user", "--uid", str(uid), "--gid", str(gid)]
    return options


def _mount_options(root: str, mounts: Sequence[Mount]) -> list[str]:
    options = ["--proc", f"{root}/proc", "--dev", f"{root}/dev"]
    options += ["--perms", "1777", "--tmpfs", f"{root}/dev/shm"]  # noqa: S108 - inside the container
    for mount in mounts:
        options += ["--ro-bind" if mount.read_only else "--bind", str(mount.source)]
        options.append(f"{root}{mount.target}")
    return options
