from __future__ import annotations

import os
from pathlib import Path

import pytest

from neve.errors import HostileInputError
from neve.sandbox.mounts import prepare_mounts, resolve_inside
from neve.sandbox.port import RunnableImage


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "var/lib/app").mkdir(parents=True)
    (root / "run").mkdir()
    (root / "var/run").symlink_to("/run")
    return root


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return scratch


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/var/run/app", "/run/app"),
        ("/../../etc", "/etc"),
        ("/var/lib/../lib/app", "/var/lib/app"),
        ("/", "/"),
        ("/missing/here", "/missing/here"),
    ],
)
def test_links_are_followed_inside_the_root(root: Path, path: str, expected: str) -> None:
    assert resolve_inside(root, path) == expected


def test_a_link_that_climbs_stays_in_the_root(root: Path) -> None:
    (root / "up").symlink_to("../../../../../../etc")
    assert resolve_inside(root, "/up/passwd") == "/etc/passwd"


def test_a_cycle_of_links_is_refused(root: Path) -> None:
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")
    with pytest.raises(HostileInputError, match="symbolic links"):
        resolve_inside(root, "/a/x")


def test_a_writable_path_starts_with_the_images_own_content(root: Path, scratch: Path) -> None:
    app = root / "var/lib/app"
    (app / "inner").mkdir(mode=0o711)
    (app / "inner/seed").write_text("seed")
    (app / "inner/seed").chmod(0o640)
    (app / "link").symlink_to("/etc/shadow")
    image = RunnableImage(root=root, writable=("/var/lib/app", "/var/run"))
    mounts = {m.target: m for m in prepare_mounts(image, scratch, hosts=("app",), exact=False)}
    copied = mounts["/var/lib/app"].source
    assert (copied / "inner/seed").read_text() == "seed"
    assert (copied / "inner/seed").stat().st_mode & 0o777 == 0o640
    assert (copied / "inner").stat().st_mode & 0o777 == 0o711
    assert (copied / "link").readlink() == Path("/etc/shadow")
    assert "/run" in mounts
    assert mounts["/tmp"].source.stat().st_mode & 0o7777 == 0o1777


def test_a_path_inside_another_writable_one_needs_no_mount(root: Path, scratch: Path) -> None:
    image = RunnableImage(root=root, writable=("/var/lib/app", "/var/lib/app/x", "/tmp/y"))
    mounts = prepare_mounts(image, scratch, hosts=("app",), exact=False)
    assert [m.target for m in mounts if not m.read_only] == ["/tmp", "/var/lib/app"]


def test_names_of_the_pod_mean_loopback(root: Path, scratch: Path) -> None:
    mounts = prepare_mounts(RunnableImage(root=root), scratch, hosts=("app", "db"), exact=False)
    hosts = next(m for m in mounts if m.target == "/etc/hosts")
    assert hosts.read_only
    assert "127.0.0.1\tlocalhost app db\n" in hosts.source.read_text()
    assert (root / "etc/hosts").read_text() == ""


def test_a_file_in_the_way_of_a_directory_is_refused(root: Path, scratch: Path) -> None:
    (root / "srv").write_text("a file")
    image = RunnableImage(root=root, writable=("/srv/data",))
    with pytest.raises(HostileInputError, match="not a directory"):
        prepare_mounts(image, scratch, hosts=("app",), exact=False)


def test_a_device_in_a_writable_path_is_not_copied(root: Path, scratch: Path) -> None:
    os.mkfifo(root / "var/lib/app/fifo")
    image = RunnableImage(root=root, writable=("/var/lib/app",))
    mounts = prepare_mounts(image, scratch, hosts=("app",), exact=False)
    copied = next(m.source for m in mounts if m.target == "/var/lib/app")
    assert list(copied.iterdir()) == []


def test_an_etc_that_links_out_changes_nothing_on_the_host(root: Path, scratch: Path) -> None:
    outside = scratch.parent / "outside"
    outside.mkdir()
    (root / "etc").symlink_to(outside)
    prepare_mounts(RunnableImage(root=root), scratch, hosts=("app",), exact=False)
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("name", ["proc", "dev"])
def test_nothing_is_mounted_over_a_link(root: Path, scratch: Path, name: str) -> None:
    (root / name).symlink_to("/etc")
    image = RunnableImage(root=root, uid=65532, gid=65532)
    with pytest.raises(HostileInputError, match="is a link in the image"):
        prepare_mounts(image, scratch, hosts=("box",), exact=False)


def test_a_shown_directory_is_read_only_at_its_place_inside_the_root(
    root: Path, scratch: Path, tmp_path: Path
) -> None:
    (root / "seen").symlink_to("../../var/lib")
    image = RunnableImage(root=root, shown=((tmp_path / "other", "/seen/target"),))
    (mount,) = [
        m
        for m in prepare_mounts(image, scratch, hosts=("x",), exact=False)
        if m.target == "/var/lib/target"
    ]
    assert (mount.source, mount.read_only) == (tmp_path / "other", True)
    assert (root / "var/lib/target").is_dir()
