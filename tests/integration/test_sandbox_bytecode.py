"""Byte-compiling with a real interpreter in a real sandbox."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.support.roots import python_root

from neve.errors import ToolError
from neve.sandbox.bubblewrap import Bubblewrap
from neve.sandbox.bytecode import Bytecode, PythonSource, cached_path, compile_python
from neve.sandbox.port import RunnableImage

INTERPRETER = "/usr/bin/python3"
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed"),
    pytest.mark.skipif(not Path(INTERPRETER).exists(), reason="the host has no python3 of its own"),
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return python_root(tmp_path_factory.mktemp("bytecode") / "root")


@pytest.fixture(scope="module")
def sources(root: Path) -> list[PythonSource]:
    files = sorted(p for p in root.glob("usr/lib/python3*/**/*.py") if p.is_file())
    return [
        PythonSource(
            path=f"/{p.relative_to(root)}", mtime=int(p.stat().st_mtime), data=p.read_bytes()
        )
        for p in files
    ]


@pytest.fixture(scope="module")
def compiled(root: Path, sources: list[PythonSource]) -> Bytecode:
    return compile_python(root, INTERPRETER, sources)


def test_the_bytes_depend_on_neither_sharing_nor_order(
    root: Path, sources: list[PythonSource], compiled: Bytecode
) -> None:
    assert compile_python(root, INTERPRETER, sources[::-1], jobs=3) == compiled
    for source in sources[::60]:
        alone = compile_python(root, INTERPRETER, [source], jobs=1)
        assert alone.compiled.get(source.path) == compiled.compiled.get(source.path)


def test_the_whole_library_compiles_to_the_code_of_compileall(
    root: Path, sources: list[PythonSource], compiled: Bytecode
) -> None:
    assert len(compiled.compiled) + len(compiled.refused) == len(sources)
    assert len(compiled.refused) < 10
    image = RunnableImage(root=root, uid=65532, gid=65532)
    check = (
        "import marshal, sys\n"
        "for line in sys.stdin:\n"
        "    path, cached = line.split()\n"
        "    code = compile(open(path, 'rb').read(), path, 'exec', dont_inherit=True)\n"
        "    with open(cached, 'rb') as file:\n"
        "        assert marshal.loads(file.read()[16:]) == code, path\n"
        "print('same')\n"
    )
    lines = _write(root, compiled)
    with Bubblewrap.probe().pod() as pod:
        ended = pod.add(image, name="p").run(
            [INTERPRETER, "-B", "-c", check], stdin=lines.encode(), timeout=120
        )
    assert ended.stdout == b"same\n", ended


def test_modules_load_from_the_bytecode_on_a_read_only_root(root: Path, compiled: Bytecode) -> None:
    _write(root, compiled)
    image = RunnableImage(root=root, uid=65532, gid=65532)
    script = "import json, email.message, decimal, sys; print(json.decoder.__cached__)"
    with Bubblewrap.probe().pod() as pod:
        ended = pod.add(image, name="p").run([INTERPRETER, "-v", "-c", script])
    assert ended.succeeded
    assert ended.stdout.decode().strip().endswith(f"decoder.{compiled.tag}.pyc")
    assert b"code object from" in ended.stderr


def test_a_root_without_the_interpreter_is_a_tool_failure(tmp_path: Path) -> None:
    empty = tmp_path / "root"
    empty.mkdir()
    source = PythonSource(path="/a.py", mtime=0, data=b"x = 1")
    with pytest.raises(ToolError, match="byte-compiling") as caught:
        compile_python(empty, INTERPRETER, [source])
    assert "bytecode: false" in caught.value.resolution


def test_an_interpreter_that_answers_nonsense_is_refused(root: Path) -> None:
    source = PythonSource(path="/a.py", mtime=0, data=b"x = 1")
    with pytest.raises(ToolError, match="byte-compiling"):
        compile_python(root, "/bin/cat", [source])


def _write(root: Path, compiled: Bytecode) -> str:
    lines = []
    for path, data in compiled.compiled.items():
        cached = cached_path(path, compiled.tag)
        place = root / cached.lstrip("/")
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(data)
        lines.append(f"{path} {cached}\n")
    return "".join(lines)
