"""What is mounted over a read-only root: writable paths with the image's own start content.

Works on a private directory that holds a foreign root file system: every link is read and
followed inside that root only, and nothing is ever written through one.
"""

from __future__ import annotations

import os
import posixpath
import shutil
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from neve.errors import HostileInputError
from neve.sandbox.port import RunnableImage

_MAX_LINKS = 40
_NEEDED = ("/proc", "/dev")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """``source`` of the host at ``target``, an absolute path in the image without links."""

    source: Path
    target: str
    read_only: bool = False


def resolve_inside(root: Path, path: str) -> str:
    """The absolute path in the image that ``path`` means, links followed inside ``root`` only.

    Components that do not exist are kept. ``HostileInputError`` on a cycle of links.
    """
    todo = [part for part in path.split("/") if part][::-1]
    done = "/"
    followed = 0
    while todo:
        name = todo.pop()
        if name == ".":
            continue
        if name == "..":
            done = posixpath.dirname(done)
            continue
        here = posixpath.join(done, name)
        on_host = root / here.lstrip("/")
        if not on_host.is_symlink():
            done = here
            continue
        followed += 1
        if followed > _MAX_LINKS:
            raise HostileInputError(
                f"{path}: more than {_MAX_LINKS} symbolic links in the image",
                resolution="The links form a cycle: remove the package or file that adds them.",
            )
        target = os.readlink(on_host)  # noqa: PTH115 - the text, whatever it is
        if target.startswith("/"):
            done = "/"
        todo += [part for part in target.split("/") if part][::-1]
    return done


def prepare_mounts(
    image: RunnableImage, scratch: Path, *, hosts: Sequence[str], exact: bool
) -> tuple[Mount, ...]:
    """Copy the start content of the writable paths into ``scratch``; make every mount point.

    Container runtimes make missing mount points in the root as well. With ``exact`` owners are
    kept (needs real root); otherwise everything belongs to the caller, who is mapped to the
    image's user.
    """
    root = image.root
    if root is None:
        raise ValueError("an image without a root has no mounts")
    for path in _NEEDED:
        if resolve_inside(root, path) != path:
            raise HostileInputError(
                f"{path} is a link in the image: no engine mounts over one",
                resolution="Remove the package or file that adds it.",
            )
        _make_directory(root, path)
    mounts = []
    wanted = {resolve_inside(root, path) for path in ("/tmp", *image.writable)}  # noqa: S108
    outermost = [
        path
        for path in sorted(wanted)
        if not any(path != other and path.startswith(other.rstrip("/") + "/") for other in wanted)
    ]
    for number, path in enumerate(outermost):
        source = scratch / f"writable-{number}"
        inner = root / path.lstrip("/")
        if inner.is_dir():
            _copy(inner, source, exact=exact)
        elif inner.is_file():
            _copy_file(inner, source, exact=exact)
        else:
            _make_directory(root, path)
            source.mkdir()
            _own(source, image.uid, image.gid, exact=exact)
        if path == "/tmp":  # noqa: S108
            source.chmod(0o1777)
        mounts.append(Mount(source=source, target=path))
    mounts += _network_files(root, scratch, hosts)
    for shown, path in image.shown:
        target = resolve_inside(root, path)
        _make_directory(root, target)
        mounts.append(Mount(source=shown, target=target, read_only=True))
    return tuple(mounts)


def _network_files(root: Path, scratch: Path, hosts: Sequence[str]) -> list[Mount]:
    names = " ".join(dict.fromkeys(("localhost", *hosts)))
    texts = {
        "/etc/hosts": f"127.0.0.1\t{names}\n::1\tlocalhost\n",
        "/etc/resolv.conf": "",
        "/etc/hostname": f"{hosts[0]}\n",
    }
    mounts = []
    for path, text in texts.items():
        target = resolve_inside(root, path)
        point = root / target.lstrip("/")
        if point.is_dir():
            continue
        _make_directory(root, posixpath.dirname(target))
        if not point.exists():
            point.touch(mode=0o644)
        source = scratch / posixpath.basename(path)
        source.write_text(text)
        source.chmod(0o644)
        mounts.append(Mount(source=source, target=target, read_only=True))
    return mounts


def _make_directory(root: Path, path: str) -> None:
    here = root
    for part in resolve_inside(root, path).split("/"):
        here = here / part
        if here.is_symlink() or (here.exists() and not here.is_dir()):
            raise HostileInputError(
                f"{path}: {here.relative_to(root)} is not a directory in the image",
                resolution="Change run.writable, or remove the file that is in the way.",
            )
        if not here.exists():
            here.mkdir(mode=0o755)
            here.chmod(0o755)


def _copy(source: Path, target: Path, *, exact: bool) -> None:
    """Copy a directory of the image: directories, files and links, and nothing else."""
    target.mkdir(mode=0o700)
    with os.scandir(source) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            inner, copied = Path(entry.path), target / entry.name
            if entry.is_symlink():
                copied.symlink_to(os.readlink(inner))  # noqa: PTH115
            elif entry.is_dir(follow_symlinks=False):
                _copy(inner, copied, exact=exact)
            elif entry.is_file(follow_symlinks=False):
                _copy_file(inner, copied, exact=exact)
    information = source.lstat()
    _own(target, information.st_uid, information.st_gid, exact=exact)
    target.chmod(stat.S_IMODE(information.st_mode))


def _copy_file(source: Path, target: Path, *, exact: bool) -> None:
    shutil.copyfile(source, target, follow_symlinks=False)
    information = source.lstat()
    _own(target, information.st_uid, information.st_gid, exact=exact)
    target.chmod(stat.S_IMODE(information.st_mode))


def _own(path: Path, uid: int, gid: int, *, exact: bool) -> None:
    if exact:
        os.chown(path, uid, gid, follow_symlinks=False)
