"""What a run left over the layers below: files, links, owners by name, what is gone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from neve.sandbox.trace_changes import read_changes
from neve.sandbox.trace_record import Change, Node


@pytest.fixture
def layers(tmp_path: Path) -> tuple[Path, Path]:
    upper, lower = tmp_path / "upper", tmp_path / "lower"
    (upper / "etc").mkdir(parents=True)
    (lower / "etc").mkdir(parents=True)
    for place in (upper, lower):
        place.chmod(0o755)
        (place / "etc").chmod(0o755)
    return upper, lower


def put(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def by_path(changes: tuple[Change, ...]) -> dict[str, Change]:
    return {change.path: change for change in changes}


def test_an_untouched_directory_is_no_change(layers: tuple[Path, Path]) -> None:
    upper, lower = layers
    assert read_changes(upper, [lower]) == ()


def test_a_new_file_has_its_bytes(layers: tuple[Path, Path]) -> None:
    upper, lower = layers
    put(upper / "etc/motd", "hello\n", 0o640)
    change = by_path(read_changes(upper, [lower]))["/etc/motd"]
    assert change.before is None
    assert change.after is not None
    assert (change.after.kind, change.after.mode, change.after.data) == ("file", 0o640, b"hello\n")


def test_a_file_copied_up_unchanged_is_no_change(layers: tuple[Path, Path]) -> None:
    upper, lower = layers
    put(lower / "etc/a", "same")
    put(upper / "etc/a", "same")
    assert read_changes(upper, [lower]) == ()


def test_the_topmost_layer_decides_what_was_there(
    layers: tuple[Path, Path], tmp_path: Path
) -> None:
    upper, lower = layers
    put(lower / "etc/a", "old")
    put(tmp_path / "middle/etc/a", "newer")
    put(upper / "etc/a", "newest")
    change = by_path(read_changes(upper, [tmp_path / "middle", lower]))["/etc/a"]
    assert change.before is not None
    assert change.before.data == b"newer"


def test_a_mode_alone_is_a_change(layers: tuple[Path, Path]) -> None:
    upper, lower = layers
    put(lower / "etc/a", "same")
    put(upper / "etc/a", "same", 0o600)
    change = by_path(read_changes(upper, [lower]))["/etc/a"]
    assert change.before is not None
    assert change.after is not None
    assert (change.before.mode, change.after.mode) == (0o644, 0o600)
    assert change.before.digest == change.after.digest


def test_a_link_keeps_its_text(layers: tuple[Path, Path]) -> None:
    upper, lower = layers
    (upper / "etc/localtime").symlink_to("/usr/share/zoneinfo/Etc/UTC")
    change = by_path(read_changes(upper, [lower]))["/etc/localtime"]
    assert change.after is not None
    assert change.after.target == "/usr/share/zoneinfo/Etc/UTC"


def test_a_hidden_name_is_gone(layers: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from neve.sandbox import trace_changes

    upper, lower = layers
    put(lower / "etc/a", "old")
    put(upper / "etc/a", "")
    monkeypatch.setattr(trace_changes, "_is_whiteout", lambda state: state.st_size == 0)
    assert by_path(read_changes(upper, [lower]))["/etc/a"].after is None


def test_owners_are_names(layers: tuple[Path, Path]) -> None:
    upper, lower = layers
    state = (lower / "etc").lstat()
    put(lower / "etc/passwd", f"somebody:x:{state.st_uid}:0::/:\n")
    put(lower / "etc/group", f"people:x:{state.st_gid}:\n")
    put(upper / "etc/a", "x")
    node = by_path(read_changes(upper, [lower]))["/etc/a"].after
    assert isinstance(node, Node)
    assert (node.owner, node.group) == ("somebody", "people")


def test_processes_and_the_sandbox_are_left_out(layers: tuple[Path, Path]) -> None:
    upper, lower = layers
    for name in ("proc/1", "tmp/x", "neve/log", "var/lib/dpkg/status"):
        put(upper / name, "x")
    assert [c.path for c in read_changes(upper, [lower])] == ["/var", "/var/lib"]


def test_a_layers_link_shows_nothing_of_the_host(layers: tuple[Path, Path], tmp_path: Path) -> None:
    upper, lower = layers
    put(tmp_path / "host/shadow", "the host's")
    (lower / "etc").rmdir()
    (lower / "etc").symlink_to(tmp_path / "host")
    put(upper / "etc/shadow", "new")
    assert by_path(read_changes(upper, [lower]))["/etc/shadow"].before is None


def test_accounts_are_read_from_a_plain_file_alone(
    layers: tuple[Path, Path], tmp_path: Path
) -> None:
    upper, lower = layers
    put(tmp_path / "host/passwd", f"spy:x:{os.getuid()}:0::/:/bin/sh\n")
    (upper / "etc/passwd").symlink_to(tmp_path / "host/passwd")
    put(upper / "etc/a", "new")
    after = by_path(read_changes(upper, [lower]))["/etc/a"].after
    assert after is not None
    assert after.owner != "spy"
