from __future__ import annotations

import json
from pathlib import Path

from neve.sandbox.bubblewrap import (
    Bubblewrap,
    direct_options,
    entering_environment,
    entering_options,
)
from neve.sandbox.bytecode import interpreter_command
from neve.sandbox.mounts import Mount
from neve.sandbox.port import RunnableImage
from neve.sandbox.scratch import remove_tree

ROOT = Path("/some/root")
IMAGE = RunnableImage(root=ROOT, uid=65532, gid=65533, groups=(7,), workdir="/srv")
MOUNTS = (
    Mount(source=Path("/scratch/0"), target="/tmp"),
    Mount(source=Path("/scratch/hosts"), target="/etc/hosts", read_only=True),
)


def _pairs(options: list[str], flag: str) -> list[tuple[str, str]]:
    return [(options[i + 1], options[i + 2]) for i, o in enumerate(options) if o == flag]


def test_as_real_root_the_root_is_prepared_in_place_and_read_only() -> None:
    options = entering_options(ROOT, MOUNTS, hostname="app")
    assert ("/", "/") in _pairs(options, "--ro-bind")
    assert ("/scratch/0", "/some/root/tmp") in _pairs(options, "--bind")
    assert ("/scratch/hosts", "/some/root/etc/hosts") in _pairs(options, "--ro-bind")
    assert "--unshare-user" not in options
    for flag in ("--unshare-pid", "--unshare-ipc", "--die-with-parent", "--clearenv"):
        assert flag in options
    kept = [options[i + 1] for i, o in enumerate(options) if o == "--cap-add"]
    assert options[options.index("--cap-drop") + 1] == "ALL"
    assert "CAP_SYS_ADMIN" not in kept
    assert "CAP_MKNOD" not in kept


def test_the_last_step_gets_the_images_user_groups_and_environment() -> None:
    options = entering_environment(IMAGE, ROOT, ["prog", "a b"], {"PATH": "/bin"})
    ((_, text),) = _pairs(options, "--setenv")
    spec = json.loads(text)
    assert spec == {
        "root": "/some/root",
        "uid": 65532,
        "gid": 65533,
        "groups": [7],
        "workdir": "/srv",
        "argv": ["prog", "a b"],
        "environment": {"PATH": "/bin"},
    }


def test_without_root_the_user_is_mapped_and_the_environment_cleared() -> None:
    options = direct_options(
        IMAGE, ROOT, MOUNTS, hostname="app", environment={"A": "b c"}, exact=False
    )
    assert options[options.index("--uid") + 1] == "65532"
    assert options[options.index("--gid") + 1] == "65533"
    assert "--clearenv" in options
    assert ("A", "b c") in _pairs(options, "--setenv")
    assert ("/some/root", "/") in _pairs(options, "--ro-bind")
    assert ("/scratch/0", "/tmp") in _pairs(options, "--bind")
    assert options[options.index("--chdir") + 1] == "/srv"
    assert "--cap-add" not in options


def test_an_image_that_runs_as_root_keeps_no_dangerous_capability() -> None:
    options = direct_options(
        RunnableImage(root=ROOT), ROOT, (), hostname="app", environment={}, exact=True
    )
    kept = {options[i + 1] for i, o in enumerate(options) if o == "--cap-add"}
    assert "CAP_CHOWN" in kept
    assert not kept & {"CAP_SYS_ADMIN", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SYS_CHROOT"}


def test_compiling_has_no_network_no_writable_path_and_no_host_environment() -> None:
    command = interpreter_command(ROOT, "/usr/bin/python3.13")
    for flag in ("--unshare-net", "--unshare-pid", "--clearenv", "--die-with-parent"):
        assert flag in command
    assert "--bind" not in command
    assert _pairs(command, "--setenv") == [("PYTHONHASHSEED", "0")]


def test_the_description_says_what_cannot_be_shown_exactly() -> None:
    assert "exact" in Bubblewrap(exact=True).description
    assert "image user's" in Bubblewrap(exact=False).description


def test_a_tree_is_removed_whatever_modes_it_has(tmp_path: Path) -> None:
    top = tmp_path / "pod"
    deep = top
    for name in "abcdef":
        deep = deep / name
    deep.mkdir(parents=True)
    (deep / "file").write_text("x")
    (deep / "link").symlink_to("/etc/passwd")
    for directory in sorted(top.rglob("*"), reverse=True):
        if directory.is_dir() and not directory.is_symlink():
            directory.chmod(0o000)
    remove_tree(top)
    assert not top.exists()
