"""Packages unpacked side by side, each a lower layer of the overlays that scripts are traced on.

Owns the layout of one layer: the package's files under merged-/usr names and its part of dpkg's
database. Reads data that was verified before; unpacking itself is tar's.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from neve.errors import HostileInputError, ToolError
from neve.sandbox.process import run_command
from neve.sandbox.trace_record import PackageLayer

ADMIN = "var/lib/dpkg"
HOSTS = ("neve-trace-a.invalid", "neve-trace-b.invalid")
"""The names under which a script runs: what holds one of them is the host's, not the package's."""
_ALIASES = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_INFO = ("preinst", "postinst", "config", "templates", "triggers", "conffiles", "md5sums")


def unpack_layer(
    data: Path,
    directory: Path,
    *,
    info_name: str,
    scripts: Mapping[str, bytes],
    files: Sequence[str],
) -> None:
    """Unpack the uncompressed ``data`` tar into ``directory`` and add dpkg's notes of it.

    ``scripts`` are the control files by name; ``files`` every packaged path. A directory that
    exists is taken as done: it appears whole or not at all.
    """
    if directory.exists():
        return
    part = directory.with_name(f"{directory.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    done = run_command(
        ["tar", "-x", "-p", "--numeric-owner", "-C", str(part), "-f", str(data)], timeout=600
    )
    if not done.succeeded:
        raise ToolError(
            f"{info_name}: unpacking failed: {done.describe()}",
            details=tuple(done.stderr.decode("utf-8", "replace").splitlines()[-5:]),
            resolution="Tracing keeps file owners: run it as root, and on a Linux file system.",
        )
    _refuse_links(part, info_name)
    for alias in _ALIASES:
        if (part / alias).is_dir() and not (part / alias).is_symlink():
            _merge(part / alias, part / "usr" / alias)
    _note(part, info_name, scripts, files)
    part.rename(directory)


def scripts_layer(directory: Path, *, info_name: str, scripts: Mapping[str, bytes]) -> None:
    """A layer of control files alone, in ``directory``, which it replaces."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    _note(directory, info_name, scripts, None)


def skeleton_layer(directory: Path) -> None:
    """The lowest layer: merged-/usr links, mount points and an empty dpkg database."""
    if directory.exists():
        return
    for name in ("dev", "proc", "sys", "tmp", "run", "neve", "etc", f"{ADMIN}/info"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    (directory / "tmp").chmod(0o1777)
    for alias in (*_ALIASES[:3], "lib64"):
        (directory / "usr" / alias).mkdir(parents=True, exist_ok=True)
        if not (directory / alias).is_symlink():
            (directory / alias).symlink_to(f"usr/{alias}")
    for name in ("alternatives", "triggers", "updates", "parts"):
        (directory / ADMIN / name).mkdir(exist_ok=True)
    for name in ("diversions", "statoverride", "available"):
        (directory / ADMIN / name).touch()
    (directory / ADMIN / "info" / "format").write_text("1\n", encoding="ascii")


def hosts_layer(directory: Path) -> None:
    """A layer whose ``/etc/hosts`` knows the sandbox's names, for scripts that insist on one."""
    (directory / "etc").mkdir(parents=True, exist_ok=True)
    names = " ".join(HOSTS)
    (directory / "etc" / "hosts").write_text(f"127.0.0.1 localhost {names}\n", encoding="ascii")


def write_status(
    directory: Path, layers: Sequence[PackageLayer], *, unpacked: frozenset[str] = frozenset()
) -> None:
    """Dpkg's status of a root: every package installed, but for those only ``unpacked``."""
    admin = directory / ADMIN
    admin.mkdir(parents=True)
    paragraphs: list[bytes] = []
    for layer in sorted(layers, key=lambda item: item.info_name):
        state = b"unpacked" if layer.name in unpacked else b"installed"
        head, _, rest = layer.status.partition(b"\n")
        paragraphs.append(
            head + b"\nStatus: install ok " + state + b"\n" + rest.rstrip(b"\n") + b"\n"
        )
    (admin / "status").write_bytes(b"\n".join(paragraphs))


def _refuse_links(root: Path, info_name: str) -> None:
    """What is merged and noted below these must land in the layer, not where a link leads."""
    for place in (*(f"usr/{alias}" for alias in _ALIASES), f"{ADMIN}/info"):
        for path in (place, *(str(parent) for parent in PurePosixPath(place).parents)):
            if (root / path).is_symlink():
                raise HostileInputError(
                    f"{info_name}: brings /{path} as a link",
                    resolution="Leave this package out: no package of a distribution does this.",
                )


def _merge(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for here in sorted(source.iterdir()):
        there = target / here.name
        if here.is_dir() and not here.is_symlink() and there.is_dir():
            _merge(here, there)
        elif not os.path.lexists(there):
            here.rename(there)
    shutil.rmtree(source)


def _note(
    root: Path, info_name: str, scripts: Mapping[str, bytes], files: Sequence[str] | None
) -> None:
    info = root / ADMIN / "info"
    info.mkdir(parents=True, exist_ok=True)
    for name in _INFO:
        if name in scripts:
            path = info / f"{info_name}.{name}"
            path.write_bytes(scripts[name])
            path.chmod(0o755 if name in ("preinst", "postinst", "config") else 0o644)
    if files is None:
        return
    listed = "".join(f"{path}\n" for path in ("/.", *files))
    (info / f"{info_name}.list").write_text(listed, encoding="utf-8", errors="surrogateescape")
