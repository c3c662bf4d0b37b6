"""Byte-compiling Python with an image's own interpreter: the one foreign program a build runs.

It runs without network, without a writable path and without privileges. The result depends on
the interpreter's version, the path, the mtime and the source alone: not on how many processors
share the work, on the order, or on the machine. So another architecture's sources can be
compiled by the host's build of the same version.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from neve.errors import ToolError
from neve.sandbox.process import Completed, find_program, run_command

BYTECODE_VERSION = "1"
"""Part of every cache key: changes whenever the same source would give other bytes."""

_TIMEOUT = 300.0
_OUTPUT_PER_INPUT = 16
_OUTPUT_FLOOR = 1 << 24


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonSource:
    """One source file: its absolute path in the image, its entry's mtime (seconds), its bytes."""

    path: str
    mtime: int
    data: bytes | memoryview


@dataclass(frozen=True, slots=True, kw_only=True)
class Bytecode:
    """What the interpreter made.

    ``tag`` is its cache tag (``cpython-313``), ``compiled`` the ``.pyc`` bytes by *source* path,
    ``refused`` the reason by source path where a source is not Python for this interpreter.
    """

    tag: str
    compiled: dict[str, bytes]
    refused: dict[str, str]


def cached_path(source: str, tag: str) -> str:
    """Where the import system looks for the bytecode of ``source`` (PEP 3147)."""
    directory, name = posixpath.split(source)
    return posixpath.join(directory, "__pycache__", f"{posixpath.splitext(name)[0]}.{tag}.pyc")


def compile_python(
    root: Path, interpreter: str, sources: Sequence[PythonSource], *, jobs: int | None = None
) -> Bytecode:
    """Compile ``sources`` with ``interpreter`` (an absolute path in ``root``).

    ``root`` must hold the interpreter, its libraries and its ``encodings`` package; the sources
    themselves are handed over and need not be there. ``jobs`` processes share the work (default:
    the processors there are). ``ToolError`` where the interpreter cannot run.
    """
    shares = _shares(sources, jobs or _processors())
    with ThreadPoolExecutor(max_workers=len(shares)) as pool:
        parts = list(pool.map(lambda share: _compile_share(root, interpreter, share), shares))
    whole = Bytecode(tag=parts[0].tag, compiled={}, refused={})
    for part in parts:
        whole.compiled.update(part.compiled)
        whole.refused.update(part.refused)
    return Bytecode(
        tag=whole.tag,
        compiled=dict(sorted(whole.compiled.items())),
        refused=dict(sorted(whole.refused.items())),
    )


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _shares(sources: Sequence[PythonSource], jobs: int) -> list[list[PythonSource]]:
    """Split by size, largest first, each to the least loaded share."""
    shares: list[list[PythonSource]] = [[] for _ in range(max(1, min(jobs, len(sources))))]
    loads = [0] * len(shares)
    for source in sorted(sources, key=lambda s: (-len(s.data), s.path)):
        least = loads.index(min(loads))
        shares[least].append(source)
        loads[least] += len(source.data) + 500
    return shares


def _compile_share(root: Path, interpreter: str, share: Sequence[PythonSource]) -> Bytecode:
    records = bytearray()
    for source in share:
        path = source.path.encode("utf-8", "surrogateescape")
        for number in (len(path), max(0, source.mtime), len(source.data)):
            records += number.to_bytes(8, "little")
        records += path
        records += source.data
    ended = run_command(
        interpreter_command(root, interpreter),
        stdin=bytes(records),
        timeout=_TIMEOUT,
        environment={},
        limit_output=_OUTPUT_FLOOR + _OUTPUT_PER_INPUT * len(records),
    )
    if not ended.succeeded or ended.truncated:
        raise _failed(interpreter, ended)
    return _read_answers(interpreter, ended, share)


def interpreter_command(root: Path, interpreter: str) -> list[str]:
    """The bubblewrap command: read-only root, no network, no privileges, no host environment."""
    argv = [find_program("bwrap"), "--unshare-pid", "--unshare-ipc", "--unshare-uts"]
    argv += ["--unshare-net", "--unshare-cgroup-try", "--die-with-parent", "--new-session"]
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        argv += ["--unshare-user"]
    argv += ["--cap-drop", "ALL", "--clearenv", "--setenv", "PYTHONHASHSEED", "0"]
    argv += ["--ro-bind", str(root), "/", "--chdir", "/", "--", interpreter]
    script = Path(__file__).with_name("bytecode_worker.py").read_text(encoding="utf-8")
    return [*argv, "-E", "-s", "-S", "-B", "-W", "ignore", "-c", script]


def _read_answers(interpreter: str, ended: Completed, share: Sequence[PythonSource]) -> Bytecode:
    data = memoryview(ended.stdout)
    answers: list[tuple[int, bytes]] = []
    offset = 0
    while offset + 9 <= len(data):
        size = int.from_bytes(data[offset + 1 : offset + 9], "little")
        answers.append((data[offset], bytes(data[offset + 9 : offset + 9 + size])))
        offset += 9 + size
    if offset != len(data) or len(answers) != len(share) + 1:
        raise _failed(interpreter, ended)
    (_, tag), *rest = answers
    result = Bytecode(tag=tag.decode("ascii", "replace"), compiled={}, refused={})
    for source, (status, answer) in zip(share, rest, strict=True):
        if status == 0:
            result.compiled[source.path] = answer
        else:
            result.refused[source.path] = answer.decode("utf-8", "replace")
    return result


def _failed(interpreter: str, ended: Completed) -> ToolError:
    return ToolError(
        f"byte-compiling Python with the image's {interpreter} failed: {ended.describe()}",
        details=tuple(ended.stderr.decode("utf-8", "replace").splitlines()[-5:]),
        resolution="bubblewrap must be allowed to make namespaces (run as root, or allow"
        " unprivileged user namespaces); or write `bytecode: false` in the recipe.",
    )
