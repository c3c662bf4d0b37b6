"""Trees of images as neve reads them, path by path against what umoci unpacks."""

from __future__ import annotations

import gzip
import hashlib
import os
import random
import shutil
import stat
import subprocess
import tarfile
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.support.layers import tar_of
from tests.support.layouts import write_layers

from neve.inventory.entries import digest_of
from neve.inventory.layers import read_image
from neve.oci.layout_source import open_image
from neve.tree import FileEntry, Kind, Tree

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="umoci unpacks owners and devices as root only"),
]

DOCKERFILE = r"""
FROM scratch
ADD base.tar /
RUN mkdir -p /srv/app/lib /srv/keep && echo one > /srv/app/a && ln /srv/app/a /srv/app/b \
 && ln -s a /srv/app/c && mkfifo /srv/pipe \
 && echo secret > /srv/app/gone && chown -R 1000:2000 /srv/app && chmod 4755 /srv/app/a \
 && truncate -s 3M /srv/holes && printf end >> /srv/holes
RUN rm /srv/app/gone && rm -rf /srv/app/lib && echo file > /srv/app/lib && ln /srv/app/b /srv/app/d
RUN rm -rf /srv/app && mkdir /srv/app && echo new > /srv/app/z && ln -s /srv/app /srv/link
RUN echo through > /srv/link/through && echo x > /bin/added && rm -rf /etc/apk \
 && chmod 700 /srv/keep && touch -d @1000000000 /srv/keep
"""


class Row(NamedTuple):
    """One path: all that an unpacked file shows of it."""

    kind: Kind
    mode: int
    uid: int
    gid: int
    target: str
    digest: str
    device: tuple[int, int] | None
    xattrs: tuple[tuple[str, bytes], ...]


_KINDS = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.DIRECTORY,
    stat.S_IFLNK: Kind.SYMLINK,
    stat.S_IFCHR: Kind.CHARACTER,
    stat.S_IFBLK: Kind.BLOCK,
    stat.S_IFIFO: Kind.FIFO,
}


def ours(tree: Tree) -> dict[str, Row]:
    """The tree as rows; another name of a file is that file."""
    return {entry.path: _our_row(entry, tree) for entry in tree if entry.path != "/"}


def _our_row(entry: FileEntry, tree: Tree) -> Row:
    held = tree.content_entry(entry)
    digest = digest_of(held)
    linked = held.kind is Kind.SYMLINK
    return Row(
        held.kind,
        0o777 if linked else held.mode,
        held.uid,
        held.gid,
        held.target or "" if linked else "",
        digest.value if digest is not None else "",
        held.device,
        held.xattrs,
    )


def theirs(root: Path) -> dict[str, Row]:
    """The unpacked directory as rows."""
    found: dict[str, Row] = {}
    for directory, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(directory, name)
            status = path.lstat()
            kind = _KINDS[stat.S_IFMT(status.st_mode)]
            device = (os.major(status.st_rdev), os.minor(status.st_rdev))
            found[f"/{path.relative_to(root)}"] = Row(
                kind,
                0o777 if kind is Kind.SYMLINK else stat.S_IMODE(status.st_mode),
                status.st_uid,
                status.st_gid,
                str(path.readlink()) if kind is Kind.SYMLINK else "",
                hashlib.sha256(path.read_bytes()).hexdigest() if kind is Kind.FILE else "",
                device if kind in (Kind.CHARACTER, Kind.BLOCK) else None,
                tuple(
                    (key, os.getxattr(path, key, follow_symlinks=False))
                    for key in sorted(os.listxattr(path, follow_symlinks=False))
                ),
            )
    return found


