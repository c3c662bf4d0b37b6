"""Small root file systems made of this host's own programs, for running things in the sandbox."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

_LIBRARY = re.compile(rb"(/\S+) \(0x")
_LEFT_OUT = ("__pycache__", "test", "tests", "idlelib", "tkinter", "ensurepip", "dist-packages")


def small_root(root: Path, programs: Sequence[str], *, uid: int = 65532) -> Path:
    """``root`` with ``/bin`` holding ``programs`` and their libraries, and a home for ``uid``."""
    for directory in ("bin", "etc", "var/lib/app/inner", "home/nonroot"):
        (root / directory).mkdir(parents=True)
    for name in programs:
        found = shutil.which(name, path="/usr/bin:/bin")
        if found is None:
            raise FileNotFoundError(name)
        add_program(root, Path(found), f"/bin/{name}")
    (root / "etc/passwd").write_text(
        f"root:x:0:0::/root:/bin/sh\nnonroot:x:{uid}:{uid}::/home/nonroot:/sbin/nologin\n"
    )
    (root / "var/lib/app/inner/seed").write_text("seed")
    return root


def add_program(root: Path, program: Path, target: str) -> None:
    """Put ``program`` at ``target`` in ``root``, with every library it loads."""
    place = root / target.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(program.resolve(), place)
    add_libraries(root, program)


def add_libraries(root: Path, program: Path) -> None:
    """Put the libraries that ``program`` loads where the loader finds them."""
    listed = subprocess.run(["ldd", str(program)], capture_output=True, check=False).stdout
    for match in _LIBRARY.finditer(listed):
        library = match[1].decode()
        place = root / library.lstrip("/")
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path(library).resolve(), place)


def python_root(root: Path) -> Path:
    """``root`` with the host's ``/usr/bin/python3`` and its standard library, uncompiled."""
    interpreter = Path("/usr/bin/python3").resolve()
    library = Path("/usr/lib") / interpreter.name
    small_root(root, ["cat", "sleep"])
    add_program(root, interpreter, "/usr/bin/python3")
    shutil.copytree(
        library,
        root / f"usr/lib/{interpreter.name}",
        ignore=shutil.ignore_patterns(*_LEFT_OUT),
        ignore_dangling_symlinks=True,
        symlinks=False,
    )
    for extension in (root / f"usr/lib/{interpreter.name}/lib-dynload").glob("*.so"):
        add_libraries(root, extension)
    return root
