"""Byte-compiling in a build: what reaches this host's disk, and what a failure says."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import pytest

from neve.build.bytecode import _compiler, _materialise, not_compiled
from neve.errors import ExitCode, ToolError
from neve.model import Origin, Reason
from neve.tree import FileEntry, Inline, Kind, Tree

WHY = Reason(Origin.PACKAGE, "python3.13-minimal", "unpacked")
INTERPRETER = "/usr/bin/python3.13"


def elf(loader: str) -> bytes:
    """A 64-bit little-endian program whose PT_INTERP names ``loader``."""
    text = loader.encode() + b"\0"
    start = 64 + 56
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return head + struct.pack("<IIQQQQQQ", 3, 4, start, 0, 0, len(text), len(text), 1) + text


def entry(path: str, *, data: bytes | None = None, target: str | None = None) -> FileEntry:
    kind = Kind.DIRECTORY if data is None else Kind.FILE
    return FileEntry(
        path=path,
        kind=Kind.SYMLINK if target is not None else kind,
        mode=0o755,
        content=None if data is None else Inline(data),
        target=target,
        reason=WHY,
    )


def contents(held: FileEntry) -> bytes:
    assert isinstance(held.content, Inline)
    return held.content.data


@pytest.mark.parametrize("loader", ["/escape", "/usr/../escape", "/lib64/../escape"])
def test_a_loader_that_is_a_link_is_written_inside_the_folder(tmp_path: Path, loader: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    victim = outside / "victim"
    victim.write_bytes(b"the host's")
    folder = tmp_path / "folder"
    folder.mkdir()
    tree = Tree(
        [
            entry("/escape", target=str(victim)),
            entry("/lib64", target="usr/lib64"),
            entry("/usr/lib64"),
            entry(INTERPRETER, data=elf(loader)),
            entry(str(victim), data=b"hostile"),
        ]
    )

    _materialise(tree, INTERPRETER, folder, contents)

    assert victim.read_bytes() == b"the host's"
    assert [path.name for path in outside.iterdir()] == ["victim"]
    assert (folder / str(victim).lstrip("/")).read_bytes() == b"hostile"


def test_a_loader_that_is_a_directory_is_left_out(tmp_path: Path) -> None:
    tree = Tree([entry("/usr/lib64"), entry(INTERPRETER, data=elf("/usr/lib64"))])

    _materialise(tree, INTERPRETER, tmp_path, contents)

    assert (tmp_path / INTERPRETER.lstrip("/")).is_file()
    assert not (tmp_path / "usr/lib64").exists()


def test_a_missing_sandbox_is_told_with_the_way_to_do_without_it() -> None:
    cause = ToolError(
        "the program 'bwrap' is not installed",
        details=("searched: /usr/bin",),
        resolution="Install the package 'bubblewrap' and try again.",
    )

    told = not_compiled(cause)

    assert told.exit_code is ExitCode.TOOL
    assert told.brief == "Python can't be byte-compiled here: the program 'bwrap' is not installed"
    assert told.details == cause.details
    assert "Install the package 'bubblewrap'" in told.resolution
    assert "`bytecode: false`" in told.resolution


def test_an_interpreter_is_known_by_its_bytes_not_by_its_version() -> None:
    def tree(interpreter: bytes, module: bytes) -> Tree:
        return Tree(
            [
                entry("/lib64", target="usr/lib64"),
                entry("/usr/lib64"),
                entry("/usr/lib64/ld.so", data=b"loader"),
                entry(INTERPRETER, data=elf("/lib64/ld.so") + interpreter),
                replace(entry("/usr/lib/python3.13/os.py", data=module), owners=("minimal",)),
            ]
        )

    known = {
        _compiler(tree(interpreter, module), INTERPRETER, contents)
        for interpreter in (b"", b"other")
        for module in (b"", b"other")
    }

    assert len(known) == 4
    assert _compiler(tree(b"", b""), INTERPRETER, contents) in known