def compare(layout: Path, scratch: Path) -> Tree:
    """Both readings of the image at ``layout``, tagged ``latest``, must be one."""
    bundle = scratch / "bundle"
    done = subprocess.run(
        ["umoci", "unpack", "--image", f"{layout}:latest", str(bundle)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    tree = read_image(open_image(layout, tag="latest")).tree
    want, have = theirs(bundle / "rootfs"), ours(tree)
    shutil.rmtree(bundle)
    different = {path: (want.get(path), have.get(path)) for path in want.keys() | have.keys()
                 if want.get(path) != have.get(path)}  # fmt: skip
    assert not different
    return tree


def needs(*tools: str) -> None:
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")


def buildah(*words: str | Path, storage: Path) -> None:
    done = subprocess.run(
        ["buildah", "--storage-driver", "vfs", "--root", str(storage / "root"),
         "--runroot", str(storage / "run"), *map(str, words)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_an_image_that_buildah_made_layer_by_layer(tmp_path: Path) -> None:
    needs("buildah", "skopeo", "umoci")
    bases = (Path(__file__).parents[2] / "../shared/data/alpine").glob("*minirootfs-3.20*")
    base = next(iter(bases), None)
    if base is None:
        pytest.skip("no small root file system is here")
    context = tmp_path / "context"
    context.mkdir()
    _with_devices(base, context / "base.tar")
    (context / "Dockerfile").write_text(DOCKERFILE)
    buildah("build", "--isolation", "chroot", "--network", "host", "--layers", "-t", "x", context,
            storage=tmp_path / "storage")  # fmt: skip
    layout = tmp_path / "layout"
    buildah("push", "x", f"oci:{layout}:latest", storage=tmp_path / "storage")
    tree = compare(layout, tmp_path)
    assert tree["/srv/null"].device == (1, 3)
    assert tree["/srv/app/through"].kind is Kind.FILE
    assert "/etc/apk" not in tree
    others = {
        f"oci:{tmp_path}/zstd:latest": tmp_path / "zstd",
        f"docker-archive:{tmp_path}/docker.tar:x:1": tmp_path / "docker.tar",
        f"oci-archive:{tmp_path}/oci.tar": tmp_path / "oci.tar",
    }
    for name, path in others.items():
        skopeo = ["skopeo", "--insecure-policy", "copy", "--dest-compress-format", "zstd"]
        subprocess.run([*skopeo, f"oci:{layout}:latest", name], check=True, capture_output=True)
        assert ours(read_image(open_image(path)).tree) == ours(tree)


def _with_devices(base: Path, plain: Path) -> None:
    """The root file system ``base`` with two devices more, which no sandbox lets a build make."""
    plain.write_bytes(gzip.decompress(base.read_bytes()))
    devices = (("null", tarfile.CHRTYPE, (1, 3)), ("disk", tarfile.BLKTYPE, (8, 1)))
    with tarfile.open(plain, "a") as archive:
        for name, kind, (major, minor) in devices:
            info = tarfile.TarInfo(f"srv/{name}")
            info.type, info.devmajor, info.devminor, info.mode = kind, major, minor, 0o640
            archive.addfile(info)


@pytest.mark.parametrize("form", ["gnu", "posix 0.0", "posix 0.1", "posix 1.0"])
def test_sparse_files_as_gnu_tar_stores_them(form: str, tmp_path: Path) -> None:
    needs("tar", "umoci")
    files = tmp_path / "files"
    files.mkdir()
    for name, pieces in {"a": (0, 3_000_000), "b": (1_000_000,), "ends": ()}.items():
        with (files / name).open("wb") as file:
            for offset in pieces:
                file.seek(offset)
                file.write(name.encode() * 5000)
            file.truncate(5_000_000)
    kind, _, version = form.partition(" ")
    words = ["--sparse", f"--format={kind}", *([f"--sparse-version={version}"] if version else [])]
    command = ["tar", "-C", str(files), *words, "-cf", str(tmp_path / "x.tar"), "a", "b", "ends"]
    subprocess.run(command, check=True)
    data = (tmp_path / "x.tar").read_bytes()
    assert len(data) < 1_000_000
    layout = write_layers(tmp_path / "layout", [data])
    if kind == "posix":  # umoci knows no other kind
        compare(layout, tmp_path)
    found = ours(read_image(open_image(layout)).tree)
    assert {path: row.digest for path, row in found.items()} == {
        f"/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in files.iterdir()
    }


def _random_layer(dice: random.Random, known: list[str]) -> bytes:
    """A layer as tools write them: parents before what they hold, links to what is there."""
    rows: list[tuple[str, object]] = []
    mine: dict[str, str] = {}
    for _ in range(dice.randrange(1, 9)):
        parent = dice.choice(["", *(p for p, kind in mine.items() if kind == "5")])
        name = f"{parent}/{dice.choice('abcde')}".lstrip("/")
        if name in mine:
            continue
        files = [path for path, kind in mine.items() if kind == "f"]
        what: object = dice.choice(
            [
                dice.randbytes(5),
                dice.randbytes(5),
                "5",
                "5",
                "6",
                "-> a",
                "-> /b/c",
                "=",
                "wh",
                "wh",
            ]
        )
        if what == "wh":
            gone = dice.choice(known or ["zz"])
            head, _, tail = gone.rpartition("/")
            if not any(path == gone or path.startswith(f"{gone}/") for path in mine):
                rows.append((f"{head}/.wh.{tail}".lstrip("/"), b""))
            continue
        if what == "=":
            if not files:
                continue
            what = f"= {dice.choice(files)}"
        rows.append((name, what))
        mine[name] = "f" if isinstance(what, bytes) else str(what)
    known.extend(mine)
    return tar_of(*rows)


def test_random_layers_are_applied_as_umoci_does(tmp_path: Path) -> None:
    """Whatever umoci can unpack, neve reads to the same tree."""
    needs("umoci")
    agreed = 0
    for seed in range(150):
        dice = random.Random(seed)
        known: list[str] = []
        tars = [_random_layer(dice, known) for _ in range(dice.randrange(1, 4))]
        layout = write_layers(tmp_path / f"layout-{seed}", tars)
        bundle = tmp_path / f"bundle-{seed}"
        done = subprocess.run(
            ["umoci", "unpack", "--image", f"{layout}:latest", str(bundle)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        if done.returncode == 0:
            agreed += 1
            tree = read_image(open_image(layout, tag="latest")).tree
            assert ours(tree) == theirs(bundle / "rootfs"), seed
    assert agreed > 80
